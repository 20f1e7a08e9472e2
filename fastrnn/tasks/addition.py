"""Addition of two or more numbers, bit by bit, as in the tutorial.

Each step sees one bit of every operand, least significant first, and answers one bit of the sum; what it
must remember is the carry. Operands keep their top bits clear, so that the sum fits and the last step shows
the final carry.

    >>> Addition(bits=8).oracle((9, 60))
    69
    >>> Addition(bits=8, operands=3).free_bits
    6
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from fastrnn.tasks.base import Task, label, restrict


@dataclass(frozen=True)
class Addition(Task):
    """The sum of `operands` non-negative integers, modulo 2**bits, as `bits` bits.

    Training operands are below 2**free_bits, free_bits = bits - ceil(log2(operands)).
    Raises ValueError for a width or number of operands that leaves no bit free.
    """

    bits: int = 8
    operands: int = 2

    name = "addition"
    output_size = 1

    def __post_init__(self):
        for field, least, most in (("operands", 2, 32), ("bits", 1, None)):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool) or value < least or (most and value > most):
                bound = f"from {least} to {most}" if most else f"of at least {least}"
                raise ValueError(f"{field}: got {value!r}, expected an integer {bound}")
        if self.free_bits < 1:
            needed = self.bits - self.free_bits + 1
            raise ValueError(f"bits: got {self.bits}, expected at least {needed} for {self.operands} operands, so that the sum fits")

    @property
    def input_size(self):
        return self.operands

    @property
    def free_bits(self):
        return self.bits - (self.operands - 1).bit_length()

    @property
    def states(self):
        """Carries that can occur: 0 to operands - 1."""
        return self.operands

    @property
    def kernel(self):
        return AdditionKernel(self.operands, self.bits - self.free_bits)

    def at(self, bits):
        """The same task at another width."""
        return replace(self, bits=bits)

    def oracle(self, operands):
        return sum(operands) % 2**self.bits

    def hard_cases(self):
        """(family, operands) of the sums that networks get wrong first, in free bits."""
        n, zeros = self.free_bits, (0,) * (self.operands - 2)
        ones, even, odd = 2**n - 1, sum(1 << i for i in range(0, n, 2)), sum(1 << i for i in range(1, n, 2))
        chains = [(2**n - 2**start, 2**start) for start in sorted({0, 1, n // 4, n // 2, n - 1})]
        pairs = {
            "carry chain": [*chains, (ones - 1, 2), (ones, 2 ** (n // 2))],
            "all ones": [(ones, 1), (1, ones), (ones, ones), (ones, 0)],
            "equal": [(x, x) for x in (even, odd, 2 ** (n - 1), 2**n // 3, 1)],
            "zero": [(0, 0), (0, 1), (0, ones), (2 ** (n - 1), 0)],
            "alternating": [(even, odd), (odd, even), (even, even), (odd, odd), (even, ones), (odd, 1)],
        }
        return [(family, (a, b, *zeros)) for family, cases in pairs.items() for a, b in cases]


class AdditionKernel(NamedTuple):
    """Operands, and how many of their top bits stay clear."""

    operands: int
    headroom: int

    is_bit_task = True


@overload(restrict)
def _restrict(task, x):
    if task.instance_class is not AdditionKernel:
        return None

    def clear_top(task, x):
        for t in range(x.shape[0] - task.headroom, x.shape[0]):
            for i in range(x.shape[1]):
                x[t, i] = 0

    return clear_top


@overload(label)
def _label(task, x, y, state):
    if task.instance_class is not AdditionKernel:
        return None

    def add(task, x, y, state):
        # Each step counts in binary, planes of 64 counters: the carry, then one operand's bit after the
        # other, rippling up. The lowest plane is the sum's bit, the others are the next carry.
        planes = 1
        while 2**planes < 2 * task.operands:
            planes += 1
        for t in range(x.shape[0]):
            for i in range(task.operands):
                ripple = x[t, i]
                for plane in range(planes):
                    state[plane], ripple = state[plane] ^ ripple, state[plane] & ripple
            y[t, 0] = state[0]
            for plane in range(planes - 1):
                state[plane] = state[plane + 1]
            state[planes - 1] = np.uint64(0)

    return add
