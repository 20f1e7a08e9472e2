"""What groups of models draw their samples from, and who lays them: a source."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.block_data import Block
from fastrnn.kernels.reference import Stored, bound
from fastrnn.kernels.workspace import aligned_zeros

# Words in a vector of those that exchange bits: sixteen rows of them fill the registers of AVX2.
VECTOR_WORDS = 4


class Feed(NamedTuple):
    """What the lanes draw from; arrays (L) where nothing else is said.

    model: its place among all, and on the leading axis of data that are not shared; -1 for none; seed; step: updates it
    made; tag (L, 2): the words of 64 samples that x_words and y_words hold, -1 for none; x_words (L, 2, T, I), y_words
    (L, 2, T, O); x_blocks (64, T * I), y_blocks (64, T * O): of the next blocks, as bits; laid (1): how many blocks
    were laid ahead, and left (1), how many of these are left; state (64), x_rows (16, T * I), y_rows (16, T * O):
    scratch. Rows of blocks and of scratch end with unused words, up to a whole number of vectors.
    """

    model: np.ndarray
    seed: np.ndarray
    step: np.ndarray
    tag: np.ndarray
    x_words: np.ndarray
    y_words: np.ndarray
    x_blocks: np.ndarray
    y_blocks: np.ndarray
    laid: np.ndarray
    left: np.ndarray
    state: np.ndarray
    x_rows: np.ndarray
    y_rows: np.ndarray


def feed_for(net, steps, lanes):
    """Return a Feed of empty lanes."""
    inputs, outputs = net.sizes.inputs, net.sizes.outputs
    held = 1 if net.bits else 0
    x, y = (-(-steps * size // VECTOR_WORDS) * VECTOR_WORDS for size in (inputs, outputs))
    return Feed(
        model=np.full(lanes, -1),
        step=np.zeros(lanes, np.int64),
        seed=np.zeros(lanes, np.uint64),
        tag=np.full((lanes, 2), -1),
        x_words=np.zeros((held * lanes, 2, steps, inputs), np.uint64),
        y_words=np.zeros((held * lanes, 2, steps, outputs), np.uint64),
        x_blocks=np.zeros((held * 64, x), np.uint64),
        y_blocks=np.zeros((held * 64, y), np.uint64),
        laid=np.zeros(1, np.int64),
        left=np.zeros(1, np.int64),
        state=np.zeros(64, np.uint64),
        x_rows=aligned_zeros((16, held * x), np.uint64),
        y_rows=aligned_zeros((16, held * y), np.uint64),
    )


class LaidLanes(NamedTuple):
    """What a source's `lay_lanes` takes: the source, a Feed, and the Block that it fills."""

    source: tuple
    feed: Feed
    block: Block


def lanes_layer_for(source, feed, block):
    """(the Address of source.lay_lanes, the Erased LaidLanes that it takes first).

    lay_lanes(laid, batch, sample) lays blocks of each lane's samples, one or more ahead, from sample `sample` on; laid:
    a Reference to a LaidLanes.

    `sample` counts from the beginning of the lane's batch of `batch` samples, and may lie in a later batch. A block
    holds as many samples as it has columns, or what is left of the batch. Sample s of a batch is sample step * batch +
    s of the stream that `lay` takes its samples from (fastrnn.kernels.block_data.layer_for). feed.left is 0 where lanes
    have changed; it and feed.laid become the number of blocks that were laid.
    """
    return bound(source.lay_lanes, Stored(LaidLanes(source, feed, block)), 0, 0)
