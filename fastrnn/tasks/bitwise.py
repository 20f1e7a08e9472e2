"""Bitwise functions of the inputs, answered some steps later: a probe of memory.

Each step sees one bit of every operand and answers the function of the bits that came `delay` steps before, so that
what must be remembered are the last `delay` results: 2**delay states. As a number, the answer is the function of the
operands, shifted left; the first `delay` answers are 0.

    >>> Xor(bits=8, delay=0).oracle((9, 60)), 9 ^ 60
    (53, 53)
    >>> Copy(bits=8, delay=2).oracle((45,)), 45 << 2
    (180, 180)
"""

from dataclasses import dataclass, field

from fastrnn.tasks.base import Task


@dataclass(frozen=True)
class _Bitwise(Task):
    """A function of one bit of each operand, `delay` steps later."""

    bits: int = 8
    delay: int = field(default=1, metadata={"help": "steps from the inputs to their answer"})

    input_size = 2
    # The default rate leaves a tenth of the networks with a delay of 3 without an answer.
    recipe = {"learning_rate": 0.03}

    def __post_init__(self):
        self.check_integer("delay", 0, 32)
        super().__post_init__()
        if self.bits < self.least_bits:
            raise ValueError(f"bits: got {self.bits}, expected at least {self.least_bits} for a delay of {self.delay}, "
                             "so that there is an answer")

    @property
    def least_bits(self):
        return self.delay + 1

    @property
    def states(self):
        return 2**self.delay

    def label(self, x, state):
        # Each place of the queue hands on what it had.
        queue = [self.function(*x), *state[: self.delay]]
        return queue[-1:], queue[:-1]

    def oracle(self, operands):
        return (self.function(*operands) << self.delay) % 2**self.bits

    def equation(self, operands, answer):
        inside = f" {self.sign} ".join(operands)
        if not self.delay:
            return f"{inside} = {answer}"
        return f"{inside if len(operands) == 1 else f'({inside})'} << {self.delay} = {answer} (mod {self.modulus})"


@dataclass(frozen=True)
class Copy(_Bitwise):
    """The input itself, `delay` steps later.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.
    delay : int
        The steps from the inputs to their answer, 0 to 32.

    Raises
    ------
    ValueError
        For a delay out of range, or a width without an answer.
    """

    bits: int = 16

    name, sign = "copy", ""
    input_size = 1
    # In a narrow word there is hardly an answer yet: with a delay of 4, a tenth of the networks would learn nothing.
    recipe = {"curriculum": None}

    @staticmethod
    def function(a):
        return a


@dataclass(frozen=True)
class Xor(_Bitwise):
    """The exclusive or of two inputs, `delay` steps later.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.
    delay : int
        The steps from the inputs to their answer, 0 to 32.

    Raises
    ------
    ValueError
        For a delay out of range, or a width without an answer.
    """

    name, sign = "xor", "^"

    @staticmethod
    def function(a, b):
        return a ^ b


@dataclass(frozen=True)
class And(_Bitwise):
    """The conjunction of two inputs, `delay` steps later.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.
    delay : int
        The steps from the inputs to their answer, 0 to 32.

    Raises
    ------
    ValueError
        For a delay out of range, or a width without an answer.
    """

    name, sign = "and", "&"

    @staticmethod
    def function(a, b):
        return a & b


@dataclass(frozen=True)
class Or(_Bitwise):
    """The disjunction of two inputs, `delay` steps later.

    Parameters
    ----------
    bits : int
        The width of operands and answer, in bits; each bit is one step.
    delay : int
        The steps from the inputs to their answer, 0 to 32.

    Raises
    ------
    ValueError
        For a delay out of range, or a width without an answer.
    """

    name, sign = "or", "|"

    @staticmethod
    def function(a, b):
        return a | b
