"""A task's samples for groups of models: 64 of a model at a time as words, one bit of them in each of its lanes."""

import numpy as np
from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.models.feed import fill_lanes
from fastrnn.simd import load, store, zeros
from fastrnn.simd.grid import bit_of_lanes
from fastrnn.tasks.base import BitTask, draw_word


@jit
def _refill(task, feed, places, batch, sample):
    """Draw the next word of each lane that has come to its end, and count how long all of them last."""
    least = 64
    for lane in range(feed.active.size):
        if feed.active[lane] == 0:
            continue
        number = feed.step[lane] * batch + sample
        if feed.word[lane] != number // 64:
            feed.word[lane] = number // 64
            draw_word(task, feed.seed[lane], feed.word[lane], feed.x_words, feed.y_words, feed.state)
            for t in range(places.steps):
                for c in range(places.inputs + places.outputs):
                    word = feed.x_words[t, c] if c < places.inputs else feed.y_words[t, c - places.inputs]
                    feed.planes[t, c, 0, lane] = np.uint32(word & np.uint64(0xFFFFFFFF))
                    feed.planes[t, c, 1, lane] = np.uint32(word >> np.uint64(32))
        feed.position[lane] = number % 64
        least = min(least, 64 - number % 64)
    feed.left[0] = least


def _fill(source, feed, places, memory, batch, sample, samples, s):
    if feed.left[0] == 0:
        _refill(source, feed, places, batch, sample)
    for t in range(places.steps):
        at = t * samples + s
        for i in range(places.inputs):
            store(memory, places.x + at * places.inputs + i, bit_of_lanes(memory, feed.planes[t, i], feed.position))
        for o in range(places.outputs):
            bit = bit_of_lanes(memory, feed.planes[t, places.inputs + o], feed.position)
            store(memory, places.y + at * places.outputs + o, bit)
        mask = load(memory, places.one, 1)
        if source.last_only and t + 1 < places.steps:
            mask = zeros(memory, 1)
        store(memory, places.mask + at, mask)
    for lane in range(feed.position.size):
        feed.position[lane] += np.uint32(1)
    feed.left[0] -= 1


@overload(fill_lanes)
def _overload_fill(source, feed, places, memory, batch, sample, samples, s):
    return _fill if source.instance_class is BitTask else None
