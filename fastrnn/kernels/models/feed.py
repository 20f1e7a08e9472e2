"""Samples for the models of a group, each from the stream of its own seed."""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.constant import known
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.models.places import places_of, whole
from fastrnn.kernels.reference import held
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.simd import put


class Feed(NamedTuple):
    """What the lanes draw from. All arrays have one entry a lane but the last five.

    active: 1 where there is a model; seed; data: the model's place on the data's leading axis; step: updates it made;
    word: the word of 64 samples that `planes` holds, -1 for none; position: the next sample's bit in it;
    planes (T * (I + O), 2, lanes): the low and high halves of the words, first of all inputs, then of all outputs;
    left (1): samples until some lane needs its next word; x_words (T, I), y_words (T, O) and state (64): scratch; steps
    (1): those of the block that are computed.
    """

    active: np.ndarray
    seed: np.ndarray
    data: np.ndarray
    step: np.ndarray
    word: np.ndarray
    position: np.ndarray
    planes: np.ndarray
    left: np.ndarray
    x_words: np.ndarray
    y_words: np.ndarray
    state: np.ndarray
    steps: np.ndarray


def feed_of(sizes, lanes):
    """A Feed of empty lanes."""
    counts = {name: np.zeros(lanes, np.int64) for name in ("active", "data", "step")}
    return Feed(
        **counts,
        seed=np.zeros(lanes, np.uint64),
        word=np.full(lanes, -1, np.int64),
        position=aligned_zeros(lanes, np.uint32),
        planes=aligned_zeros((sizes.steps * (sizes.inputs + sizes.outputs), 2, lanes), np.uint32),
        left=np.zeros(1, np.int64),
        x_words=np.zeros((sizes.steps, sizes.inputs), np.uint64),
        y_words=np.zeros((sizes.steps, sizes.outputs), np.uint64),
        state=np.zeros(64, np.uint64),
        steps=np.full(1, sizes.steps, np.int64),
    )


@inlined
def steps_of(sizes, feed):
    """The steps of the block that are computed; known to the compiler where all samples have as many."""
    return feed.steps[0] if sizes.ragged else sizes.steps


def fill_lanes(source, feed, sizes, places, memory, batch, sample, samples, s):
    """Write sample `sample` of each lane's batch, of so many samples, into place s of the block of `samples` in memory.

    It is sample step * batch + sample of the stream that fastrnn.kernels.protocol.fill takes its samples from. The
    samples of one call of the kernels follow each other; feed.left is 0 before the first of them.
    """
    raise NotImplementedError


@jit
def fill_models(constant, group, batch, sample, samples):
    """Write samples `sample` to sample + samples - 1 of each lane's batch into the block in memory.

    constant: Constant(sizes), or None; group: a Reference to (sizes, memory, steps, settled, feed, source).
    """
    sizes, memory, _, _, feed, source = held(group)
    sizes = known(constant, sizes)
    places, samples = places_of(sizes), whole(sizes, samples)
    if sizes.ragged:
        put(feed.steps, 0, 0)
    for s in range(samples):
        fill_lanes(source, feed, sizes, places, memory, batch, sample + s, samples, s)
