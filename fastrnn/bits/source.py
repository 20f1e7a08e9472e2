"""A task's samples as bits, 64 in a word: what the kernels need of a task, and random streams of samples."""

from typing import NamedTuple

from fastrnn import streams
from fastrnn.bits.label import STATE_WORDS
from fastrnn.kernels.block_data import WORD, Block
from fastrnn.kernels.feed import Feed
from fastrnn.kernels.recurrent.bits import BYTES
from fastrnn.kernels.recurrent.units_network import place_of_step
from fastrnn.kernels.small_batches import Samples
from fastrnn.machine.records import record_of
from fastrnn.simd.squares import ROWS


def _draw_word(m, task, words, extent, seed, word, slot):
    """Draw samples 64 * word and on of a seed's stream into a slot of Words, unless it has them."""
    x, y = _slots_at(words, extent, slot)
    for _ in m.when(m.read(words.tag, slot).equals(word).equals(0)):
        m.write(words.tag, slot, word)
        bits, inputs = m.as_integers(x), extent.inputs
        m.random_words((seed, streams.SAMPLE_STREAM), (word, 0, 0), bits, extent.steps * inputs)
        # Operands keep their top bits clear.
        for n in m.range(extent.steps * inputs, (extent.steps - task.headroom) * inputs):
            m.write(bits, n, 0)
        for n in m.range(STATE_WORDS):
            m.write(m.as_integers(words.state), n, 0)
        m.call(task.label, (x, y, words.state, extent.steps, 1))


def _slots_at(words, extent, slot):
    """Return the addresses of x and y of a slot of Words."""
    arrays = (words.x, extent.inputs), (words.y, extent.outputs)
    return [array + slot * (extent.steps * count * BYTES) for array, count in arrays]


def _cut(m, low, high, shift, target, count):
    """Set `count` words from an address on to the bits of low from `shift` on, followed by those of high; all three:
    addresses."""
    low, high, target = map(m.as_integers, (low, high, target))
    for n in m.range(count):
        # Two shifts, of which none is by 64.
        above = (m.read(high, n) << 1) << (WORD - 1 - shift)
        m.write(target, n, m.read(low, n).shifted_down(shift).either(above))


def _lay(m):
    source, block = record_of(m, BitTask, "source."), record_of(m, Block, "block.")
    first, samples, extent = m.word("first"), m.word("samples"), block.extent
    word, shift = first // WORD, first % WORD
    both = m.integer(WORD).below(shift + samples)
    for n in m.range(both + 1):
        _draw_word(m, source, block.words, extent, m.word("seed"), word + n, (word + n) % 2)
    lows, highs = (_slots_at(block.words, extent, each % 2) for each in (word, word + both))
    for low, high, place, count in zip(lows, highs, (block.x, block.y), (extent.inputs, extent.outputs)):
        _cut(m, low, high, shift, place, extent.steps * count)
    for _ in m.when(m.read(block.covered, 0).equals(samples).equals(0)):
        m.write(block.covered, 0, samples)
        counted = extent.outputs * (source.last_only + source.last_only.equals(0) * extent.steps)
        for n in m.range(extent.columns * m.lanes):
            m.set_number(block.weights, n, m.from_integer(n.below(samples)))
            m.write(block.outputs, n, counted * n.below(samples))


def _lay_samples(m):
    source, samples = record_of(m, BitTask, "source."), record_of(m, Samples, "samples.")
    extent = samples.extent
    steps, inputs, outputs, count = extent.steps, extent.inputs, extent.outputs, samples.count
    x_words, y_words = map(m.as_integers, (samples.words.x, samples.words.y))
    for sample in m.range(count):
        word, bit = (m.word("part") * count + sample) // WORD, (m.word("part") * count + sample) % WORD
        # A seed has one Samples.
        _draw_word(m, source, samples.words, extent, m.word("seed"), word, 0)
        x, y, _ = samples.of(m, sample)
        for n in m.range(steps * inputs):
            m.set_number(x, n, m.from_integer(m.read(x_words, n).shifted_down(bit).both(1)))
        for t in m.range(steps):
            for output in m.range(outputs):
                number = m.from_integer(m.read(y_words, t * outputs + output).shifted_down(bit).both(1))
                m.set_number(y, output * samples.chunks * m.lanes + place_of_step(t, m.lanes), number)
    # All samples have all steps.
    for _ in m.when(m.read(samples.steps, 0).equals(0)):
        first = source.last_only * (steps - 1)
        for sample in m.range(count):
            m.write(samples.steps, sample, steps)
            m.write(samples.outputs, sample, outputs * (steps - first))
            _, _, mask = samples.of(m, sample)
            for t in m.range(steps, first):
                m.set_number(mask, place_of_step(t, m.lanes), m.constant(1.0))


def _spread(m, feed, words, rows, out, count, width, batch, sample, columns):
    """Write the next 64 samples of all lanes, from each lane's own two words, as blocks of words of lanes; return the
    number of blocks.

    words (L, 2, count), out (64, width), rows (16, width): addresses, the last one of scratch.
    """
    for first in m.range(m.lanes, 0, ROWS):
        for row in m.range(ROWS):
            lane, place = first + row, rows + row * width * BYTES
            there = lane.below(m.lanes).both(m.integer(-1).below(m.read(feed.model, lane.least(m.lanes - 1))))
            for _ in m.when(there):
                number = m.read(feed.step, lane) * batch + sample
                low, high = (words + (lane * 2 + (number // WORD + n) % 2) * count * BYTES for n in range(2))
                _cut(m, low, high, number % WORD, place, count)
            for _ in m.when(there.equals(0)):
                for n in m.range(width):
                    m.write(m.as_integers(place), n, 0)
        m.exchange(m.as_integers(rows), m.as_integers(out), width, first)
    return _join(m, m.as_integers(out), width, sample % batch, batch, columns)


def _join(m, samples, width, sample, batch, columns):
    """Join samples, from number `sample` of a batch on, into blocks; return the number of whole blocks.

    A block lies where its first sample did, or before: samples[block] = samples of its columns, each in own bits.
    """
    number, laid, sample = m.local(0), m.local(0), m.local(sample)
    for _, stop in m.loop(WORD):
        count = columns.least(batch - sample.get())
        block, begins = m.part_of_integers(samples, laid.get() * width), number.get() * width
        for n in m.range(width):
            m.write(block, n, m.read(samples, begins + n))
        for column in m.range(count, 1):
            for n in m.range(width):
                word = m.read(samples, begins + column * width + n) << column * m.lanes
                m.write(block, n, m.read(block, n).either(word))
        number.set(number.get() + count)
        laid.set(laid.get() + 1)
        sample.set((sample.get() + count) % batch)
        stop(m.integer(WORD).below(number.get() + columns.least(batch - sample.get())))
    return laid.get()


def _lay_lanes(m):
    """Draw the words that hold the next 64 samples of each lane, and write the samples to the blocks."""
    source, feed, block = (record_of(m, *each) for each in ((BitTask, "source."), (Feed, "feed."), (Block, "block.")))
    batch, sample, extent = m.word("batch"), m.word("sample"), block.extent
    x, y = extent.steps * extent.inputs, extent.steps * extent.outputs
    for lane in m.range(m.lanes):
        for _ in m.when(m.integer(-1).below(m.read(feed.model, lane))):
            number = m.read(feed.step, lane) * batch + sample
            for word in m.range((number + (WORD - 1)) // WORD + 1, number // WORD):
                _draw_word(m, source, feed.words, extent, m.read(feed.seed, lane), word, lane * 2 + word % 2)
    for side in m.range(2):
        # Inputs, then outputs, by the same instructions.
        words, rows, out, count, width = (a + side * (b - a) for a, b in (
            (feed.words.x, feed.words.y), (feed.x_rows, feed.y_rows), (feed.x_blocks, feed.y_blocks), (x, y),
            (feed.x_width, feed.y_width)))
        laid = _spread(m, feed, words, rows, out, count, width, batch, sample, extent.columns)
        m.write(feed.laid, 0, laid)
        m.write(feed.left, 0, laid)


class BitTask(NamedTuple):
    """A task in the form that the kernels take.

    label: the address of its program (fastrnn.bits.label); headroom: top bits that operands keep clear; last_only:
    whether only the answer at the last step counts.
    """

    label: int
    headroom: int
    last_only: bool

    # Inputs come 64 in a word, not as floats.
    inputs_are_bits, counts = True, {}
    lay, lay_samples, lay_lanes = map(staticmethod, (_lay, _lay_samples, _lay_lanes))
