"""A task's samples for groups of models: 64 samples of a model at a time, as words with one bit for each of its lanes.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.bits.source import BitTask, draw_word
from fastrnn.bits.squares import exchange
from fastrnn.compiling import addressed, inner
from fastrnn.kernels.reference import held
from fastrnn.machine.address import Address, address_of, call


@inner
def _cut(low, high, shift, row):
    """Set row to the bits of low (T, N) from `shift` on, followed by those of high."""
    width = low.shape[1]
    for t in range(low.shape[0]):
        for n in range(width):
            row[t * width + n] = low[t, n] >> shift
    if shift > 0:
        for t in range(low.shape[0]):
            for n in range(width):
                row[t * width + n] |= high[t, n] << (np.uint64(64) - shift)


@inner
def _join(samples, sample, batch, columns, lanes):
    """Join samples, from number `sample` of a batch on, into blocks; return the number of whole blocks.

    A block lies where its first sample did, or before: samples[block] = samples of its columns, each in own bits.
    """
    number, laid = 0, 0
    while True:
        count = columns if columns < batch - sample else batch - sample
        if number + count > 64:
            return laid
        for column in range(count):
            shift = np.uint64(column * lanes)
            for n in range(samples.shape[1]):
                word = samples[number + column, n] << shift
                samples[laid, n] = word if column == 0 else samples[laid, n] | word
        number, laid, sample = number + count, laid + 1, (sample + count) % batch


@addressed
def spread(model, step, words, rows, out, laid, batch, sample, columns):
    """Write the next 64 samples of all lanes, from each lane's own two words, as blocks of words of lanes.

    words (L, 2, T, I), out (64, T * I), laid (1): the number of blocks; rows (16, T * I): scratch.
    """
    for first in range(0, model.size, 16):
        for row in range(16):
            lane = first + row
            if lane < model.size and model[lane] >= 0:
                number = step[lane] * batch + sample
                word = number // 64
                _cut(words[lane, word % 2], words[lane, (word + 1) % 2], np.uint64(number % 64), rows[row])
            else:
                for n in range(rows.shape[1]):
                    rows[row, n] = 0
        exchange(rows, out, first)
    laid[0] = _join(out, sample % batch, batch, columns, model.size)


@addressed
def _lay_lanes(laid, batch, sample):
    """Draw the words that hold the next 64 samples of each lane, and write the samples to the blocks."""
    source, feed = laid.source, laid.feed
    task = held(source.task)
    for lane in range(feed.model.size):
        if feed.model[lane] < 0:
            continue
        number = feed.step[lane] * batch + sample
        for word in range(number // 64, (number + 63) // 64 + 1):
            if feed.tag[lane, word % 2] != word:
                feed.tag[lane, word % 2] = word
                x, y = feed.x_words[lane, word % 2], feed.y_words[lane, word % 2]
                draw_word(task, feed.seed[lane], word, x, y, feed.state)
    columns = laid.block.outputs.shape[0]
    model, step = feed.model, feed.step
    call(source.spread, (model, step, feed.x_words, feed.x_rows, feed.x_blocks, feed.laid, batch, sample, columns))
    call(source.spread, (model, step, feed.y_words, feed.y_rows, feed.y_blocks, feed.laid, batch, sample, columns))
    feed.left[0] = feed.laid[0]


class LaneTask(NamedTuple):
    """A BitTask as the source of groups of models, with the Address of `spread`.
    """

    task: BitTask
    spread: Address

    inputs_are_bits = True
    lay_lanes = staticmethod(_lay_lanes)


def lane_source(source):
    """Return a source in the form that groups of models take."""
    if not source.inputs_are_bits:
        return source
    plane, words, flags = np.zeros((1, 1), np.uint64), np.zeros((1, 2, 1, 1), np.uint64), np.zeros(1, np.int64)
    return LaneTask(
        source,
        address_of(spread, flags, flags, words, plane, plane, flags, 0, 0, 0),
    )
