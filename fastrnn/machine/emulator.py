"""The machine that computes at once: the twin of fastrnn.machine.compiler on NumPy.

A kernel runs on it as plain Python, one operation after the other, so that it can be stepped through, printed, covered
and compared: a vector is an array (lanes,), an Int is an int, a pointer is an address. FASTRNN_EMULATE=1 makes every
Program run here, ten thousand times slower.
"""

import ctypes
import threading
import time

import numpy as np

from fastrnn.formula.evaluate import NUMPY
from fastrnn.machine.emulated_integers import Int, Local

# Held by the thread that adds atomically.
_ADDING = threading.Lock()
# The Programs that others run, by the address of their machine code.
PROGRAMS = {}


class Vector(np.ndarray):
    """An array (lanes,) of floats, or the mask that a comparison of two gives."""

    operations = NUMPY

    def constant(self, number):
        """`number` in every lane."""
        return np.full(self.shape, number, self.dtype).view(Vector)

    @staticmethod
    def fma(a, b, c):
        """a * b + c, rounded twice."""
        return a * b + c


class Emulator:
    """Computes on vectors of `lanes` numbers of `dtype`; frame: the int64 words, one for each of `names`.

    Its methods are those of fastrnn.machine.compiler.Compiler.
    """

    def __init__(self, frame, names, dtype, lanes):
        self.frame, self.names, self.dtype, self.lanes = frame, names, np.dtype(dtype), lanes
        self.bytes = self.dtype.itemsize

    # ---------------------------------------------------------------------------------------------------- calls

    def run(self, frame, names=(), **words):
        """Run the Program of a `loaded` frame, an array of int64, on it, after setting words of it; names: of its first
        words."""
        for name, value in words.items():
            self.write(frame, names.index(name), value)
        program = PROGRAMS[self.read(frame, -1)]
        if program.names[: len(names)] != tuple(names):
            raise ValueError(f"run: got {', '.join(names)}, but the frame begins with {', '.join(program.names)}")
        emulate(program, _at(frame, 0, np.dtype(np.int64), len(program.names)))

    def call(self, address, words):
        """Run the Program whose machine code is at an address on a frame of these words."""
        program = PROGRAMS[address]
        if len(words) != len(program.names):
            raise ValueError(f"call: got {len(words)} words, expected {', '.join(program.names)}")
        emulate(program, np.array(words, np.int64))

    # -------------------------------------------------------------------------------------------------- the frame

    def word(self, name):
        """An integer of the frame."""
        return Int(self.frame[self.names.index(name)])

    def set_word(self, name, value):
        """Write an integer of the frame."""
        self.frame[self.names.index(name)] = (value + 2**63) % 2**64 - 2**63

    def pointer(self, name):
        """The address of an array of numbers that is in the frame."""
        return self.word(name)

    integers = pointer

    def as_pointer(self, address):
        """An address is a pointer."""
        return address

    as_integers = as_pointer

    def part(self, numbers, index):
        """The array of numbers that begins at an element of another one."""
        return numbers + index * self.dtype.itemsize

    def part_of_integers(self, integers, index):
        """The array of int64 that begins at an element of another one."""
        return integers + index * 8

    def read(self, integers, index):
        """An element of an array of int64."""
        return Int(_at(integers, index, np.dtype(np.int64), 1)[0])

    def write(self, integers, index, value):
        """Set an element of an array of int64."""
        # As 64 bits: a word of bits may have the highest set.
        _at(integers, index, np.dtype(np.int64), 1)[0] = (value + 2**63) % 2**64 - 2**63

    def random_words(self, key, counter, words, count):
        """Fill `count` int64s with the bits that numpy.random.Philox(key=key, counter=[0, *counter]) draws."""
        key, counter = ([int(each) % 2**64 for each in numbers] for numbers in (key, (0, *counter)))
        drawn = np.random.Philox(key=np.array(key, np.uint64), counter=np.array(counter, np.uint64)).random_raw(count)
        _at(words, 0, np.dtype(np.uint64), count)[:] = drawn

    def exchange(self, rows, words, count, first):
        """Bit first + l of words (64, count)[s] = bit s of rows (16, count)[l]; bits of words below these stay, those
        above become 0."""
        bits = np.unpackbits(_at(rows, 0, np.dtype("<u8"), 16 * count).view(np.uint8), bitorder="little")
        lanes = np.arange(first, first + 16, dtype=np.uint64)[:, None, None]
        own = bits.reshape(16, count, 64).astype(np.uint64) << lanes
        target = _at(words, 0, np.dtype(np.uint64), 64 * count).reshape(64, count)
        target &= np.uint64(2**first - 1)
        target |= np.bitwise_or.reduce(own, 0).T

    # ---------------------------------------------------------------------------------------------------- doubles

    def double(self, pointer, index):
        """A number of an array, as a float."""
        return np.float64(self._numbers(pointer, index, 1)[0])

    def read_double(self, integers, index):
        """An element of an array of float64."""
        return _at(integers, index, np.dtype(np.float64), 1)[0]

    def write_double(self, integers, index, value):
        """Set an element of an array of float64."""
        _at(integers, index, np.dtype(np.float64), 1)[0] = value

    as_double = staticmethod(np.float64)

    def truncated(self, double):
        """The Int that is left of a float without what follows its point."""
        return Int(double)

    def is_finite(self, double):
        """A condition for `when`."""
        return Int(np.isfinite(double))

    def is_positive(self, double):
        """A condition for `when`."""
        return Int(double > 0)

    # ---------------------------------------------------------------------------------------------------- threads

    def atomic_add(self, integers, index, amount):
        """Add to an element of an array of int64 atomically; returns the Int before."""
        with _ADDING:
            before = self.read(integers, index)
            self.write(integers, index, before + amount)
        return before

    atomic_read, atomic_write = read, write

    def pause(self):
        """Wait for a moment: nothing, as each instruction takes long."""

    def give_way(self):
        """Yield to another thread."""
        time.sleep(0)

    # ----------------------------------------------------------------------------------------------------- memory

    def _numbers(self, pointer, index, count):
        return _at(pointer, index, self.dtype, count)

    def load(self, pointer, index):
        """The vector `index` vectors from the pointer."""
        return self._numbers(pointer, index * self.lanes, self.lanes).copy().view(Vector)

    def store(self, pointer, index, value):
        """Write a vector `index` vectors from the pointer."""
        self._numbers(pointer, index * self.lanes, self.lanes)[:] = value

    def prefetch(self, pointer, index, write=False):
        """Do nothing: there are no caches to fill."""

    def broadcast(self, pointer, index):
        """The number `index` numbers from the pointer, in all lanes."""
        return self.constant(self._numbers(pointer, index, 1)[0])

    def set_number(self, pointer, index, value):
        """Write a float, or the first lane of a vector, `index` numbers from the pointer."""
        self._numbers(pointer, index, 1)[0] = np.ravel(value)[0]

    def constant(self, number):
        """Return a number, broadcast to all lanes."""
        return np.full(self.lanes, number, self.dtype).view(Vector)

    from_integer = constant

    # --------------------------------------------------------------------------------------------------- arithmetic

    fma = staticmethod(Vector.fma)

    def select(self, mask, a, b):
        """a where mask, else b."""
        return np.where(mask, a, b).astype(self.dtype).view(Vector)

    def joined(self, vectors):
        """Vectors as one long one."""
        return np.concatenate(vectors).view(Vector)

    def parts(self, vector):
        """The inverse of `joined`."""
        return list(vector.reshape(-1, self.lanes))

    def from_bits(self, word, first):
        """1 in the lanes whose bit of an Int is set, from bit `first` on, and 0 in the others."""
        return np.array([word >> first + lane & 1 for lane in range(self.lanes)], self.dtype).view(Vector)

    def mask_bits(self, condition):
        """An Int whose bit i is set where the condition (a comparison of vectors) holds in lane i."""
        return Int(sum(1 << lane for lane in np.flatnonzero(condition).tolist()))

    def sums(self, vectors):
        """The sum over the lanes of the n-th vector, of at most as many as there are lanes, in lane n."""
        totals = [vector.sum() for vector in vectors]
        return np.array(totals + totals[:1] * (self.lanes - len(totals)), self.dtype).view(Vector)

    def transposed(self, vectors):
        """As many vectors as there are lanes, whose rows and columns are exchanged."""
        return [row.view(Vector) for row in np.array(vectors).T.copy()]

    def add_sums(self, pointer, indices, vectors):
        """Add to each number of the array the sum over the lanes of its vector."""
        for index, vector in zip(indices, vectors):
            self._numbers(pointer, index, 1)[0] += vector.sum()

    # -------------------------------------------------------------------------------------------------- control flow

    def integer(self, value):
        """A Python int as an Int."""
        return Int(value)

    local = staticmethod(Local)

    def range(self, stop, start=0, step=1):
        """A loop over start, start + step, ... below `stop`."""
        return map(Int, range(start, stop, step))

    def down(self, count):
        """A loop over count - 1, count - 2, ..., 0."""
        return map(Int, reversed(range(count)))

    def loop(self, count):
        """A loop over 0, 1, ... that `stop(condition)` leaves when the step is done: yields (n, stop)."""
        conditions = []
        for n in range(count):
            yield Int(n), conditions.append
            if any(conditions):
                break

    def when(self, condition):
        """A branch, as a loop that runs once or not at all."""
        return [None] if condition else []

    @staticmethod
    def unrolls(count, vectors):
        """Return whether a loop would be written out: here none is."""
        return False

    def fold(self, count, values, body, rolled=False):
        """The vectors `values` after values = body(n, values) for n = 0, 1, ..."""
        for n in range(count):
            values = body(Int(n), values)
        return values


def emulate(program, frame):
    """Run a Program (fastrnn.machine.execute) on its frame."""
    # Lanes without a model compute with zeros, as they do in compiled code, where nobody warns.
    with np.errstate(all="ignore"):
        program.kernel(Emulator(frame, program.names, program.dtype, program.lanes))


def _at(address, index, dtype, count):
    """(count,) of the memory `index` numbers from an address; writing to it writes there."""
    size, place = count * dtype.itemsize, int(address) + int(index) * dtype.itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(place), dtype)
