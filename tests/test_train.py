"""Training against plain NumPy loops over the same data, and what a run promises: same bytes, stops, history."""

import dataclasses
import json
import re
import signal

import numpy as np
import pytest

import numpy_elman as oracle
from fastrnn import Elman, TrainConfig, train
from fastrnn.initializers import INITIALIZERS, initial_weights
from fastrnn.losses.base import losses
from fastrnn.optimizers.base import optimizers
from fastrnn.schedules import SCHEDULES
from fastrnn.tasks import Addition
from fastrnn.train import loop, stretches
from fastrnn.train.stretches import Stretches

# Decimals of float64 that survive some dozens of updates in another order of additions.
TIGHT = 1e-11


def philox(seed, stream, counter, count):
    return np.random.Philox(key=[seed, stream], counter=[0, counter, 0, 0]).random_raw(count)


def drawn_sums(seed, first, count, bits=8):
    """(x, y) of training samples `first` and on: 64 samples share the bits of one word a step and operand."""
    x, y = np.zeros((count, bits, 2)), np.zeros((count, bits, 1))
    for row, n in enumerate(range(first, first + count)):
        words = philox(seed, 0, n // 64, 2 * bits).reshape(bits, 2)
        words[-1] = 0
        plane = (words >> np.uint64(n % 64)) & np.uint64(1)
        a, b = (sum(int(bit) << t for t, bit in enumerate(plane[:, i])) for i in (0, 1))
        x[row] = plane
        y[row, :, 0] = [(a + b) >> t & 1 for t in range(bits)]
    return x, y


def drawn_rows(seed, first, count, rows):
    return [int(philox(seed, 1, n, 1)[0] % rows) for n in range(first, first + count)]


def uniform_weights(seed, hidden, bias, inputs=2, outputs=1):
    rng = np.random.Generator(np.random.Philox(key=[seed, 2]))
    weights = {}
    for name, shape in (("w_ih", (hidden, inputs)), ("w_hh", (hidden, hidden)), ("b_ih", hidden), ("b_hh", hidden),
                        ("w_ho", (outputs, hidden)), ("b_o", outputs)):
        if name[0] == "w":
            weights[name] = rng.uniform(-1, 1, shape)
        elif bias:
            weights[name] = np.zeros(shape)
    return weights


class PlainSGD:
    rate = 0.1

    def step(self, name, w, g, rate, n):
        return w - rate * g


class PlainMomentum:
    rate = 0.02

    def __init__(self, beta=0.9):
        self.beta, self.m = beta, {}

    def step(self, name, w, g, rate, n):
        self.m[name] = self.beta * self.m.get(name, 0) + g
        return w - rate * self.m[name]


class PlainAdam:
    rate = 0.1

    def __init__(self, beta1=0.9, beta2=0.99, epsilon=1e-8):
        self.beta1, self.beta2, self.epsilon, self.m, self.v = beta1, beta2, epsilon, {}, {}

    def step(self, name, w, g, rate, n):
        self.m[name] = self.beta1 * self.m.get(name, 0) + (1 - self.beta1) * g
        self.v[name] = self.beta2 * self.v.get(name, 0) + (1 - self.beta2) * g * g
        m, v = self.m[name] / (1 - self.beta1**n), self.v[name] / (1 - self.beta2**n)
        return w - rate * m / (np.sqrt(v) + self.epsilon)


PLAIN = {"sgd": PlainSGD, "momentum": PlainMomentum, "adam": PlainAdam}
FACTORS = {
    "constant": lambda p: 1,
    "linear": lambda p: 1 - p,
    "cosine": lambda p: (1 + np.cos(np.pi * p)) / 2,
    "drop": lambda p: 1 if p < 0.7 else 0.3,
}


def descend(weights, batch_of, updates, batch_size, optimizer, rate=None, clip=None, schedule="constant", reduction="mean",
            saturation=0.0, loss="squared", activation="sigmoid"):
    """(weights, mean loss of each update) of plain training; batch_of(update) gives (x, y, mask)."""
    weights, values = dict(weights), []
    rate = optimizer.rate if rate is None else rate
    for n in range(updates):
        value, gradients = oracle.loss_and_grad(weights, activation, loss, *batch_of(n), saturation=saturation)
        values.append(value / batch_size)
        if reduction == "mean":
            gradients = {name: g / batch_size for name, g in gradients.items()}
        norm = np.sqrt(sum((g * g).sum() for g in gradients.values()))
        if clip is not None and norm > clip:
            gradients = {name: g * clip / norm for name, g in gradients.items()}
        for name in weights:
            weights[name] = optimizer.step(name, weights[name], gradients[name], rate * FACTORS[schedule](n / updates), n + 1)
    return weights, np.array(values)


def assert_weights(run, wanted, tolerance=TIGHT):
    assert set(run.model.weights) == set(wanted)
    for name, weight in wanted.items():
        np.testing.assert_allclose(run.model.weights[name], weight, rtol=0, atol=tolerance * np.abs(weight).max(), err_msg=name)


SETTINGS = {
    "the tutorial's: one sample an update, sums": dict(optimizer="sgd", batch_size=1, reduction="sum", updates=150),
    "one sample an update, clipped, the rate falling": dict(
        optimizer="sgd", batch_size=1, clip=0.3, schedule="linear", bias=True, updates=60, rate=0.5),
    "batches of 3": dict(optimizer="sgd", batch_size=3, rate=0.3),
    "batches of 16, sums": dict(optimizer="sgd", batch_size=16, reduction="sum", rate=0.02, bias=True),
    "batches of 40, by steps": dict(optimizer="sgd", batch_size=40, schedule="drop", rate=1.0),
    "batches of 100": dict(optimizer="sgd", batch_size=100, bias=True, rate=0.5, updates=12),
    "batches of 700, in more blocks than groups": dict(optimizer="sgd", batch_size=700, updates=3),
    "other seed and width": dict(optimizer="sgd", batch_size=5, seed=2**40 + 7, hidden=19, bits=11, rate=0.4),
    "momentum": dict(optimizer="momentum", batch_size=16, bias=True),
    "momentum with its own constant, clipped": dict(optimizer="momentum", batch_size=3, constants={"beta": 0.5}, clip=0.1, rate=0.3),
    "adam": dict(optimizer="adam", batch_size=16, bias=True),
    "adam, along a cosine": dict(optimizer="adam", batch_size=40, schedule="cosine"),
    "adam with its own constants, sums, clipped": dict(
        optimizer="adam", batch_size=3, reduction="sum", clip=1.0, constants={"beta1": 0.7, "beta2": 0.999, "epsilon": 0.01}),
    "adam, units pressed to their extremes": dict(optimizer="adam", batch_size=16, saturation=0.01),
}


def test_the_settings_cover_every_optimizer_and_schedule():
    assert {setting["optimizer"] for setting in SETTINGS.values()} == set(optimizers()) == set(PLAIN)
    assert {setting.get("schedule", "constant") for setting in SETTINGS.values()} == set(SCHEDULES) == set(FACTORS)


@pytest.mark.parametrize("setting", SETTINGS)
def test_weights_are_those_of_a_plain_loop_over_the_same_data(setting):
    given = {"updates": 40, "seed": 3, "hidden": 16, "bits": 8, "bias": False, "constants": {}, "rate": None, **SETTINGS[setting]}
    options = {key: given[key] for key in ("clip", "schedule", "reduction", "saturation") if key in given}
    size, updates, seed, bits = given["batch_size"], given["updates"], given["seed"], given["bits"]
    wanted, values = descend(
        uniform_weights(seed, given["hidden"], given["bias"]), lambda n: drawn_sums(seed, n * size, size, bits), updates, size,
        PLAIN[given["optimizer"]](**given["constants"]), given["rate"], **options)
    run = train(Elman(given["hidden"], bias=given["bias"]), Addition(bits), dtype="float64", until="samples", seed=seed,
                optimizer=given["optimizer"], learning_rate=given["rate"], constants=given["constants"], batch_size=size,
                max_samples=updates * size, **options)
    assert (run.stopped, run.steps, run.samples) == ("samples", updates, updates * size)
    assert_weights(run, wanted)
    per_entry = max(1, 256 // size)
    means = [values[first : first + per_entry].mean() for first in range(0, updates, per_entry)]
    np.testing.assert_allclose(run.history.loss, means, rtol=TIGHT)


def test_accuracies_are_counted_before_the_updates():
    weights = uniform_weights(4, 16, True)
    run = train(dtype="float64", until="samples", optimizer="sgd", learning_rate=1e-300, seed=4, batch_size=32, max_samples=512)
    x, y = drawn_sums(4, 0, 512)
    right = (oracle.forward(weights, "sigmoid", x)[0] > 0) == (y > 0.5)
    np.testing.assert_allclose(run.history.bit_accuracy, right.reshape(2, -1).mean(1), rtol=1e-15)
    np.testing.assert_allclose(run.history.exact_accuracy, right.all((1, 2)).reshape(2, -1).mean(1), rtol=0, atol=0)


def same(run, other):
    """Whether two runs are the same bytes, but for the time they took."""
    columns = [name for name in run.history._fields if name != "seconds"]
    return (
        (run.stopped, run.steps, run.samples) == (other.stopped, other.steps, other.samples)
        and all(run.model.weights[name].tobytes() == weight.tobytes() for name, weight in other.model.weights.items())
        and all(getattr(run.history, name).tobytes() == getattr(other.history, name).tobytes() for name in columns)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [64, 100, 1000])
def test_threads_do_not_change_a_byte(batch_size, dtype):
    options = dict(dtype=dtype, batch_size=batch_size, max_samples=50 * batch_size, until="samples", seed=6)
    one, two, four = (train(threads=threads, **options) for threads in (1, 2, 4))
    assert same(one, two) and same(one, four)


def test_how_training_is_cut_into_calls_does_not_change_a_byte(monkeypatch):
    runs = []
    for first, seconds in ((64, 0.05), (1, 0.0), (1, 0.05), (3, 1e9), (10**6, 0.05)):
        monkeypatch.setattr(loop, "FIRST_CHUNK", first)
        monkeypatch.setattr(loop, "CHUNK_SECONDS", seconds)
        for options in (dict(until="exact"), dict(until="samples", max_samples=3000), dict(until="samples", max_samples=500, batch_size=1)):
            runs.append(train(seed=8, **options))
    for i in range(3, len(runs)):
        assert same(runs[i], runs[i % 3])
    assert runs[0].stopped == "exact"


def test_the_seed_decides_everything():
    options = dict(max_samples=1000, until="samples")
    runs = [train(seed=seed, **options) for seed in (1, 1, 2, 2**63 - 1)]
    assert same(runs[0], runs[1])
    assert len({run.model.weights["w_ih"].tobytes() for run in runs}) == 3
    # The data, too, and not the weights alone.
    start = uniform_weights(0, 16, True)
    runs = [train(seed=seed, weights=start, **options) for seed in (1, 2)]
    assert not same(*runs)


def all_sums():
    a, b = (n.reshape(-1, 1) for n in np.divmod(np.arange(2**14), 128))
    bits = np.arange(8)
    return np.stack([a >> bits & 1, b >> bits & 1], 2).astype(float), (a + b >> bits & 1).astype(bool)


def assert_exact(seeds):
    x, y = all_sums()
    for seed in seeds:
        run = train(seed=seed)
        assert run.stopped == "exact" and run.exact, f"seed {seed} stopped: {run.stopped}"
        assert run.verification.samples == 2**14 and run.verification.exhaustive
        weights = {name: weight.astype(float) for name, weight in run.model.weights.items()}
        z = oracle.forward(weights, "sigmoid", x)[0][:, :, 0]
        assert np.array_equal(z > 0, y), f"seed {seed} is wrong in {((z > 0) != y).any(1).sum()} sums"


def test_the_default_recipe_becomes_exact():
    assert_exact(range(20))


@pytest.mark.slow
def test_the_default_recipe_becomes_exact_for_many_seeds():
    assert_exact(range(20, 220))


# float64, as most tests here, so that kernels are compiled once.
@pytest.mark.parametrize("loss", losses())
@pytest.mark.parametrize("optimizer", optimizers())
def test_every_optimizer_reduces_every_loss_from_every_start(optimizer, loss):
    for initializer in INITIALIZERS:
        run = train(dtype="float64", optimizer=optimizer, loss=loss, initializer=initializer, until="samples", max_samples=8000)
        loss_before, loss_after = run.history.loss[0], run.history.loss[-4:].mean()
        assert run.stopped == "samples" and loss_after < 0.95 * loss_before, (initializer, loss_before, loss_after)


def shapes(hidden):
    return {"w_ih": (hidden, 3), "w_hh": (hidden, hidden), "b_ih": (hidden,), "b_hh": (hidden,), "w_ho": (2, hidden), "b_o": (2,)}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_weights_fit_and_depend_on_the_seed(name):
    for hidden in (1, 2, 17):
        first, second = initial_weights(name, shapes(hidden), 5), initial_weights(name, shapes(hidden), 5)
        other = initial_weights(name, shapes(hidden), 6)
        assert {key: w.shape for key, w in first.items()} == shapes(hidden)
        assert all(np.array_equal(first[key], second[key]) for key in first)
        assert not np.array_equal(first["w_ih"], other["w_ih"]) and not any(first[key].any() for key in ("b_ih", "b_hh", "b_o"))


def test_initial_weights_have_the_ranges_of_their_formulas():
    hidden = 200
    uniform, xavier, orthogonal = (initial_weights(name, shapes(hidden), 1) for name in ("uniform", "xavier", "orthogonal"))
    for weights, bound in ((uniform, dict.fromkeys(("w_ih", "w_hh", "w_ho"), 1.0)),
                           (xavier, {"w_ih": np.sqrt(6 / 203), "w_hh": np.sqrt(6 / 400), "w_ho": np.sqrt(6 / 202)})):
        for name, most in bound.items():
            # Some hundred draws at least: the largest comes close to the bound.
            assert 0.97 * most < np.abs(weights[name]).max() <= most
    np.testing.assert_allclose(orthogonal["w_hh"] @ orthogonal["w_hh"].T, np.eye(hidden), atol=1e-13)
    np.testing.assert_allclose(orthogonal["w_hh"].T @ orthogonal["w_hh"], np.eye(hidden), atol=1e-13)
    # Haar measure has no preferred sign: without the correction QR's diagonals have one.
    assert 60 < (np.diag(orthogonal["w_hh"]) > 0).sum() < 140


ABSURD = dict(optimizer="sgd", learning_rate=1e30, until="samples", max_samples=2000, dtype="float32")


@pytest.mark.parametrize("seed, first_chunk", [(seed, chunk) for seed in (0, 1) for chunk in (1, 2, 64)])
def test_divergence_leaves_the_last_weights_with_a_finite_loss(seed, first_chunk, monkeypatch):
    # relu, since its states have no bound; a first chunk of 1 or 2 puts the bad update at the end of a call.
    monkeypatch.setattr(loop, "FIRST_CHUNK", first_chunk)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)
    cell = Elman(16, "relu")
    run = train(cell, seed=seed, **ABSURD)
    assert run.stopped == "diverged" and not run.exact
    assert all(np.isfinite(weight).all() for weight in run.model.weights.values())
    assert run.samples == 16 * run.steps == (run.history.samples[-1] if run.steps else 0)
    start = initial_weights("uniform", shapes_of(run), seed)
    if run.steps:
        start = train(cell, seed=seed, **{**ABSURD, "max_samples": run.samples}).model.weights
    for name, weight in start.items():
        assert np.array_equal(run.model.weights[name], weight.astype(np.float32))


def shapes_of(run):
    return {name: weight.shape for name, weight in run.model.weights.items()}


@pytest.mark.parametrize("first_chunk", [1, 5, 6, 7, 64])
def test_divergence_after_good_updates_is_the_same_however_training_is_cut(first_chunk, monkeypatch):
    monkeypatch.setattr(loop, "FIRST_CHUNK", first_chunk)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 1e9)
    # Explodes slowly: the weights grow past float32 in the sixth update or so.
    rising = lambda name, rate, first, count, total: 1e-3 * np.where(first + np.arange(count) < 6, 1.0, 1e33)
    monkeypatch.setattr(loop, "rates", rising)
    options = dict(optimizer="sgd", until="samples", seed=1)
    run = train(Elman(16, "relu"), max_samples=1600, **options)
    good = train(Elman(16, "relu"), max_samples=16 * 6, **options)
    assert run.stopped == "diverged" and run.steps == 6
    assert same(dataclasses.replace(run, stopped="samples"), good)


def test_weights_that_are_not_finite_or_do_not_fit_are_refused():
    weights = uniform_weights(0, 16, True)
    for change, message in (({"w_ih": weights["w_ih"] * np.nan}, "w_ih: holds values that are not finite"),
                            ({"w_hh": np.zeros((16, 15))}, r"w_hh: got shape \(16, 15\), expected \(16, 16\)"),
                            ({"w_xx": np.zeros(3)}, "weights: got b_hh, b_ih, b_o, w_hh, w_ho, w_ih, w_xx, expected")):
        with pytest.raises(ValueError, match=message):
            train(weights={**weights, **change})


def test_training_starts_from_the_weights_it_is_given():
    weights = uniform_weights(77, 16, True)
    before = {name: weight.copy() for name, weight in weights.items()}
    run = train(weights=weights, dtype="float64", optimizer="sgd", until="samples", max_samples=160)
    assert_weights(run, descend(weights, lambda n: drawn_sums(0, 16 * n, 16), 10, 16, PlainSGD())[0])
    assert all(np.array_equal(weights[name], before[name]) for name in weights)


def user_data(count=50, steps=7):
    """Ragged sequences of real numbers; the target is whether the last two together are positive."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (count, steps, 1))
    late = np.concatenate([np.zeros((count, 1, 1)), x[:, :-1]], 1)
    y = (x + late > 0).astype(float)
    mask = (np.arange(steps) < rng.integers(1, steps + 1, (count, 1))).astype(float)
    return x, y, mask


def test_the_whole_of_the_users_data_is_plain_gradient_descent():
    x, y, mask = user_data()
    copies = x.copy(), y.copy(), mask.copy()
    run = train(Elman(6), data=(x, y, mask), dtype="float64", optimizer="sgd", learning_rate=0.5, batch_size=50,
                max_samples=50 * 30, until="samples")
    assert_weights(run, descend(uniform_weights(0, 6, True, inputs=1), lambda n: (x, y, mask), 30, 50, PlainSGD(), 0.5)[0])
    assert all(np.array_equal(a, b) for a, b in zip(copies, (x, y, mask)))
    assert run.model.task is None and run.verification is None


@pytest.mark.parametrize("batch_size", [1, 8, 40])
def test_batches_are_drawn_from_the_users_data_with_replacement(batch_size):
    x, y, mask = user_data()
    options = dict(data=(x, y, mask), dtype="float64", optimizer="sgd", learning_rate=0.5, batch_size=batch_size, seed=9,
                   max_samples=30 * batch_size, until="samples")

    def batch_of(n):
        rows = drawn_rows(9, n * batch_size, batch_size, 50)
        return x[rows], y[rows], mask[rows]

    run = train(Elman(6), **options)
    assert_weights(run, descend(uniform_weights(9, 6, True, inputs=1), batch_of, 30, batch_size, PlainSGD(), 0.5)[0])
    assert same(run, train(Elman(6), **options)) and same(run, train(Elman(6), threads=4, **options))


def test_a_mapping_of_the_users_own_is_learnt_until_it_is_right():
    x, y, mask = user_data()
    # What the mask leaves out may be anything finite.
    y = np.where(mask[:, :, None] > 0, y, -5)
    run = train(Elman(12), data=(x, y, mask), dtype="float64", optimizer="sgd", learning_rate=3.0, batch_size=50,
                max_samples=2_000_000)
    assert run.stopped == "exact" and run.steps < 40_000
    asked = mask > 0
    assert np.array_equal(run.model.predict(x)[asked] > 0.5, y[asked] > 0.5)


def test_a_wrong_network_does_not_count_as_exact():
    x = np.zeros((40, 3, 1))
    y = np.zeros((40, 3, 1))
    y[0] = 1  # the same input with another target: nothing can be right on all of them
    run = train(Elman(6), data=(x, y), dtype="float64", optimizer="sgd", batch_size=2, patience=10, max_samples=2000)
    assert run.stopped == "samples" and run.samples == 2000


@pytest.mark.parametrize("change, message", [
    (lambda x, y, m: (x, y + 0.01, m), r"y: holds values outside \[0, 1\], the range of the outputs"),
    (lambda x, y, m: (x, y - 0.01, m), r"y: holds values outside \[0, 1\], the range of the outputs"),
    (lambda x, y, m: (x * np.inf, y, m), "x: holds values that are not finite; set them to 0 and use mask to leave them out"),
    (lambda x, y, m: (x, y * np.nan, 0 * m), "y: holds values that are not finite"),
    (lambda x, y, m: (x, y, m * np.nan), "mask: holds values that are not finite"),
    (lambda x, y, m: (x[1:], y, m), r"y: got shape \(50, 7, 1\), expected \(49, 7\) as batch and time, as in x"),
    (lambda x, y, m: (x, y, m.T), r"mask: got shape \(7, 50\), expected \(50, 7\), the batch and time of x"),
    (lambda x, y, m: (x[:, :, 0], y, m), r"x: got shape \(50, 7\), expected \(batch, time, 7\)"),
    (lambda x, y, m: (x[:, :0], y[:, :0], m[:, :0]), "x: got shape .* time of at least 1"),
])
def test_data_that_make_no_sense_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        train(data=change(*user_data()))


def test_history_has_one_entry_a_stretch():
    run = train(until="samples", max_samples=10_000, batch_size=48)
    history = run.history
    assert {len(column) for column in history} == {42}  # 209 updates in stretches of 5, 256 // 48
    assert (run.stopped, run.steps, run.samples) == ("samples", 209, 209 * 48)
    assert history.step[-1] == run.steps and np.array_equal(history.samples, 48 * history.step)
    assert (np.diff(history.step) == 5)[:-1].all() and (np.diff(history.seconds) > 0).all()
    assert 0 < history.seconds[0] and history.seconds[-1] <= run.seconds
    assert history.loss[-1] < history.loss[0]


def test_max_samples_below_one_batch_make_one_update():
    run = train(until="samples", max_samples=5, batch_size=16)
    assert (run.stopped, run.steps, run.samples) == ("samples", 1, 16)


def plain_stretches(batch_size, statistics, seconds):
    """What Stretches holds, update by update."""
    length, rows = max(1, 256 // batch_size), []
    for row, second in zip(statistics.tolist(), seconds.tolist()):
        if not rows or rows[-1][0] == length:
            if len(rows) == stretches.MOST:
                pairs = zip(rows[::2], rows[1::2])
                rows = [[a + b for a, b in zip(first[:5], second[:5])] + [second[5]] for first, second in pairs]
                length *= 2
            rows.append([0, 0.0, 0.0, 0.0, 0.0, 0.0])
        rows[-1] = [rows[-1][0] + 1, *(a + b for a, b in zip(rows[-1][1:5], row)), second]
    return length, rows


@pytest.mark.parametrize("batch_size, updates", [(1, 30_000), (16, 5000), (100, 1000), (300, 300), (256, 1)])
def test_history_does_not_depend_on_how_updates_were_cut_into_calls(batch_size, updates, monkeypatch):
    monkeypatch.setattr(stretches, "MOST", 16)
    rng = np.random.default_rng(4)
    statistics, seconds = rng.random((updates, 4)), np.cumsum(rng.random(updates))
    length, rows = plain_stretches(batch_size, statistics, seconds)
    assert 1 <= len(rows) <= 16 and sum(row[0] for row in rows) == updates
    for cuts in ([], [1, 2, 3, 300], range(7, updates, 7), np.sort(rng.integers(0, updates, 50)), np.arange(updates)):
        whole = Stretches(batch_size)
        for part in np.split(np.arange(updates), cuts):
            # Sometimes through what a checkpoint keeps.
            whole = Stretches(batch_size, whole.saved()) if len(part) % 2 else whole
            whole.add(statistics[part], seconds[part])
        assert (whole.length, whole.rows) == (length, rows)
    history = whole.history()
    np.testing.assert_allclose((history.loss * np.diff(history.samples, prepend=0)).sum(), statistics[:, 0].sum(), rtol=1e-12)
    assert history.samples[-1] == updates * batch_size and history.seconds[-1] == seconds[-1]


@pytest.mark.parametrize("updates", [1, 5, 16, 17, 256, 257, 272])
def test_the_last_update_can_be_taken_back(updates, monkeypatch):
    monkeypatch.setattr(stretches, "MOST", 16)
    statistics, seconds = np.random.default_rng(5).random((updates, 4)), np.arange(updates) + 1.0
    for cut in {0, updates // 2, updates - 1}:
        whole, short = Stretches(16), Stretches(16)
        for part in (slice(0, cut), slice(cut, updates)):
            whole.add(statistics[part], seconds[part])
        whole.drop_last()
        short.add(statistics[:-1], seconds[:-1])
        assert (whole.length, whole.rows) == (short.length, short.rows)


def test_progress_is_told_samples_loss_and_accuracy():
    told = []
    run = train(until="samples", max_samples=64_000, progress=lambda *values: told.append(values))
    samples = [values[0] for values in told]
    assert samples[0] == loop.FIRST_CHUNK * 16 and samples[-1] == run.samples == 64_000
    assert all(a < b for a, b in zip(samples, samples[1:]))
    assert told[0][1] > told[-1][1] and told[-1][2] == 1 and all(0 <= exact <= 1 for _, _, exact in told)


def test_an_exception_in_progress_reaches_the_caller():
    before = signal.getsignal(signal.SIGINT)

    def progress(samples, loss, exact):
        raise LookupError("from progress")

    with pytest.raises(LookupError, match="from progress"):
        train(progress=progress)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_ends_training_with_everything_consistent():
    before = signal.getsignal(signal.SIGINT)
    run = train(until="samples", max_samples=10**9, progress=lambda *values: signal.raise_signal(signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is before
    assert run.stopped == "interrupted" and run.steps == loop.FIRST_CHUNK == run.history.step[-1]
    whole = train(until="samples", max_samples=run.samples)
    assert same(dataclasses.replace(run, stopped="samples"), whole)


def test_a_second_ctrl_c_acts_at_once():
    before = signal.getsignal(signal.SIGINT)

    def progress(samples, loss, exact):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(progress=progress)
    assert signal.getsignal(signal.SIGINT) is before


BAD = [
    (dict(loss="hinge"), ValueError, "loss: got 'hinge', expected one of cross-entropy, squared"),
    (dict(optimizer="lion"), ValueError, "optimizer: got 'lion', expected one of adam, momentum, sgd"),
    (dict(initializer="zeros"), ValueError, "initializer: got 'zeros', expected one of uniform, xavier, orthogonal"),
    (dict(schedule="step"), ValueError, "schedule: got 'step', expected one of constant, linear, cosine, drop"),
    (dict(until="bored"), ValueError, "until: got 'bored', expected one of exact, samples"),
    (dict(reduction="max"), ValueError, "reduction: got 'max', expected one of mean, sum"),
    (dict(dtype="float16"), ValueError, "dtype: got 'float16', expected one of float32, float64"),
    (dict(batch_size=0), ValueError, "batch_size: got 0, expected an integer of at least 1"),
    (dict(batch_size=1.5), TypeError, "batch_size: got 1.5, expected an integer of at least 1"),
    (dict(batch_size=True), TypeError, "batch_size: got True, expected an integer of at least 1"),
    (dict(max_samples=-3), ValueError, "max_samples: got -3, expected an integer of at least 1"),
    (dict(max_samples="9"), TypeError, "max_samples: got '9', expected an integer of at least 1"),
    (dict(patience=-1), ValueError, "patience: got -1, expected an integer of at least 0"),
    (dict(seed=-1), ValueError, "seed: got -1, expected an integer of at least 0"),
    (dict(seed=2**63), ValueError, "seed: got 9223372036854775808, expected an integer below 2**63"),
    (dict(seed=None), TypeError, "seed: got None, expected an integer of at least 0"),
    (dict(learning_rate=0), ValueError, "learning_rate: got 0, expected a positive number"),
    (dict(learning_rate=float("inf")), ValueError, "learning_rate: got inf, expected a positive number"),
    (dict(learning_rate="1"), TypeError, "learning_rate: got '1', expected a positive number"),
    (dict(clip=-1.0), ValueError, "clip: got -1.0, expected a positive number"),
    (dict(clip=float("nan")), ValueError, "clip: got nan, expected a positive number"),
    (dict(clip=1j), TypeError, "clip: got 1j, expected a positive number"),
    (dict(saturation=-0.1), ValueError, "saturation: got -0.1, expected a finite number of at least 0"),
    (dict(saturation=float("inf")), ValueError, "saturation: got inf, expected a finite number of at least 0"),
    (dict(saturation=None), TypeError, "saturation: got None, expected a finite number of at least 0"),
    (dict(constants={"beta3": 1}), ValueError, "constants: got beta3=1, but adam has beta1, beta2, epsilon"),
    (dict(optimizer="sgd", constants={"beta": 1}), ValueError, "constants: got beta=1, but sgd has none"),
    (dict(constants={"beta1": "a"}), ValueError, "constants: got beta1='a', expected a finite number of at least 0"),
    (dict(constants={"beta1": -1}), ValueError, "constants: got beta1=-1, expected a finite number of at least 0"),
    (dict(constants=5), TypeError, "constants: got 5, expected pairs of a name and a number"),
]


@pytest.mark.parametrize("options, kind, message", BAD, ids=[f"{next(reversed(bad[0]))}-{i}" for i, bad in enumerate(BAD)])
def test_a_bad_value_is_one_line_that_names_it(options, kind, message):
    for call in (TrainConfig, train):
        with pytest.raises(kind) as caught:
            call(**options)
        assert str(caught.value) == message


def test_every_field_has_a_bad_value_that_is_refused():
    assert {name for options, _, _ in BAD for name in options} == {each.name for each in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("threads, kind", [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_a_bad_number_of_threads_is_named(threads, kind):
    with pytest.raises(kind, match=f"threads: got {re.escape(repr(threads))}, expected an integer of at least 1"):
        train(threads=threads)


def test_an_unknown_option_is_named():
    with pytest.raises(TypeError, match="train: unknown option 'alpha', expected one of loss, optimizer, "):
        train(alpha=0.1)


def test_a_config_is_frozen_and_its_options_come_first():
    config = TrainConfig(seed=3, batch_size=8, max_samples=80, until="samples")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 4
    run = train(config=config, batch_size=16)
    assert (run.steps, config.batch_size) == (5, 8)
    assert run.model.metadata["config"]["batch_size"] == 16 and run.model.metadata["config"]["seed"] == 3


@pytest.mark.parametrize("options", [
    {},
    dict(optimizer="momentum", constants={"beta": 0.5}, clip=2, learning_rate=1),
    dict(constants=(("epsilon", 1e-3), ("beta1", 0))),
    # NumPy's numbers, as they come out of a loop over a range of settings.
    dict(batch_size=np.int64(8), max_samples=np.uint32(90), seed=np.int32(4), patience=np.int64(0), clip=np.float32(0.5),
         learning_rate=np.float64(0.25), saturation=np.float32(0.125)),
])
def test_a_config_goes_through_json(options):
    config = TrainConfig(**options)
    text = json.dumps(config.as_dict())
    assert TrainConfig(**json.loads(text)) == config
    for name, value in options.items():
        assert name == "constants" or getattr(config, name) == value
