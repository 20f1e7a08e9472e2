"""Many updates of one network inside one compiled call, on one of several threads; samples lie in the lanes.

Blocks of samples belong to groups, each with a gradient of its own; groups, not threads, decide the order of additions,
so results are the same bytes for any number of threads. Threads share the groups: where there are more groups than
threads, whoever is free draws the next one, as threads that share a core with other work are slower. They meet at one
barrier per update, and then each makes the whole (small) update on its own copy of the weights: that costs less than a
second barrier.
Gradients lie in two halves used in turn, so that a fast thread may start on the next update while a slow one still
reads.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import inner, jit, plain
from fastrnn.kernels.barrier import wait
from fastrnn.kernels.block_data import Seen
from fastrnn.kernels.reference import Erased
from fastrnn.machine.address import Address, call
from fastrnn.simd.integers import atomic_add, atomic_load

# Groups of blocks, at most. Enough to share out evenly, few enough to add up.
GROUPS = 32

RAN, CLEAN, DIVERGED, STOPPED = 0, 1, 2, 3


class Plan(NamedTuple):
    """The seed of the data, the numbers of samples in an update and in a block, and of groups of blocks."""

    seed: int
    batch_size: int
    size: int
    groups: int


class Calls(NamedTuple):
    """Addresses of the source's `lay`, and of the programs of fastrnn.kernels.recurrent.learn."""

    lay: Address
    learn: Address
    update: Address


class Places(NamedTuple):
    """Where in the frames of the two programs the words lie that change between their calls, and two rows of
    options."""

    gradient: int
    sums: int
    steps: int
    fresh: int
    whole: int
    rate: int
    saturation: int


class Work(NamedTuple):
    """One thread's: frames of the two programs; theta, gradient, previous (R,): its weights, the whole gradient, and
    the weights before the last update; options (rows, 1); bad (1, L): no number where a weight is not finite;
    statistics (4): of a batch.
    """

    learn: np.ndarray
    update: np.ndarray
    theta: np.ndarray
    gradient: np.ndarray
    previous: np.ndarray
    options: np.ndarray
    bad: np.ndarray
    statistics: np.ndarray


class Shared(NamedTuple):
    """What threads exchange: gradients (2, groups, R), sums (2, groups, L) of fastrnn.kernels.recurrent.learn, outputs
    (2, groups), clean (1: samples since the last mistake), barrier, given_up (2: 1 where an update of this half was
    left because the call must end), drawn (1: draws of groups in this call)."""

    gradients: np.ndarray
    sums: np.ndarray
    outputs: np.ndarray
    clean: np.ndarray
    barrier: np.ndarray
    given_up: np.ndarray
    drawn: np.ndarray


class Thread(NamedTuple):
    """All that one thread works on; laid: what calls.lay takes, a source and a Block; block: what is seen of that."""

    laid: Erased
    block: Seen
    plan: Plan
    calls: Calls
    places: Places
    work: Work
    shared: Shared


@inner
def _sum(outputs):
    """Return the sum of outputs (C, L)."""
    total = 0
    for column in range(outputs.shape[0]):
        for lane in range(outputs.shape[1]):
            total += outputs[column, lane]
    return total


@inner
def is_finite(bad):
    """Return whether all numbers of bad (1, L) are finite."""
    finite = True
    for lane in range(bad.shape[1]):
        finite &= np.isfinite(bad[0, lane])
    return finite


@inner
def _group_gradient(own, step, half, group, stop):
    """Compute the gradient and the sums of one group of the batch into shared.gradients[half, group]."""
    plan, places, shared, frame = own.plan, own.places, own.shared, own.work.learn
    blocks = (plan.batch_size + plan.size - 1) // plan.size
    first, end = group * blocks // plan.groups, (group + 1) * blocks // plan.groups
    for lane in range(shared.sums.shape[2]):
        shared.sums[half, group, lane] = 0
    shared.outputs[half, group] = 0
    frame[places.gradient] = shared.gradients[half, group].ctypes.data
    frame[places.sums] = shared.sums[half, group].ctypes.data
    number = first
    # A single update may take minutes.
    while number < end and atomic_load(stop, 0) == 0:
        left = plan.batch_size - number * plan.size
        samples = plan.size if plan.size < left else left
        call(own.calls.lay, (own.laid, plan.seed, step * plan.batch_size + number * plan.size, samples))
        shared.outputs[half, group] += _sum(own.block.outputs)
        frame[places.steps] = own.block.steps[0]
        frame[places.fresh] = number == first
        call(own.calls.learn, (None, frame))
        number += 1
    if number < end:
        shared.given_up[half] = 1


@inner
def _add_up(gradients, total):
    """Set total (R,) to the sum of gradients (groups, R), in their order."""
    for row in range(total.size):
        total[row] = gradients[0, row]
    for group in range(1, gradients.shape[0]):
        for row in range(total.size):
            total[row] += gradients[group, row]


@inner
def _copy(source, target):
    """Copy source (n,) to target (n,)."""
    for row in range(target.size):
        target[row] = source[row]


@inner
def _statistics(shared, half, row):
    """Set row (4) to the loss, the counted outputs, the wrong ones, and the samples with a wrong one, of a batch."""
    for i in range(4):
        row[i] = 0
    for group in range(shared.sums.shape[1]):
        row[0] += shared.sums[half, group, 0]
        row[1] += shared.outputs[half, group]
        row[2] += shared.sums[half, group, 1]
        row[3] += shared.sums[half, group, 2]


@plain
def gradient_of(own, step, row, stop):
    """Compute the batch's gradient into work.gradient and its statistics into row (4), for one thread's Reference to a
    Thread."""
    for group in range(own.plan.groups):
        _group_gradient(own, step, 0, group, stop)
    _statistics(own.shared, 0, row)
    _add_up(own.shared.gradients[0], own.work.gradient)


@jit
def run_batches(own, first_step, patience, rates, saturations, history, stop, thread, threads):
    """Make updates until the rates run out, the batches stay clean, loss or weights are not finite, or stop[0] is not
    0.

    own: a Reference to the Thread that is number `thread` of `threads`; patience: stop after this number of samples
    without a mistake, counted over whole batches (0: never); rates and saturations: learning rate and weight of the
    saturation penalty, of each update; history (updates, 4) is filled.
    Returns (updates made, why). Every thread returns the same. After DIVERGED, theta is what it was before the last
    update made; an update that was not made, as the loss was not finite, is not counted. After STOPPED, an update that
    was begun has left no trace.
    """
    plan, places, work, shared = own.plan, own.places, own.work, own.shared
    clean, sums = shared.clean[0], work.statistics
    for i in range(rates.size):
        step, half = first_step + i, i % 2
        work.options[places.rate, 0], work.options[places.saturation, 0] = rates[i], saturations[i]
        group, end = thread * plan.groups // threads, (thread + 1) * plan.groups // threads
        drawing = 1 < threads < plan.groups
        # In every update each thread draws once in vain.
        before = i * (plan.groups + threads)
        if drawing:
            group, end = atomic_add(shared.drawn, 0, 1) - before, plan.groups
        while group < end:
            _group_gradient(own, step, half, group, stop)
            group = atomic_add(shared.drawn, 0, 1) - before if drawing else group + 1
        wait(shared.barrier, threads)
        # Not stop, of which a slower thread would see more.
        if shared.given_up[half] != 0:
            shared.clean[0] = clean
            return i, STOPPED
        _statistics(shared, half, sums)
        if not np.isfinite(sums[0]):
            _copy(work.previous, work.theta)
            return i, DIVERGED
        if plan.groups > 1:
            _add_up(shared.gradients[half], work.gradient)
            work.update[places.whole] = work.gradient.ctypes.data
        else:
            work.update[places.whole] = shared.gradients[half, 0].ctypes.data
        _copy(work.theta, work.previous)
        call(own.calls.update, (None, work.update))
        if thread == 0:
            _copy(sums, history[i])
        clean = clean + plan.batch_size if sums[3] == 0 else 0
        if not is_finite(work.bad):
            _copy(work.previous, work.theta)
            return i + 1, DIVERGED
        if 0 < patience <= clean:
            shared.clean[0] = clean
            return i + 1, CLEAN
    shared.clean[0] = clean
    return rates.size, RAN
