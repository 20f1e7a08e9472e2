"""What a task is: a transducer on bits, computed for 64 samples at once in the bits of a word.

A task file holds a frozen dataclass (validation, names, the oracle on Python's integers) and a NamedTuple
for the kernels, whose type chooses two functions on words, x (T, I) and y (T, O):

    restrict(task, x)            clear the bits that operands may not have
    label(task, x, y, state)     fill y, one step after the other, from `state`, and leave the last state in it

Time runs from the least significant bit. See fastrnn.tasks.addition for the example.
"""

from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.bits import ask, expand
from fastrnn.kernels.philox import random_words
from fastrnn.kernels.protocol import fill
from fastrnn.kernels.tiles import BLOCK
from fastrnn.registry import discover


class Task:
    """Base of every task: `name`, `bits`, `input_size`, `output_size`, `kernel`, and the oracle.

    `kernel`: the NamedTuple for the kernels, with `is_bit_task = True`.
    `free_bits`: how many low bits of each operand may be set.
    `oracle(operands)`: the right answer as a Python int, from a tuple of Python ints.
    `hard_cases()`: [(family, operands)] that a network gets wrong first.
    `at(bits)`: the same task at another width.
    """


def tasks():
    """{name: class} of every task."""
    return discover("fastrnn.tasks", Task)


def restrict(task, x):
    """Clear the bits of the random words x (T, I) that the task's operands may not have."""
    raise NotImplementedError


def label(task, x, y, state):
    """Fill y (T, O) with the right outputs for x (T, I); `state` (words) holds the state before and after."""
    raise NotImplementedError


@jit
def label_words(task, x, y, state):
    """`label` for x (W, T, I), y (W, T, O) and state (W, words)."""
    for word in range(x.shape[0]):
        label(task, x[word], y[word], state[word])


@jit
def _word(task, seed, word, work):
    """The place in work.x_words and y_words where samples 64 * word and on are."""
    slot = word % 2
    if work.tag[slot] != word:
        work.tag[slot] = word
        random_words(seed, 0, word, 0, work.x_words[slot].reshape(work.x_words[slot].size))
        restrict(task, work.x_words[slot])
        for i in range(work.state.size):
            work.state[i] = 0
        label(task, work.x_words[slot], work.y_words[slot], work.state)
    return slot


def _fill(source, seed, first, samples, work):
    slot, shift = _word(source, seed, first // 64, work), first % 64
    other = _word(source, seed, first // 64 + 1, work) if shift > 64 - BLOCK else slot
    expand(work.x_words, slot, other, shift, work.x)
    expand(work.y_words, slot, other, shift, work.y)
    if work.tag[2] != samples:
        work.tag[2] = samples
        ask(work.mask, samples)


@overload(fill)
def _overload_fill(source, seed, first, samples, work):
    return _fill if getattr(source.instance_class, "is_bit_task", False) else None
