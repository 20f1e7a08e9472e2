"""The user's own float arrays as a source of batches, for one network and for models side by side."""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import addressed, inner
from fastrnn.kernels.philox import random_words
from fastrnn.kernels.recurrent.units_network import place_of_step


def lengths_of(mask):
    """Steps up to the last one that counts, 0 where none does, along the last axis of an array."""
    counts = np.asarray(mask) > 0
    return np.where(counts.any(-1), counts.shape[-1] - counts[..., ::-1].argmax(-1), 0)


@inner
def copy_row(x, y, mask, steps, block, column, lane):
    """Copy the first steps of a row, x (T, I), y (T, O), mask (T), into a place of a Block, with zeros behind them.

    Whatever else lay there might not be finite.
    """
    outputs = 0
    for t in range(block.x.shape[0]):
        inside = t < steps
        block.mask[t, column, lane] = mask[t] if inside else 0
        outputs += y.shape[1] if inside and mask[t] > 0 else 0
        for i in range(x.shape[1]):
            block.x[t, i, column, lane] = x[t, i] if inside else 0
        for o in range(y.shape[1]):
            block.y[t, o, column, lane] = y[t, o] if inside else 0
    block.lengths[column, lane], block.outputs[column, lane] = steps, outputs
    block.steps[0] = max(block.steps[0], steps)


@addressed
def _lay(laid, seed, first, samples):
    source, block = laid.source, laid.block
    rows, draw, lanes = source.x.shape[0], block.state[:1], block.lengths.shape[1]
    block.steps[0] = 0
    for n in range(block.lengths.size):
        row, column, lane = (first + n) % rows, n // lanes, n % lanes
        if source.drawn:
            random_words(seed, 1, first + n, 0, draw)
            row = np.int64(draw[0] % np.uint64(rows))
        steps = source.lengths[row] if n < samples else 0
        copy_row(source.x[row], source.y[row], source.mask[row], steps, block, column, lane)
        block.weights[0, column, lane] = 1 if n < samples else 0


@addressed
def _lay_samples(laid, seed, part):
    source, samples = laid.source, laid.samples
    rows, draw = source.x.shape[0], samples.state[:1]
    for sample in range(samples.steps.size):
        number = part * samples.steps.size + sample
        row = number % rows
        if source.drawn:
            random_words(seed, 1, number, 0, draw)
            row = np.int64(draw[0] % np.uint64(rows))
        steps, counted = source.lengths[row], 0
        for t in range(samples.x.shape[1]):
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


class Arrays(NamedTuple):
    """x (N, T, I), y (N, T, O) and mask (N, T) as batches: row after row, or rows drawn with replacement.

    lengths (N,), int64: the steps of each row, as `lengths_of` gives them; those after them are not computed.
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    drawn: bool

    inputs_are_bits = False
    lay, lay_samples = staticmethod(_lay), staticmethod(_lay_samples)


@addressed
def _lay_lanes(laid, batch, sample):
    source, feed, block = laid.source, laid.feed, laid.block
    rows, draw = source.x.shape[1], feed.state[:1]
    samples = min(block.lengths.shape[0], batch - sample % batch)
    block.steps[0] = 0
    feed.laid[0] = feed.left[0] = 1
    for column in range(block.lengths.shape[0]):
        for lane in range(feed.active.size):
            there = column < samples and feed.active[lane] != 0
            number = feed.step[lane] * batch + sample + column
            row, model = number % rows, feed.data[lane]
            if source.drawn:
                random_words(feed.seed[lane], 1, number, 0, draw)
                row = np.int64(draw[0] % np.uint64(rows))
            steps = source.lengths[model, row] if there else 0
            copy_row(source.x[model, row], source.y[model, row], source.mask[model, row], steps, block, column, lane)


class ModelArrays(NamedTuple):
    """x (M, N, T, I), y (M, N, T, O), mask (M, N, T) and lengths (M, N) for models side by side, M = 1 if all have the
    same; the rest is as in Arrays."""

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    drawn: bool

    inputs_are_bits = False
    lay_lanes = staticmethod(_lay_lanes)
