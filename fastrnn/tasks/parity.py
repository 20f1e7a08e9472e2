"""Parity: is the number of ones so far odd?

Each step sees one bit and answers the parity of all bits up to it; that is also what it must remember. One bit
changed changes every later answer.

    >>> format(Parity(bits=8).oracle((0b00010110,)), "08b")   # lowest bits first: 0, 1, 2, 2, 3, 3, 3, 3 ones
    '11110010'
"""

from dataclasses import dataclass

from fastrnn.tasks.base import Task


@dataclass(frozen=True)
class Parity(Task):
    """The parity of the bits so far, answered at each bit.

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

    name = "parity"
    input_size = 1
    states = 2

    def label(self, x, state):
        odd = state[0] ^ x[0]
        return [odd], [odd]

    def oracle(self, operands):
        (x,) = operands
        # The parities of the last 1, 2, 4, 8, ... bits, each from two of the ones before.
        shift = 1
        while shift < self.bits:
            x ^= x << shift
            shift *= 2
        return x % 2**self.bits

    def equation(self, operands, answer):
        return f"parity of {operands[0]}, bit by bit: {answer}"

    def spelled(self, answer):
        return format(answer, f"0{self.bits}b")
