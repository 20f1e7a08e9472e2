"""Names of tables that no terminal should print, or no file can hold, in what `fastrnn fit` prints and writes."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

from tests.test_fit_cli import COLUMNS, QUICK, here  # noqa: F401


@pytest.mark.parametrize("name", [b"\xff.csv", b"\x1b[31m7's.csv", b"a\n\\b.csv", b'"quoted".csv'])
def test_any_name_of_a_table_is_printed_as_a_command_that_finds_it(call, here, name):  # noqa: F811
    os.link("choices.csv", name)
    status, out, err = call("fit", os.fsdecode(name), *COLUMNS, *QUICK, "--seeds", 1)
    assert (status, err) == (0, "") and all(line.isprintable() for line in out.splitlines())
    report = next(Path("runs").iterdir()).joinpath("report.md").read_text()
    assert all(line.isprintable() for line in report.splitlines())
    loaded = next(line for line in report.splitlines() if line.startswith("fits = "))
    assert os.path.exists(ast.literal_eval(loaded.removeprefix("fits = fastrnn.Fits.load(").removesuffix(")")))
    shown = [line for line in report.splitlines() if line.startswith("fastrnn evaluate")]
    echoed = f"printf '%s\\0' {shown[0].partition('evaluate')[2]}"
    folder, table = subprocess.check_output(["bash", "-c", echoed]).split(b"\0")[:2]
    assert table == name and os.path.exists(os.path.join(folder, b"models.safetensors"))
