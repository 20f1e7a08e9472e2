"""A block of samples as the loops read it, and who fills it: a source of sequences (a task's bits, or arrays)."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.reference import Stored, bound
from fastrnn.kernels.workspace import aligned_zeros

# Samples in a word of bits, and the most in a block.
WORD = 64


class Block(NamedTuple):
    """Samples in C columns of L lanes, of T steps.

    x, y: (T, I) and (T, O), uint64, where they are bits: bit c * L + l is of lane l of column c; else (T, I, C, L) and
    (T, O, C, L). mask: (T,) of bits, else (T, C, L). lengths (C, L): steps up to a sample's last one that counts, 0
    without a sample. weights (3, C, L): 1 in row 0 where there is a sample. steps (1): the longest. outputs (C, L):
    outputs that count. x_words (2, T, I), y_words (2, T, O): words tag[0] and tag[1] of a stream; tag[2]: samples that
    the weights say there are. state (64): of a task. rows (C * L): of arrays, the row in each
    place.
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray
    steps: np.ndarray
    outputs: np.ndarray
    x_words: np.ndarray
    y_words: np.ndarray
    tag: np.ndarray
    state: np.ndarray
    rows: np.ndarray


def block_for(net, steps, dtype, lanes, last_only=False):
    """Return an empty Block for a Network and sequences of `steps` steps; last_only: of bits, only the last step
    counts."""
    inputs, outputs, columns = net.sizes.inputs, net.sizes.outputs, net.columns
    if net.bits:
        x, y = np.zeros((steps, inputs), np.uint64), np.zeros((steps, outputs), np.uint64)
        mask = aligned_zeros(steps, dtype)
        mask[-1 if last_only else 0 :] = 1
    else:
        x = aligned_zeros((steps, inputs, columns, lanes), dtype)
        y = aligned_zeros((steps, outputs, columns, lanes), dtype)
        mask = aligned_zeros((steps, columns, lanes), dtype)
    return Block(
        x,
        y,
        mask,
        aligned_zeros((columns, lanes), dtype),
        aligned_zeros((3, columns, lanes), dtype),
        np.full(1, steps),
        np.zeros((columns, lanes), np.int64),
        np.zeros((2, steps, inputs), np.uint64),
        np.zeros((2, steps, outputs), np.uint64),
        np.full(3, -1, np.int64),
        np.zeros(64, np.uint64),
        np.zeros(columns * lanes, np.int64),
    )


class Seen(NamedTuple):
    """What the loops see of a Block, whatever its data are."""

    weights: np.ndarray
    steps: np.ndarray
    outputs: np.ndarray
    tag: np.ndarray


def seen(block):
    """The Seen of a Block."""
    return Seen(block.weights, block.steps, block.outputs, block.tag)


class Laid(NamedTuple):
    """What a source's `lay` takes: the source, and the Block that it fills; for small batches, their Samples."""

    source: tuple
    block: tuple


def layer_for(source, block):
    """(the Address of source.lay, the Erased Laid that it takes first).

    lay(laid, seed, first, samples) writes samples first to first + samples - 1 of the stream into the Block, one after
    the other; laid: a Reference to a Laid. Sample n depends on the seed and n alone, so that neither threads nor
    batches matter; update `step` takes samples step * batch_size and on.
    """
    return bound(source.lay, Stored(Laid(source, block)), 0, 0, 0)
