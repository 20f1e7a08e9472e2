"""Many models at once: each of them as if it were alone, and as `train` trains it."""

import signal

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, TrainConfig
from fastrnn.losses.base import losses
from fastrnn.optimizers.base import optimizers
from fastrnn.tasks import Addition

# What most tests train: tiny, and compiled once.
SMALL = dict(optimizer="sgd", learning_rate=0.1, batch_size=1, reduction="sum", until="samples", max_samples=200)


def same(a, i, b, j):
    """Whether model i of one run and model j of another are the same bytes, with their histories."""
    one, other = a.weights(i), b.weights(j)
    histories = zip(a.history(i)[:5], b.history(j)[:5], strict=True)
    return (all(one[name].tobytes() == other[name].tobytes() for name in one) and all(np.array_equal(x, y) for x, y in histories)
            and a.steps[i] == b.steps[j] and a.stopped[i] == b.stopped[j] and a.samples_to_exact[i] == b.samples_to_exact[j])


def distance(weights, others):
    return max(np.abs(weights[name] - others[name]).max() for name in others)


@pytest.mark.parametrize("cell, options", [
    (Elman(16, bias=False), dict(optimizer="sgd", batch_size=1, reduction="sum", learning_rate=0.1)),
    (Elman(5), dict(optimizer="adam", batch_size=1, saturation=0.1)),
    (Elman(12), dict(optimizer="sgd", batch_size=3, schedule="linear", learning_rate=0.5)),
    (Elman(17, bias=False), dict(optimizer="momentum", batch_size=16, schedule="cosine")),
    (Elman(16), dict(optimizer="adam", batch_size=6, schedule="drop", clip=0.05, truncate=3)),
    (Elman(3), dict(optimizer="adam", batch_size=16, weight_decay=0.1, l1=0.03, initial_scale=0.5, initializer="xavier")),
    (Elman(33), dict(optimizer="sgd", batch_size=2, clip=0.1, learning_rate=1.0, initializer="orthogonal")),
])
def test_each_model_is_trained_as_train_trains_it(cell, options):
    config = TrainConfig(dtype="float64", until="samples", max_samples=30 * options["batch_size"], **options)
    run = fastrnn.train_many(cell, Addition(bits=9), config, seeds=[3, 0, 8])
    assert run.stopped == ["samples"] * 3 and list(run.steps) == [30] * 3
    for i, seed in enumerate(run.seeds):
        alone = fastrnn.train(cell, Addition(bits=9), config, seed=int(seed))
        # Adam's first steps divide by nearly nothing where a gradient is nearly nothing.
        assert distance(run.weights(i), alone.model.weights) < 1e-9
        got, wanted = run.history(i), alone.history
        assert np.isclose((got.loss * np.diff(got.samples, prepend=0)).sum(), (wanted.loss * np.diff(wanted.samples, prepend=0)).sum())


def test_the_cases_above_cover_every_optimizer():
    assert {"sgd", "momentum", "adam"} == set(optimizers())


@pytest.mark.parametrize("activation, loss", [("tanh", "cross-entropy"), ("relu", "squared")])
def test_every_cell_and_loss_is_trained_as_train_trains_it(activation, loss):
    assert loss in losses()
    config = TrainConfig(loss=loss, optimizer="sgd", learning_rate=0.05, batch_size=5, dtype="float64", until="samples", max_samples=150)
    run = fastrnn.train_many(Elman(6, activation), config=config, seeds=[1, 2])
    for i, seed in enumerate(run.seeds):
        assert distance(run.weights(i), fastrnn.train(Elman(6, activation), config=config, seed=int(seed)).model.weights) < 1e-12


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("hidden, batch", [(16, 1), (7, 1), (6, 5)])
def test_neighbours_places_and_threads_do_not_matter(hidden, batch, threads):
    cell, options = Elman(hidden, bias=False), {**SMALL, "batch_size": batch, "max_samples": 70 * batch}
    seeds = np.random.default_rng(hidden).permutation(40)
    many = fastrnn.train_many(cell, seeds=seeds, threads=threads, **options)
    for i in (0, 15, 16, 39):
        assert same(many, i, fastrnn.train_many(cell, seeds=seeds[i : i + 1], threads=1, **options), 0)
    few = fastrnn.train_many(cell, seeds=seeds[7:12], threads=threads, **options)
    assert all(same(many, 7 + i, few, i) for i in range(5))
    assert not same(many, 0, many, 1)
