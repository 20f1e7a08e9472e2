"""The base of every task: a transducer on bits, computed for 64 samples at once in the bits of a word.

A task file holds a frozen dataclass: names, validation, the oracle on Python's integers, and its boolean algebra on
words,

    label(self, x, state)     one step: from lists of words of the inputs and of the state, 64 words that are 0 where a
                              sequence starts, to (words of the outputs, words of the next state)

whose operators are & | ^ ~. It runs once, with the task's parameters known, and the kernels are compiled from the
operations that it asks for (fastrnn.bits.label). Words of the state that it does not return stay what they are.
Time runs from the least significant bit. See fastrnn.tasks.subtraction for the example.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import ClassVar

from fastrnn.arguments import as_integer
from fastrnn.bits.label import label_program
from fastrnn.bits.source import BitTask
from fastrnn.registry import discover

# What the file of a task must define.
CONTRACT = {
    "bits": (int, "a field bits, the width, such as bits: int = 16"),
    "input_size": (int, "a class attribute input_size, the number of its operands, such as input_size = 2"),
    "states": (int, "a class attribute states, of the smallest automaton that does the same, such as states = 2"),
    "label": (Callable, "a method label(self, x, state), a step on words: those of the outputs and of the next state"),
    "oracle": (Callable, "a method oracle(self, operands), the right answer as an int"),
}


class Task:
    """Base of every task: the fields and class attributes that it must have, and what most of them share.

    `name`, by default that of the class; `bits`: the width, steps of time; `input_size`; `states`: of the smallest
    automaton that does the same; `label(x, state)`: a step on words of 64 samples; `oracle(operands)`: the right answer
    as a Python int, from a tuple of non-negative ones.
    """

    name: ClassVar[str]
    bits: int
    input_size: ClassVar[int]
    states: ClassVar[int]
    output_size: ClassVar[int] = 1
    # Whether the answer is the last step's output alone. The others are labelled all the same: each would be the
    # answer, were the operands so narrow.
    last_only: ClassVar[bool] = False
    # Fields of a TrainConfig that it needs instead of the defaults; the user's own values win.
    recipe: ClassVar[dict[str, object]] = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        # Of fastrnn's own tasks `discover` asks for names that users type.
        if not hasattr(cls, "name") and not cls.__module__.startswith("fastrnn.tasks."):
            cls.name = cls.__name__

    def __post_init__(self):
        self.check_integer("bits", 1)

    def check_integer(self, name, least, most=None):
        """Make a field a plain int. Raises ValueError, naming it, unless it is an integer from `least` to `most`."""
        object.__setattr__(self, name, as_integer(name, getattr(self, name), least, most))

    @property
    def free_bits(self):
        """The number of low bits of each operand that may be set."""
        return self.bits

    @property
    def least_bits(self):
        """The least width at which there is a task."""
        return 1

    @property
    def kernel(self):
        """The task as a BitTask."""
        return BitTask(label_program(self).address, self.bits - self.free_bits, self.last_only)

    def at(self, bits):
        """The same task at another width."""
        return replace(self, bits=bits)

    def width(self, operands):
        """The least width, not below the task's own, at which it takes these operands."""
        headroom, longest = self.bits - self.free_bits, max(operand.bit_length() for operand in operands)
        return max(self.bits, headroom + longest)

    @property
    def counted(self):
        """The steps whose outputs count, as a slice."""
        return slice(-1 if self.last_only else 0, None)

    def hard_cases(self):
        """Return (family, operands) of inputs on which networks fail first: each hard number alone, or with zeros, ones
        and itself."""
        ones = 2**self.free_bits - 1
        cases = []
        for family, numbers in hard_numbers(self.free_bits).items():
            for number in numbers:
                rows = [(number,) * self.input_size]
                if self.input_size > 1:
                    others = [(other,) * (self.input_size - 1) for other in (0, ones)]
                    rows += [row for other in others for row in ((number, *other), (*other, number))]
                cases += [(family, row) for row in rows]
        return cases

    def described(self):
        """`multiplication, 16 bits, factor 3`: the task in words."""
        others = [f", {field.name} {getattr(self, field.name)}" for field in fields(self) if field.name != "bits"]
        return f"{self.name}, {self.bits} bit{'s' * (self.bits != 1)}{''.join(others)}"

    def equation(self, operands, answer):
        """Return a solved sample as text, from operands and answer as text."""
        return f"{self.name}({', '.join(operands)}) = {answer}"

    def spelled(self, answer):
        """Return an answer as text."""
        return str(answer)

    @property
    def modulus(self):
        """Return `256`, or `2**64`: 2 to the power of the width, as text."""
        return str(2**self.bits) if self.bits <= 16 else f"2**{self.bits}"


def tasks():
    """Return {name: class} of every task."""
    return discover("fastrnn.tasks", Task, CONTRACT)


def alternating(bits):
    """Return (...10101, ...01010): every second bit, from bit 0 and from bit 1."""
    return (4 ** ((bits + 1) // 2) - 1) // 3, 2 * ((4 ** (bits // 2) - 1) // 3)


def places(bits):
    """Return some bit positions: both ends, the middle and a quarter."""
    return sorted({0, bits // 4, bits // 2, bits - 1})


def hard_numbers(bits):
    """Return {family: numbers below 2**bits} with runs that random numbers rarely contain."""
    ones = 2**bits - 1
    return {
        "zero": [0],
        "all ones": [ones],
        "one bit": [1 << i for i in places(bits)],
        "one gap": [ones ^ 1 << i for i in places(bits)],
        "runs": [run for i in places(bits) for run in (2**i - 1, ones ^ (2**i - 1))],
        "alternating": list(alternating(bits)),
    }


def incremented(counters, bits, place=0):
    """Return words that hold a bit each of 64 binary counters, lowest first, after `bits`, of weight 2**place, are
    added; what the highest one does not hold is lost."""
    counters = list(counters)
    for plane in range(place, len(counters)):
        counters[plane], bits = counters[plane] ^ bits, counters[plane] & bits
    return counters
