"""What tables, names and seeds of `fastrnn fit` may be at most: odd names, the last seeds, targets that are missing."""

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from fastrnn import Fits
from tests.test_fit_cli import COLUMNS, QUICK, here, rows_of  # noqa: F401


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


def test_the_last_seeds_there_are(call, here):  # noqa: F811
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 2, "--seed", 2**63 - 2)[0] == 0
    rows = rows_of(here.joinpath("runs/choices/table.csv").read_text())
    assert [int(row["seed"]) for row in rows] == [2**63 - 2, 2**63 - 1]


def test_networks_of_groups_whose_targets_are_all_missing_have_no_scores(call, here):  # noqa: F811
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 1, "--each", "subject")[0] == 0
    unknown = re.sub(r"^(s2,.*),\d,(\w)$", r"\1,,\2", here.joinpath("choices.csv").read_text(), flags=re.MULTILINE)
    here.joinpath("unknown.csv").write_text(unknown)
    for model in (2, "all"):
        status, out, err = call("evaluate", "runs/choices", "unknown.csv", "--model", model)
        assert (status, out) == (2, "") and err.startswith("fastrnn: unknown.csv: no step counts of subject s2, to")
        assert err.count("\n") == 1


def test_values_of_columns_are_printed_as_text(call, here):  # noqa: F811
    text = here.joinpath("choices.csv").read_text()
    here.joinpath("odd.csv").write_text(re.sub(r"^s2,", "\x1b[31m|s2,", text, flags=re.MULTILINE))
    status, out, _ = call("fit", "odd.csv", *COLUMNS, *QUICK, "--seeds", 1, "--each", "subject")
    assert status == 0 and all(line.isprintable() for line in out.splitlines()) and r"\x1b[31m|s2" in out
    lines = here.joinpath("runs/odd/report.md").read_text().splitlines()
    head, row = (next(line for line in lines if word in line) for word in ("| subject", "x1b"))
    cells = re.split(r"(?<!\\)\|", row)
    assert row.isprintable() and cells[2].strip() == r"\x1b[31m\|s2" and len(cells) == len(head.split("|"))
    status, out, err = call("evaluate", "runs/odd", "choices.csv", "--model", 0)
    assert status == 2 and err.rstrip("\n").isprintable() and "has no row of subject" in err


def test_a_name_with_a_comma_is_in_quotes(call, here):  # noqa: F811
    text = here.joinpath("choices.csv").read_text()
    here.joinpath("comma.csv").write_text(text.replace(",a,", ',"a, s",', 1))
    columns = ("--inputs", 'b,"a, s"', *COLUMNS[2:])
    assert call("fit", "comma.csv", *columns, *QUICK, "--seeds", 1)[0] == 0
    given = json.loads(here.joinpath("runs/comma/columns.json").read_text())
    assert given["inputs"] == ["b", "a, s"] == given["names"]
    assert call("evaluate", "runs/comma", "comma.csv")[0] == 0
    _, out, err = call("fit", "comma.csv", "--inputs", "b,a, s", *COLUMNS[2:])
    assert (out, err) == ("", "fastrnn: comma.csv: --inputs: no column 'a': did you mean 'a, s'?\n")


def test_the_table_of_results_is_printed_before_baselines_are_fitted(call, here, capsys, monkeypatch):  # noqa: F811
    printed = []

    def baselines(*given):
        printed.append(capsys.readouterr().out)
        return {}

    monkeypatch.setattr("fastrnn.cli.fit_report._baselines", baselines)
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 1)[0] == 0
    assert "model  hidden  seed  train_loss  validation_loss  epochs\n" in printed[0]


def test_results_fit_a_terminal_of_80_columns(call, here):  # noqa: F811
    os.rename("choices.csv", "choices-of-twelve-sessions.csv")
    quick = (*QUICK[:-1], "png", "--seeds", 1, "--cv", "3x2")
    _, out, err = call("fit", "choices-of-twelve-sessions.csv", *COLUMNS, *quick)
    assert err == "" and all(len(line) <= 80 for line in out.splitlines()[:-1])
    assert "saved runs/choices-of-twelve-sessions: " in out
    out = call("evaluate", "runs/choices-of-twelve-sessions", "choices-of-twelve-sessions.csv")[1]
    assert "note: fitted to these sequences; report.md has the loss to expect on others\n" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_whose_network_is_taken_is_said(call, here):  # noqa: F811
    argv = ("--inputs", "choice,a", "--target", "choice", "--kind", "classes", "--lag", "1")
    argv += ("--group", "subject,session")
    assert call("fit", "choices.csv", *argv, *QUICK, "--seeds", 2, "--each", "subject", "--output", "out")[0] == 0
    fits = Fits.load("out/models.safetensors")
    best = fits.best_index
    said = f"model {best}, subject s{best % 4}, 2 units, seed {fits.seeds[best]}"
    for command, *options in (("export", "one.safetensors"), ("simulate", "--reward", "1,0", "--output", "made.csv")):
        status, out, err = call(command, "out", *options)
        assert (status, err) == (0, "") and said in out
