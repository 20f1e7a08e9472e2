"""Kernels for all sizes, and, for sizes that are worked with, kernels for these alone.

How these come to know the sizes say fastrnn.kernels.constant and fastrnn.kernels.reference.
"""

import threading

import numba

from fastrnn.kernels.address import address_of, is_ready

# Seconds of work after which it pays to compile kernels anew: it takes three.
ENOUGH = 5.0

# Seconds that this process has worked with kernels for all sizes, by what would be compiled instead.
_worked, _lock = {}, threading.Lock()


class Tiers:
    """The addresses of some kernels, compiled for all sizes, until others are in the cache or worth compiling.

    kernels(own): the kernels, each a dispatcher and examples of its arguments, for these sizes alone or for all. With
    `at_once` they are compiled for these sizes alone right away. The results are the same.
    """

    def __init__(self, kernels, at_once=False):
        self._own = kernels(True)
        self.own = at_once or all(is_ready(*kernel) for kernel in self._own)
        self.addresses = self._compiled(self._own if self.own else kernels(False))

    @staticmethod
    def _compiled(kernels):
        return tuple(address_of(*kernel) for kernel in kernels)

    def worked(self, seconds):
        """Count a thread's work; when it is enough, compile."""
        if self.own:
            return
        key = tuple(numba.typeof(argument) for kernel in self._own for argument in kernel[1:])
        with _lock:
            _worked[key] = _worked.get(key, 0) + seconds
            if self.own or _worked[key] < ENOUGH:
                return
            self.own = True
        self.addresses = self._compiled(self._own)
