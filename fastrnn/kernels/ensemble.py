"""Many updates of a group of models inside one compiled call; a lane is a model.

Each lane has its own stream of samples, its own step, its own end and its own count of samples without a mistake. A
lane needs a decision where its model is right and must be verified, its loss or its weights are not finite, or it has
had all its updates. The call returns as soon as a decision is the caller's, so that no lane waits.
"""

import functools
from typing import NamedTuple

from fastrnn.kernels.batches import stopped
from fastrnn.kernels.block_data import Block
from fastrnn.kernels.events import CLEAN, DIVERGED, ENDED, RUNNING
from fastrnn.kernels.feed import LAY_LANES, Feed
from fastrnn.kernels.model_lanes import Lanes, keep
from fastrnn.kernels.model_queue import Ended, Queue, Walk, settle
from fastrnn.kernels.recurrent.block import LEARN_WORDS
from fastrnn.kernels.recurrent.tally import SUMS, TALLY_WORDS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.machine.execute import Program
from fastrnn.machine.records import Integers, Numbers, record_of, words_of

# The words of the frame of learning that change from call to call.
_LEARN = LEARN_WORDS + TALLY_WORDS
# The row of options with the learning rates.
_RATE = OPTIONS.index("rate")


class Plan(NamedTuple):
    """Samples in an update and in a block; outputs that count in a sample, or 0 where each has its own; whether there
    is a schedule, and whether learning updates at once; the addresses of the first block's data, and bytes from one
    block that is laid ahead to the next."""

    batch: int
    size: int
    counted: int
    scheduled: int
    at_once: int
    x_first: int
    y_first: int
    x_bytes: int
    y_bytes: int


class GroupArrays(NamedTuple):
    """A group's: weights theta (rows, L), slots (slot_count, rows, L), running (running_count, L) of the optimizer,
    active (1, L); options (settings, L); open, patience and streak of fastrnn.kernels.recurrent.tally; before (open and
    streak, L): as they were before a batch of several blocks."""

    theta: Numbers
    slots: Numbers
    running: Numbers
    active: Numbers
    options: Numbers
    open: Numbers
    patience: Numbers
    streak: Numbers
    before: Numbers
    rows: int
    slot_count: int
    running_count: int
    settings: int


class Models(NamedTuple):
    """A group: the frame of the source's lay_lanes; what lanes draw from, the present Block of samples; the frames of
    the programs of fastrnn.kernels.recurrent.block, all that lies in lanes, the queue and the judge of its models, and
    those that ended."""

    lay: Integers
    feed: Feed
    block: Block
    plan: Plan
    learn: Integers
    update: Integers
    arrays: GroupArrays
    lanes: Lanes
    queue: Queue
    ended: Ended
    walk: Walk


# updates: to make of every active lane, at most; with none, the call does only what the caller asks for: no model is
# decided on. factors: the address of the schedule's (L, updates), float64, if there is one; then every decision ends
# the call. now: the bits of a float64, seconds, of the models that begin. stop: the address of an int64 that is not 0
# once the call must end, from outside. made: becomes the updates made.
MODELS_CALL = ("updates", "factors", "now", "stop", "made")


@functools.cache
def models_program(dtype, lanes):
    """Return the Program that makes updates of a group, on a frame of MODELS_CALL and Models.

    lanes.event says what ended it.
    """

    def kernel(m):
        group, updates, made = record_of(m, Models), m.word("updates"), m.local(0)
        for _, leave in m.loop(1 << 62):
            continues = settle(m, group, m.integer(0).below(updates), m.word("now"))
            over = updates.below(made.get() + 1).either(m.integer(0).below(group.plan.scheduled * made.get()))
            over = over.either(stopped(m)).either(continues.equals(0))
            leave(over)
            for _ in m.when(over.equals(0)):
                made.set(made.get() + _until_event(m, group, updates - made.get()))
        m.set_word("made", made.get())

    return Program(kernel, (*MODELS_CALL, *words_of(Models)), dtype, lanes, "")


def _one_update(m, group, made):
    """Make one update of every active lane, `made` updates after feed.step says; return whether it was made.

    Between two blocks of samples it may be given up, which leaves no trace but in workspace.
    """
    arrays, lanes, feed, block, plan = group.arrays, group.lanes, group.feed, group.block, group.plan
    several, uncounted = plan.size.below(plan.batch), plan.counted.equals(0)
    sample, complete = m.local(0), m.local(1)
    tallies = [(arrays.open, row, row) for row in range(2 * len(SUMS))] + [(arrays.streak, 0, 2 * len(SUMS))]
    for _ in m.when(several):
        for array, row, place in tallies:
            m.store(arrays.before, place, m.load(array, row))
    for _ in m.when(uncounted):
        for lane in m.range(m.lanes):
            m.write(lanes.batch, lane, 0)
    for _, leave in m.loop(plan.batch):
        begun = sample.get()
        given_up = m.integer(0).below(begun).both(stopped(m))
        for _ in m.when(given_up):
            for array, row, place in tallies:
                m.store(array, row, m.load(arrays.before, place))
            complete.set(0)
        for _ in m.when(given_up.equals(0)):
            samples = plan.size.least(plan.batch - begun)
            for _ in m.when(m.read(feed.left, 0).equals(0)):
                m.run(group.lay, LAY_LANES, batch=plan.batch, sample=made * plan.batch + begun)
            left = m.read(feed.left, 0)
            m.write(feed.left, 0, left - 1)
            for _ in m.when(m.read(block.covered, 0).equals(samples).equals(0)):
                _cover(m, block, plan, samples)
            for _ in m.when(uncounted):
                for n in m.range(plan.size * m.lanes):
                    lane = n % m.lanes
                    m.write(lanes.batch, lane, m.read(lanes.batch, lane) + m.read(block.outputs, n))
            _learn(m, group, m.read(feed.laid, 0) - left, begun, samples)
            sample.set(begun + samples)
        leave(given_up.either(plan.batch.below(sample.get() + 1)))
    for _ in m.when(complete.get()):
        for _ in m.when(uncounted):
            for lane in m.range(m.lanes):
                m.write(lanes.outputs, lane, m.read(lanes.outputs, lane) + m.read(lanes.batch, lane))
        for _ in m.when(plan.at_once.equals(0)):
            m.run(group.update)
    return complete.get()


def _learn(m, group, number, begun, samples):
    """Learn from the block that is `number` blocks after the first one that was laid, in a batch in which `begun`
    samples precede it."""
    plan = group.plan
    m.run(
        group.learn,
        _LEARN,
        x=plan.x_first + number * plan.x_bytes,
        y=plan.y_first + number * plan.y_bytes,
        steps=m.read(group.block.steps, 0),
        fresh=begun.equals(0),
        samples=samples,
        left=plan.batch - begun - samples,
    )


def _cover(m, block, plan, samples):
    """Record which columns of a block hold a sample."""
    m.write(block.covered, 0, samples)
    for column in m.range(plan.size):
        m.store(block.weights, column, m.from_integer(column.below(samples)))


def _lanes_with_models(m, group):
    """A loop over the lanes that have a model."""
    for lane in m.range(m.lanes):
        for _ in m.when(m.integer(-1).below(m.read(group.feed.model, lane))):
            yield lane


def _quiet(m, group):
    """Return the number of updates up to which no active lane ends or fills a stretch of its history."""
    lanes, least = group.lanes, m.local(1 << 62)
    for lane in _lanes_with_models(m, group):
        rest = m.read(lanes.length, lane) - m.read(lanes.filled, lane)
        least.set(least.get().least(rest).least(m.read(lanes.limit, lane) - m.read(group.feed.step, lane)))
    return least.get()


def _advance(m, group, made):
    """Count the updates that were made in every active lane."""
    plan, lanes = group.plan, group.lanes
    for lane in _lanes_with_models(m, group):
        for array, more in (
            (group.feed.step, made), (lanes.filled, made), (lanes.outputs, made * plan.batch * plan.counted)
        ):
            m.write(array, lane, m.read(array, lane) + more)


def _attend(m, group):
    """Store full stretches, and record the event of every lane; return whether one needs a decision."""
    arrays, lanes, decide = group.arrays, group.lanes, m.local(0)
    diverged = m.mask_bits(m.load(arrays.open, 0) * 0.0 < 1.0)
    clean = m.mask_bits(m.load(arrays.streak, 0) < m.load(arrays.patience, 0))
    for lane in _lanes_with_models(m, group):
        event = m.read(group.feed.step, lane).equals(m.read(lanes.limit, lane)) * (ENDED - RUNNING) + RUNNING
        # Bits are set where neither is so.
        for bits, other in ((clean, CLEAN), (diverged, DIVERGED)):
            here = (bits >> lane).both(1)
            event = event * here + (1 - here) * other
        for _ in m.when(m.read(lanes.filled, lane).equals(m.read(lanes.length, lane))):
            keep(m, lanes, arrays.open, lane)
        m.write(lanes.event, lane, event)
        decide.set(decide.get().either(event.equals(RUNNING).equals(0)))
    return decide.get()


def _until_event(m, group, updates):
    """Make up to `updates` updates of every active lane, until one needs a decision; return the updates made."""
    plan, made, counted = group.plan, m.local(0), m.local(0)
    m.write(group.feed.left, 0, 0)
    quiet = m.local(_quiet(m, group))
    for number, leave in m.loop(updates):
        for _ in m.when(plan.scheduled):
            _set_rates(m, group, number, updates)
        complete = _one_update(m, group, number - counted.get())
        for _ in m.when(complete):
            made.set(number + 1)
            since = made.get() - counted.get()
            seen = m.read(group.learn, _LEARN.index("seen"))
            for _ in m.when(seen.equals(0).equals(0).either(since.equals(quiet.get()))):
                _advance(m, group, since)
                counted.set(made.get())
                leave(_attend(m, group))
                quiet.set(_quiet(m, group))
        leave(complete.equals(0))
    _advance(m, group, made.get() - counted.get())
    return made.get()


def _set_rates(m, group, number, updates):
    """Set the learning rates of update `number` of a call."""
    arrays, queue = group.arrays, group.queue
    for lane in _lanes_with_models(m, group):
        rate = m.read_double(queue.options, m.read(group.feed.model, lane) * arrays.settings + _RATE)
        factor = m.read_double(m.integers("factors"), lane * updates + number)
        m.set_number(arrays.options, _RATE * m.lanes + lane, rate * factor)
