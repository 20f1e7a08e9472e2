"""Models that wait for a lane, and what is decided on those that have one, in compiled code.

Thousands of models end within a second; were each decision one of Python's, threads would wait for its lock.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import Address, call
from fastrnn.kernels.model_lanes import DIVERGED, MOST, RUNNING
from fastrnn.simd.integers import atomic_add, atomic_load

# Who finds out whether a model is right: nobody (it has real-valued targets), a Walk, or the caller.
NOBODY, WALK, CALLER = 0, 1, 2
# Why a model ended.
EXACT, SAMPLES = 0, 1
# Models that may end in a group before its caller takes the results.
MOST_ENDED = 256


class Queue(NamedTuple):
    """All models of a training, which its groups share.

    next (1): the place in `order` of the first model that waits; seeds, options (N, rows), rates: of each model;
    weights (N, W): initial ones, of those that ended the final ones; rows (W): their rows in theta; samples_to_exact:
    -1 where a model was not exact yet; began, in seconds; shared: whether all models learn the same data; stretch: the
    updates of one in the history; limit: updates of a model; first_limit: updates before its first decision, and
    patience: samples without a mistake before one; judge: NOBODY, WALK or CALLER; stops: whether exact models end.
    """

    next: np.ndarray
    order: np.ndarray
    seeds: np.ndarray
    options: np.ndarray
    rates: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    samples_to_exact: np.ndarray
    began: np.ndarray
    shared: bool
    stretch: int
    batch: int
    limit: int
    first_limit: int
    patience: float
    judge: int
    stops: bool


class Ended(NamedTuple):
    """The models of a group that ended since its caller last looked.

    counts (2): models, and rows of history; table (MOST_ENDED, 6): model, EXACT or SAMPLES, whether it is exact,
    updates, rows of its history and updates in one of them; history (rows, 4): of all, one after the other.
    """

    counts: np.ndarray
    table: np.ndarray
    history: np.ndarray


class Walk(NamedTuple):
    """The Address of `execute` with the program of fastrnn.bits.tree; its frame, and the places in it where a mistake
    and the address of the flag that ends it lie; theta: the weights that it reads."""

    call: Address
    frame: np.ndarray
    mistake: int
    stop: int
    theta: np.ndarray


def ended_for(lanes):
    """An Ended without models; lanes: of the group, all of which may end together."""
    most = MOST_ENDED + lanes
    rows = most * MOST // 4 + lanes * MOST
    return Ended(np.zeros(2, np.int64), np.zeros((most, 6), np.int64), np.zeros((rows, 4)))


@jit
def begin(queue, feed, arrays, lanes, lane, model, now):
    """Put a model into a lane, at its beginning."""
    clear(feed, arrays, lanes, lane)
    for i in range(queue.rows.size):
        arrays.theta[queue.rows[i], lane] = queue.weights[model, i]
    for row in range(arrays.options.shape[0]):
        arrays.options[row, lane] = queue.options[model, row]
    arrays.active[0, lane], feed.active[lane], feed.seed[lane] = 1, 1, queue.seeds[model]
    feed.tag[lane, 0] = feed.tag[lane, 1] = -1
    feed.step[lane], feed.data[lane] = 0, 0 if queue.shared else model
    lanes.model[lane], lanes.rate[lane], lanes.length[lane] = model, queue.rates[model], queue.stretch
    lanes.limit[lane], arrays.patience[lane] = queue.first_limit, queue.patience
    for row in range(arrays.open.shape[0]):
        arrays.open[row, lane] = 0
    arrays.streak[lane], queue.began[model] = 0, now


@jit
def clear(feed, arrays, lanes, lane):
    """Empty a lane; it still computes, zeros from zeros."""
    for row in range(arrays.theta.shape[0]):
        arrays.theta[row, lane] = 0
        for slot in range(arrays.slots.shape[0]):
            arrays.slots[slot, row, lane] = 0
    for row in range(arrays.running.shape[0]):
        arrays.running[row, lane] = 0
    feed.active[lane] = arrays.active[0, lane] = 0
    lanes.model[lane], lanes.asks[lane], lanes.event[lane] = -1, 0, RUNNING
    lanes.outputs[lane] = lanes.filled[lane] = lanes.entries[lane] = 0


@jit
def begin_next(queue, feed, arrays, lanes, lane, now):
    """Put the first model that waits into a lane, or leave it empty where none does; whether one did."""
    place = atomic_add(queue.next, 0, 1)
    if place >= queue.order.size:
        clear(feed, arrays, lanes, lane)
        return False
    begin(queue, feed, arrays, lanes, lane, queue.order[place], now)
    return True


@jit
def _end(queue, ended, feed, arrays, lanes, lane, reason, exact):
    """Note the results of a model that ends."""
    model, entries, steps = lanes.model[lane], lanes.entries[lane], feed.step[lane]
    for i in range(queue.rows.size):
        queue.weights[model, i] = arrays.theta[queue.rows[i], lane]
    row = ended.counts[1]
    for entry in range(entries):
        for i in range(4):
            ended.history[row + entry, i] = lanes.history[lane, entry, i]
    if steps > entries * lanes.length[lane]:
        last = row + entries
        ended.history[last, 1] = lanes.outputs[lane]
        for sum, i in enumerate((0, 2, 3)):
            high, low = arrays.open[2 * sum, lane], arrays.open[2 * sum + 1, lane]
            ended.history[last, i] = np.float64(high) + np.float64(low)
        entries += 1
    table, row = ended.table, ended.counts[0]
    table[row, 0], table[row, 1], table[row, 2] = model, reason, 1 if exact else 0
    table[row, 3], table[row, 4], table[row, 5] = steps, entries, lanes.length[lane]
    ended.counts[0] += 1
    ended.counts[1] += entries


@jit
def has_room(ended, lanes):
    """Whether all models of a group may end before its caller looks."""
    models, rows = ended.counts
    return models + lanes <= ended.table.shape[0] and rows + lanes * MOST <= ended.history.shape[0]


@jit
def _is_right(walk, queue, arrays, lane):
    """Whether the network in a lane makes no mistake on any sample."""
    for i in range(queue.rows.size):
        walk.theta[queue.rows[i]] = arrays.theta[queue.rows[i], lane]
    call(walk.call, (None, walk.frame))
    return walk.frame[walk.mistake] == 0


@jit
def settle(queue, ended, walk, feed, arrays, lanes, lane, now, stop):
    """Decide on a model that has an event: it ends and another one begins, or it continues; False where the caller has
    to decide, and where stop[0] is not 0: an unfinished test proves nothing."""
    event, model, steps = lanes.event[lane], lanes.model[lane], feed.step[lane]
    if event == DIVERGED or lanes.asks[lane] != 0 or queue.judge == CALLER:
        return False
    for row in range(arrays.theta.shape[0]):
        if not np.isfinite(arrays.theta[row, lane]):
            return False
    exact = False
    if queue.judge == WALK:
        exact = _is_right(walk, queue, arrays, lane)
        if atomic_load(stop, 0) != 0:
            return False
    if exact and queue.samples_to_exact[model] < 0:
        queue.samples_to_exact[model] = steps * queue.batch
    if exact and queue.stops or steps == queue.limit:
        _end(queue, ended, feed, arrays, lanes, lane, EXACT if exact and queue.stops else SAMPLES, exact)
        begin_next(queue, feed, arrays, lanes, lane, now)
        return True
    arrays.streak[lane], lanes.event[lane], lanes.limit[lane] = 0, RUNNING, queue.limit
    arrays.patience[lane] = np.inf if queue.samples_to_exact[model] >= 0 else queue.patience
    return True
