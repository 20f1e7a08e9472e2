"""Models that wait for a lane, and the decisions on those that have one, in compiled code.

Thousands of models end within a second; were each decision one of Python's, threads would wait for its lock.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.events import BEGIN, DIVERGED, LEAVE, NEXT, RUINED, RUNNING
from fastrnn.kernels.model_lanes import ENTRY, MOST, clear_lane, write_open
from fastrnn.kernels.recurrent.bits import WALK
from fastrnn.kernels.recurrent.tally import SUMS
from fastrnn.machine.records import Integers, Numbers

# Who finds out whether a model is right: nobody (it has real-valued targets), a Walk, or the caller.
NOBODY, WALKER, CALLER = 0, 1, 2
# Why a model ended.
EXACT, SAMPLES = 0, 1
# Models that may end in a group before its caller takes the results, and the numbers of each.
MOST_ENDED, RESULT = 256, 6


class Queue(NamedTuple):
    """All models of a training, which its groups share.

    next (1): the place in `order` of the first model that waits, and its length; seeds, options (N, rows), float64: of
    each model; weights (N, width): initial ones, of those that ended the final ones; rows (width): their rows in theta;
    samples_to_exact: -1 where a model was not exact yet; began, in seconds; stretch: the updates of one in the history;
    batch: samples in an update; limit: updates of a model; first_limit: updates before its first decision, and patience
    (1), float64: samples without a mistake before one; judge: NOBODY, WALKER or CALLER; stops: 1 where exact models
    end.
    """

    next: Integers
    order: Integers
    length: int
    seeds: Integers
    options: Integers
    weights: Numbers
    rows: Integers
    width: int
    samples_to_exact: Integers
    began: Integers
    stretch: int
    batch: int
    limit: int
    first_limit: int
    patience: Integers
    judge: int
    stops: int

    def of(self, order):
        """Return the Queue of some of the models, in this order."""
        return self._replace(order=order, length=len(order))


class Ended(NamedTuple):
    """The models of a group that ended since the caller last collected them.

    counts (2): models, and rows of history; table (MOST_ENDED + L, 6): model, EXACT or SAMPLES, whether it is exact,
    updates, rows of its history and updates in one of them; history (rows, 4): of all, one after the other.
    """

    counts: Integers
    table: Integers
    history: Integers


class Walk(NamedTuple):
    """The frame of the program of fastrnn.bits.tree, and the weights theta that it reads."""

    frame: Integers
    theta: Numbers


def most_ended(lanes):
    """Return the models, and the rows of their histories, that an Ended holds; all models of a group of this number of
    lanes may end together."""
    most = MOST_ENDED + lanes
    return most, most * MOST // 4 + lanes * MOST


def ended_for(lanes):
    """Return an Ended without models."""
    models, rows = most_ended(lanes)
    return Ended(np.zeros(2, np.int64), np.zeros((models, RESULT), np.int64), np.zeros((rows, ENTRY)))


def _begin(m, group, lane, model, now):
    """Put a new model into a lane that was emptied."""
    queue, feed, arrays, lanes = group.queue, group.feed, group.arrays, group.lanes
    for i in m.range(queue.width):
        weight = m.broadcast(queue.weights, model * queue.width + i)
        m.set_number(arrays.theta, m.read(queue.rows, i) * m.lanes + lane, weight)
    for row in m.range(arrays.settings):
        option = m.read_double(queue.options, model * arrays.settings + row)
        m.set_number(arrays.options, row * m.lanes + lane, option)
    m.set_number(arrays.active, lane, m.constant(1.0))
    m.set_number(arrays.patience, lane, m.read_double(queue.patience, 0))
    for array, number in (
        (feed.model, model), (feed.seed, m.read(queue.seeds, model)), (feed.step, 0), (lanes.length, queue.stretch),
        (lanes.limit, queue.first_limit),
    ):
        m.write(array, lane, number)
    for slot in range(2):
        m.write(feed.words.tag, lane * 2 + slot, -1)
    m.write(queue.began, model, now)


def _clear(m, group, lane):
    """Empty a lane; it still computes, zeros from zeros."""
    arrays, lanes = group.arrays, group.lanes
    for array, rows in (
        (arrays.theta, arrays.rows), (arrays.slots, arrays.rows * arrays.slot_count),
        (arrays.running, arrays.running_count), (arrays.active, 1), (arrays.open, 2 * len(SUMS)), (arrays.streak, 1),
    ):
        clear_lane(m, array, rows, lane)
    m.write(group.feed.model, lane, -1)
    for array in (lanes.asks, lanes.event, lanes.outputs, lanes.filled, lanes.entries):
        m.write(array, lane, 0)


def _end(m, group, lane, reason, exact):
    """Record the results of a model that ends."""
    queue, ended, arrays, lanes = group.queue, group.ended, group.arrays, group.lanes
    model, steps, entries = (m.read(array, lane) for array in (group.feed.model, group.feed.step, lanes.entries))
    for i in m.range(queue.width):
        weight = m.broadcast(arrays.theta, m.read(queue.rows, i) * m.lanes + lane)
        m.set_number(queue.weights, model * queue.width + i, weight)
    number, first, length = m.read(ended.counts, 0), m.read(ended.counts, 1), m.read(lanes.length, lane)
    for n in m.range(entries * ENTRY):
        m.write(ended.history, first * ENTRY + n, m.read(lanes.history, lane * (MOST * ENTRY) + n))
    more = (entries * length).below(steps)
    for _ in m.when(more):
        write_open(m, lanes, arrays.open, lane, ended.history, (first + entries) * ENTRY)
    for i, value in enumerate((model, reason, exact, steps, entries + more, length)):
        m.write(ended.table, number * RESULT + i, value)
    m.write(ended.counts, 0, number + 1)
    m.write(ended.counts, 1, first + entries + more)


def _is_right(m, group, lane):
    """Return 1 if the network in a lane makes no mistake on any sample, 0 if it does, -1 for an unfinished test."""
    queue, walk = group.queue, group.walk
    for i in m.range(queue.width):
        row = m.read(queue.rows, i)
        m.set_number(walk.theta, row, m.broadcast(group.arrays.theta, row * m.lanes + lane))
    m.run(walk.frame)
    unfinished = m.atomic_read(m.integers("stop"), 0).equals(0).equals(0)
    right = m.read(walk.frame, WALK.index("mistake")).equals(0)
    return right.both(unfinished.equals(0)) - unfinished


def _judge(m, group, lane, finite):
    """Set the new event of a lane: NEXT where its model has ended, RUNNING where it continues; it stays where the
    caller has to decide, and where stop[0] is not 0: an unfinished test proves nothing.

    finite: whether the lane's weights are.
    """
    queue, feed, arrays, lanes = group.queue, group.feed, group.arrays, group.lanes
    model, steps = m.read(feed.model, lane), m.read(feed.step, lane)
    left = m.read(lanes.event, lane).equals(DIVERGED).either(m.read(lanes.asks, lane)).either(
        queue.judge.equals(CALLER)).either(finite.equals(0))
    for _ in m.when(left.equals(0)):
        found = m.local(0)
        for _ in m.when(queue.judge.equals(WALKER)):
            found.set(_is_right(m, group, lane))
        exact = found.get()
        for _ in m.when(m.integer(-1).below(exact)):
            for _ in m.when(exact.both(m.read(queue.samples_to_exact, model).below(0))):
                m.write(queue.samples_to_exact, model, steps * queue.batch)
            stops = exact * queue.stops
            over = stops.either(steps.equals(queue.limit))
            for _ in m.when(over):
                _end(m, group, lane, stops.equals(0) * SAMPLES + stops * EXACT, exact)
                m.write(lanes.event, lane, NEXT)
            for _ in m.when(over.equals(0)):
                m.write(lanes.event, lane, RUNNING)
                m.write(lanes.limit, lane, queue.limit)
                m.set_number(arrays.streak, lane, m.constant(0.0))
                m.set_number(arrays.patience, lane, m.read_double(queue.patience, 0))
                for _ in m.when(m.integer(-1).below(m.read(queue.samples_to_exact, model))):
                    m.set_number(arrays.patience, lane, m.constant(float("inf")))


def _handle(m, group, lane, decides, now, finite):
    """Handle a lane's event; decides: whether to decide on a model that the caller decides on otherwise."""
    queue, lanes = group.queue, group.lanes
    for _ in m.when(decides.both(m.read(lanes.event, lane).below(BEGIN))):
        _judge(m, group, lane, finite)
    event, model = m.local(m.read(lanes.event, lane)), m.local(m.read(group.feed.model, lane))
    for _ in m.when(event.get().equals(NEXT)):
        place = m.atomic_add(queue.next, 0, 1)
        event.set(LEAVE)
        for _ in m.when(place.below(queue.length)):
            model.set(m.read(queue.order, place))
            event.set(BEGIN)
    begins = event.get().equals(BEGIN)
    for _ in m.when(begins.either(event.get().equals(LEAVE))):
        _clear(m, group, lane)
    for _ in m.when(begins):
        _begin(m, group, lane, model.get(), now)


def settle(m, group, decides, now):
    """Handle the events of all lanes of a group, a record of Models.

    decides: whether to decide on models, or only to do what the caller asks for.

    Returns whether the group can continue: no decision is left to the caller, a model is in training, and there is room
    for the results of all.
    """
    feed, lanes, settled, active = group.feed, group.lanes, m.local(1), m.local(0)
    (bad,) = m.fold(group.arrays.rows, [m.constant(0.0)], lambda row, bad: [
        # 0 times what is not finite is no number, and stays none in a sum.
        m.fma(m.load(group.arrays.theta, row), m.constant(0.0), bad[0])])
    # A lane's weights change only where it is handled.
    all_finite = m.mask_bits(bad < 1.0)
    for lane in m.range(m.lanes):
        finite = (all_finite >> lane).both(1)
        quiet, has_model = m.read(lanes.event, lane).equals(RUNNING), m.integer(-1).below(m.read(feed.model, lane))
        for _ in m.when(quiet.equals(0)):
            _handle(m, group, lane, decides, now, finite)
        for _ in m.when(quiet.both(has_model).both(finite.equals(0))):
            m.write(lanes.event, lane, RUINED)
        settled.set(settled.get().both(m.read(lanes.event, lane).equals(RUNNING)))
        active.set(active.get().either(m.integer(-1).below(m.read(feed.model, lane))))
    models, rows = most_ended(m.lanes)
    room = m.read(group.ended.counts, 0).below(models - m.lanes + 1)
    room = room.both(m.read(group.ended.counts, 1).below(rows - m.lanes * MOST + 1))
    return settled.get().both(active.get()).both(room)
