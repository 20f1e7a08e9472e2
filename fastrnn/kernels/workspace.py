"""Arrays that a kernel works in, aligned to cache lines."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.tiles import BLOCK, SPAN
from fastrnn.simd.rows import VECTOR_BYTES


def aligned_zeros(shape, dtype):
    """numpy.zeros whose data start at a cache line: no vector of it crosses one."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + VECTOR_BYTES, np.uint8)
    start = -memory.ctypes.data % VECTOR_BYTES
    return memory[start : start + size].view(dtype).reshape(shape)


def lanes_of(dtype):
    """Elements in one vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


class Workspace(NamedTuple):
    """One thread's block of samples.

    x (T, I, BLOCK; numbers, or unsigned masks of all ones for 1 and none for 0), y (T, O, BLOCK; targets, then the
    loss's derivative by the logits), mask (T, BLOCK), ends (BLOCK: steps up to a sample's last one that counts, 0 for
    a sample that does not), h (T + 1, P, BLOCK, lanes), d (SPAN + 1, P, BLOCK, lanes); x_words (2, T, I), y_words
    (2, T, O): 64 samples each as bits, words tag[0] and tag[1] of the stream; mask asks for tag[2] samples; state
    (64): a task's state.
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    ends: np.ndarray
    h: np.ndarray
    d: np.ndarray
    x_words: np.ndarray
    y_words: np.ndarray
    tag: np.ndarray
    state: np.ndarray


def inputs_dtype(dtype, bits):
    """The dtype of a block's inputs: an unsigned one of the same size for bits, which come as masks."""
    return np.dtype(f"u{np.dtype(dtype).itemsize}") if bits else np.dtype(dtype)


def workspace(cell, layout, steps, dtype, bits):
    """A Workspace for sequences of `steps` steps, whose inputs are bits, or any numbers."""
    lanes = lanes_of(dtype)
    return Workspace(
        aligned_zeros((steps, cell.input_size, BLOCK), inputs_dtype(dtype, bits)),
        aligned_zeros((steps, cell.output_size, BLOCK), dtype),
        aligned_zeros((steps, BLOCK), dtype),
        np.full(BLOCK, steps),
        aligned_zeros((steps + 1, layout.panels, BLOCK, lanes), dtype),
        aligned_zeros((SPAN + 1, layout.panels, BLOCK, lanes), dtype),
        np.zeros((2, steps, cell.input_size), np.uint64),
        np.zeros((2, steps, cell.output_size), np.uint64),
        np.full(3, -1, np.int64),
        np.zeros(64, np.uint64),
    )


class Single(NamedTuple):
    """One sample, with time where a block has its samples.

    y (O, T'), mask (T'), h (P, T' + 1, lanes), d (P, T' + 1, lanes), T' being T rounded up to BLOCK; sound (1): what
    the last update ended with (fastrnn.kernels.online_update).
    """

    y: np.ndarray
    mask: np.ndarray
    h: np.ndarray
    d: np.ndarray
    sound: np.ndarray


def single(cell, layout, steps, dtype):
    """A Single for sequences of `steps` steps."""
    lanes, length = lanes_of(dtype), -(-steps // BLOCK) * BLOCK
    return Single(
        aligned_zeros((cell.output_size, length), dtype),
        aligned_zeros((length,), dtype),
        aligned_zeros((layout.panels, length + 1, lanes), dtype),
        aligned_zeros((layout.panels, length + 1, lanes), dtype),
        np.zeros(1, np.int64),
    )
