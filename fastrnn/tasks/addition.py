"""Addition of two or more numbers, bit by bit, as in the tutorial.

Each step sees one bit of every operand, least significant first, and answers one bit of the sum; what it
must remember is the carry. Operands keep their top bits clear, so that the sum fits and the last step shows
the final carry.

    >>> Addition(bits=8).oracle((9, 60))
    69
    >>> Addition(bits=8, operands=3).free_bits
    6
"""

from dataclasses import dataclass

from fastrnn.tasks.base import Task, alternating, incremented


@dataclass(frozen=True)
class Addition(Task):
    """The sum of `operands` non-negative integers, modulo 2**bits, as `bits` bits.

    Operands of training are below 2**free_bits, free_bits = bits - ceil(log2(operands)).

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.
    operands : int
        The number of integers in a sum, at least 2.

    Raises
    ------
    ValueError
        If the width and the number of operands leave no bit free.
    """

    bits: int = 8
    operands: int = 2

    name = "addition"

    def __post_init__(self):
        self.check_integer("operands", 2, 32)
        super().__post_init__()
        if self.bits < self.least_bits:
            raise ValueError(
                f"bits: got {self.bits}, expected at least {self.least_bits} for {self.operands} operands, "
                "so that the sum fits"
            )

    @property
    def input_size(self):
        return self.operands

    @property
    def free_bits(self):
        return self.bits - (self.operands - 1).bit_length()

    @property
    def least_bits(self):
        return (self.operands - 1).bit_length() + 1

    @property
    def states(self):
        """The number of possible carries: 0 to operands - 1."""
        return self.operands

    def label(self, x, state):
        if self.operands == 2:  # a full adder
            (a, b), carry = x, state[0]
            half = a ^ b
            return [half ^ carry], [(a & b) | (carry & half)]
        # Each step counts in binary: the carry, then one operand's bit after the other. The lowest bit is the sum's,
        # the others are the next carry.
        counters = state[: (2 * self.operands - 1).bit_length()]
        for bits in x:
            counters = incremented(counters, bits)
        return counters[:1], counters[1:]

    def oracle(self, operands):
        return sum(operands) % 2**self.bits

    def described(self):
        return f"{self.name}, {self.bits} bits" + (f", {self.operands} operands" if self.operands != 2 else "")

    def equation(self, operands, answer):
        shown = operands if len(operands) <= 4 else [*operands[:2], "...", operands[-1]]
        return f"{' + '.join(shown)} = {answer}"

    def hard_cases(self):
        """Return (family, operands) of the sums on which networks fail first, in free bits."""
        n, zeros = self.free_bits, (0,) * (self.operands - 2)
        ones, (even, odd) = 2**n - 1, alternating(n)
        chains = [(2**n - 2**start, 2**start) for start in sorted({0, 1, n // 4, n // 2, n - 1})]
        pairs = {
            "carry chain": [*chains, (ones - 1, 2), (ones, 2 ** (n // 2))],
            "every length": _chains_of_every_length(n),
            "all ones": [(ones, 1), (1, ones), (ones, ones), (ones, 0)],
            "equal": [(x, x) for x in (even, odd, 2 ** (n - 1), 2**n // 3, 1)],
            "zero": [(0, 0), (0, 1), (0, ones), (2 ** (n - 1), 0)],
            "alternating": [(even, odd), (odd, even), (even, even), (odd, odd), (even, ones), (odd, 1)],
        }
        # Of one free bit there are fewer.
        return [(family, (a, b, *zeros)) for family, cases in pairs.items() for a, b in cases if max(a, b) <= ones]


def _chains_of_every_length(bits):
    """Yield pairs with carry chains of 1, 2, 3, ... steps, each after a step that makes a carry or one that ends it.

    In a chain one of the operands has its bit set: a carry runs along it, if there is one. The longest chain that
    fits has about sqrt(2 bits) steps.
    """
    made, ended, first, second = "11", "00", "10", "01"
    lengths = range(1, 2 + int((2 * bits) ** 0.5))
    # What precedes the chains, alternately, and the pairs of bits of a chain, alternately.
    kinds = ([made], [first]), ([ended], [first]), ([made, ended], [second]), ([ended, made], [first, second])

    def operand(starts, steps, i):
        run = "".join(step[i] for step in steps)
        chains = (starts[length % len(starts)][i] + (run * length)[:length] for length in lengths)
        # Least significant first, as the chains are; `int` reads the other way.
        return int("".join(chains)[:bits][::-1], 2)

    return [(operand(*kind, 0), operand(*kind, 1)) for kind in kinds]
