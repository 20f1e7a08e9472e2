"""A network run on bit planes piece by piece in time, with states carried from one piece to the next."""

import numpy as np

from fastrnn.kernels.block import forward_address
from fastrnn.kernels.stream import run_words
from fastrnn.kernels.threads import default_threads, on_threads
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, lanes_of, workspace

# Steps of time in one segment of a long sequence: its history stays in the second-level cache.
SEGMENT = 256


class Stream:
    """`samples` sequences under way: packed (kernel cell, layout, theta) is a model as Model.packed gives it.

    margins: the smallest |z| so far, over steps and outputs, in each block of 16 samples.
    """

    def __init__(self, packed, samples, threads=None):
        self.packed, self.samples, self.threads = packed, samples, threads
        cell, layout, theta = packed
        self.blocks, self.fresh = -(-samples // BLOCK), True
        self.states = aligned_zeros((self.blocks, layout.panels, BLOCK, lanes_of(theta.dtype)), theta.dtype)
        self.margins = np.full(self.blocks, np.inf)
        self.forward_at = forward_address(cell, layout, theta, bits=True)

    def run(self, words, since=0):
        """Outputs (W, T, O), uint64, of the next T steps, words (W, T, I), uint64; margins count from step `since` of them on.

        Sample i is bit i % 64 of word i // 64. Nothing that is kept grows with T.
        """
        cell, layout, theta = self.packed
        out = np.zeros((*words.shape[:2], cell.output_size, 4), np.uint16)

        def part(first, last):
            work = workspace(cell, layout, max(1, min(SEGMENT, words.shape[1])), theta.dtype, bits=True)
            run_words(cell, layout, theta, words, out, self.margins, self.states, self.fresh, self.samples, first, last, since,
                      work, self.forward_at)

        in_parts(self.blocks, self.threads, part)
        self.fresh = False
        return out.view("<u8")[..., 0]


def in_parts(blocks, threads, work):
    """work(first, last) on each thread's share of `blocks` blocks."""
    # A plain number, whatever kind came in: kernels are compiled for no others.
    threads = max(1, min(int(threads or default_threads()), blocks))
    on_threads(threads, lambda i: work(i * blocks // threads, (i + 1) * blocks // threads))
