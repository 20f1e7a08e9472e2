"""What mkdocs does not know: files outside docs/ that are pages of the site, and the names of the reference."""

import contextlib
import importlib
import io
import os
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
# Files outside docs/ and where they are in the site.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "LICENSE.txt",
    "examples/fit.ipynb": "fit.ipynb",
    "examples/tutorial.ipynb": "tutorial.ipynb",
    "fastrnn/cells": "reference/cells.md",
}
# Of each processor its report and pictures; where they are in the site.
RESULTS, MEASUREMENTS = "bench/results/", "measurements/"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:)([^)#\s]*)(?=[)#])")
NAME = re.compile(r"^::: (fastrnn(?:\.\w+)+)", re.MULTILINE)


def on_config(config):
    """Add the measurements of each processor to the menu."""
    (speed,) = (each["Speed"] for each in config.nav if "Speed" in each)
    for path in sorted((ROOT / RESULTS).glob("*/report.md")):
        speed.append({f"All of {path.parent.name}": f"{MEASUREMENTS}{path.parent.name}/report.md"})
    return config


def on_files(files, config):
    """Add the pages and pictures from outside docs/, and a page with the help of every command."""
    for source, place in PAGES.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    for path in sorted((ROOT / RESULTS).glob("*/*")):
        if path.suffix in (".md", ".png"):
            place = MEASUREMENTS + path.relative_to(ROOT / RESULTS).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    files.append(File.generated(config, "commands.md", content=commands()))
    return files


def on_page_markdown(markdown, page, config, files):
    """Point links at the places of files in the site, and names of the reference at the modules that define them."""
    here = page.file.src_uri
    source = next((path for path, place in PAGES.items() if place == here and (ROOT / path).is_file()), f"docs/{here}")
    if here.startswith(MEASUREMENTS):
        source = RESULTS + here.removeprefix(MEASUREMENTS)
    markdown = NAME.sub(lambda match: f"::: {canonical(match[1])}", markdown)
    return LINK.sub(lambda match: moved(match[1], os.path.dirname(source), os.path.dirname(here)), markdown)


def moved(link, before, after):
    """A link in a file of one folder of the repository, for a page in a folder of the site."""
    target = os.path.normpath(os.path.join(before, link)) if link else ""
    if target in PAGES:
        place = PAGES[target]
    elif target.startswith(RESULTS):
        place = MEASUREMENTS + target.removeprefix(RESULTS)
    elif target.startswith("docs/"):
        place = target.removeprefix("docs/")
    else:
        return link
    return os.path.relpath(place, after or ".")


def canonical(name):
    """Where the object of a public name is defined."""
    module, _, last = name.rpartition(".")
    value = getattr(importlib.import_module(module), last)
    return f"{value.__module__}.{value.__qualname__}"


def commands():
    """A page with the --help of every command."""
    from fastrnn.cli import COMMANDS, main

    parts = ["# Commands", ""]
    for words in ([], *([command] for command in COMMANDS)):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            main([*words, "--help"])
        parts += [f"## fastrnn {' '.join(words)}".rstrip(), "", "```text", out.getvalue().rstrip(), "```", ""]
    return "\n".join(parts)
