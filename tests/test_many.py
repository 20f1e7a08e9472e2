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
    (Elman(5), dict(optimizer="adam", batch_size=1)),
    (Elman(12), dict(optimizer="sgd", batch_size=3, schedule="linear", learning_rate=0.5)),
    (Elman(17, bias=False), dict(optimizer="momentum", batch_size=16, schedule="cosine", constants={"beta": 0.8})),
    (Elman(16), dict(optimizer="adam", batch_size=6, schedule="drop", clip=0.05, truncate=3)),
    (Elman(3, "tanh"), dict(optimizer="adam", loss="cross-entropy", batch_size=16, saturation=0.1, initializer="xavier")),
    (Elman(33), dict(optimizer="sgd", batch_size=2, clip=0.1, learning_rate=1.0, initializer="orthogonal")),
    (Elman(9), dict(optimizer="adam", batch_size=4, weight_decay=0.1, l1=0.03, initial_scale=0.5)),
])
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
    assert {"sgd", "momentum", "adam"} == set(optimizers()) and {"squared", "cross-entropy"} == set(losses())


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
