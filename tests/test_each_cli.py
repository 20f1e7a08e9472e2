"""The commands on a fit with --each: the sequences of each value are predicted by the best network fitted to it."""

import csv

import numpy as np
import pytest

from fastrnn import Fits, Sequences
from tests.test_fit_cli import COLUMNS, QUICK, here, rows_of  # noqa: F401


@pytest.fixture
def fits(call, here):  # noqa: F811
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 2, "--each", "subject")[0] == 0
    return Fits.load("runs/choices/models.safetensors")


def best_by_subject(fits):
    """{subject: the number of its model with the smallest validation loss}, in plain Python."""
    rows = list(enumerate(zip(fits.groups["subject"], fits.loss[:, 1])))
    return {name: min((loss, n) for n, (own, loss) in rows if own == name)[1] for name in set(fits.groups["subject"])}


def own_predictions(fits, of="predict"):
    """Each step's prediction by the network of its subject, gathered sequence by sequence."""
    data = Sequences.read("choices.csv", ["a", "b"], "choice", kind="classes", group=["subject", "session"])
    best = best_by_subject(fits)
    each = enumerate(data.groups["subject"])
    return data, np.concatenate([getattr(fits[best[name]], of)(data.select([n])) for n, name in each])


def test_predict_asks_the_network_of_each_subject(call, fits):
    data, p = own_predictions(fits)
    status, out, err = call("predict", "runs/choices", "choices.csv")
    assert (status, err) == (0, "")
    rows = rows_of(out)
    assert [float(row["p(choice=1)"]) for row in rows] == [float(f"{each:.7g}") for each in p[:, 1]]
    assert [int(row["choice_predicted"]) for row in rows] == p.argmax(1).tolist()
    assert [row["subject"] for row in rows] == np.repeat(data.groups["subject"], data.lengths).tolist()
    # A named model predicts all rows.
    rows = rows_of(call("predict", "runs/choices", "choices.csv", "--model", 1)[1])
    np.testing.assert_allclose([float(row["p(choice=1)"]) for row in rows], fits[1].predict(data)[:, 1], rtol=1e-6)


def test_states_are_those_of_the_network_of_each_subject(call, fits):
    _, states = own_predictions(fits, "states")
    rows = rows_of(call("predict", "runs/choices", "choices.csv", "--states")[1])
    found = [[float(row[f"h{unit}"]) for unit in range(states.shape[1])] for row in rows]
    np.testing.assert_allclose(found, states, rtol=1e-6)


def test_evaluate_scores_all_subjects_by_their_own_networks(call, fits):
    data, p = own_predictions(fits)
    status, out, err = call("evaluate", "runs/choices", "choices.csv")
    assert (status, err) == (0, "")
    assert f"steps: {data.steps:,}\n" in out and "model: the best of each subject\n" in out
    assert f"loss: {-np.log(p[np.arange(data.steps), data.y]).mean():.4f}\n" in out
    out = call("evaluate", "runs/choices", "choices.csv", "--model", 5)[1]
    assert f"model: 5, subject {fits.groups['subject'][5]}, " in out
    head, *lines = call("evaluate", "runs/choices", "choices.csv", "--model", "all")[1].splitlines()
    assert head.split()[:4] == ["model", "subject", "hidden", "seed"] and len(head) <= 80
    assert [line.split()[1] for line in lines] == list(fits.groups["subject"])


def test_a_subject_without_a_network_ends_in_one_line(call, fits, here):  # noqa: F811
    rows = rows_of(here.joinpath("choices.csv").read_text())
    with open("others.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "subject": "s9"} for row in rows)
    for command in ("evaluate", "predict"):
        status, out, err = call(command, "runs/choices", "others.csv")
        expected = "fastrnn: others.csv: no network was fitted to subject s9; choose one by --model\n"
        assert (status, out, err) == (2, "", expected)


def test_states_of_networks_of_different_sizes_are_refused(call, here):  # noqa: F811
    given = ("--hidden", "1,2,3", "--epochs", 20, "--learning-rate", 0.05, "--seeds", 1, "--each", "subject")
    assert call("fit", "choices.csv", *COLUMNS, *given)[0] == 0
    fits = Fits.load("runs/choices/models.safetensors")
    sizes = sorted({int(fits.hidden_size[n]) for n in best_by_subject(fits).values()})
    assert len(sizes) > 1
    status, out, err = call("predict", "runs/choices", "choices.csv", "--states")
    found = ", ".join(map(str, sizes))
    expected = f"--states: the best networks have different sizes, {found} units: choose one by --model"
    assert (status, out, err) == (2, "", f"fastrnn: {expected}\n")
    assert len(rows_of(call("predict", "runs/choices", "choices.csv")[1])) > 0


def test_a_page_plays_the_sequences_of_the_subject_of_its_network(call, fits, here, monkeypatch):  # noqa: F811
    played = []
    monkeypatch.setattr("fastrnn.pages.entry.page_of", lambda model, data, *rest: played.append(data) or "page")
    assert call("page", "runs/choices", "best.html")[0] == 0
    assert call("page", "runs/choices", "second.html", "--model", 1)[0] == 0
    subjects = fits.groups["subject"]
    assert [set(data.groups["subject"]) for data in played] == [{subjects[fits.best_index]}, {subjects[1]}]


def test_pictures_and_the_report_name_the_subject_of_a_network(call, here):  # noqa: F811
    given = (*QUICK[:-1], "svg", "--seeds", 1, "--each", "subject")
    assert call("fit", "choices.csv", *COLUMNS, *given)[0] == 0
    fits = Fits.load("runs/choices/models.safetensors")
    subject = fits.groups["subject"][fits.best_index]
    folder = here.joinpath("runs/choices")
    assert f"of table.csv: subject {subject}, 2 units, seed 0." in folder.joinpath("report.md").read_text()
    for name in ("calibration", "portrait"):
        assert f"GRU network with 2 units, {subject}, seed 0" in folder.joinpath(f"{name}.svg").read_text()
