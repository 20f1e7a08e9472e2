"""The page on cells: its code runs, and prints what the page says."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np

import fastrnn
from fastrnn.cells.base import cells

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cells.md"


def test_the_page_says_what_its_code_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, env, results = PAGE.read_text(encoding="utf-8"), {"__name__": "page"}, []
    for block, after in re.findall(r"```python\n(.*?)```\n((?:\n    [^\n]*)*)", text, flags=re.S):
        # Fewer epochs; the rest as it stands.
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(block.replace("epochs=1000", "epochs=20"), env)
        results.append(out.getvalue())
        said = "\n".join(line.removeprefix("    ") for line in after.strip("\n").splitlines())
        assert said in ("", out.getvalue().rstrip("\n"))
    assert len(results) == 6
    assert len(env["fits"]) == 16 and "CFN of 4 units" in results[1]
    assert np.isfinite(env["fits"].loss[:, 0]).all()


def test_the_table_lists_every_cell_that_ships():
    rows = re.findall(r"^\| `(\w+)` \| ([h, c]+) \| (\d) \|", PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert {name: (states, matrices) for name, states, matrices in rows} == {
        kind.__name__: (", ".join(kind.state), str(len(kind.gates) - len(kind.inputs_only)))
        for kind in cells().values()}
    assert all(getattr(fastrnn, kind.__name__) is kind for kind in cells().values())
