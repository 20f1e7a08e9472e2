"""The user's own float arrays as a source of samples for groups of models."""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from fastrnn.kernels.models.feed import fill_lanes
from fastrnn.kernels.models.places import STEPS
from fastrnn.kernels.philox import random_words
from fastrnn.simd import numbers, put


class ModelArrays(NamedTuple):
    """x (M, N, T, I), y (M, N, T, O), mask (M, N, T) and lengths (M, N), M = 1 if all models have the same; rows in order
    or drawn. lengths are as in fastrnn.kernels.arrays."""

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    drawn: bool


def _fill(source, feed, sizes, places, memory, batch, sample, samples, s):
    rows, draw, array = source.x.shape[1], feed.state[:1], numbers(memory)
    for lane in range(array.shape[1]):
        if feed.active[lane] == 0:
            continue
        number = feed.step[lane] * batch + sample
        row, model = number % rows, feed.data[lane]
        if source.drawn:
            random_words(feed.seed[lane], 1, number, 0, draw)
            row = np.int64(draw[0] % np.uint64(rows))
        end = source.lengths[model, row]
        for t in range(end if sizes.ragged else sizes.steps):
            at = t * samples + s
            put(array, (places.mask + at, lane), source.mask[model, row, t])
            for i in range(sizes.inputs):
                put(array, (places.x + at * places.width + i, lane), source.x[model, row, t, i])
            for o in range(sizes.outputs):
                put(array, (places.y + at * places.width + o, lane), source.y[model, row, t, o])
        put(array, (places.end + s, lane), end)
        if sizes.ragged:
            # The output layer takes so many steps together.
            put(feed.steps, 0, max(feed.steps[0], min(sizes.steps, (end + STEPS - 1) // STEPS * STEPS)))


@overload(fill_lanes, inline="always")
def _overload_fill(source, feed, sizes, places, memory, batch, sample, samples, s):
    return _fill if source.instance_class is ModelArrays else None
