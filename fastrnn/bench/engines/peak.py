"""What the machine can do at most: fused multiply-adds in registers, and three streams through memory.

Timed like engines, in the same rounds; one update is a fixed amount of work.
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import TILE
from fastrnn.simd import fma, lanes, load, load_like, pointwise, store, zeros
from fastrnn.threads import on_threads

# Elements of the three arrays that lie in the second-level cache together: 192 kB.
NEAR = 1 << 14

# Multiply-adds of TILE vectors in one update, and elements of each of three float32 arrays: 64 MB, beyond any cache
# that a core has to itself.
TURNS, LENGTH = 4096, 1 << 24

_fma = pointwise(lambda sums, a, b: fma(sums, a, b))


@inlined
def _multiply_add(data, turns, rows):
    a, b = load(data, 0, 1), load(data, 1, 1)
    sums = load_like(data, 2, rows)
    # The sums wait for themselves alone, and there are as many as the register tile of the kernels has.
    for _ in range(turns):
        sums = _fma(sums, a, b)
    store(data, 2, sums)


@jit
def multiply_add(data, turns):
    """`turns` times TILE vectors of sums = sums * a + b, data (2 + TILE, lanes) being a, b and the sums."""
    _multiply_add(data, turns, zeros(data, TILE))


@jit
def triad(a, b, c, first, last):
    """a = b + 3 c between two indices, vector by vector."""
    for i in range(first, last, lanes(a)):
        store(a, i, _fma(load(c, i, 1), 3.0, load(b, i, 1)))


class MultiplyAdd:
    """Peak rate: 2 * TURNS * TILE * lanes floating-point operations an update on each thread."""

    def __init__(self, work, threads, weights, x, y):
        self.threads = threads
        width = 64 // np.dtype(work.dtype).itemsize
        self.data = np.full((threads, 2 + TILE, width), 0.5, work.dtype)

    def run(self, updates):
        on_threads(
            self.threads,
            lambda thread, threads: [multiply_add(data, TURNS * updates) for data in self.data[thread::threads]],
        )

    @staticmethod
    def flops(dtype, threads):
        """Operations in one update of so many threads."""
        return 2 * TURNS * TILE * (64 // np.dtype(dtype).itemsize) * threads


class Triad:
    """Memory bandwidth: three arrays of LENGTH float32 read or written an update, whatever the number of threads."""

    length = LENGTH

    def __init__(self, work, threads, weights, x, y):
        self.threads = threads
        self.arrays = [np.full(self.length, value, np.float32) for value in (0, 1, 2)]

    def run(self, updates):
        share = self.length // 16 // self.threads * 16

        def part(thread, threads):
            for _ in range(updates):
                for i in range(thread, self.threads, threads):
                    triad(*self.arrays, i * share, (i + 1) * share)

        on_threads(self.threads, part)

    @classmethod
    def bytes(cls, threads):
        """Bytes that one update reads or writes; the line that a store reads before it writes is not counted."""
        return 12 * (cls.length // 16 // threads * 16 * threads)


class NearTriad(Triad):
    """The same in the second-level cache, on one thread."""

    length = NEAR
