"""Threads that share the blocks of one group of models."""

import numpy as np

from fastrnn.data.segments import ranges
from fastrnn.kernels.combining import MOST_PARTS
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.threads import with_helpers

# Parts of an update of models side by side, whose gradients are as many times as large as there are lanes, at most.
MODELS_PARTS = 4
# Steps of blocks in a part, at least. To add up its gradient takes about as long as an eighth of a step.
PART_STEPS = 32


def parts_of(steps, update):
    """Return (B,): the part of each block, from 0 on in each update; and (U,): the number of parts of each update.

    steps (B,): of each block; update (B,): the number of its update, in order; one may have no blocks. Parts depend on
    these alone, and the order of additions on parts alone: results are the same for any number of threads.
    """
    blocks = np.bincount(update)
    parts = np.minimum(blocks, (np.bincount(update, steps).astype(np.int64) // PART_STEPS).clip(1, MOST_PARTS))
    return ranges(blocks) * parts[update] // blocks[update], parts


def parts_of_models(number):
    """Return the part of each block of models side by side; number (B,): of the block among those of its role, which
    are in order of length.

    It depends on no other block, so that a model's parts are the same next to models with more sequences.
    """
    return number % MODELS_PARTS


def parts_of_roles(role, steps):
    """Return (B,): the part of each block. A block has sequences of one role, and shares no part with others.

    role (B,): of each block, in order; steps (B,): of its longest sequence, or None: of models side by side.
    """
    if steps is None:
        counts = np.bincount(role)
        part = parts_of_models(ranges(counts))
        parts = np.minimum(counts, MODELS_PARTS)
    else:
        part, parts = parts_of(steps, role)
    return part + (np.cumsum(parts) - parts)[role]


class Team:
    """The threads of a group. Each has its own memory for blocks, of these shapes, and a frame that points to it.

    The first one has the group's own frame. used: the number of threads at the latest call.
    """

    def __init__(self, program, shapes, dtype):
        self.program, self.shapes, self.dtype, self.used = program, shapes, dtype, 1
        # Of each helper: its frame, and what that points to.
        self.helpers = []

    def run(self, frame, most, meanwhile=None):
        """Run the program on a frame, on at most this number of threads.

        meanwhile: a function that the first one of several calls before it joins the others, or None.
        """
        while len(self.helpers) < most - 1:
            # Memory that no thread writes to takes no room.
            arrays = {name: aligned_zeros(shape, self.dtype) for name, shape in self.shapes.items()}
            self.helpers.append((np.zeros_like(frame), arrays))

        def work(thread, threads):
            own = frame
            if thread:
                own, arrays = self.helpers[thread - 1]
                own[:] = frame
                self.program.set_words(own, **arrays)
            self.program.set_words(own, threads=threads)
            if meanwhile and thread == 0 and threads > 1:
                meanwhile()
            self.program.run(own)

        self.used = len(with_helpers(most, work)) if most > 1 else work(0, 1) or 1
