"""Many updates of one network inside one compiled call, on one of several threads; samples lie in the lanes.

Blocks of samples belong to groups, each with a gradient of its own; groups, not threads, decide the order of additions,
so results are the same bytes for any number of threads. Threads share the groups: each begins with one that is its own,
and of the others whoever is free draws the next one, as threads that share a core with other work are slower. Gradients
are added up as groups are done (fastrnn.kernels.combining). The thread that completes the gradient makes the update,
while the others wait.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import inner, jit, plain
from fastrnn.kernels.block_data import Seen
from fastrnn.kernels.combining import COMBINE_FRAME, release_all, wait_for
from fastrnn.kernels.recurrent.learn import LEARN_POINTERS, LEARN_WORDS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.reference import Erased
from fastrnn.machine.address import Address, Loaded, call
from fastrnn.simd.integers import atomic_add, atomic_load

RAN, CLEAN, DIVERGED, STOPPED = 0, 1, 2, 3
# Where in the frames of the programs the words lie that change between their calls, or that are read.
_GRADIENT, _SUMS, _STEPS, _FRESH = map(
    (*LEARN_WORDS, *LEARN_POINTERS).index, ("gradient", "sums", "steps", "fresh")
)
_PART, _THREADS, _COMPLETE = map(COMBINE_FRAME.index, ("part", "threads", "complete"))
# The row of options with the learning rate.
_RATE = OPTIONS.index("rate")


class Shared(NamedTuple):
    """What threads share: theta, previous (R,): weights, and those before the last update; gradients (groups, R), of
    which the first becomes that of the batch; sums (groups, L) of fastrnn.kernels.recurrent.learn; outputs (groups, L);
    update: of the same; options (rows, 1); bad (1, L): no number where a weight is not finite; statistics (4): of a
    batch; result (2): updates made, and why no more; clean (1): samples since the last mistake; tree: of
    fastrnn.kernels.combining; drawn (1): draws of groups in this call."""

    theta: np.ndarray
    previous: np.ndarray
    gradients: np.ndarray
    sums: np.ndarray
    outputs: np.ndarray
    update: Loaded
    options: np.ndarray
    bad: np.ndarray
    statistics: np.ndarray
    result: np.ndarray
    clean: np.ndarray
    tree: np.ndarray
    drawn: np.ndarray


class Thread(NamedTuple):
    """All that one thread works on. lay: the source's; laid: what that takes, a source and a Block; block: what is seen
    of the Block; seed: of the data; batch_size, size: samples in an update and in a block; groups: of blocks; learn,
    combine: of fastrnn.kernels.recurrent.learn and fastrnn.kernels.combining."""

    lay: Address
    laid: Erased
    block: Seen
    seed: int
    batch_size: int
    size: int
    groups: int
    learn: Loaded
    combine: Loaded
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
def _group_gradient(own, step, group, stop):
    """Compute the gradient and the sums of one group of the batch, unless stop[0] is not 0; return whether all groups
    are done, and their gradients added up."""
    batch_size, size, shared, frame = own.batch_size, own.size, own.shared, own.learn.frame
    blocks = (batch_size + size - 1) // size
    first, end = group * blocks // own.groups, (group + 1) * blocks // own.groups
    for lane in range(shared.sums.shape[1]):
        shared.sums[group, lane] = 0
    shared.outputs[group, 0] = 0
    frame[_GRADIENT] = shared.gradients[group].ctypes.data
    frame[_SUMS] = shared.sums[group].ctypes.data
    number = first
    # A single update may take minutes.
    while number < end and atomic_load(stop, 0) == 0:
        left = batch_size - number * size
        samples = size if size < left else left
        call(own.lay, (own.laid, own.seed, step * batch_size + number * size, samples))
        shared.outputs[group, 0] += _sum(own.block.outputs)
        frame[_STEPS] = own.block.steps[0]
        frame[_FRESH] = number == first
        call(own.learn.address, (frame,))
        number += 1
    combine = own.combine.frame
    combine[_PART] = group
    call(own.combine.address, (combine,))
    return combine[_COMPLETE] != 0


@inner
def _copy(source, target):
    """Copy source (n,) to target (n,)."""
    for row in range(target.size):
        target[row] = source[row]


@inner
def _statistics(shared, row):
    """Set row (4) to the loss, the counted outputs, the wrong ones, and the samples with a wrong one, of a batch."""
    for i in range(4):
        row[i] = 0
    for group in range(shared.sums.shape[0]):
        row[0] += shared.sums[group, 0]
        row[1] += shared.outputs[group, 0]
        row[2] += shared.sums[group, 1]
        row[3] += shared.sums[group, 2]


@plain
def gradient_of(own, step, row, stop):
    """Compute the batch's gradient into shared.gradients[0] and its statistics into row (4), for one thread's Reference
    to a Thread."""
    own.combine.frame[_THREADS] = 1
    for group in range(own.groups):
        _group_gradient(own, step, group, stop)
    _statistics(own.shared, row)


@inner
def _update(own, patience, history, stop):
    """Make the update of a batch; return (how many more updates than before were made, why to stop, or RAN)."""
    shared = own.shared
    # A thread that left out a block saw this before.
    if atomic_load(stop, 0) != 0:
        return 0, STOPPED
    sums = shared.statistics
    _statistics(shared, sums)
    if not np.isfinite(sums[0]):
        _copy(shared.previous, shared.theta)
        return 0, DIVERGED
    _copy(shared.theta, shared.previous)
    call(shared.update.address, (shared.update.frame,))
    _copy(sums, history)
    if not is_finite(shared.bad):
        _copy(shared.previous, shared.theta)
        return 1, DIVERGED
    shared.clean[0] = shared.clean[0] + own.batch_size if sums[3] == 0 else 0
    return 1, CLEAN if 0 < patience <= shared.clean[0] else RAN


@jit
def run_batches(own, first_step, patience, rates, history, stop, thread, threads):
    """Make updates until the rates run out, the batches stay clean, loss or weights are not finite, or stop[0] is not
    0.

    own: a Reference to the Thread that is number `thread` of `threads`; patience: stop after this number of samples
    without a mistake, counted over whole batches (0: never); rates: the learning rate of each update; history
    (updates, 4) is filled. Before the call, shared.drawn, shared.result and the tree's number of sums are 0, and
    shared.options have the first rate.
    shared.result becomes (updates made, why). After DIVERGED, theta is what it was before the last update made; an
    update that was not made, as the loss was not finite, is not counted. After STOPPED, an update that was begun has
    left no trace.
    """
    shared = own.shared
    own.combine.frame[_THREADS] = threads
    # Groups of an update that are drawn, and the one that this thread has drawn, counted over all updates.
    most = own.groups - threads
    drawn = np.int64(-1)
    for i in range(rates.size):
        step, group, complete = first_step + i, thread, False
        while group < own.groups:
            complete = _group_gradient(own, step, group, stop)
            if threads == 1:
                group += 1
                continue
            if drawn < 0:
                drawn = atomic_add(shared.drawn, 0, 1)
            group = threads + drawn - i * most
            if group < own.groups:
                drawn = np.int64(-1)
        if complete:
            made, why = _update(own, patience, history[i], stop)
            shared.result[0], shared.result[1] = i + made, why
            if i + 1 < rates.size:
                shared.options[_RATE, 0] = rates[i + 1]
            release_all(shared.tree, i + 1)
        else:
            wait_for(shared.tree, i + 1)
        if shared.result[1] != RAN:
            return
