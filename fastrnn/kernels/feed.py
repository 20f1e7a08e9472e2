"""What groups of models draw their samples from, and who lays them: a source."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.block_data import Words, words_for
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.records import Address, Integers, frame_on
from fastrnn.simd.squares import VECTOR_WORDS

# What changes from call to call of those who lay blocks of lanes, at the beginning of their frames.
LAY_LANES = ("batch", "sample")


class Feed(NamedTuple):
    """What the lanes draw from; arrays (L) where nothing else is said.

    model: its place among all, and on the leading axis of data that are not shared; -1 for none; seed; step: updates it
    made; words: of bits, two slots of each lane; x_blocks (64, T * I), y_blocks (64, T * O): of the next blocks, as
    bits; laid (1): how many blocks were laid ahead, and left (1), how many of these are left; x_rows (16, T * I),
    y_rows (16, T * O): scratch. Rows of blocks and of scratch end with unused words, up to a whole number of vectors,
    x_width and y_width words.
    """

    model: Integers
    seed: Integers
    step: Integers
    words: Words
    x_blocks: Address
    y_blocks: Address
    laid: Integers
    left: Integers
    x_rows: Address
    y_rows: Address
    x_width: int
    y_width: int


def feed_for(net, steps, lanes):
    """Return a Feed of empty lanes."""
    held = 1 if net.bits else 0
    x, y = (-(-steps * size // VECTOR_WORDS) * VECTOR_WORDS for size in (net.sizes.inputs, net.sizes.outputs))
    return Feed(
        model=np.full(lanes, -1),
        step=np.zeros(lanes, np.int64),
        seed=np.zeros(lanes, np.uint64),
        words=words_for(2 * lanes, net.sizes, steps, net.bits),
        x_blocks=np.zeros((held * 64, x), np.uint64),
        y_blocks=np.zeros((held * 64, y), np.uint64),
        laid=np.zeros(1, np.int64),
        left=np.zeros(1, np.int64),
        x_rows=aligned_zeros((16, held * x), np.uint64),
        y_rows=aligned_zeros((16, held * y), np.uint64),
        x_width=x,
        y_width=y,
    )


def lanes_layer_for(source, feed, block, dtype, lanes):
    """Return the frame, for other Programs, of source.lay_lanes, which lays blocks of each lane's samples, one or more
    ahead, from sample `sample` on.

    `sample` counts from the beginning of the lane's batch of `batch` samples, and may lie in a later batch. A block
    holds as many samples as it has columns, or what is left of the batch. Sample s of a batch is sample step * batch +
    s of the stream that `lay` takes its samples from (fastrnn.kernels.block_data.layer_for). feed.left is 0 where lanes
    have changed; it and feed.laid become the number of blocks that were laid.
    """
    records = {"source": source, "feed": feed, "block": block}
    return frame_on(source.lay_lanes, LAY_LANES, dtype, lanes, source.counts, **records)
