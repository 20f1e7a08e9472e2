"""A Program: a kernel (a function of a machine) and all that it is compiled for.

Its `text` says completely what it is compiled for, and is the key by which its machine code is found again, in the
next process too, and for formulas that users write.
"""

import hashlib
import os

import numpy as np

from fastrnn.machine.emulator import PROGRAMS, emulate
from fastrnn.machine.native import native
from fastrnn.machine.stamp import stamp_of_module


class Program:
    """A kernel for vectors of `lanes` numbers of `dtype`; names: its frames' words; text: what it is compiled for."""

    def __init__(self, kernel, names, dtype, lanes, text):
        self.kernel, self.names, self.dtype, self.lanes = kernel, tuple(names), dtype, lanes
        module = kernel.__module__
        whole = f"{module}.{kernel.__qualname__} {dtype} x {lanes} ({' '.join(names)}) {text} {stamp_of_module(module)}"
        self.places = {name: place for place, name in enumerate(self.names)}
        self.digest = hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()

    def frame(self, **values):
        """Return a frame of these integers and addresses of arrays, by name; the others are 0.

        In memory one more word precedes it, see `loaded`.
        """
        given = (values.get(name, 0) for name in self.names)
        numbers = (value.ctypes.data if isinstance(value, np.ndarray) else int(value) for value in given)
        return np.array([0, *((number + 2**63) % 2**64 - 2**63 for number in numbers)], np.int64)[1:]

    def set_words(self, frame, **values):
        """Set words of a frame to integers, or to addresses of arrays, by name."""
        for name, value in values.items():
            frame[self.places[name]] = value.ctypes.data if isinstance(value, np.ndarray) else value

    def words(self, frame, *names):
        """Return words of a frame by name, integers."""
        return [int(frame[self.places[name]]) for name in names]

    def loaded(self, **values):
        """Return a `frame` on which other Programs can run this one, whose machine code's address precedes it."""
        frame = self.frame(**values)
        frame.base[0] = self.address
        return frame

    @property
    def address(self):
        """The address of its machine code, compiled or from the disk cache, for other Programs."""
        address = native().code(self).address
        if _emulated():
            PROGRAMS[address] = self
        return address

    def run(self, frame):
        """Run on a frame: int64 words, one for each name."""
        if _emulated():
            emulate(self, frame)
        else:
            native().code(self).run(frame.ctypes.data, 1)

    def call(self, **values):
        """Run on a `frame`; return {name: integer} afterwards."""
        frame = self.frame(**values)
        self.run(frame)
        return dict(zip(self.names, frame.tolist()))

    def run_all(self, frames):
        """Run on each of several frames, one after the other, in one call."""
        if _emulated():
            for frame in frames:
                emulate(self, frame)
        else:
            rows = np.array(frames)
            native().code(self).run(rows.ctypes.data, len(rows))
            for frame, row in zip(frames, rows):
                frame[:] = row

    def compile(self):
        """Compile the machine code, or load it from the disk cache."""
        if not _emulated():
            native().code(self)


def _emulated():
    """Return whether kernels run as plain Python (fastrnn.machine.emulator)."""
    return os.environ.get("FASTRNN_EMULATE") == "1"
