"""Optimizers in single precision against float64, and what becomes of gradients and weights that are too large."""

import itertools

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, TrainConfig, loss_and_grad
from fastrnn.model import Model
from fastrnn.schedules import SCHEDULES, rates

CELL = Elman(3)


def data(scale=1.0, steps=4, count=4, seed=0):
    rng = np.random.default_rng(seed)
    x = (rng.uniform(0.5, 1, (count, steps, 2)) * scale).astype(np.float32)
    return x, rng.integers(0, 2, (count, steps, 1)).astype(np.float32)


def start(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"w_ih": (3, 2), "w_hh": (3, 3), "b_ih": (3,), "b_hh": (3,), "w_ho": (1, 3), "b_o": (1,)}
    return {name: rng.uniform(-0.5, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


# States of one half, whatever comes in, and outputs of one half: derivatives by w_ih are as large as the inputs.
RESTING = {
    "w_ih": np.zeros((3, 2), np.float32),
    "w_hh": np.zeros((3, 3), np.float32),
    "b_ih": np.zeros(3, np.float32),
    "b_hh": np.zeros(3, np.float32),
    "w_ho": np.full((1, 3), 8.0, np.float32),
    "b_o": np.full(1, -12.0, np.float32),
}


def both(max_samples, x, y, weights, **options):
    """Weights by name, stop and updates of `train` and of `train_many` on the whole of the data in each update."""
    options = dict(data=(x, y), weights=weights, batch_size=len(x), max_samples=max_samples, until="samples", **options)
    run, many = fastrnn.train(CELL, **options), fastrnn.train_many(CELL, seeds=[0], **options)
    return (run.model.weights, run.stopped, run.steps), (many.weights(0), many.stopped[0], int(many.steps[0]))


@pytest.mark.parametrize(
    "beta1, beta2, updates",
    # Without memory an update keeps of a gradient its sign and the rounding of the last one: the first alone.
    [*itertools.product((0.9,), (0.99, 0.999, 0.999999), (1, 5))]
    + [(0.999, 0.9999, 1), (0.999, 0.9999, 5), (0.0, 0.0, 1), (0.99999, 0.5, 1), (0.99999, 0.5, 5)],
)
def test_adam_in_single_precision_is_adam_in_double(beta1, beta2, updates):
    x, y = data()
    weights, rate, epsilon = start(9), 0.1, 1e-8
    wide = {name: weight.astype(float) for name, weight in weights.items()}
    m, v = (dict.fromkeys(wide, 0.0) for _ in range(2))
    for n in range(1, updates + 1):
        gradients = loss_and_grad(Model(CELL, wide), x, y, reduction="mean")[1]
        for name, g in gradients.items():
            m[name], v[name] = beta1 * m[name] + (1 - beta1) * g, beta2 * v[name] + (1 - beta2) * g * g
            wide[name] = wide[name] - rate * (m[name] / (1 - beta1**n)) / (np.sqrt(v[name] / (1 - beta2**n)) + epsilon)
    for got, stopped, _ in both(
        4 * updates, x, y, weights, learning_rate=rate,
        optimizer_options={"beta1": beta1, "beta2": beta2, "epsilon": epsilon},
    ):
        assert stopped == "samples"
        for name, weight in got.items():
            # Of the way that an update makes, which is about the rate, beside the rounding of the weights themselves.
            assert (np.abs(weight - wide[name]) <= updates * (2e-6 * rate + 1.2e-7 * np.abs(wide[name]))).all()


def test_a_gradient_whose_sum_of_squares_overflows_is_no_divergence():
    # All entries of w_ih's gradient lie near 1e19: their squares are finite, the sum of them is not.
    weights = RESTING
    x, y = data(scale=2.5e19)
    gradient = loss_and_grad(Model(CELL, weights), x, y, reduction="sum")[1]["w_ih"].astype(float)
    assert np.abs(gradient).max() < 2.0**64 and (gradient**2).sum() > np.finfo(np.float32).max
    for options in ({"reduction": "sum"}, {"reduction": "sum", "max_grad_norm": 1.0}):
        for got, stopped, steps in both(4, x, y, weights, optimizer="sgd", learning_rate=1e-20, **options):
            assert (stopped, steps) == ("samples", 1)
            wide = {name: g.astype(float) for name, g in loss_and_grad(Model(CELL, weights), x, y)[1].items()}
            norm = np.sqrt(sum((g**2).sum() for g in wide.values()))
            factor = 1e-20 * min(1.0, options.get("max_grad_norm", np.inf) / norm)
            assert (
                np.abs(got["w_ih"] - (weights["w_ih"] - factor * wide["w_ih"])).max()
                <= 1e-6 * factor * np.abs(wide["w_ih"]).max()
            )


def test_neither_is_an_entry_whose_square_overflows():
    weights = RESTING
    x, y = data(scale=1e22)
    for options in ({}, {"max_grad_norm": 1.0}):
        for got, stopped, steps in both(
            40, x, y, weights, optimizer="sgd", learning_rate=1e-30, reduction="sum", **options
        ):
            assert (stopped, steps) == ("samples", 10) and all(np.isfinite(got[name]).all() for name in weights)
            assert not np.array_equal(got["w_ih"], weights["w_ih"])


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer_options={"beta1": 5.0}),
        dict(optimizer_options={"beta1": 1.5}),
        pytest.param(dict(optimizer="momentum", optimizer_options={"beta": 9.0}), marks=pytest.mark.slow),
        dict(learning_rate=3e38),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 16])
def test_weights_that_overflow_are_a_divergence_before_which_training_ends(options, batch_size):
    options = {"max_samples": 600 * batch_size, "batch_size": batch_size, "until": "samples", **options}
    run = fastrnn.train(Elman(8), **options)
    many = fastrnn.train_many(Elman(8), seeds=[0], **options)
    assert run.stopped == many.stopped[0] == "diverged" and run.steps < 600
    for weights in (run.model.weights, many.weights(0)):
        assert all(np.isfinite(weight).all() for weight in weights.values())
    # The results are the weights after this number of updates, and one more ends in the same place.
    again = fastrnn.train(Elman(8), **{**options, "max_samples": max(1, run.steps) * batch_size})
    assert run.steps == 0 or all(
        np.array_equal(run.model.weights[name], weight) for name, weight in again.model.weights.items()
    )
    more = fastrnn.train(Elman(8), **{**options, "max_samples": (run.steps + 1) * batch_size})
    assert more.steps == run.steps or more.stopped == "samples"
    first = fastrnn.train_many(
        Elman(8), seeds=[0], **{**options, "max_samples": max(1, int(many.steps[0])) * batch_size}
    )
    assert many.steps[0] == 0 or all(
        np.array_equal(many.weights(0)[name], weight) for name, weight in first.weights(0).items()
    )


@pytest.mark.parametrize("batch_size", [1, 16])
@pytest.mark.parametrize("hidden", [3, 8])
def test_units_that_are_none_stay_so_whatever_an_optimizer_makes_of_them(hidden, batch_size):
    # Lanes and rows past the last unit have no gradient, which this epsilon nearly divides by 0.
    options = dict(
        optimizer_options={"epsilon": 1.2e-38},
        max_samples=20 * batch_size,
        batch_size=batch_size,
        until="samples",
        dtype="float32",
    )
    run, many = fastrnn.train(Elman(hidden), **options), fastrnn.train_many(Elman(hidden), seeds=[0], **options)
    assert (
        run.stopped == many.stopped[0] == "samples"
        and np.isfinite(run.history.loss).all()
        and np.isfinite(many.history(0).loss).all()
    )


def test_an_epsilon_that_is_0_in_the_weights_dtype_is_refused():
    for epsilon, dtype in ((0.0, "float32"), (0, "float64"), (1e-50, "float32"), (1e-310, "float64")):
        with pytest.raises(
            ValueError,
            match=f"^optimizer_options: got epsilon={epsilon}, expected at least "
            "(1.2e-38 in float32|2.2e-308 in float64)$",
        ):
            TrainConfig(optimizer_options={"epsilon": epsilon}, dtype=dtype)
    TrainConfig(optimizer_options={"epsilon": 1e-50}, dtype="float64")
    with pytest.raises(ValueError, match="optimizer_options: got epsilon=0.0"):
        fastrnn.train_many(seeds=[1, 2], optimizer_options={"epsilon": [1e-8, 0]})


def test_schedules_are_functions_of_the_update_over_their_number():
    total = 10
    wanted = {
        "constant": [1.0] * 10,
        "linear": [1 - n / 10 for n in range(10)],
        "cosine": [(1 + np.cos(np.pi * n / 10)) / 2 for n in range(10)],
        "drop": [1.0] * 7 + [0.3] * 3,
        "exponential": [10 ** (-2 * n / 10) for n in range(10)],
    }
    assert {*wanted} == {*SCHEDULES}
    for name, factors in wanted.items():
        got = rates(name, 0.5, 0, total, total)
        assert got.dtype == np.float64 and np.abs(got - 0.5 * np.array(factors)).max() < 1e-15
        assert np.array_equal(got[3:7], rates(name, 0.5, 3, 4, total))
        # A quarter of the rate, a half and so on; then the schedule of the six that are left.
        warmed = rates(name, 0.5, 0, total, total, warmup=4)
        expected = [0.125, 0.25, 0.375, 0.5, *rates(name, 0.5, 0, 6, 6)]
        assert np.abs(warmed - expected).max() < 1e-15
        assert np.array_equal(warmed[3:7], rates(name, 0.5, 3, 4, total, warmup=4))
    # The last update still learns; the one after it would not.
    assert (
        rates("linear", 1.0, 9, 1, total)[0] == 1 - 9 / 10
        and rates("linear", 1.0, 10, 1, total)[0] == 0
        and rates("cosine", 1.0, 10, 1, total)[0] == 0
    )
    assert rates("linear", 2.0, 0, 1, 1)[0] == 2.0


def test_training_follows_the_linear_schedule():
    x, y = data()
    weights = start()
    # A rate of 1e-3 changes the gradients by less than what is looked at: the way is the sum of the rates.
    (got, _, _), (many, _, _) = both(16, x, y, weights, optimizer="sgd", learning_rate=1e-4, schedule="linear")
    gradient = loss_and_grad(Model(CELL, weights), x, y, reduction="mean")[1]["b_o"][0]
    for after in (got, many):
        assert abs((weights["b_o"][0] - after["b_o"][0]) / gradient - 1e-4 * (1 + 0.75 + 0.5 + 0.25)) < 2e-5
