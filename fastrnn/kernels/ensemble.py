"""Many updates of a group of models inside one compiled call; a lane is a model.

Each lane has its own stream of samples, its own step, its own end and its own count of samples without a mistake. The
call returns as soon as a lane needs a decision, so that no lane waits: the model is right and must be verified, its
loss is not finite, or it has had all its updates.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import Address, address_of, call
from fastrnn.kernels.reference import Referred, held, refer
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.simd.integers import atomic_load

# Why a call returned, by lane.
RUNNING, CLEAN, DIVERGED, ENDED = 0, 1, 2, 3

# Entries of a model's history; when they are full, neighbours are joined.
MOST = 256


class Feed(NamedTuple):
    """What the lanes draw from. Arrays (L) but the last five.

    active: 1 where there is a model; seed; data: the model's place on the data's leading axis; step: updates it made;
    tag (L, 2): the words of 64 samples that x_words and y_words hold, -1 for none; x_words (L, 2, T, I), y_words (L, 2,
    T, O); x_lanes (64, T, I), y_lanes (64, T, O): of the next samples, a bit for each lane; left (1): how many of these
    are left; state (64), rows (16, T * max(I, O)): scratch.
    """

    active: np.ndarray
    seed: np.ndarray
    data: np.ndarray
    step: np.ndarray
    tag: np.ndarray
    x_words: np.ndarray
    y_words: np.ndarray
    x_lanes: np.ndarray
    y_lanes: np.ndarray
    left: np.ndarray
    state: np.ndarray
    rows: np.ndarray


def feed_for(net, steps, lanes):
    """A Feed of empty lanes."""
    inputs, outputs = net.sizes.inputs, net.sizes.outputs
    held = 1 if net.bits else 0
    return Feed(
        **{name: np.zeros(lanes, np.int64) for name in ("active", "data", "step")},
        seed=np.zeros(lanes, np.uint64),
        tag=np.full((lanes, 2), -1),
        x_words=np.zeros((held * lanes, 2, steps, inputs), np.uint64),
        y_words=np.zeros((held * lanes, 2, steps, outputs), np.uint64),
        x_lanes=np.zeros((held * 64, steps, inputs), np.uint64),
        y_lanes=np.zeros((held * 64, steps, outputs), np.uint64),
        left=np.zeros(1, np.int64),
        state=np.zeros(64, np.uint64),
        rows=aligned_zeros((16, held * steps * max(inputs, outputs)), np.uint64),
    )


def lay_lanes(source, feed, block, batch, sample, samples):
    """Write samples `sample` to sample + samples - 1 of each lane's batch, of `batch` samples, into the columns of a
    Block.

    Sample s of a batch is sample step * batch + s of the stream that fastrnn.kernels.block_data.lay takes its samples
    from. feed.left is 0 where lanes have changed.
    """
    raise NotImplementedError


@jit
def lay_models(place, batch, sample, samples):
    """`lay_lanes`, as a compiled function of its own; place: a Reference to (source, Feed, Block)."""
    source, feed, block = held(place)
    lay_lanes(source, feed, block, batch, sample, samples)


def lay_models_address(source, feed, block):
    """The address of lay_models for a source."""
    return address_of(lay_models, Referred(source, feed, block), 0, 0, 0)


class Plan(NamedTuple):
    """Samples in an update and in a block; whether there is a schedule, and whether learning updates at once; where the
    frames' words lie that change between calls, and the row of options with the learning rates."""

    batch: int
    size: int
    scheduled: bool
    at_once: bool
    steps: int
    fresh: int
    rate: int


class Calls(NamedTuple):
    """Addresses of lay_models, and of `execute` with the programs of fastrnn.kernels.recurrent.learn."""

    lay: Address
    learn: Address
    update: Address


class Arrays(NamedTuple):
    """A group's: frames of the two programs; sums (3, L) of a batch, options (rows, L), bad (2, L)."""

    learn: np.ndarray
    update: np.ndarray
    sums: np.ndarray
    options: np.ndarray
    bad: np.ndarray


class Lanes(NamedTuple):
    """A group's lanes. limit: updates to make; rate: learning rates; event: why a call returned; clean: samples since
    the last mistake; patience: how many are enough, or 0; outputs: that count in a batch; open (L, 4): sums of the
    stretch that is not full; filled: updates in it; length: updates in a stretch; entries: full stretches in history
    (L, MOST, 4). Sums are the loss, the outputs that count, the wrong ones, and the samples with a wrong one."""

    limit: np.ndarray
    rate: np.ndarray
    event: np.ndarray
    clean: np.ndarray
    patience: np.ndarray
    outputs: np.ndarray
    open: np.ndarray
    filled: np.ndarray
    length: np.ndarray
    entries: np.ndarray
    history: np.ndarray


def lanes_for_models(lanes):
    """So many empty Lanes."""
    names = ("limit", "event", "clean", "patience", "outputs", "filled", "length", "entries")
    counts = {name: np.zeros(lanes, np.int64) for name in names}
    return Lanes(**counts, rate=np.zeros(lanes), open=np.zeros((lanes, 4)), history=np.zeros((lanes, MOST, 4)))


@jit
def keep(lanes, lane):
    """Take the open stretch of a lane into its history."""
    entry = lanes.entries[lane]
    for i in range(4):
        lanes.history[lane, entry, i], lanes.open[lane, i] = lanes.open[lane, i], 0
    lanes.filled[lane], lanes.entries[lane] = 0, entry + 1
    if entry + 1 == MOST:
        for entry in range(MOST // 2):
            for i in range(4):
                lanes.history[lane, entry, i] = (
                    lanes.history[lane, 2 * entry, i] + lanes.history[lane, 2 * entry + 1, i]
                )
        lanes.entries[lane], lanes.length[lane] = MOST // 2, 2 * lanes.length[lane]


@jit
def _one_update(place, feed, block, plan, calls, arrays, lanes, stop):
    """One update of every active lane; whether it was made.

    Between two blocks of samples it may be given up, which leaves no trace but in workspace.
    """
    width, sample = feed.active.size, 0
    for lane in range(width):
        lanes.outputs[lane] = 0
        for row in range(3):
            arrays.sums[row, lane] = 0
    while sample < plan.batch:
        if sample > 0 and atomic_load(stop, 0) != 0:
            return False
        samples = min(plan.size, plan.batch - sample)
        call(calls.lay, (place, plan.batch, sample, samples))
        for column in range(samples):
            for lane in range(width):
                lanes.outputs[lane] += block.outputs[column, lane]
        arrays.learn[plan.steps], arrays.learn[plan.fresh] = block.steps[0], sample == 0
        call(calls.learn, (None, arrays.learn))
        sample += samples
    if not plan.at_once:
        call(calls.update, (None, arrays.update))
    return True


@jit
def _count(feed, plan, arrays, lanes):
    """Count an update in every lane; whether one needs a decision."""
    decide = False
    for lane in range(feed.active.size):
        if feed.active[lane] == 0:
            continue
        feed.step[lane] += 1
        loss, wrong, wrong_samples = arrays.sums[0, lane], arrays.sums[1, lane], arrays.sums[2, lane]
        lanes.open[lane, 0] += loss
        lanes.open[lane, 1] += lanes.outputs[lane]
        lanes.open[lane, 2] += wrong
        lanes.open[lane, 3] += wrong_samples
        lanes.filled[lane] += 1
        if lanes.filled[lane] == lanes.length[lane]:
            keep(lanes, lane)
        lanes.clean[lane] = lanes.clean[lane] + plan.batch if wrong_samples == 0 else 0
        event = RUNNING
        if not (np.isfinite(loss) and np.isfinite(arrays.bad[0, lane])):
            event = DIVERGED
        elif 0 < lanes.patience[lane] <= lanes.clean[lane]:
            event = CLEAN
        elif feed.step[lane] == lanes.limit[lane]:
            event = ENDED
        lanes.event[lane] = event
        decide |= event != RUNNING
    return decide


@jit
def run_models(source, plan, calls, feed, block, arrays, lanes, factors, updates, stop):
    """Up to `updates` updates of every active lane; lanes.event says what ended the call. Returns the updates made.

    factors (L, updates): the schedule's, if there is one. stop (1): not 0 once the call must end, from outside.
    """
    place, made = refer((source, feed, block)), 0
    feed.left[0] = 0
    while made < updates:
        if plan.scheduled:
            for lane in range(feed.active.size):
                arrays.options[plan.rate, lane] = lanes.rate[lane] * factors[lane, made]
        if not _one_update(place, feed, block, plan, calls, arrays, lanes, stop):
            break
        made += 1
        if _count(feed, plan, arrays, lanes):
            break
    return made
