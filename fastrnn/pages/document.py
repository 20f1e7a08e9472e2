"""One HTML file of a network and its data, which contains style, text and scripts."""

import html
import json
from importlib.resources import files

from fastrnn.pages.network import network_script

# The scripts in order: each uses what those before it define.
SCRIPTS = {
    "task": ("view.js", "plane.js", "player.js", "task.js"),
    "fit": ("view.js", "plane.js", "portrait.js", "player.js", "fit.js"),
}


def document(network, data):
    """Return the text of a page; network: a fastrnn.exchange.base.Network; data: a dict that JSON can store."""
    # No text of the data can end the script.
    encoded = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    scripts = [network_script(network).replace("</", "<\\/"), f"const DATA = {encoded};"]
    scripts += [_asset(name) for name in SCRIPTS[data["kind"]]]
    page = _asset("page.html")
    parts = {"TITLE": html.escape(data["title"]), "STYLE": _asset("page.css"), "SCRIPT": "\n".join(scripts)}
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text, 1)
    return page


def _asset(name):
    return files("fastrnn.pages").joinpath("assets", name).read_text(encoding="utf-8")
