"""A task's samples as bits, 64 in a word: what the kernels need of a task, its answers, and random streams of samples.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from fastrnn import streams
from fastrnn.compiling import addressed, inner, plain
from fastrnn.kernels.philox import random_words
from fastrnn.kernels.recurrent.units_network import place_of_step
from fastrnn.kernels.reference import held
from fastrnn.machine.address import Address, address_of, call

# Parameters of a task, padded with zeros, so that all tasks are of one type.
TASK_NUMBERS = 4
# Words that `label` may keep from one step to the next.
STATE_WORDS = 64


@cache
def label_address(function):
    """Return the address of a compiled `label`."""
    plane = np.zeros((1, 1), np.uint64)
    return address_of(function, (0,) * TASK_NUMBERS, plane, plane, np.zeros(1, np.uint64))


def label_words(task, x, y, state):
    """Fill y (W, T, O) with the right outputs of a BitTask for x (W, T, I); state (W, 64): states before, then after.

    Raises ValueError for arrays that are not C-contiguous uint64.
    """
    for array in (x, y, state):
        if array.dtype != np.uint64 or not array.flags.c_contiguous:
            raise ValueError(f"label_words: got {array.dtype} of strides {array.strides}, expected C-contiguous uint64")
    _label_words(task, x, y, state)


@plain
def _label_words(task, x, y, state):
    for word in range(x.shape[0]):
        call(task.label, (task.numbers, x[word], y[word], state[word]))


@inner
def restrict(task, x):
    """Clear those bits of the random words x (T, I) that the task's operands may not have."""
    for t in range(x.shape[0] - task.headroom, x.shape[0]):
        for i in range(x.shape[1]):
            x[t, i] = 0


@inner
def draw_word(task, seed, word, x, y, state):
    """Fill x (T, I) and y (T, O) with samples 64 * word and on of a seed's stream; `state` (64) is scratch."""
    random_words(seed, streams.SAMPLE_STREAM, word, 0, 0, x)
    restrict(task, x)
    for i in range(state.size):
        state[i] = 0
    call(task.label, (task.numbers, x, y, state))


@inner
def _word(laid, seed, word):
    """Return the place in a Block's x_words and y_words that holds samples 64 * word and on."""
    block, slot = laid.block, word % 2
    if block.tag[slot] != word:
        block.tag[slot] = word
        draw_word(held(laid.source), seed, word, block.x_words[slot], block.y_words[slot], block.state)
    return slot


@inner
def _cut(words, slot, other, shift, out):
    """Set out to the bits of words[slot] from `shift` on, followed by those of words[other]."""
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            bits = words[slot, t, i] >> np.uint64(shift)
            if shift > 0:
                bits |= words[other, t, i] << np.uint64(64 - shift)
            out[t, i] = bits


@addressed
def _lay(laid, seed, first, samples):
    block, shift = laid.block, first % 64
    slot = _word(laid, seed, first // 64)
    other = _word(laid, seed, first // 64 + 1) if shift + samples > 64 else slot
    _cut(block.x_words, slot, other, shift, block.x)
    _cut(block.y_words, slot, other, shift, block.y)
    if block.tag[2] != samples:
        block.tag[2] = samples
        counted = block.y.shape[1] * (1 if laid.source.last_only else block.y.shape[0])
        columns, lanes = block.lengths.shape
        for n in range(columns * lanes):
            block.weights[0, n // lanes, n % lanes] = 1 if n < samples else 0
            block.outputs[n // lanes, n % lanes] = counted if n < samples else 0


@inner
def _expand(words, bit, out):
    """Set out (T, I) to the bits of a sample, as numbers."""
    for t in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[t, i] = (words[t, i] >> np.uint64(bit)) & np.uint64(1)


@inner
def _expand_steps(words, bit, out):
    """Set out (O, C, L) to the bits of a sample's outputs, a chunk of steps in each row."""
    for output in range(out.shape[0]):
        for t in range(words.shape[0]):
            chunk, lane = place_of_step(t, out.shape[2])
            out[output, chunk, lane] = (words[t, output] >> np.uint64(bit)) & np.uint64(1)


@inner
def _count_steps(samples, first):
    """Record that all samples have all steps, and that those from `first` on count."""
    steps = samples.x_words.shape[0]
    for sample in range(samples.steps.size):
        samples.steps[sample] = steps
        samples.outputs[sample] = samples.y.shape[1] * (steps - first)
        for t in range(first, steps):
            chunk, lane = place_of_step(t, samples.mask.shape[2])
            samples.mask[sample, chunk, lane] = 1


@addressed
def _lay_samples(laid, seed, part):
    samples = laid.block
    first, count = part * samples.steps.size, samples.steps.size
    for sample in range(count):
        word, bit = (first + sample) // 64, (first + sample) % 64
        # A seed has one Samples.
        if samples.tag[0] != word:
            samples.tag[0] = word
            draw_word(held(laid.source), seed, word, samples.x_words, samples.y_words, samples.state)
        _expand(samples.x_words, bit, samples.x[sample])
        _expand_steps(samples.y_words, bit, samples.y[sample])
    if samples.steps[0] == 0:
        _count_steps(samples, samples.x_words.shape[0] - 1 if laid.source.last_only else 0)


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
    lay, lay_samples = staticmethod(_lay), staticmethod(_lay_samples)
