"""Many updates of a group of models inside one compiled call.

Each lane has its own step, its own end and its own count of samples without a mistake. The call returns as soon as
a lane needs a decision, so that no lane waits: the model is right and must be verified, its loss is not finite, or
it has had all its updates.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import Address, call
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.models.places import places_of
from fastrnn.kernels.reference import refer
from fastrnn.kernels.update import square_limit
from fastrnn.simd import lanes_to_bits, load, numbers, pointwise, select, store, zeros
from fastrnn.simd.grid import where_bits
from fastrnn.simd.integers import atomic_load

# Why a call returned, by lane.
RUNNING, CLEAN, DIVERGED, ENDED = 0, 1, 2, 3

# Entries of a model's history; when they are full, neighbours are joined.
MOST = 256

_counted = pointwise(lambda clean, missed, batch: select(missed > 0, 0, clean + batch))
# Where the loss is not finite, or the square of a gradient would not be.
_bad = pointwise(lambda loss, largest: select(largest < square_limit(loss),
                                              select(loss < float("inf"), loss.constant(0), 1), 1))
_trigger = pointwise(lambda bad, clean, patience: select(clean < patience, bad, bad.constant(1)))


class Plan(NamedTuple):
    """Samples in an update, updates in the shortest stretch of the history, and whether there is a schedule."""

    batch: int
    stretch: int
    scheduled: bool


class Calls(NamedTuple):
    """Addresses of fill_models, learn_models and descend_models."""

    fill: Address
    learn: Address
    descend: Address


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


def lanes_for(lanes):
    """So many empty Lanes."""
    counts = {name: np.zeros(lanes, np.int64) for name in ("limit", "settled", "event", "filled", "length", "entries")}
    return Lanes(**counts, rate=np.zeros(lanes), open=np.zeros((lanes, 4)), history=np.zeros((lanes, MOST, 4)))


@jit
def keep(sums, array, lanes, lane, updates):
    """Take the sums (4 rows from `sums` on) of the last `updates` updates of a lane into its history."""
    for i in range(4):
        lanes.open[lane, i] += array[sums + i, lane]
        array[sums + i, lane] = 0
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
                lanes.history[lane, entry, i] = (
                    lanes.history[lane, 2 * entry, i] + lanes.history[lane, 2 * entry + 1, i]
                )
        lanes.entries[lane], lanes.length[lane] = MOST // 2, 2 * lanes.length[lane]


@inlined
def _one_update(sizes, plan, places, calls, memory, group, stop):
    """One update of every active lane: (a bit for each lane that needs a decision, whether it was made).

    Between two blocks of samples it may be given up, which leaves no trace but in workspace.
    """
    store(memory, places.wrong, zeros(memory, 1))
    before = load(memory, places.sums, 4)
    sample = 0
    while sample < plan.batch:
        if sample > 0 and atomic_load(stop, 0) != 0:
            store(memory, places.sums, before)
            return np.uint64(0), False
        samples = min(sizes.samples, plan.batch - sample)
        call(calls.fill, (None, group, plan.batch, sample, samples))
        fresh, last = sample == 0, sample + samples == plan.batch
        call(calls.learn, (None, None, None, group, samples, None))
        call(calls.descend, (None, None, None, group, samples, fresh, last))
        sample += samples
    clean = _counted(load(memory, places.clean, 1), load(memory, places.wrong, 1), plan.batch)
    # A sum of losses that is not finite stays so.
    bad = _bad(load(memory, places.sums, 1), load(memory, places.largest, 1))
    store(memory, places.clean, clean)
    store(memory, places.bad, bad)
    trigger = _trigger(bad, clean, load(memory, places.patience, 1))
    return lanes_to_bits(where_bits(load(memory, places.active, 1), trigger, zeros(memory, 1)), 0.5), True


@jit
def run_models(sizes, source, plan, calls, memory, feed, lanes, factors, updates, stop):
    """Up to `updates` updates of every active lane; lanes.event says what ended the call. Returns the updates made.

    factors (lanes, updates): the schedule's, if there is one. stop (1): not 0 once the call must end, from outside.
    """
    places, array, made = places_of(sizes), numbers(memory), 0
    width, group = array.shape[1], refer((sizes, memory, feed.step, lanes.settled, feed, source))
    feed.left[0] = 0
    decide = False
    while made < updates and not decide:
        # So many updates follow in which no lane has to be looked at.
        span = updates - made
        for lane in range(width):
            if feed.active[lane]:
                span = min(span, lanes.limit[lane] - feed.step[lane], plan.stretch - feed.step[lane] % plan.stretch)
        done, bits, whole = 0, np.uint64(0), True
        while done < span and bits == 0 and whole:
            if plan.scheduled:
                for lane in range(width):
                    array[places.rate, lane] = lanes.rate[lane] * factors[lane, made + done]
            bits, whole = _one_update(sizes, plan, places, calls, memory, group, stop)
            if whole:
                for lane in range(width):
                    feed.step[lane] += feed.active[lane]
                done += 1
        made += done
        if done == 0 and not whole:
            break
        decide = not whole
        for lane in range(width):
            if not feed.active[lane]:
                continue
            step = feed.step[lane]
            if step % plan.stretch == 0:
                keep(places.sums, array, lanes, lane, plan.stretch)
            if array[places.bad, lane] > 0:
                lanes.event[lane] = DIVERGED
            elif array[places.clean, lane] >= array[places.patience, lane]:
                lanes.event[lane] = CLEAN
            elif step == lanes.limit[lane]:
                lanes.event[lane] = ENDED
            else:
                lanes.event[lane] = RUNNING
            decide |= lanes.event[lane] != RUNNING
    return made
