"""Cells with two products a step, one after the other, against Keras' equations of the GRU in NumPy."""

import numpy as np
import pytest

from fastrnn import GRU, Fits, analysis, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION
from fastrnn.exchange.c import to_c
from fastrnn.exchange.torch import to_state_dict
from tests import numpy_network as oracle
from tests.test_exchange_c import by_formula, random_weights, run
from tests.test_fit import DATA, ROLES, as_float

CELL = GRU(3, reset="before")
OPTIONS = {"roles": ROLES, "epochs": 1, "evaluate_every": 1, "optimizer": "sgd", "dtype": "float64"}


def mean_loss(w, role):
    return oracle.mean_loss(oracle.keras_gru, w, DATA, np.flatnonzero(ROLES == role))


@pytest.mark.parametrize("lanes", ["models", "sequences"])
def test_training_follows_the_gradient_of_keras_equations(lanes):
    w = train_many(CELL, DATA, learning_rate=1e-30, lanes=lanes, **OPTIONS).weights(0)
    made = train_many(CELL, DATA, learning_rate=0.5, lanes=lanes, **OPTIONS)
    gradient = oracle.numerical_gradient(lambda w: mean_loss(w, TRAIN), w)
    assert w["w_hh"].shape == (9, 3) and all(np.abs(values).max() > 1e-5 for values in gradient.values())
    after = {name: w[name] - 0.5 * gradient[name] for name in w}
    expected = [[mean_loss(each, role) for role in (TRAIN, VALIDATION, TEST)] for each in (w, after)]
    np.testing.assert_allclose(made.history()["loss"], expected, rtol=1e-8)


@pytest.fixture(scope="module")
def fits():
    return train_many(CELL, DATA, seeds=range(3), roles=ROLES, epochs=20, learning_rate=0.05, dtype="float64")


def test_predictions_steps_gates_and_files_are_those_of_keras_equations(fits, tmp_path):
    w = fits.weights(2)
    z = np.concatenate([oracle.outputs(oracle.keras_gru, w, x) for x, _, _ in DATA])
    np.testing.assert_allclose(fits.outputs(DATA)[2], z, atol=1e-12)
    h = np.concatenate([oracle.states(oracle.keras_gru, w, x) for x, _, _ in DATA])
    np.testing.assert_allclose(fits.states(DATA)[2], h, atol=1e-12)
    found = analysis.gates(fits, DATA)
    before = np.roll(h, 1, 0)
    before[DATA.offsets[:-1]] = 0
    np.testing.assert_allclose((1 - found["z"][2]) * found["n"][2] + found["z"][2] * before, h, atol=1e-12)
    # Only the right reset gate gives the candidate.
    u = w["w_hh"][6:] @ (found["r"][2] * before)[:, :, None]
    n = np.tanh(DATA.x @ w["w_ih"][6:].T + w["b_ih"][6:] + w["b_hh"][6:] + u[:, :, 0])
    np.testing.assert_allclose(found["n"][2], n, atol=1e-12)
    fits.save(tmp_path / "fits.safetensors")
    again = Fits.load(tmp_path / "fits.safetensors")
    assert again.cell == CELL and again.predict(DATA).tobytes() == fits.predict(DATA).tobytes()


def test_the_program_in_c_has_the_numbers_of_keras_equations(tmp_path):
    cell = GRU(5, reset="before")
    w, x = random_weights(cell), np.random.default_rng(2).normal(size=(1000, 2)).astype(np.float32)
    expected = oracle.outputs(oracle.keras_gru, as_float(w), x.astype(float))
    np.testing.assert_allclose(run(tmp_path, to_c(cell, w), x), expected, atol=3e-6)
    np.testing.assert_allclose(by_formula(cell, w, x.astype(float)), expected, atol=1e-12)


def test_pytorch_has_no_such_gru():
    with pytest.raises(ValueError, match="PyTorch has no module for GRU.*reset='before'"):
        to_state_dict(CELL, random_weights(CELL))
