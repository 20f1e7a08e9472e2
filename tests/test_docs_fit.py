"""docs/fit.md: every command and every program in it runs, in order."""

import re
import shlex
from pathlib import Path

import matplotlib
import pytest

from fastrnn.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "fit.md"


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    names = {}
    for language, text in blocks:
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), names)
            continue
        for line in text.replace("\\\n", "").splitlines():
            assert main(shlex.split(line)[1:]) == 0, line
    assert len(blocks) == 10
    written = {path.name for path in tmp_path.iterdir()}
    assert {"predictions.csv", "made.csv", "portrait.png", "field.svg", "selection.png"} <= written
    assert names["made"].choices[..., 0].mean() > 0.55
    assert 0.4 < names["acted"].allowed[..., 1].mean() < 0.6
    assert names["selection"].summary().test_loss.min() < 0.5
