"""Many updates of a group of models inside one compiled call; a lane is a model.

Each lane has its own stream of samples, its own step, its own end and its own count of samples without a mistake. The
call returns as soon as a lane needs a decision, so that no lane waits: the model is right and must be verified, its
loss is not finite, or it has had all its updates. Whether weights are finite is for the caller to see.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import Address, call
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.reference import refer
from fastrnn.simd.integers import atomic_load

# Why a call returned, by lane.
RUNNING, CLEAN, DIVERGED, ENDED = 0, 1, 2, 3

# Entries of a model's history; when they are full, neighbours are joined.
MOST = 256


class Plan(NamedTuple):
    """Samples in an update and in a block; outputs that count in a sample, or 0 where each has its own; whether there
    is a schedule, and whether learning updates at once; where the words of the learning program's frame lie that change
    between calls, and the row of options with the learning rates; the addresses of the first block's data, and bytes
    from one block that is laid ahead to the next."""

    batch: int
    size: int
    counted: int
    scheduled: bool
    at_once: bool
    steps: int
    fresh: int
    samples: int
    left: int
    seen: int
    x: int
    y: int
    rate: int
    x_first: int
    y_first: int
    x_bytes: int
    y_bytes: int


class Calls(NamedTuple):
    """Addresses of lay_models, and of `execute` with the programs of fastrnn.kernels.recurrent.learn."""

    lay: Address
    learn: Address
    update: Address


class Arrays(NamedTuple):
    """A group's: frames of the two programs; options (rows, L); open, patience and streak of
    fastrnn.kernels.recurrent.tally; before (open and streak, L): as they were before a batch of several blocks."""

    learn: np.ndarray
    update: np.ndarray
    options: np.ndarray
    open: np.ndarray
    patience: np.ndarray
    streak: np.ndarray
    before: np.ndarray


class Lanes(NamedTuple):
    """A group's lanes. limit: updates to make; rate: learning rates; event: why a call returned; outputs: that count in
    the stretch that is not full, batch: in one batch; filled: updates in it; length: updates in a stretch; entries:
    full stretches in history (L, MOST, 4): sums of the loss, the outputs that count, the wrong ones, and the samples
    with a wrong one."""

    limit: np.ndarray
    rate: np.ndarray
    event: np.ndarray
    outputs: np.ndarray
    batch: np.ndarray
    filled: np.ndarray
    length: np.ndarray
    entries: np.ndarray
    history: np.ndarray


def lanes_for_models(lanes):
    """Lanes without models."""
    names = ("limit", "event", "outputs", "batch", "filled", "length", "entries")
    counts = {name: np.zeros(lanes, np.int64) for name in names}
    return Lanes(**counts, rate=np.zeros(lanes), history=np.zeros((lanes, MOST, 4)))


@jit
def keep(lanes, opened, lane):
    """Take the open stretch of a lane, whose tally is `opened`, into its history."""
    entry = lanes.entries[lane]
    lanes.history[lane, entry, 1] = lanes.outputs[lane]
    for row, i in enumerate((0, 2, 3)):
        lanes.history[lane, entry, i] = np.float64(opened[2 * row, lane]) + np.float64(opened[2 * row + 1, lane])
        opened[2 * row, lane] = opened[2 * row + 1, lane] = 0
    lanes.outputs[lane], lanes.filled[lane], lanes.entries[lane] = 0, 0, entry + 1
    if entry + 1 == MOST:
        for entry in range(MOST // 2):
            for i in range(4):
                lanes.history[lane, entry, i] = (
                    lanes.history[lane, 2 * entry, i] + lanes.history[lane, 2 * entry + 1, i]
                )
        lanes.entries[lane], lanes.length[lane] = MOST // 2, 2 * lanes.length[lane]


@inlined
def _one_update(place, feed, block, plan, calls, arrays, lanes, made, stop):
    """One update of every active lane, `made` updates after feed.step says; whether it was made.

    Between two blocks of samples it may be given up, which leaves no trace but in workspace.
    """
    sample, learn = 0, arrays.learn
    if plan.batch > plan.size:
        _remember(arrays.open, arrays.streak, arrays.before)
    if plan.counted == 0:
        lanes.batch[:] = 0
    while sample < plan.batch:
        if sample > 0 and atomic_load(stop, 0) != 0:
            _take_back(arrays.open, arrays.streak, arrays.before)
            return False
        samples = min(plan.size, plan.batch - sample)
        if feed.left[0] == 0:
            call(calls.lay, (place, plan.batch, made * plan.batch + sample))
        number = feed.laid[0] - feed.left[0]
        feed.left[0] -= 1
        if block.tag[2] != samples:
            _cover(block, plan, samples)
        if plan.counted == 0:
            _sum_outputs(lanes.batch, block.outputs)
        learn[plan.x], learn[plan.y] = plan.x_first + number * plan.x_bytes, plan.y_first + number * plan.y_bytes
        learn[plan.steps], learn[plan.fresh] = block.steps[0], sample == 0
        learn[plan.samples], learn[plan.left] = samples, plan.batch - sample - samples
        call(calls.learn, (None, learn))
        sample += samples
    if plan.counted == 0:
        for lane in range(lanes.batch.size):
            lanes.outputs[lane] += lanes.batch[lane]
    if not plan.at_once:
        call(calls.update, (None, arrays.update))
    return True


@inlined
def _remember(opened, streak, before):
    rows = opened.shape[0]
    for lane in range(streak.size):
        before[rows, lane] = streak[lane]
        for row in range(rows):
            before[row, lane] = opened[row, lane]


@inlined
def _take_back(opened, streak, before):
    rows = opened.shape[0]
    for lane in range(streak.size):
        streak[lane] = before[rows, lane]
        for row in range(rows):
            opened[row, lane] = before[row, lane]


@inlined
def _cover(block, plan, samples):
    """Say which columns of a block hold a sample."""
    block.tag[2] = samples
    for column in range(block.outputs.shape[0]):
        for lane in range(block.outputs.shape[1]):
            block.weights[0, column, lane] = 1 if column < samples else 0


@inlined
def _sum_outputs(total, outputs):
    for column in range(outputs.shape[0]):
        for lane in range(total.size):
            total[lane] += outputs[column, lane]


@inlined
def _quiet(feed, lanes):
    """Updates up to which no active lane ends, or fills a stretch of its history."""
    least = 1 << 62
    for lane in range(feed.active.size):
        if feed.active[lane] != 0:
            least = min(least, lanes.length[lane] - lanes.filled[lane], lanes.limit[lane] - feed.step[lane])
    return least


@inlined
def _advance(feed, plan, lanes, made):
    """Count the updates that were made in every active lane."""
    for lane in range(feed.active.size):
        if feed.active[lane] != 0:
            feed.step[lane] += made
            lanes.filled[lane] += made
            lanes.outputs[lane] += made * plan.batch * plan.counted


@jit
def _attend(feed, arrays, lanes):
    """Keep full stretches, and say what happened in every lane; whether one needs a decision."""
    decide = False
    for lane in range(feed.active.size):
        if feed.active[lane] == 0:
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


@jit
def run_models(source, plan, calls, feed, block, arrays, lanes, factors, updates, stop):
    """Up to `updates` updates of every active lane; lanes.event says what ended the call. Returns the updates made.

    factors (L, updates): the schedule's, if there is one. stop (1): not 0 once the call must end, from outside.
    """
    place, made, counted = refer((source, feed, block)), 0, 0
    feed.left[0] = 0
    quiet = _quiet(feed, lanes)
    while made < updates:
        if plan.scheduled:
            for lane in range(feed.active.size):
                arrays.options[plan.rate, lane] = lanes.rate[lane] * factors[lane, made]
        if not _one_update(place, feed, block, plan, calls, arrays, lanes, made - counted, stop):
            break
        made += 1
        if arrays.learn[plan.seen] != 0 or made - counted == quiet:
            _advance(feed, plan, lanes, made - counted)
            counted = made
            if _attend(feed, arrays, lanes):
                break
            quiet = _quiet(feed, lanes)
    _advance(feed, plan, lanes, made - counted)
    return made
