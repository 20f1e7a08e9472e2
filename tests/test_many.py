"""Many models at once: each of them as if it were alone, and as `train` trains it."""

import json
import signal

import numpy as np
import numpy_elman as oracle
import pytest
from many_runs import same

import fastrnn
from fastrnn import Elman, TrainConfig, reference, tasks
from fastrnn.heads.sigmoid import BIT_LOSSES
from fastrnn.optimizers.base import optimizers
from fastrnn.tasks import Addition

# What most tests train: tiny, and compiled once.
SMALL = dict(optimizer="sgd", learning_rate=0.1, batch_size=1, reduction="sum", until="samples", max_samples=200)


def distance(weights, others):
    return max(np.abs(weights[name] - others[name]).max() for name in others)


@pytest.mark.parametrize(
    "cell, options",
    [
        (Elman(16, bias=False), dict(optimizer="sgd", batch_size=1, reduction="sum", learning_rate=0.1)),
        (Elman(5), dict(optimizer="adam", batch_size=1, weight_decay=0.1, l1=0.03, initial_scale=0.5)),
        (Elman(12), dict(optimizer="sgd", batch_size=3, schedule="linear", learning_rate=0.5)),
        pytest.param(
            Elman(17, bias=False),
            dict(optimizer="momentum", batch_size=16, schedule="cosine", optimizer_options={"beta": 0.8}),
            marks=pytest.mark.slow,
        ),
        (Elman(16), dict(optimizer="adam", batch_size=6, schedule="drop", max_grad_norm=0.05, tbptt_steps=3, l1=0.01)),
        pytest.param(
            Elman(3, "tanh"),
            dict(optimizer="adam", loss="cross-entropy", batch_size=16, saturation_penalty=0.1, weight_decay=0.1),
            marks=pytest.mark.slow,
        ),
        # Vectors of half the size: 15 seconds of compiling.
        pytest.param(
            Elman(33),
            dict(optimizer="sgd", batch_size=2, max_grad_norm=0.1, learning_rate=1.0, initializer="orthogonal"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_each_model_is_trained_as_train_trains_it(cell, options):
    config = TrainConfig(dtype="float64", until="samples", max_samples=30 * options["batch_size"], **options)
    run = fastrnn.train_many(cell, Addition(bits=9), config, seeds=[3, 0, 8])
    assert run.stopped == ["samples"] * 3 and list(run.steps) == [30] * 3 and len(run) == 3
    for i, seed in enumerate(run.seeds):
        alone = fastrnn.train(cell, Addition(bits=9), config, seed=int(seed))
        # Adam's first steps divide by nearly nothing where a gradient is nearly nothing.
        assert distance(run.weights(i), alone.model.weights) < 1e-9
        got, wanted = run.history(i), alone.history
        assert got.samples[-1] == wanted.samples[-1] == run.samples[i]
        for column in ("loss", "exact_accuracy"):
            sums = [(getattr(each, column) * np.diff(each.samples, prepend=0)).sum() for each in (got, wanted)]
            assert abs(sums[0] - sums[1]) < 1e-6


def test_the_cases_above_cover_every_optimizer_and_loss():
    # All are formulas; what differs between them is whether they have running numbers.
    running = {name for name, kind in optimizers().items() if hasattr(kind, "running")}
    assert "adam" in running and {"sgd", "momentum"} < set(optimizers()) - running
    assert {"squared", "cross-entropy"} == set(BIT_LOSSES)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("hidden, batch", [(16, 1), (7, 1), (6, 5)])
def test_neighbours_places_and_threads_do_not_matter(hidden, batch, threads):
    cell, options = Elman(hidden, bias=False), {**SMALL, "batch_size": batch, "max_samples": 50 * batch}
    seeds = np.random.default_rng(hidden).permutation(40)
    many = fastrnn.train_many(cell, seeds=seeds, threads=threads, **options)
    for i in (0, 15, 16, 39):
        assert same(many, i, fastrnn.train_many(cell, seeds=seeds[i : i + 1], threads=1, **options), 0)
    few = fastrnn.train_many(cell, seeds=seeds[7:12], threads=threads, **options)
    assert all(same(many, 7 + i, few, i) for i in range(5))
    assert not same(many, 0, many, 1)


# Four bits are learned within some thousand samples, by some seeds soon and by others late.
EXACT = dict(optimizer="sgd", learning_rate=0.3, batch_size=1, reduction="sum", until="exact", max_samples=20_000)


@pytest.fixture(scope="module")
def until_exact():
    """Forty models in sixteen lanes, each of which ends when it is exact."""
    return fastrnn.train_many(Elman(8, bias=False), Addition(bits=4), seeds=range(40), threads=2, **EXACT)


def test_a_refilled_lane_is_as_good_as_an_empty_one(until_exact):
    assert until_exact.stopped.count("exact") > 30 and len(set(until_exact.steps)) > 30
    for i in (0, 17, 25, 39):
        assert same(until_exact, i, fastrnn.train_many(Elman(8, bias=False), Addition(bits=4), seeds=[i], **EXACT), 0)


def test_exact_models_are_exact_and_the_others_are_not(until_exact):
    pairs = [(a, b) for a in range(8) for b in range(8)]
    for i, model in enumerate(until_exact.models):
        right = model.add_many(pairs) == [a + b for a, b in pairs]
        assert right == until_exact.exact[i] == (until_exact.stopped[i] == "exact")
        assert until_exact.samples_to_exact[i] == (until_exact.samples[i] if right else -1)
        assert model.metadata["history"]["stopped"] == until_exact.stopped[i]
        json.dumps(model.metadata)
        assert until_exact.history(i).exact_accuracy[-1] > 0.9 or not right


def test_models_that_train_on_become_exact_at_the_same_sample(until_exact):
    run = fastrnn.train_many(Elman(8, bias=False), Addition(bits=4), seeds=range(5), **{**EXACT, "until": "samples"})
    assert run.stopped == ["samples"] * 5 and set(run.samples) == {20_000}
    assert np.array_equal(run.samples_to_exact, until_exact.samples_to_exact[:5])
    assert all(len(run.history(i).loss) == 20_000 // 256 + 1 for i in range(5))


def test_histories_stay_short_and_keep_their_sums():
    run = fastrnn.train_many(
        Elman(2, bias=False), Addition(bits=2), seeds=range(17), threads=1, **{**SMALL, "max_samples": 100_100}
    )
    # The last one came into a lane that had a long history.
    assert same(
        run,
        16,
        fastrnn.train_many(Elman(2, bias=False), Addition(bits=2), seeds=[16], **{**SMALL, "max_samples": 100_100}),
        0,
    )
    short = fastrnn.train_many(Elman(2, bias=False), Addition(bits=2), seeds=[0], **{**SMALL, "max_samples": 256 * 100})
    history, first = run.history(0), short.history(0)
    assert len(history.loss) == 196 and history.samples[-1] == 100_100 and len(first.loss) == 100
    assert np.allclose(history.loss[:50], (first.loss[::2] + first.loss[1::2]) / 2, rtol=1e-12)


# The kernels of tanh that this file compiles have all terms of training.
TANH = dict(optimizer="adam", loss="cross-entropy", dtype="float64", until="samples")


def test_options_of_each_model_are_those_of_single_runs():
    options = dict(TANH, batch_size=2, max_samples=60)
    varied = dict(
        learning_rate=[0.01, 0.1, 0.02],
        weight_decay=[0.2, 0.0, 0.0],
        l1=[0.0, 0.0, 0.1],
        saturation_penalty=[0.2, 0.3, 0.1],
        initial_scale=[1.0, 2.0, 0.5],
    )
    constants = dict(beta1=[0.9, 0.5, 0.0], epsilon=1e-6)
    cell = Elman(3, "tanh")
    run = fastrnn.train_many(cell, seeds=[4, 4, 9], optimizer_options=constants, **options, **varied)
    for i, seed in enumerate(run.seeds):
        own = {name: values[i] for name, values in varied.items()} | {
            "optimizer_options": {"beta1": constants["beta1"][i], "epsilon": 1e-6}
        }
        single = fastrnn.train(cell, seed=int(seed), curriculum=None, **options, **own)
        assert run.config_of(i) == TrainConfig(
            **{
                **single.model.metadata["config"],
                "optimizer_options": tuple(single.model.metadata["config"]["optimizer_options"].items()),
            }
        )
        assert distance(run.weights(i), single.model.weights) < 1e-9


@pytest.mark.slow  # kernels without the terms, which nothing else needs
def test_terms_that_a_model_does_without_it_also_does_without_in_company():
    cell, options = Elman(3, "tanh"), dict(TANH, batch_size=2, max_samples=60)
    varied = dict(weight_decay=[0.0, 0.2], l1=[0.0, 0.1], saturation_penalty=[0.0, 0.3])
    company = fastrnn.train_many(cell, seeds=[4, 4], **options, **varied)
    alone = fastrnn.train_many(cell, seeds=[4], **options)
    assert all(np.array_equal(company.weights(0)[name], alone.weights(0)[name]) for name in alone.weights(0))
    assert not np.array_equal(company.weights(1)["w_hh"], alone.weights(0)["w_hh"])


def test_a_model_that_diverges_is_reported_and_leaves_its_neighbours_alone():
    options = dict(TANH, saturation_penalty=0.1, batch_size=4, max_samples=800)
    # Weights that change their sign and grow, from one update to the next; and weights whose sums are infinite at once.
    decays, scales = np.zeros(20), np.ones(20)
    decays[[3, 19]], scales[8] = [1e3, 1e4], 1e308
    cell = Elman(6, "tanh")
    run = fastrnn.train_many(cell, seeds=range(20), weight_decay=decays, initial_scale=scales, threads=1, **options)
    assert [i for i in range(20) if run.stopped[i] == "diverged"] == [3, 8, 19]
    sound = fastrnn.train_many(cell, seeds=range(20), weight_decay=[1e-300] * 20, **options)
    assert all(same(run, i, sound, i) for i in range(20) if run.stopped[i] != "diverged")
    assert run.steps[3] > run.steps[19] > 10 and run.steps[8] == 0
    for i in (3, 8, 19):
        single = fastrnn.train(cell, seed=i, weight_decay=float(decays[i]), initial_scale=float(scales[i]), **options)
        assert single.stopped == "diverged" and run.steps[i] == single.steps and run.samples[i] == single.samples
        for name, weight in single.model.weights.items():
            assert np.isfinite(run.weights(i)[name]).all() and np.allclose(run.weights(i)[name], weight, rtol=1e-9)


def own_data(rng, models, rows, steps, inputs, outputs):
    mask = rng.integers(0, 2, (models, rows, steps)).astype(float)
    mask[:, 0, -1] = 1  # a model to which nothing counts is refused
    return rng.uniform(-1, 1, (models, rows, steps, inputs)), rng.uniform(0, 1, (models, rows, steps, outputs)), mask


@pytest.mark.parametrize(
    "activation, loss, hidden, steps, batch, inputs, outputs, bias",
    [
        ("sigmoid", "squared", 16, 8, 7, 2, 1, True),
        ("sigmoid", "squared", 5, 11, 3, 3, 2, False),
        ("sigmoid", "squared", 33, 4, 4, 5, 5, True),
        # Kernels that nothing else needs: of tanh and relu, and of vectors of half the size.
        pytest.param("tanh", "cross-entropy", 13, 9, 6, 1, 3, True, marks=pytest.mark.slow),
        pytest.param("sigmoid", "squared", 33, 4, 1, 5, 5, True, marks=pytest.mark.slow),
        pytest.param("relu", "squared", 18, 5, 4, 4, 1, True, marks=pytest.mark.slow),
        ("sigmoid", "squared", 1, 1, 1, 1, 1, True),
    ],
)
def test_gradients_are_those_of_numpy(activation, loss, hidden, steps, batch, inputs, outputs, bias):
    rng = np.random.default_rng(hidden)
    x, y, mask = own_data(rng, 3, batch, steps, inputs, outputs)
    own = [oracle.random_weights(rng, hidden, inputs, outputs, bias) for _ in range(3)]
    weights = {name: np.stack([each[name] for each in own]) for name in own[0]}
    # The term is there in the kernel of this cell that other tests compile; the last model has none of it.
    saturation = np.array([0.2, 0.1, 0.0]) if activation == "tanh" else np.zeros(3)
    run = fastrnn.train_many(
        Elman(hidden, activation, bias),
        data=(x, y, mask),
        weights=weights,
        seeds=[0] * 3,
        loss=loss,
        optimizer="sgd",
        learning_rate=1.0,
        reduction="sum",
        batch_size=batch,
        until="samples",
        max_samples=batch,
        saturation_penalty=saturation,
        dtype="float64",
    )
    for i in range(3):
        value, wanted = oracle.loss_and_grad(own[i], activation, loss, x[i], y[i], mask[i], saturation=saturation[i])
        largest = max(np.abs(gradient).max() for gradient in wanted.values())
        for name, gradient in wanted.items():
            assert np.abs(own[i][name] - run.weights(i)[name] - gradient).max() <= 1e-13 * max(largest, 1)
        assert np.isclose(run.loss[i], value / batch)


def test_arrays_are_drawn_as_train_draws_them_and_left_alone():
    rng = np.random.default_rng(0)
    x, y, mask = own_data(rng, 2, 9, 5, 3, 2)
    before = x.copy(), y.copy(), mask.copy()
    options = dict(optimizer="sgd", learning_rate=0.5, batch_size=5, until="samples", max_samples=100, dtype="float64")
    apart = fastrnn.train_many(Elman(6), data=(x, y, mask), seeds=[7, 8], **options)
    shared = fastrnn.train_many(Elman(6), data=(x[0], y[0], mask[0]), seeds=[7, 8], **options)
    assert same(apart, 0, shared, 0) and not same(apart, 1, shared, 1)
    for run, i, rows in ((apart, 0, 0), (apart, 1, 1), (shared, 1, 0)):
        single = fastrnn.train(Elman(6), data=(x[rows], y[rows], mask[rows]), seed=7 + i, **options)
        assert distance(run.weights(i), single.model.weights) < 1e-12
    assert all(np.array_equal(a, b) for a, b in zip(before, (x, y, mask)))
    assert apart.model(1).task is None


def test_arrays_are_learned_until_they_are_exact():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (30, 4, 2)).astype(float)
    y = np.logical_and(x[:, :, :1], x[:, :, 1:]).astype(float)
    run = fastrnn.train_many(Elman(8), data=(x, y), seeds=range(3), **{**EXACT, "verify_after": 100})
    assert run.stopped == ["exact"] * 3 and all(((model.predict(x) > 0.5) == y).all() for model in run.models)


def test_the_tutorials_algorithm_is_the_scalar_originals():
    rng, samples = np.random.RandomState(3), 60
    synapses = reference.initial_synapses(rng)
    weights = {
        "w_ih": synapses.synapse_0.T.copy(),
        "w_hh": synapses.synapse_h.T.copy(),
        "w_ho": synapses.synapse_1.T.copy(),
    }
    run = fastrnn.train_many(
        Elman(16, bias=False), weights=weights, seeds=[5], **{**SMALL, "max_samples": samples, "dtype": "float64"}
    )
    table = reference.binary_table()
    for n in range(samples):
        words = np.random.Philox(key=[5, 0], counter=[0, n // 64, 0, 0]).random_raw(16).reshape(8, 2)
        bits = (words[:7] >> np.uint64(n % 64)) & np.uint64(1)
        a, b = (int(each) for each in (bits.astype(int) << np.arange(7)[:, None]).sum(0))
        reference.apply_updates(
            synapses, reference.forward_backward(synapses, table[a], table[b], table[a + b])[0], 0.1
        )
    for name, synapse in (("w_ih", synapses.synapse_0), ("w_hh", synapses.synapse_h), ("w_ho", synapses.synapse_1)):
        assert np.abs(run.weights(0)[name] - synapse.T).max() < 1e-12


def test_a_task_whose_last_step_alone_counts():
    config = TrainConfig(**{**SMALL, "max_samples": 100, "batch_size": 5, "dtype": "float64"})
    run = fastrnn.train_many(Elman(6), tasks.Parity(bits=6), config, seeds=[1])
    assert distance(run.weights(0), fastrnn.train(Elman(6), tasks.Parity(bits=6), config, seed=1).model.weights) < 1e-12


def test_ctrl_c_leaves_what_there_is(ctrl_c):
    told = []

    def press(done, total):
        told.append((done, total))
        signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    run = fastrnn.train_many(
        Elman(8, bias=False), seeds=range(20), threads=1, progress=press, **{**SMALL, "max_samples": 10_000_000}
    )
    assert run.stopped == ["interrupted"] * 20 and told == [(0, 20)] and signal.getsignal(signal.SIGINT) is handler
    assert (run.steps[:16] > 0).all() and (run.steps[16:] == 0).all() and not run.exact.any()
    untrained = fastrnn.train_many(Elman(8, bias=False), seeds=[19], initial_scale=1.0, threads=1, progress=press,
                                   **{**SMALL, "max_samples": 10_000_000})
    assert run.weights(19)["w_hh"].shape == untrained.weights(0)["w_hh"].shape and len(run.history(19).loss) == 0
    assert run.history(0).samples[-1] == run.samples[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_may_stop_training(threads):
    def fail(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fastrnn.train_many(
            Elman(8, bias=False),
            seeds=range(40),
            threads=threads,
            progress=fail,
            **{**SMALL, "max_samples": 10_000_000},
        )


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(seeds=5), "seeds: got int64 of shape ()"),
        (dict(seeds=[]), "seeds: got float64 of shape (0,)"),
        (dict(seeds=[1, -1]), "seeds: got -1"),
        (dict(seeds=[0.5]), "seeds: got float64"),
        (dict(seeds=[1], seed=3), "seed: each model"),
        (dict(learning_rate=[0.1, 0.2]), "learning_rate: got float64 of shape (2,), expected a number or 3"),
        (dict(learning_rate=[0.1, 0.2, -1]), "learning_rate: got -1.0, expected a positive number"),
        (dict(weight_decay=[0, 0, np.nan]), "weight_decay: got nan"),
        (dict(l1=["a", "b", "c"]), "l1: got dtype <U1, expected real numbers"),
        (dict(optimizer_options={"beta1": [0.9, 0.9, -1]}), "optimizer_options: got beta1=-1.0"),
        (dict(optimizer_options={"gamma": [0.9] * 3}), "optimizer_options: got gamma="),
        (dict(threads=0), "threads: got 0"),
        (dict(until="certified"), "until: got 'certified'"),
        (dict(curriculum=fastrnn.Curriculum()), "curriculum: got one"),
        (dict(batchsize=2), "train: unknown option 'batchsize'"),
        (dict(data=(np.zeros((2, 4, 5, 1)), np.zeros((2, 4, 5, 1)))), "x: got a leading axis of 2, expected 3"),
        (
            dict(data=(np.zeros((3, 4, 5, 1)), np.zeros((4, 5, 1)))),
            "y: got shape (4, 5, 1), expected (3, 4, 5, output)",
        ),
        (dict(weights={"w_hh": np.zeros((2, 16, 16))}), "weights: got a leading axis of 2, expected 3"),
        (dict(weights={"w_hh": np.zeros((16, 16))}), "weights: got w_hh, expected"),
    ],
)
def test_what_makes_no_sense_is_one_line(options, message):
    with pytest.raises((ValueError, TypeError)) as error:
        fastrnn.train_many(**{"seeds": [1, 2, 3], **options})
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
