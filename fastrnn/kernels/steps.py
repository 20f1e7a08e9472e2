"""Many updates inside one compiled call, on one of several threads.

Blocks of samples belong to groups, each with a gradient of its own; groups, not threads, decide the order
of additions, so results are the same bytes for any number of threads. Threads share the groups out, meet at
one barrier an update, and then each makes the whole (small) update on its own copy of the weights: that
costs less than a second barrier. Gradients lie in two halves used in turn, so that a fast thread may start
on the next update while a slow one still reads.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import Address, call
from fastrnn.kernels.barrier import wait
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import corrections
from fastrnn.kernels.reference import refer
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.update import add_up, exchange, norm_of, update
from fastrnn.simd import load, store, zeros
from fastrnn.simd.integers import atomic_load

# Groups of blocks, at most. Enough to share out evenly, few enough to add up.
GROUPS = 32

RAN, CLEAN, DIVERGED, STOPPED = 0, 1, 2, 3


class Plan(NamedTuple):
    """What a call is to do: updates first_step to first_step + len(rates) - 1.

    clip: the largest global gradient norm (inf for none). mean: divide gradients by the batch size.
    patience: stop after so many samples without a mistake, counted over whole batches (0: never). truncate: steps
    between two borders that no gradient crosses.
    """

    seed: int
    first_step: int
    batch_size: int
    groups: int
    clip: float
    mean: bool
    patience: int
    truncate: int


class Calls(NamedTuple):
    """Addresses of the compiled parts: fill_block, forward_block and learn_block."""

    fill: Address
    forward: Address
    learn: Address


class Replica(NamedTuple):
    """One thread's weights: theta, w_hh_t, the optimizer's two memories, the summed gradient, theta before the last update."""

    theta: np.ndarray
    w_hh_t: np.ndarray
    first: np.ndarray
    second: np.ndarray
    gradient: np.ndarray
    previous: np.ndarray


class Shared(NamedTuple):
    """What threads exchange: gradients (2, groups, rows, lanes), stats (2, groups, 4), history (steps, 4),
    clean (1: samples since the last mistake), barrier, live (rows, lanes), stop (1: not 0 once the call must end, from
    outside), given_up (2: 1 where an update of this half was left because of that)."""

    gradients: np.ndarray
    stats: np.ndarray
    history: np.ndarray
    clean: np.ndarray
    barrier: np.ndarray
    live: np.ndarray
    stop: np.ndarray
    given_up: np.ndarray


@inlined
def clear(gradients, stats, half, group):
    for row in range(gradients.shape[2]):
        store(gradients, (half, group, row), zeros(gradients, 1))
    for i in range(4):
        stats[half, group, i] = 0


@inlined
def group_gradient(place, network, plan, calls, step, saturation, half, group, shared):
    """Gradient and statistics of one group of the batch, into shared.gradients[half, group]."""
    clear(shared.gradients, shared.stats, half, group)
    blocks = (plan.batch_size + BLOCK - 1) // BLOCK
    gradient, stats = shared.gradients[half, group], shared.stats[half, group]
    block, end = group * blocks // plan.groups, (group + 1) * blocks // plan.groups
    # A single update may take minutes.
    while block < end and atomic_load(shared.stop, 0) == 0:
        samples = min(BLOCK, plan.batch_size - block * BLOCK)
        call(calls.fill, (place, plan.seed, step * plan.batch_size + block * BLOCK, samples))
        call(calls.learn, (network, gradient, stats, saturation, plan.truncate, calls.forward))
        block += 1
    if block < end:
        shared.given_up[half] = 1


@jit
def gradient_of(cell, loss, source, layout, plan, calls, step, saturation, replica, shared, work):
    """The batch's gradient into replica.gradient, its statistics into shared.history[0]; one thread."""
    exchange(layout, replica.theta, replica.w_hh_t)
    place, network = refer((source, work)), refer((cell, loss, layout, replica.theta, replica.w_hh_t, work))
    for group in range(plan.groups):
        group_gradient(place, network, plan, calls, step, saturation, 0, group, shared)
    for i in range(4):
        shared.history[0, i] = 0
        for group in range(plan.groups):
            shared.history[0, i] += shared.stats[0, group, i]
    add_up(layout, shared.gradients, 0, shared.live, replica.gradient)


@jit
def run_steps(
    cell,
    loss,
    optimizer,
    shrinking,
    source,
    layout,
    plan,
    calls,
    rates,
    saturations,
    replica,
    shared,
    work,
    thread,
    threads,
):
    """Updates until the rates run out, the batches stay clean, loss or weights are not finite, or shared.stop is set.

    Returns (updates made, why).

    rates and saturations: learning rate and weight of the saturation penalty, of each update;
    shrinking: (weight decay, L1) or None.
    Every thread returns the same. After DIVERGED, replica.theta is what it was before the last update
    made; an update that was not made, as the loss was not finite, is not counted. After STOPPED, an update that was
    begun has left no trace.
    """
    exchange(layout, replica.theta, replica.w_hh_t)
    place, network = refer((source, work)), refer((cell, loss, layout, replica.theta, replica.w_hh_t, work))
    clean = shared.clean[0]
    for i in range(rates.size):
        step, half = plan.first_step + i, i % 2
        for group in range(thread * plan.groups // threads, (thread + 1) * plan.groups // threads):
            group_gradient(place, network, plan, calls, step, saturations[i], half, group, shared)
        wait(shared.barrier, threads)
        # Not shared.stop, of which a slower thread would see more.
        if shared.given_up[half] != 0:
            shared.clean[0] = clean
            return i, STOPPED

        loss_sum, asked, wrong, samples_wrong = 0.0, 0.0, 0.0, 0.0
        for group in range(plan.groups):
            loss_sum += shared.stats[half, group, 0]
            asked += shared.stats[half, group, 1]
            wrong += shared.stats[half, group, 2]
            samples_wrong += shared.stats[half, group, 3]
        squares = add_up(layout, shared.gradients, half, shared.live, replica.gradient)
        norm = norm_of(layout, replica.gradient, shared.live, squares)
        if not (np.isfinite(loss_sum) and np.isfinite(norm)):
            copy(replica.previous, replica.theta)
            return i, DIVERGED
        if thread == 0:
            shared.history[i, 0], shared.history[i, 1] = loss_sum, asked
            shared.history[i, 2], shared.history[i, 3] = wrong, samples_wrong
        clean = clean + plan.batch_size if samples_wrong == 0 else 0

        scale = 1.0 / plan.batch_size if plan.mean else 1.0
        if norm * scale > plan.clip:
            scale = plan.clip / norm
        copy(replica.theta, replica.previous)
        if not update(
            optimizer,
            shrinking,
            layout,
            replica.theta,
            replica.theta,
            replica.gradient,
            shared.live,
            replica.first,
            replica.second,
            rates[i],
            scale,
            corrections(optimizer, step),
        ):
            copy(replica.previous, replica.theta)
            return i + 1, DIVERGED
        exchange(layout, replica.theta, replica.w_hh_t)
        if 0 < plan.patience <= clean:
            shared.clean[0] = clean
            return i + 1, CLEAN
    shared.clean[0] = clean
    return rates.size, RAN


@inlined
def copy(source, target):
    for row in range(source.shape[0]):
        store(target, row, load(source, row, 1))
