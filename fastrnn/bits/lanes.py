"""A task's samples for groups of models: 64 of a model at a time as words, of which each of its lanes has one bit."""

import numpy as np
from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.ensemble import lay_lanes
from fastrnn.bits.source import BitTask, draw_word


@jit
def _transpose(rows, words, half, out, first):
    """out[first + s, t, i] = the bits s of the 16 words that `rows` (16, T * I) holds 16 bits of each; half: which 16.

    A matrix of 16 x 16 bits, for each t and i, is transposed by swapping halves of halves: H. S. Warren, "Hacker's
    Delight", Addison-Wesley 2012, section 7-3.
    """
    count = out.shape[1] * out.shape[2]
    distance, mask = 8, 0x00FF
    while distance > 0:
        for k in range(16):
            if k & distance == 0:
                for n in range(count):
                    swapped = ((rows[k, n] >> np.uint16(distance)) ^ rows[k + distance, n]) & np.uint16(mask)
                    rows[k + distance, n] ^= swapped
                    rows[k, n] ^= swapped << np.uint16(distance)
        distance //= 2
        mask ^= (mask << distance) & 0xFFFF
    for s in range(16):
        target = out[first + s].reshape(count)
        for n in range(count):
            target[n] = rows[s, n]


@jit
def _spread(feed, words, out, batch, sample):
    """The next 64 samples of all lanes, from their own two words each, as a word of lanes for each."""
    count = out.shape[1] * out.shape[2]
    for quarter in range(4):
        for lane in range(16):
            for n in range(count):
                feed.rows[lane, n] = 0
        for lane in range(feed.active.size):
            if feed.active[lane] == 0:
                continue
            number = feed.step[lane] * batch + sample
            shift, word = number % 64, number // 64
            low, high = words[lane, word % 2].reshape(count), words[lane, (word + 1) % 2].reshape(count)
            for n in range(count):
                bits = low[n] >> np.uint64(shift)
                if shift > 0:
                    bits |= high[n] << np.uint64(64 - shift)
                feed.rows[lane, n] = np.uint16((bits >> np.uint64(16 * quarter)) & np.uint64(0xFFFF))
        _transpose(feed.rows, words, quarter, out, 16 * quarter)


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
def _place(words, out, column, lanes):
    """Write a sample's words of lanes into a column of a block."""
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            bits = words[t, i] << np.uint64(column * lanes)
            out[t, i] = bits if column == 0 else out[t, i] | bits


def _lay(source, feed, block, batch, sample, samples):
    lanes = feed.active.size
    for column in range(samples):
        if feed.left[0] == 0:
            _refill(source, feed, batch, sample + column)
        number = 64 - feed.left[0]
        _place(feed.x_lanes[number], block.x, column, lanes)
        _place(feed.y_lanes[number], block.y, column, lanes)
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
