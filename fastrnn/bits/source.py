"""A task's samples as bits, 64 in a word: what the kernels need of a task, its answers, and random streams of samples.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.block_data import lay
from fastrnn.kernels.philox import random_words
from fastrnn.kernels.recurrent.units_network import place_of_step
from fastrnn.kernels.singles import lay_singles
from fastrnn.machine.address import Address, address_of, call

# Parameters of a task, padded with zeros, so that all tasks are of one type.
NUMBERS = 4
# Words that `label` may keep from one step to the next.
STATE_WORDS = 64


class BitTask(NamedTuple):
    """A task in the form that the kernels take.

    label: the Address of its function; numbers: its parameters; headroom: top bits that operands keep clear;
    last_only: whether only the answer at the last step counts.
    """

    label: Address
    numbers: tuple
    headroom: int
    last_only: bool

    # Inputs come 64 in a word, not as floats.
    inputs_are_bits = True


@cache
def label_address(function):
    """Return the address of a compiled `label`."""
    plane = np.zeros((1, 1), np.uint64)
    return address_of(function, (0,) * NUMBERS, plane, plane, np.zeros(1, np.uint64))


def label_words(task, x, y, state):
    """Fill y (W, T, O) with the right outputs of a BitTask for x (W, T, I); state (W, 64): states before, then after.

    Raises ValueError for arrays that are not C-contiguous uint64.
    """
    for array in (x, y, state):
        if array.dtype != np.uint64 or not array.flags.c_contiguous:
            raise ValueError(f"label_words: got {array.dtype} of strides {array.strides}, expected C-contiguous uint64")
    _label_words(task, x, y, state)


@jit
def _label_words(task, x, y, state):
    for word in range(x.shape[0]):
        call(task.label, (task.numbers, x[word], y[word], state[word]))


@jit
def restrict(task, x):
    """Clear those bits of the random words x (T, I) that the task's operands may not have."""
    for t in range(x.shape[0] - task.headroom, x.shape[0]):
        for i in range(x.shape[1]):
            x[t, i] = 0


@jit
def draw_word(task, seed, word, x, y, state):
    """Fill x (T, I) and y (T, O) with samples 64 * word and on of a seed's stream; `state` (64) is scratch."""
    random_words(seed, np.uint64(0), np.uint64(word), np.uint64(0), x.reshape(x.size))
    restrict(task, x)
    for i in range(state.size):
        state[i] = 0
    call(task.label, (task.numbers, x, y, state))


@jit
def _word(task, seed, word, x_words, y_words, tag, state):
    """Return the place in x_words and y_words that holds samples 64 * word and on."""
    slot = word % 2
    if tag[slot] != word:
        tag[slot] = word
        draw_word(task, np.uint64(seed), word, x_words[slot], y_words[slot], state)
    return slot


@jit
def _cut(words, slot, other, shift, out):
    """Set out to the bits of words[slot] from `shift` on, followed by those of words[other]."""
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            bits = words[slot, t, i] >> np.uint64(shift)
            if shift > 0:
                bits |= words[other, t, i] << np.uint64(64 - shift)
            out[t, i] = bits


@jit
def _count(samples, weights, outputs, counted):
    """Set the number of samples in a block."""
    for n in range(weights.size):
        weights[n] = 1 if n < samples else 0
        outputs[n] = counted if n < samples else 0


def _lay(source, seed, first, samples, block):
    x_words, y_words, tag, state = block.x_words, block.y_words, block.tag, block.state
    shift = first % 64
    slot = _word(source, seed, first // 64, x_words, y_words, tag, state)
    other = _word(source, seed, first // 64 + 1, x_words, y_words, tag, state) if shift + samples > 64 else slot
    _cut(x_words, slot, other, shift, block.x)
    _cut(y_words, slot, other, shift, block.y)
    if tag[2] != samples:
        tag[2] = samples
        counted = block.y.shape[1] * (1 if source.last_only else block.y.shape[0])
        _count(samples, block.weights[0].reshape(-1), block.outputs.reshape(-1), counted)


@overload(lay)
def _overload_lay(source, seed, first, samples, block):
    return _lay if source.instance_class is BitTask else None


@jit
def _expand(words, sample, out):
    """Set out to the bits of a sample, as numbers."""
    for n in range(words.size):
        out[n] = (words[n] >> np.uint64(sample)) & np.uint64(1)


@jit
def _expand_steps(words, sample, output, out):
    """Set out (C, L) to the bits of a sample's output, a chunk of steps in each row."""
    for t in range(words.shape[0]):
        chunk, lane = place_of_step(t, out.shape[1])
        out[chunk, lane] = (words[t, output] >> np.uint64(sample)) & np.uint64(1)


@jit
def _count_steps(samples, steps, first):
    """Record that all samples have all steps, and that those from `first` on count."""
    for sample in range(samples.steps.size):
        samples.steps[sample] = steps
        samples.outputs[sample] = samples.y.shape[1] * (steps - first)
        for t in range(first, steps):
            chunk, lane = place_of_step(t, samples.mask.shape[2])
            samples.mask[sample, chunk, lane] = 1


def _lay_singles(source, seed, part, samples):
    steps, first = samples.x_words.shape[0], part * samples.steps.size
    # A seed has one Samples.
    if samples.tag[0] != first // 64:
        samples.tag[0] = first // 64
        draw_word(source, np.uint64(seed), first // 64, samples.x_words, samples.y_words, samples.state)
    flat = samples.x_words.reshape(samples.x_words.size)
    for sample in range(samples.steps.size):
        bit = first % 64 + sample
        _expand(flat, bit, samples.x[sample].reshape(flat.size))
        for output in range(samples.y.shape[1]):
            _expand_steps(samples.y_words, bit, output, samples.y[sample, output])
    if samples.steps[0] == 0:
        _count_steps(samples, steps, steps - 1 if source.last_only else 0)


@overload(lay_singles)
def _overload_lay_singles(source, seed, part, samples):
    return _lay_singles if source.instance_class is BitTask else None
