"""Networks for each value of a group beside simple models: their numbers, in pandas and NumPy, and their picture."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fastrnn import GRU, Sequences, analysis, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION, split
from tests.test_fit import DATA, QUICK
from tests.test_fit_cli import COLUMNS, here, rows_of  # noqa: F401

# Names with signs of formulas, in another order than their losses.
SUBJECTS = np.array(["$b$", "a_", "c"] * 4)
EACH = Sequences([x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", groups={"subject": SUBJECTS})
ROLES = np.repeat([TRAIN, VALIDATION, TEST, TRAIN], 3)


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(1), EACH, seeds=[0, 1, 2] * 3, hidden_size=np.repeat([1, 2, 1], 3), roles=ROLES,
                      each="subject", **QUICK)


def constant_losses():
    """(3, 3): cross-entropy of the shares of the training steps of each subject, by role."""
    out = np.full((3, 3), np.nan)
    for row, name in enumerate(np.unique(SUBJECTS)):
        y = {role: np.concatenate([EACH.y[EACH.offsets[n] : EACH.offsets[n + 1]]
                                   for n in np.flatnonzero((SUBJECTS == name) & (ROLES == role))]) for role in range(3)}
        share = np.bincount(y[TRAIN], minlength=2) / len(y[TRAIN])
        out[row] = [-np.log(share[y[role]]).mean() for role in range(3)]
    return out


def test_baselines_of_each_value_are_fitted_to_its_sequences_alone():
    found = analysis.baselines_of_each(EACH, ROLES, "subject", history=2)
    np.testing.assert_allclose(found["constant"], constant_losses(), rtol=1e-12)
    own = SUBJECTS == "a_"
    alone = {made.name: made.loss for made in analysis.suitable_baselines(EACH.select(own), ROLES[own], 2)}
    assert found.keys() == alone.keys() and all((found[name][1] == loss).all() for name, loss in alone.items())
    # A model that does not suit the inputs of one value is missing there alone.
    noise = np.random.default_rng(0)
    x = [np.tile(each, (9, 1)) for each, _, _ in DATA]
    x = [each + noise.normal(size=each.shape) * (n % 3 == 2) for n, each in enumerate(x)]
    mixed = Sequences(x, [np.tile(y, 9) for _, y, _ in DATA], kind="classes", groups={"subject": SUBJECTS})
    found = analysis.baselines_of_each(mixed, ROLES, "subject", history=2)
    assert np.isnan(found["n-grams of up to 2 steps"]).all(1).tolist() == [False, False, True]
    with pytest.raises(ValueError, match="each: got 'rat', expected the name of a group"):
        analysis.baselines_of_each(EACH, ROLES, "rat")


@pytest.mark.parametrize("role, name", [(TEST, "test"), (VALIDATION, "validation"), (TRAIN, "train")])
def test_the_picture_has_the_best_networks_sorted(role, name):
    roles = np.where(ROLES > role, TRAIN, ROLES)
    made = train_many(GRU(1), EACH, seeds=range(9), roles=roles, each="subject", **QUICK)
    constant = analysis.baselines_of_each(EACH, roles, "subject")["constant"]
    axes = analysis.plot_each(made, {"constant": constant})
    table = made.to_frame().assign(number=range(9))
    table["score"] = table[["validation_loss", "train_loss"]].bfill(axis=1).iloc[:, 0]
    best = table.loc[table.groupby("subject").score.idxmin()].set_index("subject")[f"{name}_loss"]
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
    order = best.sort_values().index
    assert [text.get_text() for text in axes.get_xticklabels()] == list(order)
    np.testing.assert_allclose(drawn["best network"], np.stack([range(3), best[order]], 1), rtol=1e-6)
    lower = sum(best[each] < constant[n, role] for n, each in enumerate(sorted(best.index)))
    beside = drawn[f"constant, worse for {lower} of 3"]
    np.testing.assert_array_equal(beside[:, 1], constant[[sorted(best.index).index(each) for each in order], role])
    (others,) = axes.collections
    rest = sorted((list(order).index(row.subject), getattr(row, f"{name}_loss")) for row in table.itertuples())
    assert len(others.get_offsets()) == 6 and {tuple(map(float, pair)) for pair in others.get_offsets()} <= set(rest)
    assert axes.get_ylabel() == f"{name} loss per step"


def test_the_picture_takes_many_values_and_those_that_diverged(fits, tmp_path):
    groups = {"subject": np.array([f"rat{n:03}" for n in range(100)])}
    x, y = DATA.select([0]).x[:5], DATA.select([0]).y[:5]
    data = Sequences([x] * 100, [y] * 100, kind="classes", classes=2, groups=groups)
    many = train_many(GRU(1), data, seeds=range(100), roles=np.zeros(100, int), each="subject", epochs=1)
    lost = many.loss.copy()
    lost[3], lost[50] = np.inf, np.nan
    part = replace(many, loss=lost)
    assert analysis.plot_each(many).get_xlabel() == "subject, sorted by the network's loss"
    named = replace(fits, groups={"subject": np.array(["x" * 300 + name for name in fits.groups["subject"]])})
    labels = analysis.plot_each(named).get_xticklabels()
    assert {text.get_text() for text in labels} == {"x" * 17 + "..."}
    (line,) = [each for each in analysis.plot_each(part).lines if each.get_label() == "best network"]
    expected = np.sort(np.delete(many.loss[:, 0], [3, 50]))
    np.testing.assert_array_equal(line.get_ydata(), expected)
    with pytest.raises(ValueError, match="fits: no loss is finite"):
        analysis.plot_each(replace(many, loss=np.full_like(lost, np.inf)))
    analysis.plot_each(fits, path=tmp_path / "each.svg")
    text = (tmp_path / "each.svg").read_text()
    assert "$b$" in text and "the best network of each of 3 values of subject" in text


def test_wrong_arguments_are_named(fits):
    with pytest.raises(ValueError, match="fits: have no groups, expected those of train_many"):
        analysis.plot_each(train_many(GRU(1), DATA, epochs=1))
    with pytest.raises(TypeError, match="baselines: got list, expected {name: losses"):
        analysis.plot_each(fits, [0.3])
    with pytest.raises(ValueError, match="fits: have no groups"):
        analysis.plot_each(train_many(GRU(1), DATA, epochs=1)[0])
    with pytest.raises(ValueError, match=r"baselines: constant has shape \(3,\), expected \(3, 3\)"):
        analysis.plot_each(fits, {"constant": [1, 2, 3]})


def test_a_fit_of_each_draws_it(call, here):  # noqa: F811
    quick = ("--epochs", "20", "--evaluate-every", "5", "--learning-rate", "0.05", "--hidden", "2", "--seeds", 2)
    status, out, err = call("fit", "choices.csv", *COLUMNS, *quick, "--each", "subject", "--pictures", "svg")
    assert (status, err) == (0, "") and " each.svg," in out
    text = here.joinpath("runs/choices/each.svg").read_text()
    assert all(f"<!-- s{n} -->" in text for n in range(4)) and "choices: GRU, the best network of each of 4" in text
    assert "![loss of the networks of each subject, and of baselines](each.svg)" in (
        here.joinpath("runs/choices/report.md").read_text()
    )
    # The mean that is printed weighs the subjects by their counted steps.
    data = Sequences.read("choices.csv", ["a", "b"], "choice", kind="classes", group=["subject", "session"])
    roles = split(data, 0.2, within="subject")
    losses, steps = [], []
    for name in np.unique(data.groups["subject"]):
        own = np.flatnonzero(data.groups["subject"] == name)
        y = {role: np.concatenate([data.y[data.offsets[n] : data.offsets[n + 1]] for n in own[roles[own] == role]])
             for role in (TRAIN, VALIDATION)}
        share = np.bincount(y[TRAIN], minlength=2) / len(y[TRAIN])
        losses.append(-np.log(share[y[VALIDATION]]).mean())
        steps.append(len(y[VALIDATION]))
    mean = np.average(losses, weights=steps)
    assert f"constant, validation, mean over values of subject: {mean:.4f}\n" in out
    frame = pd.read_csv("runs/choices/table.csv")
    best = frame.loc[frame.groupby("subject").validation_loss.idxmin()].sort_values("subject")
    mean = np.average(best.validation_loss, weights=steps)
    assert f"\nthe best network of each, validation, mean over values of subject: {mean:.4f}\n" in out
    report = here.joinpath("runs/choices/report.md").read_text()
    assert f"\nBeside them, the best network of each: {mean:.4f}\n" in report
