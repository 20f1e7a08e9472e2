"""Multiplication by a constant, in a machine word of so many bits.

Each step sees one bit of x and answers one of factor * x; what it must remember is the carry, which is below the
factor: carry + factor * bit is at most 2 * factor - 1.

    >>> Multiplication(bits=8, factor=3).oracle((60,))
    180
    >>> Multiplication(bits=8, factor=3).oracle((200,)), 600 % 256
    (88, 88)
"""

from dataclasses import dataclass, field

import numpy as np

from fastrnn.compiling import jit
from fastrnn.tasks.base import Task, check_integer, places


@jit
def _label(numbers, x, y, state):
    # Planes of 64 binary counters, as in addition: x is added at each place where the factor has a one.
    factor, planes = numbers[0], 1
    while 2**planes < 2 * factor:
        planes += 1
    for t in range(x.shape[0]):
        for place in range(planes):
            if factor >> place & 1:
                ripple = x[t, 0]
                for plane in range(place, planes):
                    state[plane], ripple = state[plane] ^ ripple, state[plane] & ripple
        y[t, 0] = state[0]
        for plane in range(planes - 1):
            state[plane] = state[plane + 1]
        state[planes - 1] = np.uint64(0)


@dataclass(frozen=True)
class Multiplication(Task):
    """An integer times a constant `factor`, modulo 2**bits, as `bits` bits.

    Raises ValueError for a width below 1 or a factor that is not from 1 to 4096.
    """

    bits: int = 16
    factor: int = field(default=3, metadata={"help": "the constant"})

    name = "multiplication"
    input_size = 1
    label = staticmethod(_label)

    def __post_init__(self):
        super().__post_init__()
        check_integer("factor", self.factor, 1, 4096)

    @property
    def numbers(self):
        return (self.factor,)

    @property
    def states(self):
        """Carries that can occur: 0 to factor - 1."""
        return self.factor

    def oracle(self, operands):
        (x,) = operands
        return self.factor * x % 2**self.bits

    def equation(self, operands, answer):
        return f"{self.factor} * {operands[0]} = {answer} (mod {self.modulus})"

    def hard_cases(self):
        # Products right below a power of two, and at or right above it: carries that run all the way.
        powers = [2**self.bits << i for i in range(self.factor.bit_length())] + [2 << i for i in places(self.bits)]
        near = {number for power in powers for number in (power // self.factor, -(-power // self.factor)) if number < 2**self.bits}
        return [*super().hard_cases(), *(("carry chain", (number,)) for number in sorted(near))]
