"""A task's samples for groups of models: 64 of a model at a time as words, of which each of its lanes has one bit."""

import numpy as np
from numba.extending import overload

from fastrnn.bits.source import BitTask, draw_word
from fastrnn.compiling import jit
from fastrnn.kernels.feed import lay_lanes


@jit
def _swap(a, b, distance, mask):
    """Exchange the bits of a under mask << distance with those of b under mask."""
    for n in range(a.size):
        swapped = ((a[n] >> distance) ^ b[n]) & mask
        b[n] ^= swapped
        a[n] ^= swapped << distance


@jit
def _transpose(rows):
    """Exchange, in each 16 bits of the words in rows (16, N), row and place of a bit.

    A matrix of 16 x 16 bits is transposed by swapping halves of halves: H. S. Warren, "Hacker's Delight",
    Addison-Wesley 2012, section 7-3.
    """
    distance, mask = np.uint64(8), np.uint64(0x00FF00FF00FF00FF)
    while distance > 0:
        for k in range(16):
            if k & distance == 0:
                _swap(rows[k], rows[k + distance], distance, mask)
        distance >>= np.uint64(1)
        # The halves of each half: what crosses into the next 16 bits is under no mask.
        mask ^= mask << distance


@jit
def _cut(low, high, shift, row):
    """row = the bits of low from `shift` on, then those of high."""
    for n in range(row.size):
        row[n] = low[n] >> shift
    if shift > 0:
        for n in range(row.size):
            row[n] |= high[n] << (np.uint64(64) - shift)


@jit
def _take(rows, out, first):
    """Bits first to first + 15 of out (64, N) = 16 bits of the words in rows (16, N) after the other 16."""
    place = np.uint64(first)
    for quarter in range(4):
        shift = np.uint64(16 * quarter)
        for row in range(16):
            for n in range(rows.shape[1]):
                bits = ((rows[row, n] >> shift) & np.uint64(0xFFFF)) << place
                out[16 * quarter + row, n] = bits if first == 0 else out[16 * quarter + row, n] | bits


@jit
def _spread(feed, words, rows, out, batch, sample):
    """The next 64 samples of all lanes, from their own two words each, as a word of lanes for each; rows: scratch."""
    count = rows.shape[1]
    for first in range(0, feed.active.size, 16):
        for row in range(16):
            lane = first + row
            if lane < feed.active.size and feed.active[lane] != 0:
                number = feed.step[lane] * batch + sample
                word = number // 64
                low, high = words[lane, word % 2].reshape(count), words[lane, (word + 1) % 2].reshape(count)
                _cut(low, high, np.uint64(number % 64), rows[row])
            else:
                for n in range(count):
                    rows[row, n] = 0
        _transpose(rows)
        _take(rows, out.reshape(64, count), first)


@jit
def _refill(task, feed, batch, sample):
    """Draw the words that the next 64 samples of each lane are in."""
    for lane in range(feed.active.size):
        if feed.active[lane] == 0:
            continue
        number = feed.step[lane] * batch + sample
        last = (number + 63) // 64
        for word in range(number // 64, last + 1):
            if feed.tag[lane, word % 2] != word:
                feed.tag[lane, word % 2] = word
                draw_word(
                    task,
                    feed.seed[lane],
                    word,
                    feed.x_words[lane, word % 2],
                    feed.y_words[lane, word % 2],
                    feed.state,
                )
    _spread(feed, feed.x_words, feed.x_rows, feed.x_blocks, batch, sample)
    _spread(feed, feed.y_words, feed.y_rows, feed.y_blocks, batch, sample)


@jit
def _join(samples, block, first, count, lanes):
    """samples[block] (N) = `count` samples from the first one on, each in the bits of its own column."""
    for column in range(count):
        shift = np.uint64(column * lanes)
        for n in range(samples.shape[1]):
            word = samples[first + column, n] << shift
            samples[block, n] = word if column == 0 else samples[block, n] | word


def _lay(source, feed, block, batch, sample):
    columns, lanes = block.outputs.shape
    _refill(source, feed, batch, sample)
    x, y = feed.x_blocks.reshape(64, -1), feed.y_blocks.reshape(64, -1)
    number, laid, sample = 0, 0, sample % batch
    while True:
        count = min(columns, batch - sample)
        if number + count > 64:
            break
        # A block lies where its first sample did, or before.
        if columns > 1:
            _join(x, laid, number, count, lanes)
            _join(y, laid, number, count, lanes)
        number, laid, sample = number + count, laid + 1, (sample + count) % batch
    feed.laid[0] = feed.left[0] = laid


@overload(lay_lanes)
def _overload_lay(source, feed, block, batch, sample):
    return _lay if source.instance_class is BitTask else None
