"""Is a < b? Asked after the last bit, or at each bit.

Each step sees one bit of a and one of b, least significant first. The highest bit in which they differ decides, so
that each difference overrules all earlier ones, and what must be remembered is the verdict so far.

    >>> Comparison(bits=8).oracle((9, 60)), Comparison(bits=8).oracle((60, 9))
    (1, 0)
    >>> format(RunningComparison(bits=4).oracle((0b0101, 0b0110)), "04b")   # 1 < 0, 1 < 2, 5 < 6, 5 < 6
    '1110'
"""

from dataclasses import dataclass

from fastrnn.tasks.base import Task, alternating, places


@dataclass(frozen=True)
class Comparison(Task):
    """Whether the first of two integers is the smaller one, as one bit, answered at the last step.

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

    name = "comparison"
    input_size = 2
    states = 2
    last_only = True

    def label(self, x, state):
        a, b = x
        less = (~a & b) | (~(a ^ b) & state[0])
        return [less], [less]

    def oracle(self, operands):
        a, b = operands
        return int(a < b)

    def equation(self, operands, answer):
        return f"{' < '.join(operands)} is {answer}"

    def spelled(self, answer):
        return "true" if answer else "false"

    def hard_cases(self):
        # One difference, then equal bits to the end; or one that overrules another.
        last = [(x, x ^ 1 << i) for x in alternating(self.bits) for i in places(self.bits)]
        overruled = [(2**i - 1, 2**i) for i in places(self.bits)]
        pairs = {"one difference": last, "overruled": overruled}
        return [*super().hard_cases(),
                *((family, pair) for family, cases in pairs.items() for a, b in cases for pair in ((a, b), (b, a)))]


@dataclass(frozen=True)
class RunningComparison(Comparison):
    """Whether the first of two integers is the smaller one, answered at each bit for the bits so far.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.

    Raises
    ------
    ValueError
        For a width below 1.
    """

    name = "running-comparison"
    last_only = False

    def oracle(self, operands):
        a, b = operands
        # Where the low bits of a are less than those of b, a - b borrows from the bit above.
        return ((a ^ b ^ (a - b)) >> 1) % 2**self.bits

    def equation(self, operands, answer):
        return f"{' < '.join(operands)}, bit by bit: {answer}"

    def spelled(self, answer):
        return format(answer, f"0{self.bits}b")
