"""Runs a network on bit planes piece by piece in time; states are carried from one piece to the next."""

from functools import lru_cache

import numpy as np

from fastrnn.arguments import as_array, as_integer
from fastrnn.cores import cores
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.block_data import WORD
from fastrnn.kernels.recurrent.bits import STEPS_KEPT, words_program
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import kernel_network, lanes_for
from fastrnn.threads import on_threads

# Floating-point operations of one thread in a round, some 50 ms, after which Ctrl-C acts and progress is shown; and
# those that are worth a thread more, some 50 us.
ROUND_FLOPS, THREAD_FLOPS = 1e9, 1e6


@lru_cache(maxsize=64)
def bits_network(cell, inputs, outputs, dtype):
    """Return the Network that runs on words of bits."""
    columns = WORD // lanes_for(dtype)
    return kernel_network(cell, Sigmoid(), (inputs, outputs), False, True, columns=columns, bits=True)


@lru_cache(maxsize=64)
def _program(net, dtype):
    return words_program(net, dtype, lanes_for(dtype))


def memory_of(net, dtype, steps, theta):
    """Return {name: array}, the working memory of a program on bits: numbers theta (R,), and states of `steps` steps.
    """
    arrays = {name: aligned_zeros((count, lanes_for(dtype)), dtype) for name, count in net.arrays(steps).items()}
    return {**arrays, "theta": theta}


class Stream:
    """`samples` sequences that a Model processes piece by piece.

    margins (samples,): the smallest |z| so far, over steps and outputs.
    """

    def __init__(self, model, samples, threads=None):
        self.net, self.theta = (
            bits_network(model.cell, model.input_size, model.output_size, str(model.dtype)),
            model.theta,
        )
        self.samples, self.dtype = as_integer("samples", samples, 0), str(model.dtype)
        self.threads = None if threads is None else as_integer("threads", threads, 1)
        self.program, lanes = _program(self.net, self.dtype), lanes_for(self.dtype)
        self.words, sizes = -(-self.samples // WORD), self.net.sizes
        count = len(self.net.step.new) * sizes.hidden * self.net.columns
        self.states = aligned_zeros((self.words, count, lanes), self.dtype)
        self._margins = np.full((self.words, self.net.columns, lanes), np.inf, self.dtype)
        self.valid = np.full(self.words, 2**64 - 1, np.uint64)
        if self.samples % WORD:
            self.valid[-1] = 2 ** (self.samples % WORD) - 1

    @property
    def margins(self):
        return self._margins.reshape(-1)[: self.samples]

    def run(self, words, since=0, progress=None):
        """Return the outputs (W, T, O), uint64, of the next T steps, words (W, T, I), uint64; margins include steps
        from `since` on.

        Sample i is bit i % 64 of word i // 64; W may be larger than the samples need. Nothing that is kept grows with
        T. progress(share): called with the share of the samples that is done.

        Raises ValueError for words that are no integers, and for another shape.
        """
        words, sizes = as_array("words", words), self.net.sizes
        if words.dtype.kind not in "iu":
            raise ValueError(f"words: got dtype {words.dtype}, expected uint64")
        if words.ndim != 3 or words.shape[2] != sizes.inputs or len(words) < self.words or not words.shape[1]:
            raise ValueError(f"words: got shape {words.shape}, expected (words, time, {sizes.inputs}) with at least "
                             f"{self.words} words and a time of at least 1")
        words, steps = np.ascontiguousarray(words, np.uint64), words.shape[1]
        out = np.zeros((*words.shape[:2], sizes.outputs), np.uint64)

        def part(first, last):
            frame, _memory = self.frame(words[first:last], out[first:last], first, since)
            self.program.run(frame)

        flops = WORD * steps * flops_of_step(sizes, len(self.net.step.pre))
        in_parts(self.words, self.threads, part, flops, progress)
        out[: self.words] &= self.valid[:, None, None]
        return out

    def frame(self, words, out, first=0, since=0):
        """Return (frame of the program, the arrays that it points to) for words of samples from number `first` on."""
        memory = memory_of(self.net, self.dtype, STEPS_KEPT, self.theta)
        memory |= {"states": self.states[first:], "margins": self._margins[first:], "x": words, "out": out}
        return self.program.loaded(**memory, words=len(words), steps=words.shape[1], since=since), memory


def in_parts(blocks, threads, work, flops, progress=None):
    """Run work(first, last) on all of `blocks` blocks of `flops` operations each, divided among threads, in rounds.

    threads: the most that work, default all cores; progress(share): called after each round.
    """
    # A plain number of Python.
    threads = max(1, min(int(threads or cores()), blocks, int(blocks * flops / THREAD_FLOPS)))
    together = max(threads, int(threads * ROUND_FLOPS / flops))
    for start in range(0, blocks, together):
        count = min(together, blocks - start)
        on_threads(
            threads, lambda i, n, start=start, count=count: work(start + i * count // n, start + (i + 1) * count // n)
        )
        if progress:
            progress((start + count) / blocks)


def flops_of_step(sizes, gates=1):
    """Return the floating-point operations of one step forward of one sample, for a network's Sizes; training takes
    three times as many."""
    return 2 * sizes.hidden * (gates * (sizes.inputs + sizes.hidden) + sizes.outputs)
