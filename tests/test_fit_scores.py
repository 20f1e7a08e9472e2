"""What `fastrnn evaluate` says of steps that weigh more than others."""

import numpy as np
import pytest
from sklearn import metrics

from fastrnn import GRU, Sequences, train
from fastrnn.cli.evaluate import scores

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
