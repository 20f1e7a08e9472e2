"""A block of samples as the loops read it, and who fills it: a source of sequences, a task's bits or arrays."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.records import Address, Integers, Numbers, frame_on

# Samples in a word of bits, and the most in a block.
WORD = 64


# What changes from call to call of those who lay blocks, at the beginning of their frames.
LAY = ("seed", "first", "samples")


class Extent(NamedTuple):
    """T steps, I inputs, O outputs, and C columns of a Block."""

    steps: int
    inputs: int
    outputs: int
    columns: int


class Source(Protocol):
    """Who fills blocks: a NamedTuple of the numbers and arrays that its kernels read from their frames as `source.*`.

    inputs_are_bits: whether samples are words of bits, else numbers; last_only: of bits, whether only the last step
    counts; counts: {name: integer}, other words of its kernels. These are functions of a machine: see `layer_for`,
    fastrnn.kernels.small_batches.samples_layer_for and fastrnn.kernels.feed.lanes_layer_for.
    """

    inputs_are_bits: bool
    last_only: bool
    counts: dict
    lay: Callable
    lay_samples: Callable
    lay_lanes: Callable


class Words(NamedTuple):
    """Samples of a stream as they are drawn, 64 in a word: slots x (N, T, I), y (N, T, O); tag (N): the number of the
    word in each slot, -1 for none; state (64): of a task, scratch."""

    x: Address
    y: Address
    tag: Integers
    state: Address


class Block(NamedTuple):
    """Samples in C columns of L lanes, of T steps.

    x, y: (T, I) and (T, O), uint64, where they are bits: bit c * L + l is of lane l of column c; else (T, I, C, L) and
    (T, O, C, L). mask: (T,) of bits, else (T, C, L). lengths (C, L): steps up to a sample's last one that counts, 0
    without a sample. weights (3, C, L): 1 in row 0 where there is a sample. covered (1): how many samples these say
    there are. steps (1): the longest. outputs (C, L): outputs that count. words: of bits, two slots. rows (C * L): of
    arrays, the row in each place.
    """

    x: Address
    y: Address
    mask: Numbers
    lengths: Numbers
    weights: Numbers
    covered: Integers
    steps: Integers
    outputs: Integers
    words: Words
    rows: Integers
    extent: Extent


def words_for(slots, sizes, steps, bits=True):
    """Return Words without any, for a network of these Sizes; bits: whether the samples are bits, else there is no
    memory for words."""
    held = slots if bits else 0
    return Words(
        x=np.zeros((held, steps, sizes.inputs), np.uint64),
        y=np.zeros((held, steps, sizes.outputs), np.uint64),
        tag=np.full(slots, -1),
        state=np.zeros(64, np.uint64),
    )


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
        x=x,
        y=y,
        mask=mask,
        lengths=aligned_zeros((columns, lanes), dtype),
        weights=aligned_zeros((3, columns, lanes), dtype),
        covered=np.full(1, -1),
        steps=np.full(1, steps),
        outputs=np.zeros((columns, lanes), np.int64),
        words=words_for(2, net.sizes, steps, net.bits),
        rows=np.zeros(columns * lanes, np.int64),
        extent=Extent(steps, inputs, outputs, columns),
    )


def layer_for(source, block, dtype, lanes):
    """Return the frame, for other Programs, of a Source's `lay`.

    It writes samples `first` to first + samples - 1 of a seed's stream into the Block, one after the other. Sample n
    depends on the seed and n alone, so that neither threads nor batches matter; update `step` takes samples step *
    batch_size and on.
    """
    return frame_on(source.lay, LAY, dtype, lanes, source.counts, source=source, block=block)
