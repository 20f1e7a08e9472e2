"""`python -m bench.fits`: one model on batches learns what NumPy does, and peers that learn otherwise are found."""

import numpy as np
import pytest

import fastrnn
from bench import fits, fits_batches, wholes
from bench.fits_batches import OwnGRU, agree, case_of
from bench.peers.fits_worker import BETA1, BETA2, EPSILON, RATE, WORKS, Batches, off

SMALL = {name: work._replace(sequences=3, steps=4) for name, work in WORKS.items()}


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def loss_of(task, w, states, x, y):
    """The mean loss of one piece x (T, B, K), y (T, B), and its last states."""
    h, c = states
    losses = []
    for now, target in zip(x, y):
        a, b = now @ w["w_ih"].T + w["b_ih"], h @ w["w_hh"].T + w["b_hh"]
        parts = len(w["w_hh"]) // h.shape[1]
        a, b = np.split(a, parts, 1), np.split(b, parts, 1)
        if task.cell == "gru":
            r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
            h = (1 - z) * np.tanh(a[2] + r * b[2]) + z * h
        else:
            i, f, g, o = (p + q for p, q in zip(a, b))
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        out = h @ w["w_ho"].T + w["b_o"]
        if task.work.classes:
            losses.append(np.log(np.exp(out).sum(1)) - out[np.arange(len(out)), target])
        else:
            losses.append((out[:, 0] - target) ** 2)
    return np.mean(losses), (h, c)


def gradient(task, w, *piece):
    """Central differences."""
    found = {}
    for name, values in w.items():
        found[name] = np.empty_like(values)
        for place in np.ndindex(values.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = {**w, name: values.copy()}
                moved[name][place] += step
                sides.append(loss_of(task, moved, *piece)[0])
            found[name][place] = (sides[0] - sides[1]) / 2e-5
    return found


def learned(task, epochs):
    """The weights after some epochs."""
    w, m, v, count = dict(task.weights), {}, {}, 0
    for _ in range(epochs):
        states = (np.zeros((task.x.shape[2], task.hidden)),) * 2
        for x, y in zip(task.x, task.y):
            slopes, count = gradient(task, w, states, x, y), count + 1
            states = loss_of(task, w, states, x, y)[1]
            for name, g in slopes.items():
                if task.work.optimizer == "adam":
                    m[name] = BETA1 * m.get(name, 0) + (1 - BETA1) * g
                    v[name] = BETA2 * v.get(name, 0) + (1 - BETA2) * g * g
                    g = m[name] / (1 - BETA1**count) / (np.sqrt(v[name] / (1 - BETA2**count)) + EPSILON)
                w[name] = w[name] - RATE * g
    return w


@pytest.mark.parametrize("cell", ("gru", "lstm"))
@pytest.mark.parametrize("work", SMALL)
def test_cases_learn_what_numpy_does(work, cell):
    task = Batches(SMALL[work], cell, 2, "float64")
    case = case_of(SMALL[work], cell, fits_batches.CELLS[cell](2), "float64")
    assert all(np.array_equal(values, task.weights[name]) for name, values in case.weights().items())
    case.run(2)
    assert off(task.weights, case.weights(), learned(task, 2)) < 1e-6
    assert case.steps == SMALL[work].pieces * 3 * 4


class Peer:
    """A peer that learns what fastrnn does, but for a factor."""

    factor = 1.0

    def __init__(self, engine, hidden, dtype, work, cell):
        self.updates = 1 if engine == "torch" else WORKS[work].together
        self.case = case_of(WORKS[work], cell, fits_batches.CELLS[cell](hidden), dtype)
        self.run(1)

    def run(self, calls):
        if calls:
            self.case.run(calls * self.updates)

    def weights(self):
        return {name: (values * self.factor).tolist() for name, values in self.case.weights().items()}

    def close(self):
        pass


@pytest.mark.parametrize("work", WORKS)
def test_peers_that_learn_otherwise_are_found(work, monkeypatch):
    monkeypatch.setattr(fits_batches, "Peer", Peer)
    agree(work, "gru")
    for factor in (1 + 1e-7, np.nan):
        monkeypatch.setattr(Peer, "factor", factor)
        with pytest.raises(RuntimeError, match=f"{work}, gru: weights differ from ours"):
            agree(work, "gru")


def test_the_users_cell_is_a_gru_with_the_same_machine_code():
    assert OwnGRU(3).equation() == fastrnn.GRU(3).equation()
    own, shipped = (case_of(SMALL["sequences"], "gru", cell(3), "float32") for cell in (OwnGRU, fastrnn.GRU))
    assert own.many.recipe.program.digest == shipped.many.recipe.program.digest


def test_the_grid_of_an_animal_has_sizes(monkeypatch):
    found = []
    monkeypatch.setattr(fits, "animal", lambda dtype, threads, outer, sizes: found.append(sizes))
    for quick in (True, False):
        wholes.animal("float32")(quick)
    assert found == [[1, 2], [1, 2, 3, 4, 5, 10, 20]]
