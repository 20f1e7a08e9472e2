"""A network run on bit planes piece by piece in time, with states carried from one piece to the next."""

import numpy as np

from fastrnn.cores import cores
from fastrnn.kernels.block import forward_address
from fastrnn.kernels.stream import run_words
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, lanes_of, workspace
from fastrnn.threads import on_threads

# Steps of time in one segment of a long sequence: its history stays in the second-level cache.
SEGMENT = 256

# Floating-point operations of one thread in a round, some 50 ms, after which Ctrl-C acts and progress is shown; and
# those that are worth a thread more, some 50 us.
ROUND_FLOPS, THREAD_FLOPS = 1e9, 1e6


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

    def run(self, words, since=0, progress=None):
        """Outputs (W, T, O), uint64, of the next T steps, words (W, T, I), uint64; margins count from step `since` of them on.

        Sample i is bit i % 64 of word i // 64. Nothing that is kept grows with T. progress(share): called with the
        share of the samples that is done.
        """
        cell, layout, theta = self.packed
        out = np.zeros((*words.shape[:2], cell.output_size, 4), np.uint16)

        def part(first, last):
            work = workspace(cell, layout, max(1, min(SEGMENT, words.shape[1])), theta.dtype, bits=True)
            run_words(
                cell,
                layout,
                theta,
                words,
                out,
                self.margins,
                self.states,
                self.fresh,
                self.samples,
                first,
                last,
                since,
                work,
                self.forward_at,
            )

        in_parts(self.blocks, self.threads, part, BLOCK * words.shape[1] * flops_of_step(cell), progress)
        self.fresh = False
        return out.view("<u8")[..., 0]


def in_parts(blocks, threads, work, flops, progress=None):
    """work(first, last) on all of `blocks` blocks of so many floating-point operations each, shared out among threads, in rounds.

    threads: the most that work, default all cores; progress(share): called after each round.
    """
    # A plain number, whatever kind came in: kernels are compiled for no others.
    threads = max(1, min(int(threads or cores()), blocks, int(blocks * flops / THREAD_FLOPS)))
    together = max(threads, int(threads * ROUND_FLOPS / flops))
    for start in range(0, blocks, together):
        count = min(together, blocks - start)
        on_threads(
            threads, lambda i, n, start=start, count=count: work(start + i * count // n, start + (i + 1) * count // n)
        )
        if progress:
            progress((start + count) / blocks)


def flops_of_step(cell):
    """Floating-point operations of one step forward of one sample, for a kernel cell; training takes three times as many."""
    return 2 * cell.hidden_size * (cell.input_size + cell.hidden_size + cell.output_size)
