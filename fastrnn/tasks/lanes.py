"""A task's samples for groups of models: 64 of a model at a time as words, one bit of them in each of its lanes."""

import numpy as np
from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.models.feed import fill_lanes
from fastrnn.simd import load, put, store, zeros
from fastrnn.simd.grid import store_lane_bits
from fastrnn.simd.integers import store_halves
from fastrnn.tasks.base import BitTask, draw_word


@jit
def _refill(task, feed, sizes, batch, sample):
    """Draw the next word of each lane that has come to its end, and count how long all of them last."""
    least = 64
    for lane in range(feed.active.size):
        if feed.active[lane] == 0:
            continue
        number = feed.step[lane] * batch + sample
        if feed.word[lane] != number // 64:
            feed.word[lane] = number // 64
            draw_word(task, feed.seed[lane], feed.word[lane], feed.x_words, feed.y_words, feed.state)
            store_halves(feed.planes, 0, lane, feed.x_words)
            store_halves(feed.planes, feed.x_words.size, lane, feed.y_words)
        feed.position[lane] = np.uint32(number % 64)
        least = min(least, 64 - number % 64)
    feed.left[0] = least


def _fill(source, feed, sizes, places, memory, batch, sample, samples, s):
    if feed.left[0] == 0:
        _refill(source, feed, sizes, batch, sample)
    stride, outputs = samples * places.width, sizes.steps * sizes.inputs
    store_lane_bits(
        memory, places.x + s * places.width, stride, feed.planes, 0, sizes.steps, sizes.inputs, feed.position, 1
    )
    store_lane_bits(
        memory, places.y + s * places.width, stride, feed.planes, outputs, sizes.steps, sizes.outputs, feed.position, 0
    )
    for lane in range(feed.position.size):
        put(feed.position, lane, feed.position[lane] + np.uint32(1))
    if source.last_only:
        # Otherwise all of the mask is 1, as it was from the beginning.
        for t in range(sizes.steps - 1):
            store(memory, places.mask + t * samples + s, zeros(memory, 1))
        store(memory, places.mask + (sizes.steps - 1) * samples + s, load(memory, places.one, 1))
    put(feed.left, 0, feed.left[0] - 1)


@overload(fill_lanes, inline="always")
def _overload_fill(source, feed, sizes, places, memory, batch, sample, samples, s):
    return _fill if source.instance_class is BitTask else None
