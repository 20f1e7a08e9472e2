"""Trainings on tasks and on arrays by compiled code are those by the same kernels as plain Python."""

import numpy as np
import pytest
from params import quick

from fastrnn import GRU, Elman, train, train_many
from fastrnn.tasks import Addition, Comparison, Parity


def run_twice(monkeypatch, work):
    """[work() by compiled code, work() as plain Python]."""
    found = []
    for emulate in ("0", "1"):
        monkeypatch.setenv("FASTRNN_EMULATE", emulate)
        found.append(work())
    return found


RNG = np.random.default_rng(3)
MODELS = {
    # Twenty models, a test of each that may be right, and lanes that the next ones take.
    "walks": (Elman(2), {"task": Parity(2), "learning_rate": 0.3, "initial_scale": 3, "verify_after": 5}),
    "blocks": (Elman(3), {"task": Addition(3), "batch_size": 70, "max_samples": 280, "max_grad_norm": 0.5}),
    "schedule": (Elman(2), {
        "task": Addition(4), "max_samples": 100, "schedule": "cosine", "learning_rate": np.arange(1, 21) / 20}),
    "diverges": (Elman(2, "tanh"), {"task": Addition(4), "weight_decay": np.arange(20) * 1e4}),
    "data": (Elman(2), {
        "data": (RNG.normal(size=(9, 4, 2)), RNG.integers(0, 2, (9, 4, 1)), RNG.integers(0, 2, (9, 4)) + np.eye(9, 4)),
        "batch_size": 7, "max_samples": 140, "until": "samples"}),
}


@pytest.mark.parametrize("name", quick(MODELS, lambda name: name in ("diverges", "blocks", "schedule")))
def test_models_trained_by_compiled_code_are_those_of_plain_python(name, monkeypatch):
    cell, options = MODELS[name]
    settings = {"dtype": "float64", "threads": 1, "seeds": range(20), "batch_size": 1, "max_samples": 200} | options
    compiled, plain = runs = run_twice(monkeypatch, lambda: train_many(cell, **settings))
    for found in ("stopped", "steps", "samples_to_exact"):
        assert list(getattr(compiled, found)) == list(getattr(plain, found))
    assert {"walks": "exact", "diverges": "diverged"}.get(name, "samples") in compiled.stopped
    for found in ("loss", "exact_accuracy"):
        np.testing.assert_allclose(getattr(compiled, found), getattr(plain, found), rtol=1e-9)
    weights = [np.concatenate([w.ravel() for n in range(20) for w in run.weights(n).values()]) for run in runs]
    np.testing.assert_allclose(*weights, rtol=1e-9, atol=1e-12)
    # In compiled code, a product and its sum are rounded once.
    assert name == "diverges" or (weights[0] != weights[1]).any(), "the plain run was compiled, too"


DATA = (RNG.normal(size=(9, 4, 2)), RNG.integers(0, 2, (9, 4, 1)), np.arange(4) < RNG.integers(1, 5, (9, 1)))
ONE = {
    "online": (GRU(2), {"task": Comparison(3), "batch_size": 1, "max_samples": 80}),
    "right": (Elman(4), {"task": Parity(2), "batch_size": 4, "seed": 2, "learning_rate": 0.03, "verify_after": 20}),
    "batches": (Elman(2), {"task": Addition(4), "batch_size": 150, "max_samples": 1200, "threads": 3}),
    "diverges": (Elman(2, "tanh"), {"task": Addition(4), "batch_size": 64, "weight_decay": 1e8, "schedule": "cosine"}),
    "rows": (Elman(2), {"data": DATA, "batch_size": 1, "max_samples": 80, "until": "samples"}),
    "blocks": (Elman(2), {"data": DATA, "batch_size": 8, "max_samples": 80, "until": "samples"}),
}


@pytest.mark.parametrize("name", ONE)
def test_one_network_trained_by_compiled_code_is_that_of_plain_python(many_cores, name, monkeypatch):
    cell, options = ONE[name]
    settings = {"dtype": "float64", "max_samples": 4000} | options
    compiled, plain = run_twice(monkeypatch, lambda: train(cell, **settings))
    assert (compiled.stopped, compiled.samples) == (plain.stopped, plain.samples)
    assert compiled.stopped == {"right": "exact", "diverges": "diverged"}.get(name, "samples")
    for (key, value), other in zip(compiled.model.weights.items(), plain.model.weights.values()):
        np.testing.assert_allclose(value, other, rtol=1e-9, atol=1e-12, err_msg=key)
    assert name == "diverges" or any((compiled.model.weights[key] != plain.model.weights[key]).any()
                                     for key in plain.model.weights)
