"""Many updates of one network with a few samples each inside one compiled call; hidden units lie in the lanes.

Each update goes from one array of weights to the next of three, so that the weights before the last update, and before
the one before, are still there when they turn out to have been the better ones.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import inner, plain
from fastrnn.kernels.batches import CLEAN, DIVERGED, RAN, is_finite
from fastrnn.kernels.block_data import WORD, Laid
from fastrnn.kernels.recurrent.units_learn import LEARN_POINTERS, LEARN_WORDS, UPDATE_POINTERS
from fastrnn.kernels.recurrent.units_network import chunk_of
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.reference import Erased, Stored, bound
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.address import Address, Loaded, call

# Numbers of inputs, targets and masks that are laid at a time, where these are more than one sample.
MOST_NUMBERS = 1 << 20
# Where in the frames of the two programs the words lie that change between their calls.
_THETA, _X, _Y, _MASK, _STEPS, _LENGTHS = map(
    (*LEARN_POINTERS, *LEARN_WORDS).index, ("theta", "x", "y", "mask", "steps", "lengths")
)
_BEFORE, _FOLLOWING = map(UPDATE_POINTERS.index, ("theta", "following"))
# The row of options with the learning rate.
_RATE = OPTIONS.index("rate")


class Samples(NamedTuple):
    """Some samples of a word, one by one. x (N, T, I), y (N, O, C, L), mask (N, C, L), a chunk of steps in each vector;
    steps (N): up to a sample's last one that counts; outputs (N): that count; x_words (T, I), y_words (T, O): word
    tag (1) of bits; state (64): scratch."""

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    steps: np.ndarray
    outputs: np.ndarray
    x_words: np.ndarray
    y_words: np.ndarray
    tag: np.ndarray
    state: np.ndarray


def samples_for(sizes, steps, dtype, lanes, batch_size=1):
    """Empty Samples for sequences of `steps` steps of a network of these Sizes: whole batches, of about a word of
    samples, or of long ones fewer."""
    chunks, count = -(-steps // chunk_of(lanes)), WORD
    while count > 1 and count * steps * (sizes.inputs + sizes.outputs + 1) > MOST_NUMBERS:
        count //= 2
    count = max(batch_size, count - count % batch_size)
    return Samples(
        aligned_zeros((count, steps, sizes.inputs), dtype),
        aligned_zeros((count, sizes.outputs, chunks, lanes), dtype),
        aligned_zeros((count, chunks, lanes), dtype),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros((steps, sizes.inputs), np.uint64),
        np.zeros((steps, sizes.outputs), np.uint64),
        np.full(1, -1, np.int64),
        np.zeros(64, np.uint64),
    )


def samples_layer_for(source, samples):
    """(the Address of source.lay_samples, the Erased Laid that it takes first).

    lay_samples(laid, seed, part) writes samples N * part and on of the stream that `lay` has
    (fastrnn.kernels.block_data.layer_for) into the N places of Samples; laid: a Reference to a Laid.
    """
    return bound(source.lay_samples, Stored(Laid(source, samples)), 0, 0)


class SmallBatches(NamedTuple):
    """All that a session works on. lay: the source's lay_samples; laid: what that takes, a source and these Samples;
    learn, update: of fastrnn.kernels.recurrent.units_learn; weights (3, R): the present ones are those of `present`
    (1), then come the next ones; sums (B, 2): loss and wrong outputs of each sample of a batch; options (rows, 1); bad
    (1, L): no number where a weight is not finite; clean (1): samples since the last mistake."""

    lay: Address
    laid: Erased
    samples: Samples
    learn: Loaded
    update: Loaded
    weights: np.ndarray
    present: np.ndarray
    sums: np.ndarray
    options: np.ndarray
    bad: np.ndarray
    clean: np.ndarray


@inner
def _learn(own, number, row):
    """The gradient of the batch that begins with a sample, and its statistics (4)."""
    samples, frame, sums = own.samples, own.learn.frame, own.sums
    frame[_THETA] = own.weights[own.present[0]].ctypes.data
    frame[_X], frame[_Y] = samples.x[number].ctypes.data, samples.y[number].ctypes.data
    frame[_MASK], frame[_LENGTHS] = samples.mask[number].ctypes.data, samples.steps[number:].ctypes.data
    frame[_STEPS] = 0
    for n in range(sums.shape[0]):
        sums[n, 0], sums[n, 1] = 0, 0
        frame[_STEPS] = max(frame[_STEPS], samples.steps[number + n])
    call(own.learn.address, (frame,))
    for i in range(4):
        row[i] = 0
    for n in range(sums.shape[0]):
        row[0] += sums[n, 0]
        row[1] += samples.outputs[number + n]
        row[2] += sums[n, 1]
        row[3] += 1 if sums[n, 1] > 0 else 0


@plain
def gradient_of_small_batch(own, seed, step, row):
    """The gradient of the batch of a step, and its statistics (4); own: a Reference to a SmallBatches."""
    count, batch_size = own.samples.steps.size, own.sums.shape[0]
    first = step * batch_size
    call(own.lay, (own.laid, seed, first // count))
    _learn(own, first % count, row)


@plain
def run_small_batches(own, seed, first_step, patience, rates, history):
    """Updates until the rates run out, the samples stay clean, or loss or weights are not finite.

    own: a Reference to a SmallBatches. Returns (updates made, why), and fills history (updates, 4), as
    fastrnn.kernels.batches.run_batches does.
    """
    weights, update, count, batch_size = own.weights, own.update.frame, own.samples.steps.size, own.sums.shape[0]
    clean = own.clean[0]
    for i in range(rates.size):
        first = (first_step + i) * batch_size
        if first % count == 0 or i == 0:
            call(own.lay, (own.laid, seed, first // count))
        own.options[_RATE, 0] = rates[i]
        row, present = history[i], own.present[0]
        _learn(own, first % count, row)
        update[_BEFORE] = weights[present].ctypes.data
        update[_FOLLOWING] = weights[(present + 1) % 3].ctypes.data
        call(own.update.address, (update,))
        if not np.isfinite(row[0]):
            own.present[0] = (present + 2) % 3
            return i, DIVERGED
        clean = clean + batch_size if row[3] == 0 else 0
        if not is_finite(own.bad):
            return i + 1, DIVERGED
        own.present[0] = (present + 1) % 3
        if 0 < patience <= clean:
            own.clean[0] = clean
            return i + 1, CLEAN
    own.clean[0] = clean
    return rates.size, RAN
