"""The contents of a group's lanes besides the weights: counts, limits and histories."""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import inner

# What happened in a lane: nothing; a streak without a mistake; a loss that is not finite; the last update; weights that
# are not finite. And what the caller asks for: to begin the lane's model, or the next one that waits, or to empty it.
RUNNING, CLEAN, DIVERGED, ENDED, RUINED, BEGIN, NEXT, LEAVE = range(8)

# Entries of a model's history; when they are full, neighbours are joined.
MOST = 256


class Lanes(NamedTuple):
    """A group's lanes. asks: 1 where only the caller decides on the model; limit: updates to make; event: why a call
    returned; outputs: that count in the stretch that is not full, batch: in one batch; filled: updates in it; length:
    updates in a stretch; entries: full stretches in history (L, MOST, 4): sums of the loss, the outputs that count, the
    wrong ones, and the samples with a wrong one."""

    asks: np.ndarray
    limit: np.ndarray
    event: np.ndarray
    outputs: np.ndarray
    batch: np.ndarray
    filled: np.ndarray
    length: np.ndarray
    entries: np.ndarray
    history: np.ndarray


def lanes_for_models(lanes):
    """Return lanes without models."""
    names = ("asks", "limit", "event", "outputs", "batch", "filled", "length", "entries")
    counts = {name: np.zeros(lanes, np.int64) for name in names}
    return Lanes(**counts, history=np.zeros((lanes, MOST, 4)))


@inner
def read_open(lanes, opened, lane, sums):
    """Write the open stretch of a lane, whose tally is `opened`, to sums (4), in the form of the history."""
    sums[1] = lanes.outputs[lane]
    for row in range(3):
        sums[row + 1 if row > 0 else 0] = np.float64(opened[2 * row, lane]) + np.float64(opened[2 * row + 1, lane])


@inner
def keep(lanes, opened, lane):
    """Append the open stretch of a lane, whose tally is `opened`, to its history."""
    entry = lanes.entries[lane]
    read_open(lanes, opened, lane, lanes.history[lane, entry])
    for row in range(opened.shape[0]):
        opened[row, lane] = 0
    lanes.outputs[lane], lanes.filled[lane], lanes.entries[lane] = 0, 0, entry + 1
    if entry + 1 == MOST:
        for entry in range(MOST // 2):
            for i in range(4):
                lanes.history[lane, entry, i] = (
                    lanes.history[lane, 2 * entry, i] + lanes.history[lane, 2 * entry + 1, i]
                )
        lanes.entries[lane], lanes.length[lane] = MOST // 2, 2 * lanes.length[lane]
