"""Subtraction in two's complement: a - b in a machine word of `bits` bits.

Each step sees one bit of a and one of b, least significant first, and answers one bit of the difference; what it must
remember is the borrow. Where b is larger, the answer is that of the wrapped word.

    >>> Subtraction(bits=8).oracle((60, 9))
    51
    >>> Subtraction(bits=8).oracle((9, 60)), 9 - 60 + 256
    (205, 205)
"""

from dataclasses import dataclass

from fastrnn.tasks.base import Task, places


@dataclass(frozen=True)
class Subtraction(Task):
    """The difference of two integers, modulo 2**bits, as `bits` bits.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.

    Raises
    ------
    ValueError
        For a width below 1.
    """

    bits: int = 8

    name = "subtraction"
    input_size = 2
    states = 2

    def label(self, x, state):
        (a, b), borrow = x, state[0]
        return [a ^ b ^ borrow], [(~a & b) | (~(a ^ b) & borrow)]

    def oracle(self, operands):
        a, b = operands
        return (a - b) % 2**self.bits

    def equation(self, operands, answer):
        return f"{' - '.join(operands)} = {answer} (mod {self.modulus})"

    def hard_cases(self):
        # A borrow that runs from one bit to another, and numbers that differ by one.
        chains = [(2**i, 2**j) for i in places(self.bits) for j in places(self.bits) if j <= i]
        neighbours = [(x - 1, x) for x, _ in chains]
        return [
            *super().hard_cases(),
            *(("borrow chain", pair) for pair in chains),
            *(("neighbours", pair) for pair in neighbours),
        ]
