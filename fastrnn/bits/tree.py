"""Tests a network on every sample of a task: each prefix that samples share is run once, and the first mistake ends the
test.

Samples of T steps and I inputs are the leaves of a tree in which every step has 2^I branches. Walked depth first in
blocks of 64 nodes, it takes 597 blocks of one step for the 16,384 pairs of 8 bits, where one sample after the other
takes 2,048; only one state for each step is kept. States are the same bytes either way.
"""

import functools

import numpy as np

from fastrnn.bits.label import STATE_WORDS, cached_by_label, label_words
from fastrnn.bits.stream import bits_network, memory_of
from fastrnn.kernels.block_data import WORD
from fastrnn.kernels.recurrent.bits import WALK_ITEM, walk_program
from fastrnn.kernels.workspace import GOES_ON
from fastrnn.networks import lanes_for

# Nodes whose children are made together.
NODES = 4096


@cached_by_label(4)
def items_of(task):
    """Return the items of a task's walk, in the form of fastrnn.kernels.recurrent.bits, and a word with the bits of the
    samples in a block that count."""
    inputs, outputs, steps, free = task.input_size, task.output_size, task.bits, task.free_bits
    # The first few steps differ between the samples of a block, the others are the same for all of them.
    ahead = min(free, (5 + inputs) // inputs)
    samples, blocks = min(WORD, 1 << inputs * ahead), -(-(1 << inputs * ahead) // WORD)
    branches = [1 << inputs if ahead <= t < free else 1 for t in range(steps)]
    # Items of a node and all below it.
    sizes = [1]
    for count in reversed(branches[1:]):
        sizes.insert(0, 1 + count * sizes[0])
    items = np.zeros((blocks * sizes[0], len(WALK_ITEM) + inputs + outputs), np.int64)
    # Step; of each node that has the children of this step: the place of the first one among the items, its block of
    # samples, and the state.
    first = np.arange(blocks)
    waiting = [(0, first * sizes[0], first, np.zeros((blocks, STATE_WORDS), np.uint64))]
    while waiting:
        t, place, block, state = waiting.pop()
        branch = np.tile(np.arange(branches[t]), len(place))
        place, block, state = (np.repeat(each, branches[t], axis=0) for each in (place, block, state))
        place += branch * sizes[t]
        x = np.zeros((len(place), 1, inputs), np.uint64)
        for i in range(inputs):
            if t < ahead:
                bits = block[:, None] * WORD + np.arange(samples) >> inputs * t + i & 1
                x[:, 0, i] = (bits.astype(np.uint64) << np.arange(samples, dtype=np.uint64)).sum(1)
            else:
                x[:, 0, i] = -(branch >> i & 1).astype(np.uint64)
        y, counts = label_words(task, x, state), t + 1 == steps or not task.last_only
        items[place, :2], items[place, 2:] = (t, counts), np.concatenate([x, y], 2)[:, 0].view(np.int64)
        if t + 1 < steps:
            for part in range(0, len(place), NODES):
                own = slice(part, part + NODES)
                waiting.append((t + 1, place[own] + 1, block[own], state[own]))
    return items, -1 if samples == WORD else (1 << samples) - 1


@functools.lru_cache(maxsize=16)
def _program(net, dtype):
    return walk_program(net, dtype, lanes_for(dtype))


class Tree:
    """All 2^(inputs * free bits) samples of a task, for networks of one cell and dtype; for use in one thread."""

    def __init__(self, cell, task, dtype):
        net = bits_network(cell, task.input_size, task.output_size, str(dtype))
        self.program, (self.items, valid) = _program(net, str(dtype)), items_of(task)
        self.theta = np.zeros(net.table.count, dtype)
        self.memory = memory_of(net, str(dtype), task.bits, self.theta)
        # Every walk begins with a state of zeros, which none of them changes.
        self.frame = self.program.loaded(**self.memory, items=self.items, count=len(self.items), valid=valid)

    def has_mistake(self, theta):
        """Return whether the network with weights theta (R,) is wrong on any sample."""
        self.theta[:] = theta
        self.program.set_words(self.frame, stop=GOES_ON)
        self.program.run(self.frame)
        return self.program.words(self.frame, "mistake") != [0]
