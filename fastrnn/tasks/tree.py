"""Is a network right on every sample of a task? Each beginning that samples share is run once, and the first mistake ends it.

Samples of T steps and I inputs are the leaves of a tree in which every step has 2^I branches. Walked depth first in
blocks of 16 nodes, it takes 2,390 blocks of one step for the 16,384 pairs of 8 bits, where one sample after the other
takes 8,192; only one state for each step is kept. States are the same bytes either way.
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import call
from fastrnn.kernels.bits import expand
from fastrnn.kernels.block import forward_address
from fastrnn.kernels.head import logits
from fastrnn.kernels.layout import layout_of
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, inputs_dtype, lanes_of
from fastrnn.simd import lanes, lanes_to_bits, zeros
from fastrnn.simd.integers import atomic_load


@jit
def _mistake(cell, layout, theta, task, free, h, x, x_words, y_words, states, branch, forward_at, stop):
    """Whether any sample has a wrong output, or stop (1) is not 0 before all are tried.

    free: low bits of an operand that may be set; h (T + 1, P, BLOCK, lanes): the states on the way to a node; x
    (1, I, BLOCK); x_words (1, 1, I), y_words (1, O), states (T + 1, words) and branch (T): scratch.
    """
    steps, inputs = branch.size, x.shape[1]
    # The first few steps differ between the samples of a block, the others are the same for all of them.
    ahead = min(free, (3 + inputs) // inputs)
    first_samples = 1 << inputs * ahead
    counted = min(BLOCK, first_samples)
    for block in range((first_samples + BLOCK - 1) // BLOCK):
        t = 0
        branch[0] = 0
        while t >= 0:
            if atomic_load(stop, 0) != 0:
                return True
            if t == steps or branch[t] == (1 << inputs if ahead <= t < free else 1):
                t -= 1
                continue
            for i in range(inputs):
                word = np.uint64(0)
                if t < ahead:
                    for s in range(counted):
                        word |= np.uint64((block * BLOCK + s) >> (inputs * t + i) & 1) << np.uint64(s)
                elif branch[t] >> i & 1:
                    word = ~word
                x_words[0, 0, i] = word
            branch[t] += 1
            expand(x_words, 0, 0, 0, x)
            call(forward_at, (cell, layout, theta, x, h[t : t + 2], t == 0))
            for i in range(states.shape[1]):
                states[t + 1, i] = states[t, i]
            call(task.label, (task.numbers, x_words[0], y_words, states[t + 1]))
            if t + 1 == steps or not task.last_only:
                for o in range(cell.output_size):
                    bits = 0
                    for s in range(0, counted, lanes(theta)):
                        bits |= (
                            lanes_to_bits(logits(cell, layout, theta, h[t : t + 2], 0, o, s, zeros(theta, 1)), 0.0) << s
                        )
                    if (bits ^ y_words[0, o]) & np.uint64((1 << counted) - 1):
                        return True
            t += 1
            if t < steps:
                branch[t] = 0
    return False


class Tree:
    """All samples of a task, of which there are 2^(inputs * free bits), for networks with a kernel cell and a dtype; one thread's."""

    def __init__(self, cell, task, dtype):
        self.cell, self.layout = cell, layout_of(cell, lanes_of(dtype))
        steps, inputs = task.bits, task.input_size
        theta = aligned_zeros((self.layout.count, lanes_of(dtype)), dtype)
        self.arguments = (
            task.kernel, task.free_bits, aligned_zeros((steps + 1, self.layout.panels, BLOCK, lanes_of(dtype)), dtype),
            aligned_zeros((1, inputs, BLOCK), inputs_dtype(dtype, True)), np.zeros((1, 1, inputs), np.uint64),
            np.zeros((1, task.output_size), np.uint64), np.zeros((steps + 1, 64), np.uint64), np.zeros(steps, np.int64),
            forward_address(cell, self.layout, theta, True))

    def has_mistake(self, theta, stop=None):
        """Whether the network with weights theta (rows, lanes) is wrong on any sample.

        stop (1), int64: True is returned soon after it is set to anything but 0.
        """
        return _mistake(self.cell, self.layout, theta, *self.arguments, np.zeros(1, np.int64) if stop is None else stop)
