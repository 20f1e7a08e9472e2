"""The words and the arrays that a Program reads."""

import numpy as np

from fastrnn.kernels.workspace import aligned_zeros


class Frame:
    """frame: int64 words of a Program, one for each of its names; arrays: {name: array} that words point to."""

    def __init__(self, program, dtype):
        self._places = {name: place for place, name in enumerate(program.names)}
        self.frame, self.arrays, self._dtype = np.zeros(len(program.names), np.int64), {}, dtype

    def set_words(self, **words):
        """Set words of the frame."""
        for name, value in words.items():
            self.frame[self._places[name]] = value

    def allocate(self, name, shape):
        """Give the kernels an array of zeros."""
        self.take_array(name, aligned_zeros(shape, self._dtype))

    def take_array(self, name, array):
        """Give the kernels an array."""
        self.arrays[name] = array
        self.set_words(**{name: array.ctypes.data})
