"""Many updates of one network inside one compiled call, on one of several threads; samples lie in the lanes.

Blocks of samples belong to groups, each with a gradient of its own; groups, not threads, decide the order of additions,
so results are the same bytes for any number of threads. Threads share the groups out, meet at one barrier an update,
and then each makes the whole (small) update on its own copy of the weights: that costs less than a second barrier.
Gradients lie in two halves used in turn, so that a fast thread may start on the next update while a slow one still
reads.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.barrier import wait
from fastrnn.kernels.reference import refer
from fastrnn.machine.address import Address, call
from fastrnn.simd.integers import atomic_load

# Groups of blocks, at most. Enough to share out evenly, few enough to add up.
GROUPS = 32

RAN, CLEAN, DIVERGED, STOPPED = 0, 1, 2, 3


class Plan(NamedTuple):
    """The arguments of a call, which makes the updates first_step to first_step + len(rates) - 1.

    size: samples in a block; patience: stop after this number of samples without a mistake, counted over whole batches
    (0: never).
    """

    seed: int
    first_step: int
    batch_size: int
    size: int
    groups: int
    patience: int


class Calls(NamedTuple):
    """Addresses of lay_block, and of the programs of fastrnn.kernels.recurrent.learn."""

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
    (2, groups), history (steps, 4), clean (1: samples since the last mistake), barrier, stop (1: not 0 once the call
    must end, from outside), given_up (2: 1 where an update of this half was left because of that)."""

    gradients: np.ndarray
    sums: np.ndarray
    outputs: np.ndarray
    history: np.ndarray
    clean: np.ndarray
    barrier: np.ndarray
    stop: np.ndarray
    given_up: np.ndarray


@jit
def group_gradient(place, block, plan, calls, places, step, half, group, work, shared):
    """Compute gradient and sums of one group of the batch, into shared.gradients[half, group]."""
    blocks = (plan.batch_size + plan.size - 1) // plan.size
    first, end = group * blocks // plan.groups, (group + 1) * blocks // plan.groups
    for lane in range(shared.sums.shape[2]):
        shared.sums[half, group, lane] = 0
    shared.outputs[half, group] = 0
    frame = work.learn
    frame[places.gradient] = shared.gradients[half, group].ctypes.data
    frame[places.sums] = shared.sums[half, group].ctypes.data
    number = first
    # A single update may take minutes.
    while number < end and atomic_load(shared.stop, 0) == 0:
        samples = min(plan.size, plan.batch_size - number * plan.size)
        call(calls.lay, (place, plan.seed, step * plan.batch_size + number * plan.size, samples))
        shared.outputs[half, group] += block.outputs.sum()
        frame[places.steps] = block.steps[0]
        frame[places.fresh] = number == first
        call(calls.learn, (None, frame))
        number += 1
    if number < end:
        shared.given_up[half] = 1


@jit
def add_up(gradients, total):
    """Set total (R,) to the sum of gradients (groups, R), in their order."""
    for row in range(total.size):
        total[row] = gradients[0, row]
    for group in range(1, gradients.shape[0]):
        for row in range(total.size):
            total[row] += gradients[group, row]


@jit
def gradient_of(source, block, plan, calls, places, step, work, shared):
    """Compute the batch's gradient (work.gradient) and its statistics (shared.history[0]), on one thread."""
    place = refer((source, block))
    for group in range(plan.groups):
        group_gradient(place, block, plan, calls, places, step, 0, group, work, shared)
    statistics(shared, 0, shared.history[0])
    add_up(shared.gradients[0], work.gradient)


@jit
def copy(source, target):
    """Set target (n,) = source (n,)."""
    for row in range(target.size):
        target[row] = source[row]


@jit
def statistics(shared, half, row):
    """Set row (4) to the loss, the outputs that count, wrong ones, and samples with a wrong one, of a batch."""
    for i in range(4):
        row[i] = 0
    for group in range(shared.sums.shape[1]):
        row[0] += shared.sums[half, group, 0]
        row[1] += shared.outputs[half, group]
        row[2] += shared.sums[half, group, 1]
        row[3] += shared.sums[half, group, 2]


@jit
def run_batches(source, block, plan, calls, places, rates, saturations, work, shared, thread, threads):
    """Updates until the rates run out, the batches stay clean, loss or weights are not finite, or shared.stop is set.

    Returns (updates made, why). rates and saturations: learning rate and weight of the saturation penalty, of each
    update. Every thread returns the same. After DIVERGED, theta is what it was before the last update made; an update
    that was not made, as the loss was not finite, is not counted. After STOPPED, an update that was begun has left no
    trace.
    """
    place = refer((source, block))
    clean, own = shared.clean[0], work.statistics
    for i in range(rates.size):
        step, half = plan.first_step + i, i % 2
        work.options[places.rate, 0], work.options[places.saturation, 0] = rates[i], saturations[i]
        for group in range(thread * plan.groups // threads, (thread + 1) * plan.groups // threads):
            group_gradient(place, block, plan, calls, places, step, half, group, work, shared)
        wait(shared.barrier, threads)
        # Not shared.stop: a slower thread would see a later value.
        if shared.given_up[half] != 0:
            shared.clean[0] = clean
            return i, STOPPED
        statistics(shared, half, own)
        if not np.isfinite(own[0]):
            copy(work.previous, work.theta)
            return i, DIVERGED
        if plan.groups > 1:
            add_up(shared.gradients[half], work.gradient)
            work.update[places.whole] = work.gradient.ctypes.data
        else:
            work.update[places.whole] = shared.gradients[half, 0].ctypes.data
        copy(work.theta, work.previous)
        call(calls.update, (None, work.update))
        if thread == 0:
            copy(own, shared.history[i])
        clean = clean + plan.batch_size if own[3] == 0 else 0
        if not np.isfinite(work.bad.sum()):
            copy(work.previous, work.theta)
            return i + 1, DIVERGED
        if 0 < plan.patience <= clean:
            shared.clean[0] = clean
            return i + 1, CLEAN
    shared.clean[0] = clean
    return rates.size, RAN
