"""The penalty on what units keep of their last state: its gradient is that of central differences."""

import numpy as np
import pytest

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.formula.graph import ordered
from fastrnn.formula.retention import RETENTION, back_with_retention, kept
from fastrnn.initializers import initial_weights
from fastrnn.networks import shapes_of

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(4, 5, 2)), RNG.integers(0, 2, (4, 5, 1)).astype(float)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gru(w, x, h):
    r, z, n = np.split(x @ w["w_ih"].T + w["b_ih"], 3, 1)
    hr, hz, hn = np.split(h[0] @ w["w_hh"].T + w["b_hh"], 3, 1)
    z = sigmoid(z + hz)
    n = np.tanh(n + sigmoid(r + hr) * hn)
    return ((1 - z) * n + z * h[0],), z


def mgu(w, x, h):
    f, n = np.split(x @ w["w_ih"].T + w["b_ih"], 2, 1)
    hf, hn = np.split(h[0] @ w["w_hh"].T + w["b_hh"], 2, 1)
    f = sigmoid(f + hf)
    return ((1 - f) * h[0] + f * np.tanh(n + f * hn),), 1 - f


def lstm(w, x, h):
    i, f, g, o = np.split(x @ w["w_ih"].T + w["b_ih"] + h[0] @ w["w_hh"].T + w["b_hh"], 4, 1)
    c = sigmoid(f) * h[1] + sigmoid(i) * np.tanh(g)
    return (sigmoid(o) * np.tanh(c), c), sigmoid(f)


def leaky(w, x, h):
    a = np.tanh(x @ w["w_ih"].T + w["b_ih"] + h[0] @ w["w_hh"].T + w["b_hh"])
    alpha = np.broadcast_to(sigmoid(w["leak"]), a.shape)
    return ((1 - alpha) * h[0] + alpha * a,), 1 - alpha


CASES = {"gru": (fastrnn.GRU(3), gru, 1), "mgu": (fastrnn.MGU(3), mgu, 1), "lstm": (fastrnn.LSTM(3), lstm, 2),
         "leaky": (fastrnn.Leaky(3, alpha=None), leaky, 1)}


def penalty(step, parts, w, x):
    """The mean over samples of the sum over steps and units of -log(1 - what is kept)."""
    state, total = (np.zeros((len(x), 3)),) * parts, 0.0
    for t in range(x.shape[1]):
        state, share = step(w, x[:, t], state)
        total -= np.log1p(-share).sum()
    return total / len(x)


@pytest.mark.parametrize("name, batch_size", [("gru", 4), ("gru", 1), ("lstm", 4), ("leaky", 4),
                                              pytest.param("mgu", 4, marks=pytest.mark.slow),
                                              pytest.param("lstm", 1, marks=pytest.mark.slow)])
def test_an_update_takes_the_gradient_of_the_penalty(name, batch_size):
    cell, step, parts = CASES[name]
    weights = initial_weights("pytorch", shapes_of(cell, 2, 1), 1)
    x, y = X[:batch_size], Y[:batch_size]
    options = dict(data=(x, y), weights=weights, until="samples", optimizer="sgd", learning_rate=1.0, dtype="float64",
                   batch_size=batch_size, max_samples=batch_size)
    with_it, without = (fastrnn.train(cell, retention_penalty=value, **options).model.weights for value in (0.5, 0.0))
    for each, weight in weights.items():
        right = np.zeros(weight.shape)
        for place in np.ndindex(weight.shape):
            ends = []
            for change in (1e-5, -1e-5):
                moved = {key: value.astype(float).copy() for key, value in weights.items()}
                moved[each][place] += change
                ends.append(penalty(step, parts, moved, x))
            right[place] = 0.5 * (ends[0] - ends[1]) / 2e-5
        assert np.allclose(without[each] - with_it[each], right, rtol=1e-6, atol=1e-8), each


@pytest.mark.parametrize("name", cells())
def test_it_reads_what_a_step_backwards_has_anyway(name):
    step = cells()[name](3).traced()
    readable = {*step.old, *step.new, *step.vectors, *step.saved, *step.d_new, RETENTION}
    below = [each for each in ordered(back_with_retention(step), leaves=readable) if each not in readable]
    assert all(each.op != "input" for each in below)


def test_units_that_keep_nothing_have_no_penalty():
    step = fastrnn.Elman(3).traced()
    assert back_with_retention(step) == step.back and [share.args for share in kept(step)] == [(0.0,)]
