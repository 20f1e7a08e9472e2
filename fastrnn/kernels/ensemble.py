"""Many updates of a group of models inside one compiled call; a lane is a model.

Each lane has its own stream of samples, its own step, its own end and its own count of samples without a mistake. A
lane needs a decision where its model is right and must be verified, its loss or its weights are not finite, or it has
had all its updates. The call returns as soon as a decision is the caller's, so that no lane waits.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import inner, plain
from fastrnn.kernels.block_data import Seen
from fastrnn.kernels.feed import Feed
from fastrnn.kernels.model_lanes import CLEAN, DIVERGED, ENDED, RUNNING, Lanes, keep
from fastrnn.kernels.model_queue import Ended, Queue, Walk, settle
from fastrnn.kernels.recurrent.learn import LEARN_WORDS
from fastrnn.kernels.recurrent.tally import TALLY_WORDS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.reference import Erased
from fastrnn.machine.address import Address, Loaded, call
from fastrnn.simd.integers import atomic_load

# Where in the learning program's frame the words lie that change between its calls, or that are read.
_X, _Y, _STEPS, _FRESH, _SAMPLES, _LEFT, _SEEN = map(
    (LEARN_WORDS + TALLY_WORDS).index, ("x", "y", "steps", "fresh", "samples", "left", "seen")
)
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


class Arrays(NamedTuple):
    """A group's: weights theta (R, L), slots (S, R, L), running (N, L) of the optimizer,
    active (1, L); options (rows, L); open, patience and streak of fastrnn.kernels.recurrent.tally; before (open and
    streak, L): as they were before a batch of several blocks."""

    theta: np.ndarray
    slots: np.ndarray
    running: np.ndarray
    active: np.ndarray
    options: np.ndarray
    open: np.ndarray
    patience: np.ndarray
    streak: np.ndarray
    before: np.ndarray


class Models(NamedTuple):
    """A group: the source's lay_lanes, and what that takes; what lanes draw from, what is seen of the present Block of
    samples; the programs of fastrnn.kernels.recurrent.learn, all that lies in lanes, the queue and the judge of its
    models, and those that ended."""

    lay: Address
    laid: Erased
    feed: Feed
    block: Seen
    plan: Plan
    learn: Loaded
    update: Loaded
    arrays: Arrays
    lanes: Lanes
    queue: Queue
    ended: Ended
    walk: Walk


@inner
def _least(a, b):
    """The smaller of two; numba would compile its `min` apart."""
    return a if a < b else b


@inner
def _one_update(group, made, stop):
    """Make one update of every active lane, `made` updates after feed.step says; return whether it was made.

    Between two blocks of samples it may be given up, which leaves no trace but in workspace.
    """
    arrays, lanes, feed, block, plan = group.arrays, group.lanes, group.feed, group.block, group.plan
    sample, learn = 0, group.learn.frame
    if plan.batch > plan.size:
        _remember(arrays.open, arrays.streak, arrays.before)
    if plan.counted == 0:
        for lane in range(lanes.batch.size):
            lanes.batch[lane] = 0
    while sample < plan.batch:
        if sample > 0 and atomic_load(stop, 0) != 0:
            _take_back(arrays.open, arrays.streak, arrays.before)
            return False
        samples = _least(plan.size, plan.batch - sample)
        if feed.left[0] == 0:
            call(group.lay, (group.laid, plan.batch, made * plan.batch + sample))
        number = feed.laid[0] - feed.left[0]
        feed.left[0] -= 1
        if block.tag[2] != samples:
            _cover(block, plan, samples)
        if plan.counted == 0:
            _sum_outputs(lanes.batch, block.outputs)
        learn[_X], learn[_Y] = plan.x_first + number * plan.x_bytes, plan.y_first + number * plan.y_bytes
        learn[_STEPS], learn[_FRESH] = block.steps[0], sample == 0
        learn[_SAMPLES], learn[_LEFT] = samples, plan.batch - sample - samples
        call(group.learn.address, (learn,))
        sample += samples
    if plan.counted == 0:
        for lane in range(lanes.batch.size):
            lanes.outputs[lane] += lanes.batch[lane]
    if plan.at_once == 0:
        call(group.update.address, (group.update.frame,))
    return True


@inner
def _remember(opened, streak, before):
    rows = opened.shape[0]
    for lane in range(streak.size):
        before[rows, lane] = streak[lane]
        for row in range(rows):
            before[row, lane] = opened[row, lane]


@inner
def _take_back(opened, streak, before):
    rows = opened.shape[0]
    for lane in range(streak.size):
        streak[lane] = before[rows, lane]
        for row in range(rows):
            opened[row, lane] = before[row, lane]


@inner
def _cover(block, plan, samples):
    """Record which columns of a block hold a sample."""
    block.tag[2] = samples
    for column in range(block.outputs.shape[0]):
        for lane in range(block.outputs.shape[1]):
            block.weights[0, column, lane] = 1 if column < samples else 0


@inner
def _sum_outputs(total, outputs):
    for column in range(outputs.shape[0]):
        for lane in range(total.size):
            total[lane] += outputs[column, lane]


@inner
def _quiet(feed, lanes):
    """Return the number of updates up to which no active lane ends or fills a stretch of its history."""
    least = 1 << 62
    for lane in range(feed.model.size):
        if feed.model[lane] >= 0:
            least = _least(least, lanes.length[lane] - lanes.filled[lane])
            least = _least(least, lanes.limit[lane] - feed.step[lane])
    return least


@inner
def _advance(feed, plan, lanes, made):
    """Count the updates that were made in every active lane."""
    for lane in range(feed.model.size):
        if feed.model[lane] >= 0:
            feed.step[lane] += made
            lanes.filled[lane] += made
            lanes.outputs[lane] += made * plan.batch * plan.counted


@inner
def _attend(feed, arrays, lanes):
    """Store full stretches, and record the event of every lane; return whether one needs a decision."""
    decide = False
    for lane in range(feed.model.size):
        if feed.model[lane] < 0:
            continue
        event = RUNNING
        if not np.isfinite(arrays.open[0, lane]):
            event = DIVERGED
        elif arrays.streak[lane] >= arrays.patience[lane]:
            event = CLEAN
        elif feed.step[lane] == lanes.limit[lane]:
            event = ENDED
        if lanes.filled[lane] == lanes.length[lane]:
            keep(lanes, arrays.open, lane)
        lanes.event[lane] = event
        decide |= event != RUNNING
    return decide


@inner
def _until_event(group, factors, updates, stop):
    """Make up to `updates` updates of every active lane, until one needs a decision; return the updates made."""
    feed, plan, arrays, lanes = group.feed, group.plan, group.arrays, group.lanes
    made, counted = 0, 0
    feed.left[0] = 0
    quiet = _quiet(feed, lanes)
    while made < updates:
        if plan.scheduled != 0:
            for lane in range(feed.model.size):
                if feed.model[lane] >= 0:
                    rate = group.queue.options[feed.model[lane], _RATE]
                    arrays.options[_RATE, lane] = rate * factors[lane, made]
        if not _one_update(group, made - counted, stop):
            break
        made += 1
        if group.learn.frame[_SEEN] != 0 or made - counted == quiet:
            _advance(feed, plan, lanes, made - counted)
            counted = made
            if _attend(feed, arrays, lanes):
                break
            quiet = _quiet(feed, lanes)
    _advance(feed, plan, lanes, made - counted)
    return made


@plain
def run_models(group, factors, updates, now, stop):
    """Make up to `updates` updates of every active lane; lanes.event says what ended the call. Return their number.

    With none, do only what the caller asks for: no model is decided on.

    group: a Reference to the Models; factors (L, updates): the schedule's, if there is one; then every decision ends
    the call. now: in seconds, of the models that begin. stop (1): not 0 once the call must end, from outside.
    """
    made = 0
    while True:
        continues = settle(group, updates > 0, now, stop)
        if not continues or made >= updates or group.plan.scheduled * made != 0 or atomic_load(stop, 0) != 0:
            return made
        made += _until_event(group, factors, updates - made, stop)
