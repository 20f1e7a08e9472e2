"""Scores of `fastrnn evaluate` where steps weigh more than others, and the baselines of separate networks."""

import numpy as np
import pytest
from sklearn import metrics

from fastrnn import GRU, Sequences, analysis, train
from fastrnn.cli.evaluate import scores
from fastrnn.data import VALIDATION, split
from tests.test_fit_cli import COLUMNS, QUICK, here  # noqa: F401

RNG = np.random.default_rng(3)
X = RNG.normal(size=(12, 10, 2))
WEIGHT = RNG.integers(0, 4, (12, 10)) * 0.5
OPTIONS = {"epochs": 30, "learning_rate": 0.05}


def test_probabilities_are_scored_with_weights():
    data = Sequences(X, (X[..., 0] + RNG.normal(size=(12, 10)) > 0).astype(int), weight=WEIGHT)
    one = train(GRU(2), data, **OPTIONS)
    found, p, y, weight = scores(one, data), one.predict(data)[:, 0].astype(float), data.y[:, 0], data.weight
    assert found["loss"] == pytest.approx(metrics.log_loss(y, p, sample_weight=weight))
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(y, p, sample_weight=weight))
    bins, error = np.ceil(p * 10), 0.0
    for each in np.unique(bins):
        own = np.where(bins == each, weight, 0)
        error += abs(own @ p - own @ y)
    assert found["calibration error"] == pytest.approx(error / weight.sum())


def test_reals_are_scored_with_weights():
    data = Sequences(X, X[..., :1] * 2 + 1, weight=WEIGHT, kind="reals")
    one = train(GRU(2), data, **OPTIONS)
    found, p, y, weight = scores(one, data), one.predict(data)[:, 0], data.y[:, 0], data.weight
    assert found["nmse"] == pytest.approx(1 - metrics.r2_score(y, p, sample_weight=weight), rel=1e-6)
    expected = metrics.mean_squared_error(y, p, sample_weight=weight) * weight.sum() / (weight @ y**2)
    assert found["esr"] == pytest.approx(expected, rel=1e-6)


def test_separate_networks_have_separate_baselines(call, here):  # noqa: F811
    out = call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 1, "--each", "subject")[1]
    data = Sequences.read("choices.csv", ["a", "b"], "choice", kind="classes", group=["subject", "session"])
    roles, total, steps = split(data, 0.2, within="subject"), 0.0, 0
    for subject in np.unique(data.groups["subject"]):
        own = data.groups["subject"] == subject
        counted = data.select(own & (roles == VALIDATION)).steps
        total += counted * analysis.constant_baseline(data.select(own), roles[own]).loss[VALIDATION]
        steps += counted
    assert f"\nconstant, validation, mean over values of subject: {total / steps:.4f}\n" in out
    report = here.joinpath("runs/choices/report.md").read_text()
    assert "learned separately for each subject from the same sequences, by their mean loss on the validation" in report
    assert f"- constant: {total / steps:.4f}\n" in report
