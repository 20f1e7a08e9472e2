"""Models that wait for a lane, and the decisions on those that have one, in compiled code.

Thousands of models end within a second; were each decision one of Python's, threads would wait for its lock.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import inner
from fastrnn.kernels.model_lanes import BEGIN, DIVERGED, LEAVE, MOST, NEXT, RUINED, RUNNING, read_open
from fastrnn.kernels.recurrent.bits import WALK
from fastrnn.machine.address import Loaded, call
from fastrnn.simd.integers import atomic_add, atomic_load

# Who finds out whether a model is right: nobody (it has real-valued targets), a Walk, or the caller.
NOBODY, WALKER, CALLER = 0, 1, 2
# Where in the frame of a Walk its result lies.
_MISTAKE = WALK.index("mistake")
# Why a model ended.
EXACT, SAMPLES = 0, 1
# Models that may end in a group before its caller takes the results.
MOST_ENDED = 256


class Queue(NamedTuple):
    """All models of a training, which its groups share.

    next (1): the place in `order` of the first model that waits; seeds, options (N, rows): of each model; weights
    (N, W): initial ones, of those that ended the final ones; rows (W): their rows in theta; samples_to_exact: -1 where
    a model was not exact yet; began, in seconds; stretch: the updates of one in the history; limit: updates of a model;
    first_limit: updates before its first decision, and patience: samples without a mistake before one; judge: NOBODY,
    WALKER or CALLER; stops: 1 where exact models end.
    """

    next: np.ndarray
    order: np.ndarray
    seeds: np.ndarray
    options: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    samples_to_exact: np.ndarray
    began: np.ndarray
    stretch: int
    batch: int
    limit: int
    first_limit: int
    patience: float
    judge: int
    stops: int


class Ended(NamedTuple):
    """The models of a group that ended since the caller last collected them.

    counts (2): models, and rows of history; table (MOST_ENDED, 6): model, EXACT or SAMPLES, whether it is exact,
    updates, rows of its history and updates in one of them; history (rows, 4): of all, one after the other.
    """

    counts: np.ndarray
    table: np.ndarray
    history: np.ndarray


class Walk(NamedTuple):
    """The program of fastrnn.bits.tree, and the weights theta that it reads."""

    program: Loaded
    theta: np.ndarray


def ended_for(lanes):
    """Return an Ended without models; lanes: of the group, all of which may end together."""
    most = MOST_ENDED + lanes
    rows = most * MOST // 4 + lanes * MOST
    return Ended(np.zeros(2, np.int64), np.zeros((most, 6), np.int64), np.zeros((rows, 4)))


@inner
def _begin(queue, feed, arrays, lanes, lane, model, now):
    """Put a new model into a lane."""
    _clear(feed, arrays, lanes, lane)
    for i in range(queue.rows.size):
        arrays.theta[queue.rows[i], lane] = queue.weights[model, i]
    for row in range(arrays.options.shape[0]):
        arrays.options[row, lane] = queue.options[model, row]
    arrays.active[0, lane], feed.model[lane], feed.seed[lane] = 1, model, queue.seeds[model]
    feed.tag[lane, 0] = feed.tag[lane, 1] = -1
    feed.step[lane], lanes.length[lane] = 0, queue.stretch
    lanes.limit[lane], arrays.patience[lane] = queue.first_limit, queue.patience
    for row in range(arrays.open.shape[0]):
        arrays.open[row, lane] = 0
    arrays.streak[lane], queue.began[model] = 0, now


@inner
def _clear(feed, arrays, lanes, lane):
    """Empty a lane; it still computes, zeros from zeros."""
    for row in range(arrays.theta.shape[0]):
        arrays.theta[row, lane] = 0
        for slot in range(arrays.slots.shape[0]):
            arrays.slots[slot, row, lane] = 0
    for row in range(arrays.running.shape[0]):
        arrays.running[row, lane] = 0
    arrays.active[0, lane], feed.model[lane] = 0, -1
    lanes.asks[lane], lanes.event[lane] = 0, RUNNING
    lanes.outputs[lane] = lanes.filled[lane] = lanes.entries[lane] = 0


@inner
def _end(queue, ended, feed, arrays, lanes, lane, reason, exact):
    """Record the results of a model that ends."""
    model, entries, steps = feed.model[lane], lanes.entries[lane], feed.step[lane]
    for i in range(queue.rows.size):
        queue.weights[model, i] = arrays.theta[queue.rows[i], lane]
    first = ended.counts[1]
    for entry in range(entries):
        for i in range(4):
            ended.history[first + entry, i] = lanes.history[lane, entry, i]
    if steps > entries * lanes.length[lane]:
        read_open(lanes, arrays.open, lane, ended.history[first + entries])
        entries += 1
    table, row = ended.table, ended.counts[0]
    table[row, 0], table[row, 1], table[row, 2] = model, reason, exact
    table[row, 3], table[row, 4], table[row, 5] = steps, entries, lanes.length[lane]
    ended.counts[0] += 1
    ended.counts[1] += entries


@inner
def _has_room(ended, lanes):
    """Return whether all models of a group may end before the caller collects them."""
    models, rows = ended.counts[0], ended.counts[1]
    return models + lanes <= ended.table.shape[0] and rows + lanes * MOST <= ended.history.shape[0]


@inner
def _is_finite(theta, lane):
    finite = True
    for row in range(theta.shape[0]):
        finite &= np.isfinite(theta[row, lane])
    return finite


@inner
def _is_right(walk, queue, arrays, lane, stop):
    """Return 1 if the network in a lane makes no mistake on any sample, 0 if it does, -1 for an unfinished test."""
    for i in range(queue.rows.size):
        walk.theta[queue.rows[i]] = arrays.theta[queue.rows[i], lane]
    call(walk.program.address, (walk.program.frame,))
    if atomic_load(stop, 0) != 0:
        return -1
    return 1 if walk.program.frame[_MISTAKE] == 0 else 0


@inner
def _judge(group, lane, stop):
    """Return the new event of a lane: NEXT where its model has ended, RUNNING where it continues; the event itself
    where the caller has to decide, and where stop[0] is not 0: an unfinished test proves nothing."""
    queue, feed, arrays, lanes = group.queue, group.feed, group.arrays, group.lanes
    event, model, steps = lanes.event[lane], feed.model[lane], feed.step[lane]
    if event == DIVERGED or lanes.asks[lane] != 0 or queue.judge == CALLER or not _is_finite(arrays.theta, lane):
        return event
    exact = 0
    if queue.judge == WALKER:
        exact = _is_right(group.walk, queue, arrays, lane, stop)
    if exact < 0:
        return event
    if exact != 0 and queue.samples_to_exact[model] < 0:
        queue.samples_to_exact[model] = steps * queue.batch
    stops = exact * queue.stops
    if stops != 0 or steps == queue.limit:
        _end(queue, group.ended, feed, arrays, lanes, lane, EXACT if stops != 0 else SAMPLES, exact)
        return NEXT
    arrays.streak[lane], lanes.limit[lane] = 0, queue.limit
    arrays.patience[lane] = np.inf if queue.samples_to_exact[model] >= 0 else queue.patience
    return RUNNING


@inner
def _settle(group, lane, decides, now, stop):
    """Handle a lane's event; decides: whether to decide on a model that the caller decides on otherwise."""
    queue, feed, arrays, lanes = group.queue, group.feed, group.arrays, group.lanes
    if decides and lanes.event[lane] < BEGIN:
        lanes.event[lane] = _judge(group, lane, stop)
    event, model = lanes.event[lane], feed.model[lane]
    if event == NEXT:
        place, event = atomic_add(queue.next, 0, 1), LEAVE
        if place < queue.order.size:
            model, event = queue.order[place], BEGIN
    if event == BEGIN:
        _begin(queue, feed, arrays, lanes, lane, model, now)
    if event == LEAVE:
        _clear(feed, arrays, lanes, lane)


@inner
def settle(group, decides, now, stop):
    """Handle the events of all lanes of a group; group: a Reference to Models.

    decides: whether to decide on models, or only to do what the caller asks for.

    Returns whether the group can continue: no decision is left to the caller, a model is in training, and there is room
    for the results of all.
    """
    feed, lanes, settled, active = group.feed, group.lanes, True, False
    for lane in range(lanes.event.size):
        if lanes.event[lane] != RUNNING:
            _settle(group, lane, decides, now, stop)
        elif feed.model[lane] >= 0 and not _is_finite(group.arrays.theta, lane):
            lanes.event[lane] = RUINED
        settled &= lanes.event[lane] == RUNNING
        active |= feed.model[lane] >= 0
    return settled and active and _has_room(group.ended, lanes.event.size)
