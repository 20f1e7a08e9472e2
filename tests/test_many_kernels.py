"""Many models at once: whole or halved vectors, kernels for all sizes or for these alone, the bytes are the same."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest

import fastrnn
import numpy_elman as oracle
from fastrnn import Elman
from fastrnn.kernels import tiers
from fastrnn.tasks import Addition
from fastrnn.train import group, many
from many_runs import same

MODELS = 19


def own_data(rng, dtype):
    """Arrays of three inputs and two outputs, with masks, for each model."""
    shape = MODELS, 7, 9
    return (rng.uniform(-1, 1, (*shape, 3)).astype(dtype), rng.uniform(0, 1, (*shape, 2)).astype(dtype),
            rng.integers(0, 2, shape).astype(dtype))


@pytest.fixture
def train(monkeypatch):
    """Trains MODELS models with vectors and kernels that are chosen here, not by their use or by the cache."""

    def trained(cell, *, halved, kernels, **options):
        recipes = []

        def recipe(*arguments):
            recipes.append(group.Recipe(*arguments, at_once=kernels == "own"))
            return recipes[-1]

        monkeypatch.setattr(many, "Recipe", recipe)
        monkeypatch.setattr(group, "is_halved", lambda sizes: halved)
        monkeypatch.setattr(tiers, "is_ready", lambda *kernel: False)
        monkeypatch.setattr(tiers, "ENOUGH", 0.0 if kernels == "changing" else np.inf)
        begun = []
        run_models = group.run_models
        monkeypatch.setattr(
            group, "run_models", lambda *arguments: begun.append(arguments[3]) or run_models(*arguments)
        )
        run = fastrnn.train_many(cell, seeds=range(MODELS), **options)
        monkeypatch.setattr(group, "run_models", run_models)
        (made,) = recipes
        assert made.tiers.own == (kernels != "general") and made.lanes == (32 if halved else 64) // made.dtype.itemsize
        assert len(set(begun)) == (2 if kernels == "changing" else 1)
        return run

    return trained


SGD = dict(optimizer="sgd", learning_rate=0.3, reduction="sum")
MOMENTUM = dict(optimizer="momentum", learning_rate=0.2, dtype="float64")
ADAM = dict(optimizer="adam", loss="cross-entropy", dtype="float64", learning_rate=0.03,
            saturation=np.linspace(0, 0.1, MODELS), weight_decay=np.linspace(0.1, 0, MODELS))


class Case(NamedTuple):
    """A cell and how it is trained."""

    hidden: int
    batch: int
    bias: bool
    clip: float | None
    options: dict
    arrays: bool
    halved: bool
    threads: int
    truncate: int | None


# All pairs of what may differ, with those that are slow. Most have a panel or a block of samples that is not full.
CASES = [
    Case(5, 6, True, None, SGD, True, False, 1, None),
]
# Kernels of their own, which take up to twenty seconds to compile.
SLOW = [
    Case(16, 6, False, 0.3, ADAM, False, True, 2, 1),
    Case(18, 1, False, 0.3, ADAM, True, False, 2, None),
    Case(20, 3, True, 0.3, ADAM, True, False, 1, 1),
    Case(18, 4, True, None, SGD, False, True, 2, 1),
    Case(5, 3, False, 0.3, SGD, False, True, 2, None),
    Case(16, 4, False, 0.3, MOMENTUM, True, False, 1, None),
    Case(3, 1, True, None, MOMENTUM, False, True, 1, 1),
    Case(3, 4, False, None, ADAM, True, True, 1, 1),
    Case(16, 1, False, 0.3, SGD, False, True, 2, None),
    Case(16, 3, True, None, MOMENTUM, False, False, 1, None),
    Case(20, 6, False, 0.3, MOMENTUM, False, False, 2, 1),
]


def test_the_cases_cover_all_pairs_of_what_may_differ():
    rows = [
        (np.searchsorted([8, 16], case.hidden), case.batch, case.bias, case.clip, case.options["optimizer"], *case[5:])
        for case in CASES + SLOW
    ]
    for one, other in combinations(zip(*rows), 2):
        assert len(set(zip(one, other))) == len(set(one)) * len(set(other))


@pytest.mark.parametrize("case", [*CASES, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)],
                         ids=lambda case: f"{case.hidden}-{case.batch}")
def test_kernels_and_vectors_change_no_byte(case, train):
    cell = Elman(case.hidden, "tanh" if case.options is ADAM else "sigmoid", case.bias)
    options = dict(
        case.options,
        batch_size=case.batch,
        clip=case.clip,
        truncate=case.truncate,
        max_samples=3001 * case.batch,
        patience=60,
    )
    if case.arrays:
        options["data"] = own_data(np.random.default_rng(case.hidden), options.get("dtype", "float32"))
    else:
        options["task"] = Addition(bits=2)
    general = train(cell, halved=False, kernels="general", threads=1, **options)
    # Where vectors are whole, the kernels change between the first updates and the last ones.
    other = train(
        cell, halved=case.halved, kernels="own" if case.halved else "changing", threads=case.threads, **options
    )
    assert all(same(general, i, other, i) for i in range(MODELS))
    assert (
        general.loss.tobytes() == other.loss.tobytes()
        and general.exact_accuracy.tobytes() == other.exact_accuracy.tobytes()
    )
    assert (
        np.array_equal(general.exact, other.exact)
        and (general.exact.any() or case.arrays)
        and not any(same(general, i, other, i - 1) for i in range(MODELS))
    )


# Rows of data, steps, and lanes with one row that is out of bounds: its gradient is no number, infinite as a square, or
# merely large.
ROWS, STEPS, OUTPUTS, NAN, SQUARE, LARGE = 40, 9, 12, 3, 9, 11


def update_with_the_last_row(seed, batch):
    """The first update whose batch has it, from NumPy's own Philox."""
    for n in range(10_000):
        if np.random.Philox(key=[seed, 1], counter=[0, n, 0, 0]).random_raw() % ROWS == ROWS - 1:
            return n // batch


def unbounded(rng, hidden, dtype):
    """(weights, data, the same data without what is out of bounds) for each model."""
    own = [oracle.random_weights(rng, hidden, 2, OUTPUTS) for _ in range(MODELS)]
    weights = {name: np.stack([each[name] for each in own]).astype(dtype) for name in own[0]}
    x, y = (
        rng.uniform(-1, 1, (MODELS, ROWS, STEPS, 2)).astype(dtype),
        rng.integers(0, 2, (MODELS, ROWS, STEPS, OUTPUTS)).astype(dtype),
    )
    # Nothing comes in here, and it is not looked at, but in the last row of two.
    x[..., 1], weights["w_ih"][..., 1] = 0, 0
    most = np.finfo(dtype).max
    # Two units that rest at one half and cancel: outputs are one half, and no derivative flows back where the target is
    # that. Where it is 0, their sums are infinite, which times 0 is no number.
    for weight in weights.values():
        weight[NAN] = 0
    weights["w_ho"][NAN, :, 0], weights["w_ho"][NAN, :, 1], y[NAN] = most, -most, 0.5
    with np.errstate(all="ignore"):
        assert np.isnan((most * np.full(OUTPUTS, 0.5 * 0.25, dtype)).sum() * x[NAN, -1, 0, 1])
    sound = x.copy(), y.copy()
    y[NAN, -1], x[SQUARE, -1, 1, 1], x[LARGE, -1, 1, 1] = 0, most**0.8, most**0.4
    return weights, (x, y), sound


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("hidden, dtype", [(5, "float32"), pytest.param(20, "float64", marks=pytest.mark.slow)])
def test_a_gradient_out_of_bounds_ends_its_own_model(hidden, dtype, clip, train):
    weights, data, sound_data = unbounded(np.random.default_rng(hidden), hidden, dtype)
    options = dict(
        optimizer="sgd",
        learning_rate=0.01,
        reduction="sum",
        batch_size=3,
        until="samples",
        max_samples=180,
        patience=0,
        dtype=dtype,
        clip=clip,
        weights=weights,
        threads=1,
    )
    halved = hidden == 20
    run = train(Elman(hidden), halved=halved, kernels="general", data=data, **options)
    sound = train(Elman(hidden), halved=halved, kernels="general", data=sound_data, **options)
    assert [i for i in range(MODELS) if run.stopped[i] == "diverged"] == [NAN, SQUARE] and set(sound.stopped) == {
        "samples"
    }
    assert [i for i in range(MODELS) if not same(run, i, sound, i)] == [NAN, SQUARE, LARGE]
    if halved:
        whole = train(Elman(hidden), halved=False, kernels="general", data=data, **options)
        assert all(same(run, i, whole, i) for i in range(MODELS))
    for i in (NAN, SQUARE):
        # One update is taken back, as after a loss that is not finite, and what was learned before is kept.
        assert run.steps[i] == update_with_the_last_row(i, 3) - 1 > 5
        kept = train(
            Elman(hidden),
            halved=halved,
            kernels="general",
            data=sound_data,
            **{**options, "max_samples": 3 * run.steps[i]},
        )
        assert all(run.weights(i)[name].tobytes() == weight.tobytes() for name, weight in kept.weights(i).items())
        if dtype == "float64":  # the kernels of `train` that others need
            own = {name: weight[i] for name, weight in weights.items()}
            single = fastrnn.train(
                Elman(hidden), data=tuple(array[i] for array in data), seed=i, **{**options, "weights": own}
            )
            assert single.stopped == "diverged" and single.steps == run.steps[i]
