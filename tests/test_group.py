"""Groups of models between two calls of the kernels: nothing of an update that was given up, any number of lanes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from fastrnn import Elman
from fastrnn.kernels.events import ENDED
from fastrnn.kernels.model_queue import NOBODY
from fastrnn.kernels.recurrent.tally import TALLY_POINTERS, TALLY_WORDS, tally
from fastrnn.kernels.workspace import GOES_ON
from fastrnn.machine.execute import Program
from fastrnn.networks import lanes_for
from fastrnn.tasks import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.data import model_arrays, source_of
from fastrnn.training.tasks.group import RunGroup
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.many_results import ModelResults

CELL = Elman(3)


def recipe_for(batch, models=16, threads=1, data=None):
    task = None if data else Addition(bits=5)
    config = TrainConfig(optimizer="sgd", learning_rate=0.3, batch_size=batch, verify_after=0)
    source, sizes, steps = source_of(task, data and model_arrays(data, config))
    return RunRecipe(CELL, sizes, source, steps, config, models, threads=threads)


def filled(recipe, models):
    """A RunGroup whose lanes train the first models."""
    results = ModelResults(models, len(recipe.rows), recipe.dtype, 1)
    results.weights[:] = np.random.default_rng(0).uniform(-1, 1, results.weights.shape)
    group = RunGroup(recipe, recipe.queue(range(models), results))
    for model in range(models):
        group.put(model, model)
        group.expect(model, 0, 1 << 40)
    return group


def state(group, lane):
    """All that a lane continues from, as bytes."""
    return [np.asarray(each).tobytes() for each in group.state(lane)]


@pytest.mark.parametrize("own", [False, True])
def test_an_update_that_is_given_up_between_two_blocks_leaves_no_trace(own):
    rng = np.random.default_rng(1)
    data = (rng.integers(0, 2, (9, 5, 2)).astype(float), rng.integers(0, 2, (9, 5, 1)).astype(float)) if own else None
    recipe = recipe_for(batch=6, data=data)
    assert recipe.net.columns < 6
    stopped, free = filled(recipe, 5), filled(recipe, 5)
    assert stopped.run(7, GOES_ON) == free.run(7, GOES_ON) == 7
    before = [state(stopped, lane) for lane in range(5)]
    for _ in range(3):
        assert stopped.run(1, np.ones(1, np.int64)) == 0
    assert [state(stopped, lane) for lane in range(5)] == before
    stopped.run(50, GOES_ON), free.run(50, GOES_ON)
    assert [state(stopped, lane) for lane in range(5)] == [state(free, lane) for lane in range(5)]


def test_one_register_of_models_or_two_give_the_same_bytes():
    models = 2 * lanes_for("float32")
    wide, narrow = recipe_for(1, models), recipe_for(1, models, threads=2)
    assert (wide.lanes, narrow.lanes) == (models, models // 2)
    both, half = filled(wide, models), filled(narrow, models // 2)
    for group in (both, half):
        group.run(200, GOES_ON)
    assert [state(both, lane) for lane in range(models // 2)] == [state(half, lane) for lane in range(models // 2)]
    assert len({both.weights(lane).tobytes() for lane in range(models)}) == models


def tallied(values, patience):
    """(bits of lanes that somebody must look at, after each of the losses in values (updates, lanes); arrays)"""
    lanes, seen = values.shape[1], []

    def kernel(m):
        frame = SimpleNamespace(**{name: m.pointer(name) for name in (*TALLY_POINTERS, "active")})
        given, n = m.pointer("values"), m.word("n")
        tally(m, frame, [m.load(given, n), m.constant(1.0), m.constant(0.0)])

    names = (*TALLY_POINTERS, "active", "values", *TALLY_WORDS, "n")
    program = Program(kernel, names, "float32", lanes, "tally of a test")
    arrays = {"open": (6, lanes), "patience": (lanes,), "streak": (lanes,), "active": (lanes,)}
    arrays = {name: np.zeros(shape, np.float32) for name, shape in arrays.items()} | {"values": values}
    arrays["patience"][:] = patience
    arrays["active"][: lanes // 2] = 1
    frame = np.array([arrays[name].ctypes.data if name in arrays else 0 for name in names])
    frame[names.index("samples")] = 1
    for n in range(len(values)):
        frame[names.index("n")] = n
        program.run(frame)
        seen.append(int(frame[names.index("seen")]))
    return seen, arrays


def test_a_loss_that_is_not_finite_is_seen_after_later_blocks_of_its_batch_too():
    lanes = lanes_for("float32")
    values = np.ones((6, lanes), np.float32)
    values[1, 0], values[3, 1], values[2, lanes - 1] = np.inf, np.nan, np.inf
    # The last lane holds no model.
    assert tallied(values, np.inf)[0] == [0, 1, 1, 3, 3, 3]


def test_sums_lose_nothing_that_float64_would_keep():
    lanes, updates = lanes_for("float32"), 5_000
    values = np.random.default_rng(2).exponential(3.0, (updates, lanes)).astype(np.float32)
    seen, arrays = tallied(values, updates)
    assert set(seen[:-1]) == {0} and seen[-1] == 2 ** (lanes // 2) - 1
    for lane in range(lanes):
        loss, whole = sum(arrays["open"][:2, lane].astype(float)), math.fsum(values[:, lane].astype(float))
        assert abs(loss - whole) < 1e-12 * whole
    assert (arrays["open"][2] == updates).all()


def test_what_is_asked_for_one_lane_decides_on_no_other():
    recipe = recipe_for(batch=1)
    results = ModelResults(16, len(recipe.rows), recipe.dtype, 1)
    results.weights[:] = np.random.default_rng(0).uniform(-1, 1, results.weights.shape)
    group = RunGroup(recipe, recipe.queue(np.arange(16), results, NOBODY))
    group.put_next(np.arange(3))
    assert group.run(5, GOES_ON) == 5
    # As where Ctrl-C came before the decision.
    group.held.event[1] = ENDED
    before = state(group, 1)
    assert group.take(0).counts.step == 5
    assert group.model(0) < 0 and state(group, 1) == before and not group.ended.counts.any()
