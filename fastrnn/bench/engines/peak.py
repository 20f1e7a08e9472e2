"""The peak performance of the machine: fused multiply-adds in registers and from caches, and streams through memory.

Timed like engines, in the same rounds; one update is a fixed amount of work.
"""

import numpy as np

from fastrnn.caches import nearest_bytes
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.networks import lanes_for
from fastrnn.threads import on_threads

# Sums that do not wait for each other: a multiply-add takes four cycles, and two begin in each.
INDEPENDENT_SUMS = 10
# Sums of multiply-adds that each load a vector, as those with weights of models side by side do.
LOADED_SUMS = 16
# Elements of the three arrays that lie in the second-level cache together: 192 kB.
NEAR_ELEMENTS = 1 << 14
# Multiply-adds of INDEPENDENT_SUMS vectors in one update, and elements of each of three float32 arrays: 64 MB, beyond
# any cache that a core has to itself.
TURNS, LENGTH = 4096, 1 << 24


def multiply_add(dtype):
    """Return the Program that repeats sums = sums * a + b `turns` times on INDEPENDENT_SUMS vectors; data (2 +
    INDEPENDENT_SUMS, lanes) are a, b and the sums."""

    def kernel(m):
        data = m.pointer("data")
        a, b, *sums = (m.load(data, m.integer(row)) for row in range(2 + INDEPENDENT_SUMS))
        sums = m.fold(m.word("turns"), sums, lambda _, sums: [m.fma(each, a, b) for each in sums])
        for row, value in enumerate(sums):
            m.store(data, m.integer(2 + row), value)

    return Program(kernel, ("data", "turns"), dtype, lanes_for(dtype), f"peak {INDEPENDENT_SUMS}")


def multiply_add_loaded(dtype):
    """Return the Program that adds a times each of `count` vectors to LOADED_SUMS vectors in turn, `turns` times; data
    are a, and what becomes of the sums."""

    def kernel(m):
        data, vectors = m.pointer("data"), m.pointer("vectors")
        a = m.load(data, m.integer(0))
        for _ in m.range(m.word("turns")):

            def more(n, sums):
                return [m.fma(a, m.load(vectors, n * LOADED_SUMS + row), each) for row, each in enumerate(sums)]

            sums = m.fold(m.word("count") // LOADED_SUMS, [m.constant(0.0)] * LOADED_SUMS, more)
            for row, value in enumerate(sums):
                m.store(data, m.integer(1 + row), value)

    return Program(kernel, ("data", "vectors", "count", "turns"), dtype, lanes_for(dtype), f"peak {LOADED_SUMS}")


def triad(dtype):
    """Return the Program that computes a = b + 3 c `turns` times, on `count` vectors of each."""

    def kernel(m):
        a, b, c = (m.pointer(name) for name in "abc")
        three = m.constant(3.0)
        for _ in m.range(m.word("turns")):
            for row in m.range(m.word("count")):
                m.store(a, row, m.fma(three, m.load(c, row), m.load(b, row)))

    return Program(kernel, ("a", "b", "c", "count", "turns"), dtype, lanes_for(dtype), "triad")


def filled(shape, value, dtype=np.float32):
    """Return an array of one value, aligned as those of training: a vector across two cache lines takes two loads."""
    array = aligned_zeros(shape, dtype)
    array[...] = value
    return array


class MultiplyAdd:
    """Peak rate: 2 * TURNS * INDEPENDENT_SUMS * lanes floating-point operations per update on each thread."""

    def __init__(self, work, threads, weights, x, y):
        self.threads, self.program = threads, multiply_add(work.dtype)
        self.data = filled((threads, 2 + INDEPENDENT_SUMS, lanes_for(work.dtype)), 0.5, work.dtype)

    def run(self, updates):
        def part(thread, threads):
            for data in self.data[thread::threads]:
                self.program.run(np.array([data.ctypes.data, TURNS * updates]))

        on_threads(self.threads, part)

    @staticmethod
    def flops(dtype, threads):
        """Return the operations in one update of `threads` threads."""
        return 2 * TURNS * INDEPENDENT_SUMS * lanes_for(dtype) * threads


class NearMultiplyAdd:
    """Rate of multiply-adds that each load a vector of float32 from the nearest cache, on one thread."""

    kilobytes, turns = 16, 1024

    def __init__(self, work, threads, weights, x, y):
        self.program, lanes = multiply_add_loaded("float32"), lanes_for("float32")
        self.data = filled((1 + LOADED_SUMS, lanes), 0.5)
        self.vectors = filled((self.kilobytes * 256 // lanes, lanes), 0.5)

    def run(self, updates):
        addresses = (array.ctypes.data for array in (self.data, self.vectors))
        self.program.run(np.array([*addresses, len(self.vectors), self.turns * updates]))

    @classmethod
    def flops(cls):
        """Return the operations in one update."""
        return 2 * cls.turns * cls.kilobytes * 256


class FarMultiplyAdd(NearMultiplyAdd):
    """The same from the second-level cache: twice as many numbers as the nearest one holds."""

    kilobytes, turns = 2 * nearest_bytes() // 1024, 128


class Triad:
    """Memory bandwidth: three arrays of LENGTH float32 are read or written in each update, for any number of threads.
    """

    length, turns = LENGTH, 1

    def __init__(self, work, threads, weights, x, y):
        self.threads, self.program = threads, triad("float32")
        self.arrays = [filled((self.length,), value) for value in (0, 1, 2)]

    def run(self, updates):
        lanes = lanes_for("float32")
        share = self.length // lanes // self.threads

        def part(thread, threads):
            for _ in range(updates):
                for i in range(thread, self.threads, threads):
                    starts = [array[i * share * lanes :].ctypes.data for array in self.arrays]
                    self.program.run(np.array([*starts, share, self.turns]))

        on_threads(self.threads, part)

    @classmethod
    def bytes(cls, threads):
        """Return the bytes that one update reads or writes, without the lines that a store reads before it writes."""
        lanes = lanes_for("float32")
        return 12 * cls.turns * (cls.length // lanes // threads * lanes * threads)


class NearTriad(Triad):
    """The same in the second-level cache, on one thread; repeated many times, so that the call's own cost is
    negligible."""

    length, turns = NEAR_ELEMENTS, 256
