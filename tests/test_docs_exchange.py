"""docs/exchange.md: every command and every program in it runs, in order."""

import re
import shlex
from pathlib import Path

from fastrnn.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "exchange.md"


def test_the_page_runs_from_top_to_bottom(here):
    names, count = {}, 0
    for language, text in re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        count += 1
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), names)
            continue
        for line in text.replace("\\\n", "").splitlines():
            assert main(shlex.split(line)[1:]) == 0, line
    assert count == 4
    assert names["search"].score(names["X"], names["y"]) > 0.8
