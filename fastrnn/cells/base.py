"""The base of every cell: its gates, its states and one formula, from which everything else is derived."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import ClassVar

import numpy as np

from fastrnn.arguments import as_choice, as_integer, check_compared, shown
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

    `step` is run once, on symbols; the forward step, the derivatives and all else follow from it. A cell with more
    options is a frozen dataclass, and each option a number, a string, True, False or None.

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.

    Attributes
    ----------
    gates : tuple of str
        Names of the pre-activations, in the order in which their weights are stacked in w_ih (G H, I) and w_hh (G H,
        H).
    separate : tuple of str
        Gates of which `step` needs W_ih x + b_ih and W_hh h + b_hh separately, as pre.n_x and pre.n_h.
    inputs_only : tuple of str
        Gates that do not depend on the state.
    operand_gates : tuple of str
        Gates whose W_hh multiplies operand(pre, *state) instead of h.
    vectors : tuple of str
        Weights (H,) of their own, which `step` reads as pre.name.
    starts : dict
        {name: number}, the initial values of vectors; 0 by default.
    state : tuple of str
        Names of the states, the first of which is the output h.
    extremes : (float, float) or None
        The limits of h.

    Raises
    ------
    ValueError, TypeError
        For options out of range.
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
            raise TypeError(f"bias: got {shown(self.bias)}, expected True or False")
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, (int, float, str, type(None))):
                raise TypeError(f"{each.name}: got {shown(value)}, expected a number, a string, True, False or None")

    def described(self):
        """Return the cell in words, for example "GRU network with 2 units".

        Returns
        -------
        str
        """
        return f"{type(self).__name__} network with {self.hidden_size} unit{'s' * (self.hidden_size != 1)}"

    def choose(self, name, choices):
        """Replace an option by the choice that it names, in upper or lower case.

        Parameters
        ----------
        name : str
            The option.
        choices : iterable of str
            Its allowed values.

        Raises
        ------
        ValueError
            For another value.
        """
        object.__setattr__(self, name, as_choice(name, getattr(self, name), choices))

    def step(self, pre, *state):
        """Return the next state, or a tuple of states; the formula of the cell.

        Parameters
        ----------
        pre : object
            The pre-activations and vectors of a unit, as attributes.
        *state : Expr
            The states before the step.

        Returns
        -------
        Expr or tuple of Expr
            Made by + - * / and the functions of fastrnn.formula.

        Raises
        ------
        NotImplementedError
            If the cell does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step(self, pre, {', '.join(self.state)})")

    def operand(self, pre, *state):
        """Return what W_hh multiplies for the operand_gates, a formula.

        Parameters
        ----------
        pre : object
            The other pre-activations, and the vectors, as attributes.
        *state : Expr
            The states before the step.

        Returns
        -------
        Expr

        Raises
        ------
        NotImplementedError
            If a cell with operand_gates does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no operand(self, pre, {', '.join(self.state)})")

    def traced(self):
        """Return the formula as a graph.

        Returns
        -------
        fastrnn.formula.step.Step

        Raises
        ------
        ValueError, TypeError, AttributeError
            In one line, for a formula that is not valid.
        """
        return _traced(self)

    def equation(self):
        """Return the equations of a step as text, one on each line.

        Weights have the names of PyTorch's documentation; x' is x after the step.

        Returns
        -------
        str
        """
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
    check_compared(cell)
    if unknown := sorted(set(cell.starts) - set(cell.vectors)):
        known = ", ".join(cell.vectors) or "there are none"
        raise ValueError(f"starts: got {unknown[0]!r}, expected names of vectors ({known})")
    return trace(cell.gates, cell.separate, cell.inputs_only, cell.vectors, cell.state, cell.step,
                 cell.operand_gates, cell.operand)


def cells():
    """Return {name: class} of every cell."""
    return discover("fastrnn.cells", Cell, CONTRACT)
