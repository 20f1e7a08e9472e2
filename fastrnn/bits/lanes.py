"""A task's samples for groups of models: 64 samples of a model at a time, as words with one bit for each of its lanes.
"""

from fastrnn.kernels.block_data import WORD
from fastrnn.kernels.recurrent.bits import BYTES
from fastrnn.simd.squares import ROWS


def cut(m, low, high, shift, target, count):
    """Set `count` words from an address on to the bits of low from `shift` on, followed by those of high; all three:
    addresses."""
    low, high, target = map(m.as_integers, (low, high, target))
    for n in m.range(count):
        # Two shifts, of which none is by 64.
        above = (m.read(high, n) << 1) << (WORD - 1 - shift)
        m.write(target, n, m.read(low, n).shifted_down(shift).either(above))


def spread(m, feed, words, rows, out, count, width, batch, sample, columns):
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
                cut(m, low, high, number % WORD, place, count)
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
