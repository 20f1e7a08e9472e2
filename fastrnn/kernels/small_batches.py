"""Many updates of one network with a few samples each inside one compiled call; hidden units lie in the lanes.

Each update goes from one array of weights to the next of three, so that the weights before the last update, and before
the one before, are still there when they turn out to have been the better ones.
"""

import functools
from typing import NamedTuple

import numpy as np

from fastrnn.kernels.batches import statistic, streak, weights_are_finite
from fastrnn.kernels.block_data import WORD, Extent, Words, words_for
from fastrnn.kernels.events import CLEAN, DIVERGED, RUNNING
from fastrnn.kernels.recurrent.tally import STATISTICS
from fastrnn.kernels.recurrent.units_learn import UNITS_POINTERS, UNITS_UPDATE_POINTERS, UNITS_WORDS
from fastrnn.kernels.recurrent.units_network import chunk_of
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.machine.records import Address, Integers, Numbers, frame_on, record_of, words_of

# Numbers of inputs, targets and masks that are laid at a time, where these are more than one sample.
MOST_NUMBERS = 1 << 20
# The words of the frame of learning.
_LEARN = (*UNITS_POINTERS, *UNITS_WORDS)
# The row of options with the learning rate.
_RATE = OPTIONS.index("rate")
# What changes from call to call of those who lay samples, at the beginning of their frames.
LAY_SAMPLES = ("seed", "part")


class Samples(NamedTuple):
    """Some samples of a word, one by one. x (N, T, I), y (N, O, C, L), mask (N, C, L), a chunk of steps in each vector;
    steps (N): up to a sample's last one that counts; outputs (N): that count; words: of bits, one slot; count: N;
    chunks: C; extent: of an Extent, one column."""

    x: Address
    y: Address
    mask: Address
    steps: Integers
    outputs: Integers
    words: Words
    count: int
    chunks: int
    extent: Extent

    def lengths(self, lanes):
        """Return how many numbers of x, y and mask a sample has."""
        return self.extent.steps * self.extent.inputs, self.extent.outputs * self.chunks * lanes, self.chunks * lanes

    def of(self, m, sample):
        """Return x, y and mask of a sample, on a machine m."""
        arrays = zip((self.x, self.y, self.mask), self.lengths(m.lanes))
        return [m.part(m.as_pointer(array), sample * count) for array, count in arrays]


def samples_for(sizes, steps, dtype, lanes, batch_size=1):
    """Empty Samples for sequences of `steps` steps of a network of these Sizes: whole batches, of about a word of
    samples, or of long ones fewer."""
    chunks, count = -(-steps // chunk_of(lanes)), WORD
    while count > 1 and count * steps * (sizes.inputs + sizes.outputs + 1) > MOST_NUMBERS:
        count //= 2
    count = max(batch_size, count - count % batch_size)
    return Samples(
        x=aligned_zeros((count, steps, sizes.inputs), dtype),
        y=aligned_zeros((count, sizes.outputs, chunks, lanes), dtype),
        mask=aligned_zeros((count, chunks, lanes), dtype),
        steps=np.zeros(count, np.int64),
        outputs=np.zeros(count, np.int64),
        words=words_for(1, sizes, steps),
        count=count,
        chunks=chunks,
        extent=Extent(steps, sizes.inputs, sizes.outputs, 1),
    )


def samples_layer_for(source, samples, dtype, lanes):
    """Return the frame, for other Programs, of source.lay_samples.

    It writes samples N * part and on of the stream that `lay` has (fastrnn.kernels.block_data.layer_for) into the N
    places of Samples.
    """
    return frame_on(source.lay_samples, LAY_SAMPLES, dtype, lanes, source.counts, source=source, samples=samples)


class SmallBatches(NamedTuple):
    """All that a session works on. lay: the frame of the source's lay_samples; samples: that it fills; learn, update:
    frames of fastrnn.kernels.recurrent.units_learn; weights (3, R): the present ones are those of `present` (1), then
    come the next ones; width: bytes of R; sums (B, 2): loss and wrong outputs of each sample of a batch; batch_size: B;
    options (rows, 1); bad (1, L): no number where a weight is not finite; clean (1): samples since the last mistake."""

    lay: Integers
    samples: Samples
    learn: Integers
    update: Integers
    weights: Address
    width: int
    present: Integers
    sums: Numbers
    batch_size: int
    options: Numbers
    bad: Numbers
    clean: Integers


# seed: of the data; step: the first one; patience, rates, updates, history and learning: as those of
# fastrnn.kernels.batches; made and why become the updates made and why no more.
SMALL_CALL = ("seed", "step", "patience", "rates", "updates", "history", "learning", "made", "why")


@functools.cache
def small_batches_program(dtype, lanes):
    """Return the Program that makes updates as fastrnn.kernels.batches does, on a frame of SMALL_CALL and SmallBatches.
    """

    def kernel(m):
        own = record_of(m, SmallBatches)
        clean, history = m.local(m.read(own.clean, 0)), m.integers("history")
        m.set_word("made", 0)
        m.set_word("why", RUNNING)
        for number, leave in m.loop(m.word("updates")):
            first, count = (m.word("step") + number) * own.batch_size, own.samples.count
            for _ in m.when((first % count).equals(0).either(number.equals(0))):
                m.run(own.lay, LAY_SAMPLES, seed=m.word("seed"), part=first // count)
            row, present = m.part_of_integers(history, number * len(STATISTICS)), m.read(own.present, 0)
            _learn(m, own, first % count, present, row)
            for _ in m.when(m.word("learning")):
                m.set_number(own.options, _RATE, m.read_double(m.integers("rates"), number))
                _update(m, own, number, present, row, clean)
            leave(m.word("why").equals(RUNNING).equals(0))
        for _ in m.when(m.word("why").equals(DIVERGED).equals(0)):
            m.write(own.clean, 0, clean.get())

    return Program(kernel, (*SMALL_CALL, *words_of(SmallBatches)), dtype, lanes, "")


def _learn(m, own, sample, present, row):
    """Compute the gradient of the batch that begins with a sample, and its STATISTICS."""
    steps, outputs, wrong_samples, samples = m.local(0), m.local(0), m.local(0), own.samples
    for n in m.range(own.batch_size):
        for i in range(2):
            m.set_number(own.sums, n * 2 + i, m.constant(0.0))
        steps.set(steps.get().most(m.read(samples.steps, sample + n)))
        outputs.set(outputs.get() + m.read(samples.outputs, sample + n))
    words = {"theta": own.weights + present * own.width, "lengths": m.word("samples.steps") + sample * 8}
    for name, count in zip(("x", "y", "mask"), samples.lengths(m.lanes)):
        words[name] = getattr(samples, name) + sample * count * m.bytes
    m.run(own.learn, _LEARN, steps=steps.get(), **words)
    summed = [STATISTICS.index(name) for name in ("loss", "wrong")]
    for place in summed:
        m.write_double(row, place, m.as_double(0))
    for n in m.range(own.batch_size):
        for i, place in enumerate(summed):
            m.write_double(row, place, m.read_double(row, place) + m.double(own.sums, n * 2 + i))
        wrong_samples.set(wrong_samples.get() + m.is_positive(m.double(own.sums, n * 2 + 1)))
    for name, count in (("outputs", outputs), ("wrong_samples", wrong_samples)):
        m.write_double(row, STATISTICS.index(name), m.as_double(count.get()))


def _update(m, own, number, present, row, clean):
    """Make the update of a batch with these statistics; clean: a Local, samples since the last mistake."""
    before, following = (own.weights + number % 3 * own.width for number in (present, present + 1))
    m.run(own.update, UNITS_UPDATE_POINTERS, theta=before, following=following)
    finite, sound = m.is_finite(statistic(m, row, "loss")), weights_are_finite(m, own.bad)
    m.set_word("made", number + finite)
    for _ in m.when(finite.equals(0)):
        m.write(own.present, 0, (present + 2) % 3)
    for _ in m.when(finite.both(sound).equals(0)):
        m.set_word("why", DIVERGED)
    for _ in m.when(finite.both(sound)):
        m.write(own.present, 0, (present + 1) % 3)
        samples, enough = streak(m, clean.get(), row, own.batch_size)
        clean.set(samples)
        for _ in m.when(enough):
            m.set_word("why", CLEAN)
