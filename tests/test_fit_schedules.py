"""Learning rates over the epochs of a fit, and the limit of a gradient's norm, against independent float64 updates."""

import numpy as np
import pytest

from fastrnn import GRU, FitConfig, Sequences, train_many
from fastrnn.data import TRAIN, VALIDATION
from tests import numpy_network as oracle
from tests.test_fit import DATA, ROLES

COMMON = {"roles": ROLES, "optimizer": "sgd", "dtype": "float64", "patience": None, "seeds": [3]}


def descended(w, rate_of, epochs):
    """[(training loss, validation loss)] before each epoch of gradient descent; rate_of(epoch, losses so far)."""
    training, validating = (np.flatnonzero(ROLES == role) for role in (TRAIN, VALIDATION))
    losses = []
    for epoch in range(epochs + 1):
        losses.append([oracle.mean_loss(oracle.gru, w, DATA, chosen) for chosen in (training, validating)])
        gradient = oracle.numerical_gradient(lambda w: oracle.mean_loss(oracle.gru, w, DATA, training), w)
        rate = rate_of(epoch, np.array(losses))
        w = {name: values - rate * gradient[name] for name, values in w.items()}
    return np.array(losses)


@pytest.fixture(scope="module")
def start():
    return train_many(GRU(2), DATA, epochs=1, evaluate_every=1, learning_rate=1e-30, **COMMON).weights(0)


@pytest.mark.parametrize("lanes", ["models", pytest.param("sequences", marks=pytest.mark.slow)])
def test_the_rate_falls_on_a_plateau_after_a_warmup(start, lanes):
    epochs, every, warmup, patience, factor, delta, rate = 24, 2, 3, 2, 0.25, 0.003, 3.0
    state = {"best": np.inf, "waited": 0, "rate": rate}
    reductions = []

    def rate_of(epoch, losses):
        if epoch % every == 0:
            validation = losses[-1, 1]
            if validation < state["best"] - delta:
                state["best"], state["waited"] = validation, 0
            else:
                state["waited"] += 1
            if state["waited"] == patience:
                state["rate"], state["waited"] = state["rate"] * factor, 0
                reductions.append(epoch)
        return state["rate"] * min(1, (epoch + 1) / warmup)

    expected = descended(start, rate_of, epochs)[::every]
    assert len(reductions) >= 2 and np.diff(reductions).max() > patience * every
    made = train_many(
        GRU(2), DATA, epochs=epochs, evaluate_every=every, schedule="plateau", plateau_patience=patience, warmup=warmup,
        plateau_factor=factor, min_delta=delta, learning_rate=rate, lanes=lanes, **COMMON,
    )
    np.testing.assert_allclose(made.history(0)["loss"][:, :2], expected, rtol=1e-6)


def test_plateaus_are_those_of_each_model_alone():
    options = {**COMMON, "epochs": 40, "evaluate_every": 2, "min_delta": 0.02, "learning_rate": 2.0, "warmup": 3}
    many = train_many(GRU(2), DATA, schedule="plateau", plateau_patience=2, **{**options, "seeds": range(11)})
    for i in (0, 7):
        alone = train_many(GRU(2), DATA, schedule="plateau", plateau_patience=2, **{**options, "seeds": [i]}, threads=1)
        assert alone._histories[0].tobytes() == many._histories[i].tobytes()


def test_warmup_comes_before_the_schedule_also_for_batches(start):
    epochs, warmup = 8, 3
    factors = [1 / 3, 2 / 3, 1, *((1 + np.cos(np.pi * n / 5)) / 2 for n in range(5)), 0]
    expected = descended(start, lambda epoch, losses: factors[epoch], epochs)
    for how in ({}, {"batch_size": 100}):
        made = train_many(
            GRU(2), DATA, epochs=epochs, evaluate_every=1, schedule="cosine", warmup=warmup, learning_rate=1.0,
            **how, **COMMON,
        )
        np.testing.assert_allclose(made.history(0)["loss"][:, :2], expected, rtol=1e-6)


SHAPES = {"w_ih": (6, 2), "w_hh": (6, 2), "b_ih": (6,), "b_hh": (6,), "w_ho": (1, 2), "b_o": (1,)}


@pytest.mark.parametrize("lanes", ["models", "sequences"])
@pytest.mark.parametrize("dtype, large", [("float32", 1e18), ("float64", 1e153)])
def test_gradients_whose_squares_overflow_are_scaled_down_all_the_same(lanes, dtype, large):
    """One update by a gradient of norm 1 changes weights by the rate in all."""
    x, y = [np.full((4, 2), 100.0), np.full((3, 2), 100.0)], [np.full((4, 1), large), np.full((3, 1), large / 2)]
    start = {name: np.zeros(shape) for name, shape in SHAPES.items()} | {"w_ho": np.ones((1, 2))}
    # Far enough to lower a loss as large as this.
    rate = large / 100
    made = train_many(
        GRU(2), Sequences(x, y), roles=[TRAIN, TRAIN], epochs=1, evaluate_every=1, optimizer="sgd", lanes=lanes,
        dtype=dtype, weights=start, max_grad_norm=1.0, learning_rate=rate,
    )
    assert made.best_epoch[0] == 1 and made.loss[0, 0] < made.history(0)["loss"][0, 0] < np.inf
    # In numbers that have squares.
    moved = [(made.weights(0)[name] - values) / rate for name, values in start.items()]
    assert np.sqrt(sum((each.astype(float) ** 2).sum() for each in moved)) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"plateau_factor": 1.0}, "plateau_factor: got 1, expected a number above 0 and below 1"),
        ({"plateau_factor": 0}, "plateau_factor: got 0, expected a number above 0 and below 1"),
        ({"schedule": "flat"}, "schedule: got 'flat', expected one of constant, linear, cosine, drop, exponential"),
        ({"warmup": -1}, "warmup: got -1, expected an integer of at least 0"),
    ],
)
def test_schedules_that_make_no_sense_are_named(options, message):
    with pytest.raises(ValueError) as error:
        FitConfig(**options)
    assert str(error.value).startswith(message)
