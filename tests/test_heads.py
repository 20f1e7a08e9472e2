"""One law for all heads: derivatives, links and decisions follow from the loss, and nothing overflows."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from fastrnn.formula.evaluate import on_numpy
from fastrnn.heads.base import heads, traced
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax

CASES = [
    (Softmax(), 2),
    (Softmax(), 3),
    (Softmax(), 7),
    (Softmax(masked=True), 2),
    (Softmax(masked=True), 5),
    (Sigmoid(), 1),
    (Sigmoid(), 3),
    (Sigmoid("squared"), 1),
    (Sigmoid("squared"), 4),
    (Linear(), 1),
    (Linear(), 3),
    (Linear(tolerance=0.1), 2),
    (Linear("esr"), 2),
    (Linear("esr", pre_emphasis=0.5), 1),
]
NAMES = [f"{head.name}-{getattr(head, 'measure', '')}-{head.emphasis}{'masked' * getattr(head, 'masked', 0)}-{outputs}"
         for head, outputs in CASES]
cases = pytest.mark.parametrize("head, outputs", CASES, ids=NAMES)


def targets_of(head, outputs, count, rng):
    """y (Y, count): classes, with those that are allowed, bits, or numbers."""
    if head.targets == "classes":
        y = rng.integers(0, outputs, (1, count)).astype(float)
        allowed = (rng.random((outputs, count)) < 0.6) | (np.arange(outputs)[:, None] == y)
        return np.concatenate([y, allowed]) if head.masked else y
    if head.targets == "reals":
        return rng.normal(size=(outputs, count))
    return rng.integers(0, 2, (outputs, count)).astype(float)


def values_of(head, z, y):
    own = traced(head, len(z))
    return own, dict(zip(own.z, z)) | dict(zip(own.y, y))


def run(head, z, y):
    """(loss, correct, d_z (O, ...))"""
    own, values = values_of(head, z, y)
    # One step alone: the loss sees all of z.
    values |= dict(zip(own.seen, z))
    loss, correct, *d_z = on_numpy([own.loss, own.correct, *own.d_z], values)
    return loss, correct, np.array(d_z)


@cases
def test_derivatives_are_central_differences(head, outputs):
    rng = np.random.default_rng(outputs)
    z, y = rng.normal(size=(outputs, 60)) * 3, targets_of(head, outputs, 60, rng)
    d_z = run(head, z, y)[2]
    for o in range(outputs):
        step = 1e-6 * (np.arange(outputs) == o)[:, None]
        difference = (run(head, z + step, y)[0] - run(head, z - step, y)[0]) / 2e-6
        assert np.abs(difference - d_z[o]).max() < 1e-8


def plain(head, z, y):
    """(loss, whether correct, predictions) of one step, from the definitions, in Python's floats."""
    if head.name == "softmax":
        powers = [math.exp(each) * a for each, a in zip(z, y[1:] or [1] * len(z))]
        p = [each / sum(powers) for each in powers]
        return -math.log(p[int(y[0])]), p[int(y[0])] == max(p), p
    if head.name == "linear":
        right = all(abs(a - b) <= head.tolerance for a, b in zip(z, y))
        return sum((a - b) ** 2 for a, b in zip(z, y)) / len(z), right, list(z)
    p = [1 / (1 + math.exp(-each)) for each in z]
    right = all((a > 0.5) == (b > 0.5) for a, b in zip(p, y))
    if head.measure == "squared":
        return sum((a - b) ** 2 for a, b in zip(p, y)) / 2, right, p
    return -sum(math.log(a if b else 1 - a) for a, b in zip(p, y)), right, p


def link(head, z, y):
    """Predictions (count, outputs)."""
    return head.link(z.T, y[1:].T > 0) if getattr(head, "masked", False) else head.link(z.T)


@cases
def test_losses_decisions_and_predictions_are_those_of_the_definition(head, outputs):
    rng = np.random.default_rng(outputs + 50)
    z, y = rng.normal(size=(outputs, 60)) * 2, targets_of(head, outputs, 60, rng)
    if head.targets == "reals":
        y[:, ::2] = z[:, ::2] + rng.uniform(-1.5, 1.5, (outputs, 30)) * head.tolerance
    loss, correct, _ = run(head, z, y)
    predictions = link(head, z, y)
    right = 0
    for n in range(60):
        expected = plain(head, z[:, n].tolist(), y[:, n].tolist())
        assert loss[n] == pytest.approx(expected[0], rel=1e-12) and correct[n] == expected[1]
        assert predictions[n] == pytest.approx(expected[2], rel=1e-13)
        right += expected[1]
    assert 0 < right < 60


@cases
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_for_extreme_outputs(head, outputs, dtype):
    rng = np.random.default_rng(outputs)
    scale = np.repeat([50, 90, 700, 1e4, 1e8], 40)
    z = (rng.choice([-1.0, -0.3, 0.3, 1.0], (outputs, 200)) * scale).astype(dtype)
    y = targets_of(head, outputs, 200, rng).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        loss, correct, d_z = run(head, z, y)
        predictions = link(head, z, y)
    assert loss.dtype == d_z.dtype == predictions.dtype == dtype
    assert np.isfinite(loss).all() and (loss >= 0).all() and np.isfinite(d_z).all() and np.isfinite(predictions).all()
    assert set(correct) <= {0, 1}
    if head.name != "linear":
        assert np.abs(d_z).max() <= 1 + 1e-6 and predictions.min() >= 0 and predictions.max() <= 1
    if head.name == "softmax":
        wide = np.where(y[1:] > 0, z, -np.inf) if head.masked else z.astype(np.float64)
        chosen = np.take_along_axis(wide, y.astype(int), 0)[0]
        exact = np.log(np.exp(wide - wide.max(0)).sum(0)) + (wide.max(0) - chosen)
        assert (np.abs(loss - exact) <= 2 * np.finfo(dtype).eps * (1 + exact)).all()


@cases
def test_a_diverged_output_is_seen_in_the_loss(head, outputs):
    z, y = np.full((outputs, 1), 0.5), targets_of(head, outputs, 1, np.random.default_rng(0))
    y[1:] = np.where(head.name == "softmax", 1, y[1:])
    for o in range(outputs):
        wrong = z.copy()
        wrong[o] = np.nan
        assert np.isnan(run(head, wrong, y)[0]).all()


@pytest.mark.parametrize("outputs", [2, 5])
@pytest.mark.parametrize("scale", [1, 1e8])
def test_forbidden_classes_have_no_probability_and_no_gradient(outputs, scale):
    head, rng = Softmax(masked=True), np.random.default_rng(3)
    z, y = (rng.normal(size=(outputs, 80)) * scale).astype(np.float32), targets_of(head, outputs, 80, rng)
    forbidden = y[1:] == 0
    loss, correct, d_z = run(head, z, y.astype(np.float32))
    assert forbidden.any() and (link(head, z, y).T[forbidden] == 0).all() and (d_z[forbidden] == 0).all()
    # Where one class is left it is certain.
    alone = y[1:].sum(0) == 1
    assert alone.any() and (loss[alone] == 0).all() and (correct[alone] == 1).all() and (d_z[:, alone] == 0).all()
    z[forbidden] += 17 * scale
    again = run(head, z, y.astype(np.float32))
    assert all(np.array_equal(one, other) for one, other in zip((loss, correct, d_z), again))


@pytest.mark.parametrize("options, message", [
    ({"measure": "esrr"}, "measure: got 'esrr', expected one of squared, esr"),
    ({"pre_emphasis": 1.0}, "pre_emphasis: got 1.0, expected a number of at least 0 and below 1"),
    ({"pre_emphasis": -0.1}, "pre_emphasis: got -0.1, expected a number of at least 0 and below 1"),
    ({"pre_emphasis": "0.85"}, "pre_emphasis: got '0.85'"),
    ({"tolerance": -0.5}, "tolerance: got -0.5, expected a finite number of at least 0"),
    ({"tolerance": float("nan")}, "tolerance: got nan"),
    ({"tolerance": [0.5]}, r"tolerance: got \[0.5\]"),
])
def test_a_linear_head_refuses_what_it_has_not(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Linear(**options)


def test_numbers_of_numpy_in_a_linear_head_can_be_stored():
    head = Linear("esr", np.float32(0.25), np.float64(0.5))
    assert json.loads(json.dumps(asdict(head))) == asdict(Linear("esr", 0.25, 0.5))


@pytest.mark.parametrize("head", [Sigmoid(), Linear()])
def test_heads_without_classes_forbid_none(head):
    assert head.suited(False) is head
    with pytest.raises(ValueError, match=f"head: {head.name} forbids no classes"):
        head.suited(True)


def test_the_cases_cover_every_head():
    assert {head.name for head, _ in CASES} == set(heads())


def test_texts_name_all_that_is_compiled():
    texts = [traced(head, outputs).text for head, outputs in CASES]
    assert len(set(texts)) == len(CASES)
    assert traced(Softmax(), 3).text == traced(type("Softmax", (Softmax,), {})(), 3).text
