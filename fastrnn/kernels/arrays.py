"""The user's own float arrays as a source of batches, for one network and for models side by side."""

from typing import NamedTuple

import numpy as np

from fastrnn import streams
from fastrnn.compiling import addressed, inner
from fastrnn.kernels.philox import random_words
from fastrnn.kernels.recurrent.units_network import place_of_step

# Steps of one row that are copied before those of the next: rows that share cache lines of a block find them in the
# cache. One whole row after the other would take four times as long where rows have 65,536 steps.
STRETCH = 64


def lengths_of(mask):
    """Return the steps up to the last one that counts, 0 where none does, along the last axis of an array."""
    counts = np.asarray(mask) > 0
    return np.where(counts.any(-1), counts.shape[-1] - counts[..., ::-1].argmax(-1), 0)


def by_length(mask):
    """(order, first, alike), int64, along the last axis but one of mask (..., N, T): the rows, long ones first; and of
    the row in each place where in `order` the rows of about its length begin, and how many they are.

    Lengths of about one length differ by a quarter at most.
    """
    lengths, borders = lengths_of(mask), [1]
    while borders[-1] <= lengths.max(initial=0):
        borders.append(borders[-1] + max(1, borders[-1] // 4))
    kinds = np.searchsorted(borders, lengths, "right")
    order = np.argsort(-kinds, axis=-1, kind="stable")
    kinds = np.take_along_axis(kinds, order, -1)
    same = kinds[..., :, None] == np.arange(len(borders) + 1)
    first, alike = (np.take_along_axis(of_kind, kinds, -1) for of_kind in (same.argmax(-2), same.sum(-2)))
    return order, first, alike


@inner
def drawn_row(order, first, alike, drawn, seed, number, draw):
    """The row of sample `number` of a stream; draw (1): scratch.

    Lanes compute as many steps as the longest of their rows has. Therefore a batch is drawn in the order of lengths,
    one row from each of `drawn` equal parts of all rows, and all seeds draw rows of about one length at a time. Each
    seed draws every row with the same probability.
    """
    place = number % order.size
    if drawn > 0:
        place = 0
        if alike[0] < order.size:
            random_words(0, streams.LENGTH_STREAM, number, 0, 0, draw)
            part = number % drawn + np.float64(draw[0] >> np.uint64(11)) / 9007199254740992.0
            place = min(np.int64(part * (order.size / drawn)), order.size - 1)
        random_words(seed, streams.ROW_STREAM, number, 0, 0, draw)
        place = first[place] + np.int64(draw[0] % np.uint64(alike[place]))
    return order[place]


@inner
def place_row(steps, block, column, lane):
    """Make a place of a Block ready for a row of this number of steps, with zeros behind them as far as another row
    reached.

    What lay there might not be finite.
    """
    for t in range(steps, np.int64(block.lengths[column, lane])):
        block.mask[t, column, lane] = 0
        for i in range(block.x.shape[1]):
            block.x[t, i, column, lane] = 0
        for o in range(block.y.shape[1]):
            block.y[t, o, column, lane] = 0
    block.lengths[column, lane], block.outputs[column, lane] = steps, 0
    block.steps[0] = max(block.steps[0], steps)


@inner
def copy_steps(x, y, mask, first, block, column, lane):
    """Copy up to STRETCH steps of a row, x (T, I), y (T, O), mask (T), from the first one on, into its place."""
    outputs = 0
    for t in range(first, min(first + STRETCH, np.int64(block.lengths[column, lane]))):
        block.mask[t, column, lane] = mask[t]
        outputs += y.shape[1] if mask[t] > 0 else 0
        for i in range(x.shape[1]):
            block.x[t, i, column, lane] = x[t, i]
        for o in range(y.shape[1]):
            block.y[t, o, column, lane] = y[t, o]
    block.outputs[column, lane] += outputs


@addressed
def _lay(laid, seed, first, samples):
    source, block = laid.source, laid.block
    draw, lanes = block.state[:1], block.lengths.shape[1]
    block.steps[0] = 0
    for n in range(block.lengths.size):
        row = drawn_row(source.order, source.first, source.alike, source.drawn, seed, first + n, draw)
        block.rows[n] = row
        place_row(source.lengths[row] if n < samples else 0, block, n // lanes, n % lanes)
        block.weights[0, n // lanes, n % lanes] = 1 if n < samples else 0
    for step in range(0, block.steps[0], STRETCH):
        for n in range(block.lengths.size):
            row = block.rows[n]
            copy_steps(source.x[row], source.y[row], source.mask[row], step, block, n // lanes, n % lanes)


@addressed
def _lay_samples(laid, seed, part):
    source, samples = laid.source, laid.block
    draw = samples.state[:1]
    for sample in range(samples.steps.size):
        number = part * samples.steps.size + sample
        row = drawn_row(source.order, source.first, source.alike, source.drawn, seed, number, draw)
        steps, counted = source.lengths[row], 0
        for t in range(max(steps, samples.steps[sample])):
            inside = t < steps
            chunk, lane = place_of_step(t, samples.mask.shape[2])
            weight = source.mask[row, t] if inside else 0
            samples.mask[sample, chunk, lane] = weight
            counted += 1 if weight > 0 else 0
            for i in range(samples.x.shape[2]):
                samples.x[sample, t, i] = source.x[row, t, i] if inside else 0
            for o in range(samples.y.shape[1]):
                samples.y[sample, o, chunk, lane] = source.y[row, t, o] if inside else 0
        samples.steps[sample], samples.outputs[sample] = steps, counted * samples.y.shape[1]


@addressed
def _lay_lanes(laid, batch, sample):
    source, feed, block = laid.source, laid.feed, laid.block
    draw = feed.state[:1]
    samples = min(block.lengths.shape[0], batch - sample % batch)
    block.steps[0] = 0
    feed.laid[0] = feed.left[0] = 1
    for column in range(block.lengths.shape[0]):
        for lane in range(feed.model.size):
            there = column < samples and feed.model[lane] >= 0
            number = feed.step[lane] * batch + sample + column
            model = max(feed.model[lane], 0) if source.x.shape[0] > 1 else 0
            order, first, alike = source.order[model], source.first[model], source.alike[model]
            row = drawn_row(order, first, alike, source.drawn, feed.seed[lane], number, draw)
            block.rows[column * feed.model.size + lane] = row
            place_row(source.lengths[model, row] if there else 0, block, column, lane)
    for step in range(0, block.steps[0], STRETCH):
        for column in range(block.lengths.shape[0]):
            for lane in range(feed.model.size):
                model = max(feed.model[lane], 0) if source.x.shape[0] > 1 else 0
                row = block.rows[column * feed.model.size + lane]
                x, y, mask = source.x[model, row], source.y[model, row], source.mask[model, row]
                copy_steps(x, y, mask, step, block, column, lane)


class Arrays(NamedTuple):
    """x (N, T, I), y (N, T, O) and mask (N, T) as batches: of all rows, long ones first, or of rows that are drawn.

    lengths (N,), int64: the steps of each row, as `lengths_of` gives them; those after them are not computed. order,
    first, alike (N,): as `by_length` gives them. drawn: rows in a batch that is drawn; 0 where a batch has all of them.
    For models side by side all arrays have a leading axis of models, of length 1 if all have the same.
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    order: np.ndarray
    first: np.ndarray
    alike: np.ndarray
    drawn: int

    def of(self, model):
        """Return the Arrays of one of several models side by side, all rows in a batch."""
        own = model if len(self.x) > 1 else 0
        return Arrays(*(array[own] for array in self[:-1]), 0)

    inputs_are_bits = last_only = False
    lay, lay_samples, lay_lanes = staticmethod(_lay), staticmethod(_lay_samples), staticmethod(_lay_lanes)
