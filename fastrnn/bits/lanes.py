"""A task's samples for groups of models: 64 of a model at a time as words, of which each of its lanes has one bit."""

import numpy as np
from numba.extending import overload

from fastrnn.bits.source import BitTask, draw_word
from fastrnn.compiling import jit
from fastrnn.kernels.ensemble import lay_lanes


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
def _take(rows, out):
    """out (64, N) = 16 bits of the words in rows (16, N) after the other 16."""
    for quarter in range(4):
        shift = np.uint64(16 * quarter)
        for row in range(16):
            for n in range(rows.shape[1]):
                out[16 * quarter + row, n] = (rows[row, n] >> shift) & np.uint64(0xFFFF)


@jit
def _spread(feed, words, out, batch, sample):
    """The next 64 samples of all lanes, from their own two words each, as a word of lanes for each."""
    count = out.shape[1] * out.shape[2]
    rows = feed.rows[:, :count]
    for lane in range(16):
        if lane < feed.active.size and feed.active[lane] != 0:
            number = feed.step[lane] * batch + sample
            word = number // 64
            low, high = words[lane, word % 2].reshape(count), words[lane, (word + 1) % 2].reshape(count)
            _cut(low, high, np.uint64(number % 64), rows[lane])
        else:
            for n in range(count):
                rows[lane, n] = 0
    _transpose(rows)
    _take(rows, out.reshape(64, count))


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
    _spread(feed, feed.x_words, feed.x_lanes, batch, sample)
    _spread(feed, feed.y_words, feed.y_lanes, batch, sample)
    feed.left[0] = 64


@jit
def _place(words, out, shift):
    """Write a sample's words of lanes into a column of a block, which is the bits from `shift` on."""
    if shift == 0:
        for n in range(out.size):
            out[n] = words[n]
    else:
        for n in range(out.size):
            out[n] |= words[n] << shift


def _lay(source, feed, block, batch, sample, samples):
    lanes = feed.active.size
    for column in range(samples):
        if feed.left[0] == 0:
            _refill(source, feed, batch, sample + column)
        number = 64 - feed.left[0]
        shift, inputs, outputs = np.uint64(column * lanes), block.x.size, block.y.size
        _place(feed.x_lanes[number].reshape(inputs), block.x.reshape(inputs), shift)
        _place(feed.y_lanes[number].reshape(outputs), block.y.reshape(outputs), shift)
        feed.left[0] -= 1
    if block.tag[2] != samples:
        block.tag[2] = samples
        counted = block.y.shape[1] * (1 if source.last_only else block.y.shape[0])
        for column in range(block.outputs.shape[0]):
            for lane in range(lanes):
                block.weights[0, column, lane] = 1 if column < samples else 0
                block.outputs[column, lane] = counted if column < samples else 0


@overload(lay_lanes)
def _overload_lay(source, feed, block, batch, sample, samples):
    return _lay if source.instance_class is BitTask else None
