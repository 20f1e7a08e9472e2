"""Increment: x + 1, in a machine word of `bits` bits.

Each step sees one bit and answers one; what it must remember is whether the carry, which is there from the start, has
ended: bits are turned over up to the first zero.

    >>> Increment(bits=8).oracle((69,)), Increment(bits=8).oracle((255,))
    (70, 0)
"""

from dataclasses import dataclass

from fastrnn.compiling import jit
from fastrnn.tasks.base import Task, places


@jit
def _label(numbers, x, y, state):
    # A sequence starts with state 0, so this holds where the carry has ended.
    for t in range(x.shape[0]):
        y[t, 0] = x[t, 0] ^ ~state[0]
        state[0] |= ~x[t, 0]


@dataclass(frozen=True)
class Increment(Task):
    """An integer plus one, modulo 2**bits, as `bits` bits.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.

    Raises
    ------
    ValueError
        For a width below 1.
    """

    bits: int = 16

    name = "increment"
    input_size = 1
    states = 2
    label = staticmethod(_label)

    def oracle(self, operands):
        (x,) = operands
        return (x + 1) % 2**self.bits

    def equation(self, operands, answer):
        return f"{operands[0]} + 1 = {answer} (mod {self.modulus})"

    def hard_cases(self):
        # Zeros after the carry's end, and ones.
        ends = [end for i in places(self.bits) for end in (2**i - 1, 2**self.bits - 1 - 2**i)]
        return [*super().hard_cases(), *(("carry chain", (end,)) for end in ends)]
