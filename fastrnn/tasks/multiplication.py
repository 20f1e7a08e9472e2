"""Multiplication by a constant, in a machine word of `bits` bits.

Each step sees one bit of x and answers one of factor * x; what it must remember is the carry, which is below the
factor: carry + factor * bit is at most 2 * factor - 1.

    >>> Multiplication(bits=8, factor=3).oracle((60,))
    180
    >>> Multiplication(bits=8, factor=3).oracle((200,)), 600 % 256
    (88, 88)
"""

from dataclasses import dataclass, field

from fastrnn.tasks.base import Task, incremented, places


@dataclass(frozen=True)
class Multiplication(Task):
    """An integer times a constant `factor`, modulo 2**bits, as `bits` bits.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.
    factor : int
        From 1 to 4096.

    Raises
    ------
    ValueError
        For a width below 1, or a factor out of range.
    """

    bits: int = 16
    factor: int = field(default=3, metadata={"help": "the constant"})

    name = "multiplication"
    input_size = 1

    def __post_init__(self):
        super().__post_init__()
        self.check_integer("factor", 1, 4096)

    @property
    def states(self):
        """The number of possible carries: 0 to factor - 1."""
        return self.factor

    def label(self, x, state):
        # The carry is counted in binary, and x is added at each place where the factor has a one.
        counters = state[: (2 * self.factor - 1).bit_length()]
        for place in range(self.factor.bit_length()):
            if self.factor >> place & 1:
                counters = incremented(counters, x[0], place)
        return counters[:1], counters[1:]

    def oracle(self, operands):
        (x,) = operands
        return self.factor * x % 2**self.bits

    def equation(self, operands, answer):
        return f"{self.factor} * {operands[0]} = {answer} (mod {self.modulus})"

    def hard_cases(self):
        # Products right below a power of two, and at or right above it: carries that run all the way.
        powers = [2**self.bits << i for i in range(self.factor.bit_length())] + [2 << i for i in places(self.bits)]
        near = {
            number
            for power in powers
            for number in (power // self.factor, -(-power // self.factor))
            if number < 2**self.bits
        }
        return [*super().hard_cases(), *(("carry chain", (number,)) for number in sorted(near))]
