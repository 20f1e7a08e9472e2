"""The user's own float arrays as a source of batches, and networks run on them."""

from typing import NamedTuple

import numpy as np
from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.address import call
from fastrnn.kernels.head import logits
from fastrnn.kernels.philox import random_words
from fastrnn.kernels.protocol import fill
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import lanes, store, zeros


class Arrays(NamedTuple):
    """x (N, T, I), y (N, T, O) and mask (N, T) as batches: row after row, or rows drawn with replacement.

    lengths (N,), int64: the steps of each row, as `lengths_of` gives them; those after them are not computed.
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    drawn: bool


def lengths_of(mask):
    """Steps up to the last one that counts, 0 where none does, along the last axis of an array."""
    counts = np.asarray(mask) > 0
    return np.where(counts.any(-1), counts.shape[-1] - counts[..., ::-1].argmax(-1), 0)


def _fill(source, seed, first, samples, work):
    rows, draw, chosen, longest = source.x.shape[0], work.state[:1], work.state[1 : BLOCK + 1], 0
    for s in range(samples):
        row = (first + s) % rows
        if source.drawn:
            random_words(seed, 1, first + s, 0, draw)
            row = np.int64(draw[0] % np.uint64(rows))
        chosen[s] = row
        longest = max(longest, source.lengths[row])
    for s in range(BLOCK):
        row = np.int64(chosen[s])
        work.ends[s] = source.lengths[row] if s < samples else 0
        for t in range(longest):
            # Zeros where nothing counts any more: whatever else lay there might not be finite.
            counts = t < work.ends[s]
            work.mask[t, s] = source.mask[row, t] if counts else 0
            for i in range(work.x.shape[1]):
                work.x[t, i, s] = source.x[row, t, i] if counts else 0
            for o in range(work.y.shape[1]):
                work.y[t, o, s] = source.y[row, t, o] if counts else 0


@overload(fill)
def _overload_fill(source, seed, first, samples, work):
    return _fill if source.instance_class is Arrays else None


@jit
def run_arrays(cell, layout, theta, x, z, states, first, last, work, forward_at):
    """Logits z (N, T, O) and states (N, T, H) of blocks first to last - 1 of x (N, T, I); states may have 0 rows."""
    width = lanes(theta)
    for block in range(first, last):
        samples = min(BLOCK, x.shape[0] - block * BLOCK)
        for t in range(x.shape[1]):
            for i in range(x.shape[2]):
                for s in range(BLOCK):
                    work.x[t, i, s] = x[block * BLOCK + s, t, i] if s < samples else 0
        call(forward_at, (cell, layout, theta, work.x, work.h, True))
        for t in range(x.shape[1]):
            for o in range(cell.output_size):
                for s in range(0, BLOCK, width):
                    store(work.y, (t, o, s), logits(cell, layout, theta, work.h, t, o, s, zeros(theta, 1)))
                for s in range(samples):
                    z[block * BLOCK + s, t, o] = work.y[t, o, s]
            if states.shape[0] > 0:
                for s in range(samples):
                    for j in range(cell.hidden_size):
                        states[block * BLOCK + s, t, j] = work.h[t + 1, j // width, s, j % width]
