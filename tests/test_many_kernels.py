"""Many models at once; some have a gradient that is out of bounds."""

import numpy as np
import numpy_elman as oracle
import pytest
from many_runs import same

import fastrnn
from fastrnn import Elman

MODELS = 19
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


@pytest.mark.parametrize("max_grad_norm", [None, 0.5])
@pytest.mark.parametrize("hidden, dtype", [(5, "float32"), pytest.param(20, "float64", marks=pytest.mark.slow)])
def test_a_gradient_out_of_bounds_ends_its_own_model(hidden, dtype, max_grad_norm):
    weights, data, sound_data = unbounded(np.random.default_rng(hidden), hidden, dtype)
    options = dict(
        optimizer="sgd",
        learning_rate=0.01,
        reduction="sum",
        batch_size=3,
        until="samples",
        max_samples=180,
        verify_after=0,
        dtype=dtype,
        max_grad_norm=max_grad_norm,
        weights=weights,
        threads=1,
    )
    run = fastrnn.train_many(Elman(hidden), seeds=range(MODELS), data=data, **options)
    sound = fastrnn.train_many(Elman(hidden), seeds=range(MODELS), data=sound_data, **options)
    assert [i for i in range(MODELS) if run.stopped[i] == "diverged"] == [NAN] and set(sound.stopped) == {"samples"}
    assert [i for i in range(MODELS) if not same(run, i, sound, i)] == [NAN, SQUARE, LARGE]
    # What was learned before the update to weights that are no numbers is kept.
    assert run.steps[NAN] == update_with_the_last_row(NAN, 3) > 5
    kept = fastrnn.train_many(
        Elman(hidden), seeds=range(MODELS), data=sound_data, **{**options, "max_samples": 3 * run.steps[NAN]}
    )
    assert all(run.weights(NAN)[name].tobytes() == weight.tobytes() for name, weight in kept.weights(NAN).items())
    for i in (NAN, SQUARE):
        own = {name: weight[i] for name, weight in weights.items()}
        single = fastrnn.train(
            Elman(hidden), data=tuple(array[i] for array in data), seed=i, **{**options, "weights": own}
        )
        assert single.stopped == run.stopped[i] and single.steps == run.steps[i]
        assert i == NAN or all(np.isfinite(weight).all() for weight in run.weights(i).values())
