"""The state of many models in training as arrays, from which `train_many` continues, and its checkpoint."""

import time
from typing import NamedTuple

import numpy as np

from fastrnn.checkpoint import encoded, read_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.train.autosave import TrainingAutosave
from fastrnn.train.group import Job, LaneState
from fastrnn.train.many_run import Entry

STOPPED = ("exact", "samples", "diverged")
# Columns of the tables of finished models and of those in lanes.
FINISHED = ("model", "stopped", "exact", "steps", "samples_to_exact", "rows", "length")
FINISHED_NUMBERS = ("loss", "exact_accuracy", "began", "ended")
JOB = ("model", "limit", "sound", "ruin")
LANES = (*JOB, "samples_to_exact", "failed", "looked_at", "rows", *LaneState.COUNTS)
KIND = "train_many"


class Held(NamedTuple):
    """A lane: its Job, samples until its model was exact, state of its Checks, when it began, LaneState."""

    job: object
    samples_to_exact: int
    failed: int
    looked_at: int
    began: float
    state: object


class ManyAutosave(TrainingAutosave):
    """An Autosave of the states of many models; `state`: (tensors, seconds) of the file that was found, or None."""

    def _loaded(self):
        tensors, metadata = read_checkpoint(self.path)
        if metadata.get("kind") != KIND or not isinstance(metadata.get("identity"), dict):
            raise ValueError(f"checkpoint: {self.path} is no checkpoint of train_many; give another file")
        self.check_identity(metadata["identity"])
        seconds = metadata.get("seconds")
        if not isinstance(seconds, (int, float)):
            raise CheckpointError(f"{self.path}: is damaged: seconds: got {seconds!r:.80}; delete it to start over")
        return tensors, seconds

    def save(self, training, lanes):
        """Save the state of a training with these Held."""
        began = time.perf_counter()
        parts = {
            "cell": training.cell,
            "task": training.task,
            "kind": KIND,
            "identity": self.identity,
            "seconds": training.seconds(),
        }
        tensors = arrays_of(training, lanes)
        self.write(lambda: encoded(tensors, parts), began)


def arrays_of(training, lanes):
    """{name: array} of models: finished, in lanes, or waiting to be trained again up to the update that diverged."""
    done = np.flatnonzero(training.finished)
    lanes = [lane for lane in lanes if not training.finished[lane.job.model]]
    inside = {lane.job.model for lane in lanes}
    entries = [training.entries[model] for model in done]
    ends = (STOPPED.index(training.stopped[model]) for model in done)
    counts = zip(
        done,
        ends,
        training.exact[done],
        training.steps[done],
        training.samples_to_exact[done],
        (len(entry.history) for entry in entries),
        (entry.length for entry in entries),
    )
    times = ((entry.began, entry.ended) for entry in entries)
    numbers = zip(training.loss[done], training.exact_accuracy[done], *zip(*times))
    states = [lane.state for lane in lanes]
    again = [_row(job) for job in training.again if not training.finished[job.model] and job.model not in inside]
    rows = (
        (
            *_row(lane.job),
            lane.samples_to_exact,
            lane.failed,
            lane.looked_at,
            len(lane.state.history),
            *lane.state.counts,
        )
        for lane in lanes
    )
    began = ((lane.began, *lane.state.open) for lane in lanes)
    vectors = np.array([state.vectors for state in states], training.dtype)
    running = np.array([state.running for state in states], training.dtype)
    return {
        "finished": _table(counts, len(FINISHED), np.int64),
        "finished.numbers": _table(numbers, len(FINISHED_NUMBERS), np.float64),
        "finished.weights": training.weights[done],
        "finished.history": _stacked(entry.history for entry in entries),
        "lanes": _table(rows, len(LANES), np.int64),
        "lanes.numbers": _table(began, 5, np.float64),
        "lanes.vectors": vectors.reshape(-1, training.recipe.vectors, training.weights.shape[1]),
        "lanes.running": running.reshape(len(states), len(training.recipe.optimizer.running)),
        "lanes.history": _stacked(state.history for state in states),
        "again": _table(again, len(JOB), np.int64),
    }


def _row(job):
    """A Job as integers, -1 for None."""
    return *job[:3], -1 if job.ruin is None else job.ruin


def _job(model, limit, sound, ruin):
    return Job(model, limit, sound, None if ruin < 0 else ruin)


def _table(rows, columns, dtype):
    return np.array([tuple(row) for row in rows], dtype).reshape(-1, columns)


def _stacked(histories):
    return np.concatenate([np.zeros((0, 4)), *histories])


def take_up(training, arrays):
    """Put the result of `arrays_of` into a training that has not begun.

    Raises ValueError for arrays of other shapes or models.
    """
    count, width = training.weights.shape
    _check_shapes(arrays, training, width)
    finished, lanes, again = arrays["finished"], arrays["lanes"], arrays["again"]
    known = np.concatenate([finished[:, 0], lanes[:, 0], again[:, 0]])
    if len(known) and (known.min() < 0 or known.max() >= count or len(np.unique(known)) < len(known)):
        raise ValueError(f"finished, lanes, again: expected different models from 0 to {count - 1}")
    if len(finished) and not 0 <= finished[:, 1].min() <= finished[:, 1].max() < len(STOPPED):
        raise ValueError(f"finished: expected reasons from 0 to {len(STOPPED) - 1}")
    done = finished[:, 0]
    training.finished[done] = True
    training.exact[done], training.steps[done], training.samples_to_exact[done] = finished[:, 2:5].T
    training.loss[done], training.exact_accuracy[done] = arrays["finished.numbers"][:, :2].T
    training.weights[done] = arrays["finished.weights"]
    histories = _parts(arrays["finished.history"], finished[:, FINISHED.index("rows")])
    for row, numbers, history in zip(finished.tolist(), arrays["finished.numbers"].tolist(), histories):
        training.stopped[row[0]] = STOPPED[row[1]]
        training.entries[row[0]] = Entry(history, row[6], row[3], *numbers[2:])
    histories = _parts(arrays["lanes.history"], lanes[:, LANES.index("rows")])
    columns = lanes.tolist(), arrays["lanes.numbers"], arrays["lanes.vectors"], arrays["lanes.running"], histories
    for row, numbers, vectors, running, history in zip(*columns):
        job, (training.samples_to_exact[row[0]], failed, looked_at, _, *counts) = _job(*row[:4]), row[4:]
        training.began[job.model] = numbers[0]
        if training.checks:
            training.checks[job.model].failed, training.checks[job.model].looked_at = failed, looked_at
        state = LaneState(tuple(counts), numbers[1:], vectors, running, history)
        training.restored.append((job, state))
    training.again = [_job(*row) for row in again.tolist()]
    training.waiting = iter(np.setdiff1d(np.arange(count), known).tolist())
    training.done = len(done)


def _check_shapes(arrays, training, width):
    dtype, recipe = training.dtype, training.recipe
    rows = {
        name: len(arrays[name]) if name in arrays and arrays[name].ndim else 0
        for name in ("finished", "lanes", "again")
    }
    entries = {
        name: int(arrays[name][:, column].clip(0).sum()) if rows[name] and arrays[name].ndim == 2 else 0
        for name, column in (("finished", FINISHED.index("rows")), ("lanes", LANES.index("rows")))
    }
    expected = {
        "finished": (np.int64, (rows["finished"], len(FINISHED))),
        "again": (np.int64, (rows["again"], len(JOB))),
        "finished.numbers": (np.float64, (rows["finished"], len(FINISHED_NUMBERS))),
        "finished.weights": (dtype, (rows["finished"], width)),
        "finished.history": (np.float64, (entries["finished"], 4)),
        "lanes": (np.int64, (rows["lanes"], len(LANES))),
        "lanes.numbers": (np.float64, (rows["lanes"], 5)),
        "lanes.vectors": (dtype, (rows["lanes"], recipe.vectors, width)),
        "lanes.running": (dtype, (rows["lanes"], len(recipe.optimizer.running))),
        "lanes.history": (np.float64, (entries["lanes"], 4)),
    }
    for name, (kind, shape) in expected.items():
        got = arrays.get(name)
        if got is None or got.dtype != kind or got.shape != shape:
            found = "none" if got is None else f"{got.dtype} {got.shape}"
            raise ValueError(f"{name}: got {found}, expected {np.dtype(kind)} {shape}")


def _parts(rows, counts):
    return np.split(rows, np.cumsum(counts)[:-1]) if len(counts) else []
