"""Many updates of one network inside one compiled call, on one of several threads; samples lie in the lanes.

Blocks of samples belong to groups, each with a gradient of its own; groups, not threads, decide the order of additions,
so results are the same bytes for any number of threads. Threads share the groups: each begins with one that is its own,
and of the others whoever is free draws the next one, as threads that share a core with other work are slower. Gradients
are added up as groups are done (fastrnn.kernels.combining). The thread that completes the gradient makes the update,
while the others wait.
"""

import functools
from typing import NamedTuple

from fastrnn.kernels.block_data import LAY, Block
from fastrnn.kernels.combining import COMBINE_WORDS, combine, release, wait
from fastrnn.kernels.events import CLEAN, DIVERGED, RUNNING, STOPPED
from fastrnn.kernels.recurrent.block import LEARN_POINTERS, LEARN_WORDS
from fastrnn.kernels.recurrent.frame import add, copy
from fastrnn.kernels.recurrent.tally import STATISTICS, SUMS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.machine.execute import Program
from fastrnn.machine.records import Address, Integers, Numbers, record_of, words_of

# The words of the frame of learning.
_LEARN = (*LEARN_WORDS, *LEARN_POINTERS)
# The row of options with the learning rate.
_RATE = OPTIONS.index("rate")


class Shared(NamedTuple):
    """What threads share: theta, previous (R,): weights, and those before the last update; gradients (groups, R), of
    which the first becomes that of the batch; rows: vectors in R; sums (groups, L) of fastrnn.kernels.recurrent.block;
    outputs (groups, L); the frame of the update of the same; options (rows, 1); bad (1, L): no number where a weight is
    not finite; statistics: of a batch; result (2): updates made, and why no more; clean (1): samples since the last
    mistake; tree: of fastrnn.kernels.combining; drawn (1): draws of groups in this call."""

    theta: Numbers
    previous: Numbers
    gradients: Address
    rows: int
    sums: Address
    outputs: Integers
    update: Integers
    options: Numbers
    bad: Numbers
    statistics: Integers
    result: Integers
    clean: Integers
    tree: Integers
    drawn: Integers


class Thread(NamedTuple):
    """All that one thread works on. lay: the frame of the source's; block: that it fills; seed: of the data;
    batch_size, size: samples in an update and in a block; groups: of blocks; learn: the frame of
    fastrnn.kernels.recurrent.block."""

    lay: Integers
    block: Block
    seed: int
    batch_size: int
    size: int
    groups: int
    learn: Integers
    shared: Shared


# step: the first one; patience: stop after this number of samples without a mistake, counted over whole batches (0:
# never); rates: the address of the learning rates, float64, of each of `updates` updates; history: of (updates, 4),
# float64, the STATISTICS of each; stop: of an int64 that is not 0 where the call is to end; thread: number of the
# thread, of `threads`; learning: 0 where only the gradient and the statistics of one batch are computed.
BATCHES_CALL = ("step", "patience", "rates", "updates", "history", "stop", "thread", "threads", "learning")


@functools.cache
def batches_program(dtype, lanes):
    """Return the Program that makes updates until the rates run out, the batches stay clean, loss or weights are not
    finite, or stop[0] is not 0; on a frame of BATCHES_CALL and a Thread.

    Before the call, shared.drawn, shared.result and the tree's number of sums are 0, and shared.options have the first
    rate. shared.result becomes (updates made, why). After DIVERGED, theta is what it was before the last update made;
    an update that was not made, as the loss was not finite, is not counted. After STOPPED, an update that was begun has
    left no trace.
    """

    def kernel(m):
        own, threads, updates = record_of(m, Thread), m.word("threads"), m.word("updates")
        shared = own.shared
        # Groups of an update that are drawn, and the one that this thread has drawn, counted over all updates.
        most, drawn = own.groups - threads, m.local(-1)
        m.set_word("complete", 0)
        for number, leave in m.loop(updates):
            group = m.local(m.word("thread"))
            for _, last in m.loop(own.groups):
                _group_gradient(m, own, m.word("step") + number, group.get())
                for _ in m.when(threads.equals(1)):
                    group.set(group.get() + 1)
                for _ in m.when(m.integer(1).below(threads)):
                    for _ in m.when(drawn.get().below(0)):
                        drawn.set(m.atomic_add(shared.drawn, 0, 1))
                    group.set(threads + drawn.get() - number * most)
                    for _ in m.when(group.get().below(own.groups)):
                        drawn.set(-1)
                last(own.groups.below(group.get() + 1))
            for _ in m.when(m.word("complete")):
                m.set_word("complete", 0)
                _statistics(m, own)
                for _ in m.when(m.word("learning")):
                    _update(m, own, number)
                for _ in m.when((number + 1).below(updates)):
                    m.set_number(shared.options, _RATE, m.read_double(m.integers("rates"), number + 1))
                release(m, shared.tree, number + 1)
            wait(m, shared.tree, number + 1)
            leave(m.read(shared.result, 1).equals(RUNNING).equals(0))

    return Program(kernel, (*BATCHES_CALL, *COMBINE_WORDS, *words_of(Thread)), dtype, lanes, "")


def stopped(m):
    """Return whether the call is to end, from outside: whether the integer that the word `stop` points to is not 0."""
    return m.atomic_read(m.integers("stop"), 0).equals(0).equals(0)


def statistic(m, row, name):
    """Return one of the STATISTICS of a row."""
    return m.read_double(row, STATISTICS.index(name))


def streak(m, before, row, batch_size):
    """Return the samples since the last mistake, and whether these are as many as the word `patience` asks for.

    before: those before the batch; row: the batch's STATISTICS.
    """
    right, patience = m.is_positive(statistic(m, row, "wrong_samples")).equals(0), m.word("patience")
    samples = (before + batch_size) * right
    return samples, m.integer(0).below(patience).both(samples.below(patience).equals(0))


def weights_are_finite(m, bad):
    """Return whether all weights are finite, in which case all numbers of bad (1, L) are."""
    return m.mask_bits(m.load(bad, 0) * 0.0 < 1.0).equals(2**m.lanes - 1)


def _group_gradient(m, own, step, group):
    """Compute the gradient and the sums of one group of the batch, unless stop[0] is not 0; then the word `complete` is
    1 where all groups are done, and their gradients added up."""
    batch_size, size, shared = own.batch_size, own.size, own.shared
    blocks = (batch_size + size - 1) // size
    first, end = group * blocks // own.groups, (group + 1) * blocks // own.groups
    sums = shared.sums + group * (m.lanes * m.bytes)
    m.store(m.as_pointer(sums), 0, m.constant(0.0))
    m.write(shared.outputs, group * m.lanes, 0)
    gradient = shared.gradients + group * shared.rows * (m.lanes * m.bytes)
    for number in m.range(end, first):
        # A single update may take minutes.
        for _ in m.when(stopped(m).equals(0)):
            begun = number * size
            samples = size.least(batch_size - begun)
            m.run(own.lay, LAY, seed=own.seed, first=step * batch_size + begun, samples=samples)
            outputs = m.local(m.read(shared.outputs, group * m.lanes))
            for place in m.range(size):
                outputs.set(outputs.get() + m.read(own.block.outputs, place))
            m.write(shared.outputs, group * m.lanes, outputs.get())
            words = {"steps": m.read(own.block.steps, 0), "fresh": number.equals(first)}
            m.run(own.learn, _LEARN, gradient=gradient, sums=sums, **words)

    def add_part(a, b):
        parts = (m.as_pointer(shared.gradients + part * shared.rows * (m.lanes * m.bytes)) for part in (a, b))
        add(m, *parts, shared.rows)

    combine(m, shared.tree, group, own.groups, m.word("threads"), add_part)


def _statistics(m, own):
    """Add up the statistics of a batch."""
    shared = own.shared
    for i in range(len(STATISTICS)):
        m.write_double(shared.statistics, i, m.as_double(0))
    for group in m.range(own.groups):
        sums = m.as_pointer(shared.sums + group * (m.lanes * m.bytes))
        found = {name: m.double(sums, i) for i, name in enumerate(SUMS)}
        found["outputs"] = m.as_double(m.read(shared.outputs, group * m.lanes))
        for i, name in enumerate(STATISTICS):
            m.write_double(shared.statistics, i, m.read_double(shared.statistics, i) + found[name])


def _update(m, own, number):
    """Make the update of a batch, and set the result."""
    shared, why, made = own.shared, m.local(RUNNING), m.local(number)
    # A thread that left out a block saw this before.
    ended, finite = stopped(m), m.is_finite(statistic(m, shared.statistics, "loss"))
    for _ in m.when(ended):
        why.set(STOPPED)
    for _ in m.when(ended.equals(0).both(finite.equals(0))):
        copy(m, shared.previous, 0, shared.theta, shared.rows)
        why.set(DIVERGED)
    for _ in m.when(ended.equals(0).both(finite)):
        copy(m, shared.theta, 0, shared.previous, shared.rows)
        m.run(shared.update)
        made.set(number + 1)
        for i in range(len(STATISTICS)):
            m.write(m.integers("history"), number * len(STATISTICS) + i, m.read(shared.statistics, i))
        sound = weights_are_finite(m, shared.bad)
        for _ in m.when(sound.equals(0)):
            copy(m, shared.previous, 0, shared.theta, shared.rows)
            why.set(DIVERGED)
        for _ in m.when(sound):
            clean, enough = streak(m, m.read(shared.clean, 0), shared.statistics, own.batch_size)
            m.write(shared.clean, 0, clean)
            for _ in m.when(enough):
                why.set(CLEAN)
    m.write(shared.result, 0, made.get())
    m.write(shared.result, 1, why.get())
