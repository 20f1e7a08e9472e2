"""The user's own float arrays as a source of samples for groups of models."""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from fastrnn.kernels.models.feed import fill_lanes
from fastrnn.kernels.philox import random_words
from fastrnn.simd import numbers, put


class ModelArrays(NamedTuple):
    """x (M, N, T, I), y (M, N, T, O) and mask (M, N, T), M = 1 if all models have the same; rows in order or drawn."""

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
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
        end = 0
        for t in range(sizes.steps):
            at, mask = t * samples + s, source.mask[model, row, t]
            put(array, (places.mask + at, lane), mask)
            end = t + 1 if mask > 0 else end
            for i in range(sizes.inputs):
                put(array, (places.x + at * places.width + i, lane), source.x[model, row, t, i])
            for o in range(sizes.outputs):
                put(array, (places.y + at * places.width + o, lane), source.y[model, row, t, o])
        put(array, (places.end + s, lane), end)


@overload(fill_lanes, inline="always")
def _overload_fill(source, feed, sizes, places, memory, batch, sample, samples, s):
    return _fill if source.instance_class is ModelArrays else None
