"""What a cell is: its gates, its states and one formula, from which all else is derived."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import ClassVar

import numpy as np

from fastrnn.arguments import as_choice, as_integer
from fastrnn.formula import relu, sigmoid, tanh
from fastrnn.formula.step import trace
from fastrnn.formula.written import written
from fastrnn.registry import discover

# Activations that cells offer by name, in the order in which they are offered.
ACTIVATIONS = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}

# What the file of a cell must define.
CONTRACT = {
    "gates": (tuple, 'a class attribute gates, the names of its pre-activations, such as gates = ("f", "n")'),
    "step": (Callable, "a method step(self, pre, h), the next state as a formula"),
}


@dataclass(frozen=True)
class Cell:
    """Base of every cell: its gates, its states, and `step`, the formula of one unit, as its paper has it.

        class MGU(Cell):
            gates, separate = ("f", "n"), ("n",)
            def step(self, pre, h):
                f = sigmoid(pre.f)
                n = tanh(pre.n_x + f * pre.n_h)
                return h + f * (n - h)

    gates: names of the pre-activations, in the order in which their weights are stacked in w_ih (G H, I) and
    w_hh (G H, H); separate: those of which `step` needs W_ih x + b_ih and W_hh h + b_hh apart, as pre.n_x and pre.n_h;
    inputs_only: those that the state does not reach; operand_gates: those whose W_hh multiplies operand(pre, *state) in
    place of h, a formula of the state and all other gates; vectors: weights (H,) of their own, which `step` reads as
    pre.name; starts: {name: number} where they begin, 0 if nothing is said; state: names of the states, of which the
    first is the output h; extremes: the two numbers between which h lies, or None.
    step(pre, *state) returns the next state, or a tuple of states; it may use + - * / and the functions of
    fastrnn.formula. It is run once, on symbols: the forward step, the derivatives and all else follow from it.

    hidden_size: units; bias: whether b_ih and b_hh, and b_o of the outputs, learn. A cell with more options is a frozen
    dataclass, and each option a number, a string, True, False or None.
    Raises ValueError or TypeError for options that make no sense.
    """

    hidden_size: int = 16
    bias: bool = field(default=True, kw_only=True)

    name: ClassVar[str | None] = None
    gates: ClassVar[tuple[str, ...]] = ()
    separate: ClassVar[tuple[str, ...]] = ()
    inputs_only: ClassVar[tuple[str, ...]] = ()
    operand_gates: ClassVar[tuple[str, ...]] = ()
    vectors: ClassVar[tuple[str, ...]] = ()
    starts: ClassVar[dict[str, float]] = {}
    extremes: ClassVar[tuple[float, float] | None] = None
    state: ClassVar[tuple[str, ...]] = ("h",)

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "name" not in vars(cls):
            cls.name = cls.__name__

    def __post_init__(self):
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, each.name, value.item())
        as_integer("hidden_size", self.hidden_size, 1)
        if not isinstance(self.bias, bool):
            raise TypeError(f"bias: got {self.bias!r}, expected True or False")
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, (int, float, str, type(None))):
                raise TypeError(f"{each.name}: got {value!r}, expected a number, a string, True, False or None")

    def described(self):
        """The cell in words: "GRU network with 2 units"."""
        return f"{type(self).__name__} network with {self.hidden_size} unit{'s' * (self.hidden_size != 1)}"

    def choose(self, name, choices):
        """Make an option the one of the choices that it names, in whatever case.

        Raises ValueError unless there is one.
        """
        object.__setattr__(self, name, as_choice(name, getattr(self, name), choices))

    def step(self, pre, *state):
        """The next state, or states, from the pre-activations and the state before."""
        raise NotImplementedError(f"{type(self).__name__} has no step(self, pre, {', '.join(self.state)})")

    def operand(self, pre, *state):
        """What W_hh multiplies for the operand_gates, from the other pre-activations and the state before."""
        raise NotImplementedError(f"{type(self).__name__} has no operand(self, pre, {', '.join(self.state)})")

    def traced(self):
        """The fastrnn.formula.step.Step of the formula.

        Raises ValueError, TypeError or AttributeError, in one line, for a formula that does not fit.
        """
        return _traced(self)

    def equation(self):
        """The equations of a step as text, a line each, with weights named as PyTorch's documentation names them; x' is
        x after the step."""
        step, lines, late = self.traced(), [], []
        for gate in self.gates:
            # PyTorch's names: W_ir for gate r, and W_ih where there is only one gate.
            i, h = (f"i{gate}", f"h{gate}") if len(self.gates) > 1 else ("ih", "hh")
            right = "operand" if gate in self.operand_gates else "h"
            parts = [f"W_{i} x", *([f"b_{i}"] * self.bias)], [f"W_{h} {right}", *([f"b_{h}"] * self.bias)]
            if gate in self.separate:
                lines += [f"{gate}_{side} = {' + '.join(part)}" for side, part in zip("xh", parts)]
            else:
                own = late if gate in self.operand_gates else lines
                own.append(f"{gate} = {' + '.join(parts[0] if gate in self.inputs_only else parts[0] + parts[1])}")
        names = {symbol: symbol.args[0] for symbol in (*step.pre, *step.vectors)} | dict(zip(step.old, self.state))
        if step.operand is not None:
            lines += written({"operand": step.operand.node}, names) + late
        return "\n".join(lines + written(dict(zip((f"{name}'" for name in self.state), step.new)), names))


@lru_cache(maxsize=1024)
def _traced(cell):
    if unknown := sorted(set(cell.starts) - set(cell.vectors)):
        known = ", ".join(cell.vectors) or "there are none"
        raise ValueError(f"starts: got {unknown[0]!r}, expected names of vectors ({known})")
    return trace(cell.gates, cell.separate, cell.inputs_only, cell.vectors, cell.state, cell.step,
                 cell.operand_gates, cell.operand)


def cells():
    """{name: class} of every cell."""
    return discover("fastrnn.cells", Cell, CONTRACT)
