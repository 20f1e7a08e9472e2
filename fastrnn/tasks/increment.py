"""Increment: x + 1, in a machine word of `bits` bits.

Each step sees one bit and answers one; what it must remember is whether the carry, which is there from the start, has
ended: bits are turned over up to the first zero.

    >>> Increment(bits=8).oracle((69,)), Increment(bits=8).oracle((255,))
    (70, 0)
"""

from dataclasses import dataclass

from fastrnn.tasks.base import Task, places


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

    def label(self, x, state):
        # A sequence starts with state 0, so this holds where the carry has ended.
        ended = state[0]
        return [x[0] ^ ~ended], [ended | ~x[0]]

    def oracle(self, operands):
        (x,) = operands
        return (x + 1) % 2**self.bits

    def equation(self, operands, answer):
        return f"{operands[0]} + 1 = {answer} (mod {self.modulus})"

    def hard_cases(self):
        # Zeros after the carry's end, and ones.
        ends = [end for i in places(self.bits) for end in (2**i - 1, 2**self.bits - 1 - 2**i)]
        return [*super().hard_cases(), *(("carry chain", (end,)) for end in ends)]
