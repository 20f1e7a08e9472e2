"""Tests a network on every sample of a task: each prefix that samples share is run once, and the first mistake ends the
test.

Samples of T steps and I inputs are the leaves of a tree in which every step has 2^I branches. Walked depth first in
blocks of 64 nodes, it takes 597 blocks of one step for the 16,384 pairs of 8 bits, where one sample after the other
takes 2,048; only one state for each step is kept. States are the same bytes either way.
"""

import functools

import numpy as np

from fastrnn.bits.stream import bits_network, memory_of
from fastrnn.compiling import plain
from fastrnn.kernels.block_data import WORD
from fastrnn.kernels.recurrent.bits import ITEM, WALK, walk_program
from fastrnn.kernels.workspace import GOES_ON
from fastrnn.machine.address import call
from fastrnn.networks import lanes_for


@plain
def _walk(task, free, inputs, outputs, items, states, branch, x, y, write):
    """Count the items (N, ITEM + I + O) of the walk, in the form of fastrnn.kernels.recurrent.bits; fill them if
    `write`.

    free: low bits of an operand that may be set; states (T + 1, words), branch (T), x (1, I), y (1, O): scratch.
    """
    steps, count = branch.size, 0
    # The first few steps differ between the samples of a block, the others are the same for all of them.
    ahead = min(free, (5 + inputs) // inputs)
    first_samples = 1 << inputs * ahead
    for block in range((first_samples + 63) // 64):
        t = 0
        branch[0] = 0
        while t >= 0:
            if t == steps or branch[t] == (1 << inputs if ahead <= t < free else 1):
                t -= 1
                continue
            if write:
                for i in range(inputs):
                    word = np.uint64(0)
                    if t < ahead:
                        for s in range(min(64, first_samples)):
                            word |= np.uint64((block * 64 + s) >> (inputs * t + i) & 1) << np.uint64(s)
                    elif branch[t] >> i & 1:
                        word = ~word
                    x[0, i] = word
                for i in range(states.shape[1]):
                    states[t + 1, i] = states[t, i]
                call(task.label, (task.numbers, x, y, states[t + 1]))
                items[count, 0], items[count, 1] = t, t + 1 == steps or not task.last_only
                for i in range(inputs):
                    items[count, 2 + i] = np.int64(x[0, i])
                for o in range(outputs):
                    items[count, 2 + inputs + o] = np.int64(y[0, o])
            branch[t] += 1
            count += 1
            t += 1
            if t < steps:
                branch[t] = 0
    return count


@functools.lru_cache(maxsize=4)
def items_of(task):
    """Return the items of a task's walk, and a word with the bits of the samples in a block that count."""
    inputs, outputs, steps = task.input_size, task.output_size, task.bits
    scratch = (
        np.zeros((steps + 1, 64), np.uint64),
        np.zeros(steps, np.int64),
        np.zeros((1, inputs), np.uint64),
        np.zeros((1, outputs), np.uint64),
    )
    items = np.zeros((1, len(ITEM) + inputs + outputs), np.int64)
    arguments = task.kernel, task.free_bits, inputs, outputs
    count = _walk(*arguments, items, *scratch, False)
    items = np.zeros((count, items.shape[1]), np.int64)
    _walk(*arguments, items, *scratch, True)
    ahead = min(task.free_bits, (5 + inputs) // inputs)
    samples = min(WORD, 1 << inputs * ahead)
    return items, -1 if samples == WORD else (1 << samples) - 1


@functools.lru_cache(maxsize=16)
def _program(net, dtype):
    return walk_program(net, dtype, lanes_for(dtype))


class Tree:
    """All 2^(inputs * free bits) samples of a task, for networks of one cell and dtype; for use in one thread."""

    def __init__(self, cell, task, dtype):
        net = bits_network(cell, task.input_size, task.output_size, str(dtype))
        self.program, (self.items, valid) = _program(net, str(dtype)), items_of(task)
        names = self.program.names
        self.theta = np.zeros(net.table.count, dtype)
        self.memory = memory_of(net, str(dtype), task.bits, self.theta, names)
        numbers = {name: array.ctypes.data for name, array in self.memory.items()}
        numbers |= {"items": self.items.ctypes.data, "count": len(self.items), "valid": valid}
        self.frame = self.program.frame(**numbers)
        # Every walk begins with a state of zeros, which none of them changes.
        self.program.compile()

    def has_mistake(self, theta):
        """Return whether the network with weights theta (R,) is wrong on any sample."""
        self.theta[:] = theta
        self.frame[WALK.index("stop")] = GOES_ON.ctypes.data
        self.program.run(self.frame)
        return bool(self.frame[WALK.index("mistake")])
