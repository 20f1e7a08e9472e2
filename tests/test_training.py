"""Training against plain NumPy loops on the same data, its promises, and its reasons to stop."""

import importlib
import json
import signal

import numpy as np
import numpy_elman as oracle
import pytest

import fastrnn
from fastrnn import Elman, TrainConfig
from fastrnn.heads.sigmoid import BIT_LOSSES
from fastrnn.initializers import INITIALIZERS, initial_weights
from fastrnn.networks import shapes_of
from fastrnn.optimizers.base import optimizers
from fastrnn.schedules import SCHEDULES
from fastrnn.tasks import Addition
from fastrnn.training.tasks.config import config_from
from fastrnn.training.tasks.history_bins import MOST_STRETCHES, HistoryBins
from fastrnn.training.tasks.run import History


def stream(seed, bits, first, count):
    """(x (count, bits, 2), y (count, bits, 1)) of the 8-bit adder's samples, from NumPy's own Philox."""
    x = np.zeros((count, bits, 2))
    for n in range(first, first + count):
        words = np.random.Philox(key=[seed, 0], counter=[0, n // 64, 0, 0]).random_raw(2 * bits).reshape(bits, 2)
        x[n - first] = (words >> np.uint64(n % 64)) & np.uint64(1)
    x[:, -1] = 0
    numbers = (x * 2 ** np.arange(bits)[:, None]).sum(1).astype(int).sum(1)
    return x, ((numbers[:, None] >> np.arange(bits)) & 1).astype(float)[:, :, None]


class Plain:
    """One optimizer in plain NumPy."""

    def __init__(self, name):
        self.name, self.m, self.v, self.n = name, {}, {}, 0

    def step(self, weights, gradients, rate):
        self.n += 1
        for key, g in gradients.items():
            m, v = self.m.get(key, 0 * g), self.v.get(key, 0 * g)
            if self.name == "sgd":
                change = g
            elif self.name == "momentum":
                change = m = 0.9 * m + g
            else:
                m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
                change = m / (1 - 0.9**self.n) / (np.sqrt(v / (1 - 0.99**self.n)) + 1e-8)
            self.m[key], self.v[key] = m, v
            weights[key] = weights[key] - rate * change


def plain_training(config, bias, updates, total):
    """Weights after `updates` updates of 8-bit addition, from plain NumPy."""
    cell = Elman(16, bias=bias)
    shapes = shapes_of(cell, 2, 1)
    weights, optimizer = initial_weights(config.initializer, shapes, config.seed), Plain(config.optimizer)
    weights = {name: config.initial_scale * weight for name, weight in weights.items()}
    for step in range(updates):
        x, y = stream(config.seed, 8, step * config.batch_size, config.batch_size)
        gradients = oracle.loss_and_grad(weights, "sigmoid", config.loss, x, y, saturation=config.saturation_penalty)[1]
        scale = 1 / config.batch_size if config.reduction == "mean" else 1
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values())) * scale
        if config.max_grad_norm is not None and norm > config.max_grad_norm:
            scale *= config.max_grad_norm / norm
        p = np.array(min(step / total, 1.0))
        factor = {
            "constant": 1.0,
            "linear": 1 - p,
            "cosine": (1 + np.cos(np.pi * p)) / 2,
            "drop": 1.0 if p < 0.7 else 0.3,
        }
        before, rate = weights.copy(), config.rate * factor[config.schedule]
        optimizer.step(weights, {name: scale * g for name, g in gradients.items()}, rate)
        for name, w in before.items():
            weights[name] = weights[name] - rate * (config.weight_decay * w + config.l1 * np.sign(w))
    return weights


@pytest.mark.parametrize("bias, options", [
    (False, dict(optimizer="sgd", batch_size=1, reduction="sum", learning_rate=0.1)),
    (True, dict(optimizer="adam", batch_size=1, saturation_penalty=0.1)),
    (True, dict(optimizer="sgd", batch_size=3, schedule="linear", learning_rate=0.5)),
    (False, dict(optimizer="momentum", batch_size=16, schedule="cosine")),
    (True, dict(optimizer="adam", batch_size=40, schedule="drop", max_grad_norm=0.05)),
    (True, dict(optimizer="adam", batch_size=16, saturation_penalty=0.3, initializer="xavier")),
    (True, dict(optimizer="adam", batch_size=16, weight_decay=0.1, l1=0.03, initial_scale=0.5)),
    (True, dict(optimizer="sgd", batch_size=100, max_grad_norm=0.1, learning_rate=1.0, initializer="orthogonal",
                seed=7)),
])
def test_weights_are_those_of_a_numpy_loop_over_the_same_data(bias, options):
    updates = 25
    config = TrainConfig(dtype="float64", until="samples", max_samples=updates * options["batch_size"], **options)
    run = fastrnn.train(Elman(16, bias=bias), config=config)
    wanted = plain_training(config, bias, updates, updates)
    assert run.steps == updates and run.stopped == "samples"
    for name, weight in wanted.items():
        # Adam's first steps divide by nearly nothing where a gradient is nearly nothing.
        assert np.abs(run.model.weights[name] - weight).max() < 1e-9


def same(a, b):
    return all(np.array_equal(a.model.weights[name], b.model.weights[name]) for name in a.model.weights) and all(
        np.array_equal(x, y) for name, x, y in zip(History._fields, a.history, b.history) if name != "seconds"
    )


@pytest.mark.parametrize("dtype, batch_size", [("float32", 64), ("float32", 100), ("float32", 1000), ("float64", 100)])
def test_any_number_of_threads_gives_the_same_bytes(dtype, batch_size):
    options = dict(dtype=dtype, batch_size=batch_size, until="samples", max_samples=batch_size * 30)
    one, two, four = (fastrnn.train(threads=threads, **options) for threads in (1, 2, 4))
    assert same(one, two) and same(one, four)
    assert same(one, fastrnn.train(threads=2, **options))
    assert not same(one, fastrnn.train(seed=1, **options))


def test_how_updates_are_cut_into_calls_does_not_matter(monkeypatch):
    one = fastrnn.train(seed=3)
    pace = importlib.import_module("fastrnn.training.tasks.pace")
    monkeypatch.setattr(pace, "FIRST_UPDATES", 7)
    monkeypatch.setattr(pace, "CHUNK_SECONDS", 1e-5)
    assert same(one, fastrnn.train(seed=3))


def all_pairs_wrong(model):
    """Wrong sums among all 16,384 pairs, counted with Python's ints."""
    pairs = [(a, b) for a in range(128) for b in range(128)]
    return sum(answer != a + b for (a, b), answer in zip(pairs, model.add_many(pairs)))


def test_the_default_recipe_is_exact_for_twenty_seeds():
    runs = [fastrnn.train(seed=seed) for seed in range(20)]
    assert [run.stopped for run in runs] == ["exact"] * 20
    assert all(run.verification.samples == 16384 and run.verification.exact for run in runs)
    assert all_pairs_wrong(runs[0].model) == all_pairs_wrong(runs[7].model) == 0
    assert max(run.samples for run in runs) < 20_000


@pytest.mark.slow
def test_the_default_recipe_is_exact_for_two_hundred_seeds():
    assert sum(fastrnn.train(seed=seed).exact for seed in range(200)) == 200


@pytest.mark.parametrize(
    "optimizer, loss, initializer",
    [
        *((name, "squared", "uniform") for name in ("sgd", "momentum")),
        *(
            pytest.param(name, "squared", "uniform", marks=pytest.mark.slow)
            for name in optimizers()
            if name not in ("sgd", "momentum", "adam")
        ),
        *(("adam", name, "xavier") for name in BIT_LOSSES),
        *(("adam", "squared", name) for name in INITIALIZERS),
    ],
)
def test_every_part_learns(optimizer, loss, initializer):
    # With kernels that other tests compile: float64 for other optimizers, and for cross-entropy with a penalty on tanh.
    options = {} if optimizer == "adam" and loss == "squared" else {"dtype": "float64"}
    if loss == "cross-entropy":
        options |= {"cell": Elman(16, "tanh"), "saturation_penalty": 0.001, "weight_decay": 1e-6}
    options |= {"until": "samples", "max_samples": 30_000, "reduction": "sum" if optimizer == "sgd" else "mean"}
    run = fastrnn.train(optimizer=optimizer, loss=loss, initializer=initializer, **options)
    assert run.history.loss[-10:].mean() < 0.9 * run.history.loss[:3].mean()


def test_tanh_and_three_operands_learn_too():
    assert fastrnn.train(Elman(16, "tanh"), learning_rate=0.02, initializer="xavier", max_samples=200_000).exact
    run = fastrnn.train(Elman(24), Addition(8, operands=3), learning_rate=0.05, max_samples=400_000)
    assert run.exact and run.model.add(1, 2, 3) == 6


def test_initial_weights_are_what_their_sources_say():
    shapes = {"w_ih": (16, 2), "w_hh": (16, 16), "w_ho": (1, 16), "b_ih": (16,)}
    for name in INITIALIZERS:
        weights = initial_weights(name, shapes, 5)
        assert {key: weight.shape for key, weight in weights.items()} == shapes
        # PyTorch draws biases, too, up to 1 / sqrt(16).
        assert np.abs(weights["b_ih"]).max() <= 1 / 4 and weights["b_ih"].any() == (name == "pytorch")
        assert all(np.array_equal(weights[key], initial_weights(name, shapes, 5)[key]) for key in shapes)
    q = initial_weights("orthogonal", shapes, 5)["w_hh"]
    assert np.abs(q @ q.T - np.eye(16)).max() < 1e-14
    xavier = initial_weights("xavier", shapes, 5)["w_ih"]
    assert np.abs(xavier).max() <= np.sqrt(6 / 18) and np.abs(xavier).max() > 0.8 * np.sqrt(6 / 18)
    assert 0.9 < np.abs(initial_weights("uniform", shapes, 5)["w_hh"]).max() <= 1
    assert set(SCHEDULES) == {"constant", "linear", "cosine", "drop", "exponential"}


def test_a_loss_that_is_not_finite_stops_with_the_last_good_weights():
    # Kernels that test_kernels.py compiles.
    options = dict(optimizer="sgd", learning_rate=1e200, batch_size=16, loss="cross-entropy", dtype="float64")
    options |= dict(data=stream(0, 8, 0, 160), until="samples")
    run = fastrnn.train(Elman(16, "relu"), max_samples=10_000, **options)
    assert run.stopped == "diverged"
    assert all(np.isfinite(weight).all() for weight in run.model.weights.values())
    before = fastrnn.train(Elman(16, "relu"), max_samples=max(run.steps, 1) * 16, **options)
    assert before.steps == max(run.steps, 1)
    if run.steps:
        assert all(np.array_equal(run.model.weights[name], before.model.weights[name]) for name in run.model.weights)
    assert np.isfinite(run.history.loss).all() and run.samples == run.steps * 16


def test_own_arrays_are_learned_and_left_alone():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (50, 6, 3)).astype(np.float64)
    y = np.logical_xor(x[:, :, :1], x[:, :, 1:2]).astype(float)
    mask = np.ones((50, 6))
    mask[:, 0], x[:, 0], y[:, 0] = 0, 9, 0.5
    before = x.copy(), y.copy(), mask.copy()
    run = fastrnn.train(Elman(12), data=(x, y, mask), until="exact", max_samples=400_000, seed=1)
    assert run.stopped == "exact" and ((run.model.predict(x) > 0.5) == y)[:, 1:].all()
    assert all(np.array_equal(a, b) for a, b in zip(before, (x, y, mask)))
    assert same(run, fastrnn.train(Elman(12), data=(x, y, mask), until="exact", max_samples=400_000, seed=1))
    assert run.model.task is None


def test_a_batch_of_all_arrays_is_gradient_descent_on_them():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1, 1, (19, 5, 2)), rng.uniform(0, 1, (19, 5, 1))
    weights = oracle.random_weights(rng, 6, 2, 1)
    run = fastrnn.train(Elman(6), data=(x, y), weights=weights, batch_size=19, max_samples=19 * 12, optimizer="sgd",
                        learning_rate=0.3, dtype="float64", until="samples")
    for _ in range(12):
        gradients = oracle.loss_and_grad(weights, "sigmoid", "squared", x, y)[1]
        weights = {name: weights[name] - 0.3 * gradients[name] / 19 for name in weights}
    assert max(np.abs(run.model.weights[name] - weights[name]).max() for name in weights) < 1e-12


def test_history_counts_what_was_done_and_stays_short():
    run = fastrnn.train(batch_size=48, until="samples", max_samples=1000)
    history = run.history
    assert run.samples == 1008 and history.samples[-1] == 1008 and history.step[-1] == run.steps == 21
    assert len({len(column) for column in history}) == 1
    assert (np.diff(history.step) > 0).all() and (np.diff(history.seconds) >= 0).all()
    rows = np.random.default_rng(0).uniform(0, 1, (3 * MOST_STRETCHES, 4))
    whole, cut = HistoryBins(256), HistoryBins(256)
    whole.add(rows, np.arange(len(rows), dtype=float))
    for part in np.array_split(np.arange(len(rows)), 77):
        cut.add(rows[part], part.astype(float))
    assert len(whole.rows) <= MOST_STRETCHES and whole.rows == cut.rows
    assert whole.history().samples[-1] == len(rows) * 256
    assert np.isclose((whole.history().loss * np.diff(whole.history().samples, prepend=0)).sum(), rows[:, 0].sum())


def test_progress_is_told_and_may_stop_training():
    seen = []
    fastrnn.train(progress=lambda samples, loss, exact: seen.append((samples, loss, exact)))
    assert seen and all(0 <= exact <= 1 and loss > 0 for _, loss, exact in seen)

    def fail(*arguments):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fastrnn.train(progress=fail)


def test_ctrl_c_ends_training_between_calls(ctrl_c):
    handler = signal.getsignal(signal.SIGINT)

    def press(samples, loss, exact):
        if samples >= 5000:
            signal.raise_signal(signal.SIGINT)

    run = fastrnn.train(until="samples", max_samples=10_000_000, progress=press)
    assert run.stopped == "interrupted" and 5000 <= run.samples < 10_000_000
    assert run.samples == run.steps * 16 == run.history.samples[-1]
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(batch_size=0), "batch_size: got 0"),
        (dict(batch_size=1.5), "batch_size: got 1.5"),
        (dict(learning_rate=-1), "learning_rate: got -1"),
        (dict(learning_rate=float("nan")), "learning_rate: got nan"),
        (dict(loss="hinge"), "loss: got 'hinge', expected one of"),
        (dict(optimizer="lion"), "optimizer: got 'lion'"),
        (dict(seed=-1), "seed: got -1"),
        (dict(max_grad_norm=0), "max_grad_norm: got 0"),
        (dict(dtype="float16"), "dtype: got 'float16'"),
        (dict(optimizer_options={"beta3": 1}), "optimizer_options: got beta3=1"),
        (dict(saturation_penalty=-0.1), "saturation_penalty: got -0.1"),
        (dict(weight_decay=-1), "weight_decay: got -1"),
        (dict(l1=float("inf")), "l1: got inf"),
        (dict(initial_scale="1"), "initial_scale: got '1'"),
        (dict(max_samples=0), "max_samples: got 0"),
        (dict(tbptt_steps=0), "tbptt_steps: got 0"),
        (dict(tbptt_steps=2.5), "tbptt_steps: got 2.5"),
        (dict(until="forever"), "until: got 'forever'"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_one_line(options, message):
    with pytest.raises((ValueError, TypeError)) as error:
        fastrnn.train(**options)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_configuration_is_frozen_and_goes_through_json():
    config = TrainConfig(optimizer="adam", optimizer_options=(("beta2", 0.9),), max_grad_norm=1.0)
    values = json.loads(json.dumps(config.as_dict()))
    assert TrainConfig(**values) == config
    # Fields have other names in files of earlier versions.
    for name, earlier in (("optimizer_options", "constants"), ("max_grad_norm", "clip"), ("tbptt_steps", "truncate"),
                          ("verify_after", "patience"), ("saturation_penalty", "saturation"),
                          ("retention_penalty", "retention")):
        values[earlier] = values.pop(name)
    assert config_from(values) == config
    with pytest.raises(AttributeError):
        config.seed = 1
    with pytest.raises(TypeError, match="unknown option 'batchsize'; did you mean 'batch_size'"):
        fastrnn.train(batchsize=3)


def test_initial_weights_that_do_not_fit_are_refused():
    weights = fastrnn.train().model.weights
    with pytest.raises(ValueError, match="w_hh: holds values that are not finite"):
        fastrnn.train(weights={**weights, "w_hh": weights["w_hh"] * np.nan})
    with pytest.raises(ValueError, match="w_hh: got shape"):
        fastrnn.train(weights={**weights, "w_hh": weights["w_hh"][:3]})

