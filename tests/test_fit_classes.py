"""`fastrnn fit` on choices that are other numbers than 0 and 1, which --classes names."""

import csv

import numpy as np
import pytest

from fastrnn import Fits, Sequences
from tests.test_fit_cli import QUICK, here, rows_of  # noqa: F401

COLUMNS = ("--inputs", "choice,a", "--lag", 1, "--target", "choice", "--group", "subject,session", "--output", "out")


@pytest.fixture
def numbered(here):  # noqa: F811
    """here, with choices that are 1 and 2."""
    rows = rows_of(here.joinpath("choices.csv").read_text())
    with open("choices.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "choice": int(row["choice"]) + 1} for row in rows)
    return here


def test_choices_from_1_on_are_fitted_predicted_and_simulated(call, numbered):
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 1, "--classes", "1,2")[::2] == (0, "")
    data = Sequences.read("choices.csv", ["choice", "a"], "choice", lag=1, group=["subject", "session"], classes=[1, 2])
    fit = Fits.load("out/models.safetensors")[0]
    made = rows_of(call("predict", "out", "choices.csv")[1])
    assert [int(row["choice_predicted"]) for row in made] == (fit.classes(data) + 1).tolist()
    np.testing.assert_allclose([float(row["p(choice=2)"]) for row in made], fit.predict(data)[:, 1], rtol=1e-6)
    out = call("evaluate", "out", "choices.csv")[1]
    assert f"loss: {fit.losses(data, 'model'):.4f}\n" in out and "\n2      " in out
    made = rows_of(call("simulate", "out", "--reward", "1,0", "--steps", 50)[1])
    assert {row["choice"] for row in made} == {"1", "2"}
    assert all((row["choice"] == "1") == (row["a"] == "1") for row in made)


def test_a_message_says_how_to_name_them(call, numbered):
    said = call("fit", "choices.csv", *COLUMNS, *QUICK)[2]
    assert said.endswith("give --classes 3, --classes=1,2 for the values that there are, or --kind reals\n")
    said = call("fit", "choices.csv", *COLUMNS, *QUICK, "--classes", "1,3")[2]
    assert "target choice: got 2 at line " in said and said.endswith("expected one of the classes 1, 3\n")
