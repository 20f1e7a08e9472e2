"""The content of a model's lane between calls of the kernels, from which it continues in any other lane."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.recurrent.decide import PROGRESS, ROLE_SUMS
from fastrnn.training.sequences.job import FitResult


class Lane(NamedTuple):
    """A model in training: everything that `FitGroup.put` does not set itself.

    theta, best (R,): weights now, and the best; slots (K, R), running (L): of the optimizer; progress (P,): see
    fastrnn.kernels.recurrent.decide; active: whether it takes part; history (E, 6): sums of each evaluation; updates:
    epochs made.
    """

    theta: np.ndarray
    best: np.ndarray
    slots: np.ndarray
    running: np.ndarray
    progress: np.ndarray
    active: np.ndarray
    history: np.ndarray
    updates: int


def span_of(slots):
    """Return slots in order as a slice, where they are neighbours: it is faster than a list."""
    first, last = slots[0], slots[-1] + 1
    return slice(first, last) if last - first == len(slots) else slots


def lane_of(group, slot):
    """Return the Lane of the model in a slot of a FitGroup."""
    arrays, rows = group.arrays, group.recipe.rows
    columns = {name: arrays[name][:rows, slot].copy() for name in ("theta", "best")}
    history = np.concatenate([*group.parts[slot], np.zeros((0, ROLE_SUMS), group.recipe.dtype)])
    return Lane(
        **columns,
        slots=arrays["slots"][:, :rows, slot].copy(),
        running=arrays["running"][:, slot].copy(),
        progress=arrays["progress"][:, slot].copy(),
        active=arrays["active"][0, slot].copy(),
        history=history,
        updates=int(group.updates[slot]),
    )


def put_lane(group, slot, job, lane):
    """Continue a model in a free slot; the group's round must suit it."""
    group.put([slot], [job])
    arrays, rows, lanes = group.arrays, group.recipe.rows, group.lanes_of(slot)
    for name in ("theta", "best"):
        arrays[name][:rows, slot] = getattr(lane, name)
    arrays["slots"][:, :rows, slot] = lane.slots
    arrays["running"][:, slot] = lane.running
    # All lanes hold the same numbers of one model.
    arrays["progress"][:, lanes] = lane.progress if group.recipe.net.own_weights else lane.progress[:, None]
    arrays["active"][0, lanes] = lane.active
    group.parts[slot].append(lane.history)
    group.updates[slot] = lane.updates


def left_behind(job, lane, stopped):
    """Return the FitResult of an unfinished model; lane: its Lane, or None if it has not begun."""
    if lane is None:
        return FitResult(job, job.weights, np.zeros((0, ROLE_SUMS)), 0, 0, stopped)
    best_round = int(lane.progress[PROGRESS.index("best_round")])
    return FitResult(job, lane.best, lane.history, best_round, lane.updates, stopped)
