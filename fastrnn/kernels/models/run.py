"""Many updates of a group of models inside one compiled call.

Each lane has its own step, its own end and its own count of samples without a mistake. The call returns as soon as
a lane needs a decision, so that no lane waits: the model is right and must be verified, its loss is not finite, or
it has had all its updates.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import call
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.models.feed import fill_lanes
from fastrnn.kernels.models.places import places_of
from fastrnn.kernels.workspace import lanes_of
from fastrnn.simd import lanes_to_bits, load, pointwise, select, store, zeros
from fastrnn.simd.grid import where_bits

# Why a call returned, by lane.
RUNNING, CLEAN, DIVERGED, ENDED = 0, 1, 2, 3

# Entries of a model's history; when they are full, neighbours are joined.
MOST = 256

_plus = pointwise(lambda a, b: a + b)
_times = pointwise(lambda a, b: a * b)
_counted = pointwise(lambda clean, missed, batch: select(missed > 0, 0, clean + batch))
# Both are sums of squares or costs: infinite or not a number as soon as one of their terms is.
_bad = pointwise(lambda loss, squares: select(loss + squares < float("inf"), 0, 1))
_trigger = pointwise(lambda bad, clean, patience: select(clean < patience, bad, bad.constant(1)))


class Plan(NamedTuple):
    """What all models have in common: samples in an update and in a block, updates in the shortest stretch of the
    history, whether there are biases, a limit of the gradient's norm, a factor on the gradient, and a schedule."""

    batch: int
    block: int
    stretch: int
    biased: bool
    clip: bool
    scaled: bool
    scheduled: bool


class Calls(NamedTuple):
    """Addresses of learn_models and descend_models."""

    learn: int
    descend: int


class Lanes(NamedTuple):
    """A group's lanes. limit: updates to make; rate: learning rates; settled: see descend_models; event: why a call
    returned; open (lanes, 4): sums of the stretch that is not full; filled: updates in it; length: updates in a
    stretch; entries: full stretches in history (lanes, MOST, 4). Sums are the loss, the outputs asked for, the wrong
    ones, and the samples with a wrong one."""

    limit: np.ndarray
    rate: np.ndarray
    settled: np.ndarray
    event: np.ndarray
    open: np.ndarray
    filled: np.ndarray
    length: np.ndarray
    entries: np.ndarray
    history: np.ndarray


def lanes_for(dtype):
    """Empty Lanes."""
    lanes = lanes_of(dtype)
    counts = {name: np.zeros(lanes, np.int64) for name in ("limit", "settled", "event", "filled", "length", "entries")}
    return Lanes(**counts, rate=np.zeros(lanes), open=np.zeros((lanes, 4)), history=np.zeros((lanes, MOST, 4)))


@jit
def keep(sums, memory, lanes, lane, updates):
    """Take the sums (4 rows from `sums` on) of the last `updates` updates of a lane into its history."""
    for i in range(4):
        lanes.open[lane, i] += memory[sums + i, lane]
        memory[sums + i, lane] = 0
    lanes.filled[lane] += updates
    if lanes.filled[lane] < lanes.length[lane]:
        return
    entry = lanes.entries[lane]
    for i in range(4):
        lanes.history[lane, entry, i], lanes.open[lane, i] = lanes.open[lane, i], 0
    lanes.filled[lane], lanes.entries[lane] = 0, entry + 1
    if entry + 1 == MOST:
        for entry in range(MOST // 2):
            for i in range(4):
                lanes.history[lane, entry, i] = lanes.history[lane, 2 * entry, i] + lanes.history[lane, 2 * entry + 1, i]
        lanes.entries[lane], lanes.length[lane] = MOST // 2, 2 * lanes.length[lane]


@inlined
def _one_update(sizes, source, plan, places, calls, memory, feed, lanes):
    """One update of every active lane; returns a bit for each lane that needs a decision."""
    for i in range(4):
        store(memory, places.stats + i, zeros(memory, 1))
    sample = 0
    while sample < plan.batch:
        samples = min(plan.block, plan.batch - sample)
        for s in range(samples):
            fill_lanes(source, feed, sizes, places, memory, plan.batch, sample + s, samples, s)
        fresh, last = sample == 0, sample + samples == plan.batch
        call(calls.learn, (None, None, sizes, memory, samples, ()))
        call(calls.descend, (None, (), sizes, memory, feed.step, lanes.settled, samples, plan.biased, plan.clip, plan.scaled, fresh, last))
        sample += samples
    for i in range(4):
        store(memory, places.sums + i, _plus(load(memory, places.sums + i, 1), load(memory, places.stats + i, 1)))
    clean = _counted(load(memory, places.clean, 1), load(memory, places.stats + 3, 1), plan.batch)
    bad = _bad(load(memory, places.stats, 1), load(memory, places.squares, 1))
    store(memory, places.clean, clean)
    store(memory, places.bad, bad)
    trigger = _trigger(bad, clean, load(memory, places.patience, 1))
    return lanes_to_bits(where_bits(load(memory, places.active, 1), trigger, zeros(memory, 1)), 0.5)


@jit
def run_models(sizes, source, plan, calls, memory, feed, lanes, factors, updates):
    """Up to `updates` updates of every active lane; lanes.event says what ended the call. Returns the updates made.

    factors (lanes, updates): the schedule's, if there is one.
    """
    places, width, made = places_of(sizes), memory.shape[1], 0
    feed.left[0] = 0
    decide = False
    while made < updates and not decide:
        # So many updates follow in which no lane has to be looked at.
        span = updates - made
        for lane in range(width):
            if feed.active[lane]:
                span = min(span, lanes.limit[lane] - feed.step[lane], plan.stretch - feed.step[lane] % plan.stretch)
        done, bits = 0, np.uint64(0)
        while done < span and bits == 0:
            if plan.scheduled:
                for lane in range(width):
                    memory[places.rate, lane] = lanes.rate[lane] * factors[lane, made + done]
            bits = _one_update(sizes, source, plan, places, calls, memory, feed, lanes)
            for lane in range(width):
                feed.step[lane] += feed.active[lane]
            done += 1
        made += done
        for lane in range(width):
            if not feed.active[lane]:
                continue
            step = feed.step[lane]
            if step % plan.stretch == 0:
                keep(places.sums, memory, lanes, lane, plan.stretch)
            if memory[places.bad, lane] > 0:
                lanes.event[lane] = DIVERGED
            elif memory[places.clean, lane] >= memory[places.patience, lane]:
                lanes.event[lane] = CLEAN
            elif step == lanes.limit[lane]:
                lanes.event[lane] = ENDED
            else:
                lanes.event[lane] = RUNNING
            decide |= lanes.event[lane] != RUNNING
    return made
