"""What pages show as the output of commands is what they print, numbers of time aside."""

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fastrnn.cli import main
from fastrnn.simd.host import arithmetic

ROOT = Path(__file__).resolve().parent.parent
WRONG = ROOT / "tests" / "fixtures" / "wrong-16-sigmoid-12.safetensors"
slow = pytest.mark.slow
# (page, a line of the shown block alone, command)
SHOWN = [
    ("tutorial.md", "training: addition, 8 bits; elman, 16 hidden units", "fastrnn train"),
    ("tutorial.md", "200 of 200 seeds exact on all 16,384 pairs (8 bits, 16 hidden units)", "fastrnn repeat"),
    ("certificate.md", "exact on all 16,384 pairs (checked in 11.7 ms)", "fastrnn train"),
    ("widths.md", "addition, trained at 8 bits", f"fastrnn generalize {WRONG} --max-bits 65536"),
    pytest.param("tutorial.md", "exact on all 16,384 pairs at the end: 954, 95.4% (95 % interval 93.9% to 96.5%)",
                 "fastrnn original --runs 1000", marks=slow),
    pytest.param("tutorial.md", "200 of 200 proved for every width", "fastrnn repeat --until certified --threads 1",
                 marks=slow),
    pytest.param("sweeps.md", "sweep: addition, 8 bits; elman; 10 combinations, 200 seeds each",
                 "fastrnn sweep --hidden 2,3,4,6,8,12,16,24,32,64 --seeds 200 --max-samples 200000", marks=slow),
    pytest.param("sweeps.md", "smallest: addition, 8 bits; elman; up to 64 combinations, 200 seeds each",
                 "fastrnn sweep --smallest --max-samples 200000", marks=slow),
    pytest.param("certificate.md", "2 hidden units, seed 356, proved for every width: 597 boxes (k = 4), every",
                 "fastrnn certify --smallest", marks=slow),
    pytest.param("certificate.md", "2 hidden units, seed 472, proved for every width: 9 boxes (k = 1), every",
                 "fastrnn certify --smallest --cell gru", marks=slow),
    pytest.param("widths.md", "trained on all pairs of                              0 to 19        0 to 9",
                 "fastrnn reproduce mdlrnn-addition", marks=slow),
    pytest.param("widths.md", "100 seeds, trained at 8 bits, tried at 1,048,576, 64 pairs",
                 "python -m bench.generalisation", marks=slow),
    pytest.param("tasks.md", "task                                 inputs states  exact", "python -m bench.tasks",
                 marks=slow),
]
TIMES = re.compile(r"[\d.,]+ (?:ms|s)\b|[\d.,]+ (?=samples/s|times)|[\d,]+(?=/s)|\d+(?= threads?)")


def shown(page, line):
    """The runs of lines of the block with a line that begins with `line`, between its `...`.

    Where another arithmetic trains other networks: the first line alone.
    """
    blocks = re.findall(r"(?:^ {4}.*\n)+", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M)
    (block,) = (each for each in blocks if re.search(f"^ +{re.escape(line)}", each, re.M))
    runs = [run.split("\n") for run in re.split(r"\n\s*\.\.\.\n", textwrap.dedent(block).strip("\n"))]
    return runs if arithmetic() == "avx512f" else [runs[0][:1]]


def timeless(line):
    """A line without its times; without all numbers where another arithmetic gives others."""
    if line.startswith("milliseconds") or arithmetic() != "avx512f":
        return " ".join(re.sub(r"[\d.,]+", "", line).split())
    return TIMES.sub("", line).strip()


def printed(command, capsys):
    if command.startswith("python"):
        words = [sys.executable, *shlex.split(command)[1:]]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert main(shlex.split(command)[1:]) in (0, 1)
    return capsys.readouterr().out


@pytest.mark.parametrize("page, line, command", SHOWN)
def test_pages_show_what_commands_print(page, line, command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [timeless(each) for each in printed(command, capsys).splitlines()]
    for run in shown(page, line):
        run = [timeless(each) for each in run]
        places = [n for n in range(len(lines)) if lines[n : n + len(run)] == run]
        assert places, f"{command} did not print\n{chr(10).join(run)}\nbut\n{chr(10).join(lines)}"
        del lines[: places[0] + len(run)]
