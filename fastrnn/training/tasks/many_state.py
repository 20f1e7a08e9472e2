"""The state of many models in training as arrays, from which `train_many` continues, and its checkpoint."""

import time
from typing import NamedTuple

import numpy as np

from fastrnn.checkpoint import encoded, read_checkpoint
from fastrnn.training.tasks.autosave import TrainingAutosave
from fastrnn.training.tasks.group import LaneCounts, LaneState
from fastrnn.training.tasks.many_results import FINISHED_COLUMNS, FINISHED_NUMBERS, parts, stacked, tabulated

# Columns of the tables of models to train again, and of those in lanes.
JOB = ("model", "limit", "sound", "ruin")
KNOWN = (*JOB, "samples_to_exact", "failed", "looked_at")
LANES = (*KNOWN, "rows", *LaneCounts._fields)
# When a lane began, and its sums.
LANES_NUMBERS = 1 + 7
MANY_KIND = "train_many"


class Held(NamedTuple):
    """A lane with a model: what is KNOWN of that, when it began, and the LaneState."""

    known: tuple
    began: float
    state: object

    @property
    def model(self):
        """The number of the model."""
        return self.known[0]


class ManyAutosave(TrainingAutosave):
    """An Autosave of the states of many models; `state`: (tensors, seconds) of the existing file, or None."""

    def _loaded(self):
        tensors, metadata = read_checkpoint(self.path, *self.kinds)
        if metadata.get("kind") != MANY_KIND or not isinstance(metadata.get("identity"), dict):
            raise ValueError(f"checkpoint: {self.path} is not a checkpoint of train_many; give another file")
        return metadata["identity"], (tensors, metadata.get("seconds"))

    def save(self, training, lanes):
        """Save the state of a training whose lanes hold these Held."""
        began = time.perf_counter()
        parts = {
            "cell": training.cell,
            "task": training.task,
            "kind": MANY_KIND,
            "identity": self.identity,
            "seconds": training.seconds(),
        }
        tensors = state_arrays(training, lanes)
        self.write(lambda: encoded(tensors, parts), began)


def state_arrays(training, lanes):
    """Return {name: array} of models: finished, in lanes, or waiting to be trained again up to the update that
    diverged."""
    finished = training.results.absorb().finished
    lanes = [lane for lane in lanes if not finished[lane.model]]
    inside, states = {lane.model for lane in lanes}, [lane.state for lane in lanes]
    again = [training.row(model) for model in training.again if not finished[model] and model not in inside]
    rows = ((*lane.known, len(lane.state.history), *lane.state.counts) for lane in lanes)
    began = ((lane.began, *lane.state.open) for lane in lanes)
    weights, recipe = training.results.weights, training.recipe
    vectors = np.array([state.vectors for state in states], weights.dtype)
    running = np.array([state.running for state in states], weights.dtype)
    return {
        **training.results.arrays(),
        "lanes": tabulated(rows, len(LANES), np.int64),
        "lanes.numbers": tabulated(began, LANES_NUMBERS, np.float64),
        "lanes.vectors": vectors.reshape(-1, recipe.vectors, weights.shape[1]),
        "lanes.running": running.reshape(len(states), len(recipe.optimizer.running)),
        "lanes.history": stacked(state.history for state in states),
        "again": tabulated(again, len(JOB), np.int64),
    }


def models_in(arrays, count, dtype, width, recipe):
    """Return (known models, [Held] of those in lanes, [JOB] to train again) from the result of `state_arrays`.

    count, width: models, and weights of each. Raises ValueError for arrays of other shapes or models.
    """
    _check_shapes(arrays, dtype, width, recipe)
    finished, lanes, again = arrays["finished"], arrays["lanes"], arrays["again"]
    known = np.concatenate([finished[:, 0], lanes[:, 0], again[:, 0]])
    if len(known) and (known.min() < 0 or known.max() >= count or len(np.unique(known)) < len(known)):
        raise ValueError(f"finished, lanes, again: expected different models from 0 to {count - 1}")
    histories = parts(arrays["lanes.history"], lanes[:, LANES.index("rows")])
    columns = lanes.tolist(), arrays["lanes.numbers"], arrays["lanes.vectors"], arrays["lanes.running"], histories
    held = []
    for row, numbers, vectors, running, history in zip(*columns):
        state = LaneState(LaneCounts(*row[len(KNOWN) + 1 :]), numbers[1:], vectors, running, history)
        held.append(Held(tuple(row[: len(KNOWN)]), numbers[0], state))
    return known, held, again.tolist()


def _check_shapes(arrays, dtype, width, recipe):
    rows = {
        name: len(arrays[name]) if name in arrays and arrays[name].ndim else 0
        for name in ("finished", "lanes", "again")
    }
    entries = {
        name: int(arrays[name][:, column].clip(0).sum()) if rows[name] and arrays[name].ndim == 2 else 0
        for name, column in (("finished", FINISHED_COLUMNS.index("rows")), ("lanes", LANES.index("rows")))
    }
    expected = {
        "finished": (np.int64, (rows["finished"], len(FINISHED_COLUMNS))),
        "again": (np.int64, (rows["again"], len(JOB))),
        "finished.numbers": (np.float64, (rows["finished"], len(FINISHED_NUMBERS))),
        "finished.weights": (dtype, (rows["finished"], width)),
        "finished.history": (np.float64, (entries["finished"], 4)),
        "lanes": (np.int64, (rows["lanes"], len(LANES))),
        "lanes.numbers": (np.float64, (rows["lanes"], LANES_NUMBERS)),
        "lanes.vectors": (dtype, (rows["lanes"], recipe.vectors, width)),
        "lanes.running": (dtype, (rows["lanes"], len(recipe.optimizer.running))),
        "lanes.history": (np.float64, (entries["lanes"], 4)),
    }
    for name, (kind, shape) in expected.items():
        got = arrays.get(name)
        if got is None or got.dtype != kind or got.shape != shape:
            found = "none" if got is None else f"{got.dtype} {got.shape}"
            raise ValueError(f"{name}: got {found}, expected {np.dtype(kind)} {shape}")
