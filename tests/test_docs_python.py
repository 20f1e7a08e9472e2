"""README.md and the pages of docs/ that no other test runs: their Python blocks run in order, and print what is
shown."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from fastrnn.simd.host import arithmetic

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", *(f"docs/{name}.md" for name in ("tutorial", "many", "tasks", "page", "certificate", "sound")))
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?P<shown>(?:\n| {4}[^\n]*\n)*)", re.MULTILINE | re.DOTALL)


def lines(text):
    """Lines without indentation and without the empty ones at both ends."""
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_print_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, blocks = {"__name__": "page"}, list(BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")))
    assert blocks
    for block in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block["code"], page, "exec"), names)
        shown, printed = lines(block["shown"]), lines(out.getvalue())
        # Other arithmetics round differently: their trainings end with other numbers.
        if arithmetic() != "avx512f":
            shown, printed = ([re.sub(r"[\d.]+", "", line) for line in text] for text in (shown, printed))
        assert printed == shown


def test_no_page_with_python_is_missed():
    tested = {*PAGES, "CONTRIBUTING.md", "docs/cells.md", "docs/exchange.md", "docs/fit.md", "docs/speed.md"}
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    assert {
        str(path.relative_to(ROOT)) for path in found if path.exists() and "```python" in path.read_text()
    } == tested
