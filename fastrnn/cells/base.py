"""What a cell is to the kernels: its sizes, and two pointwise functions chosen by its type.

A kernel cell is a NamedTuple of (input_size, hidden_size, output_size) whose *type* selects the
formulas. Dispatch by type, since numba's disk cache misses in every process where functions are passed
as arguments or closed over (numba issue 6264).

A cell that networks can be proved right with (fastrnn.certify) also brings an interval extension, two methods:

    activation_error(dtype)               how far the kernels' f may be from that of real numbers
    interval_activate(low, high, error)   bounds of f(z) + e for all z within [low, high] and |e| <= error
"""

from dataclasses import dataclass, field
from functools import lru_cache

from fastrnn.formula.step import trace
from fastrnn.registry import discover


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
    w_hh (G H, H); separate: those of which `step` needs the input's part W_ih x + b_ih and the state's part
    W_hh h + b_hh apart, as pre.n_x and pre.n_h; inputs_only: those that the state does not reach; vectors: weights (H,)
    of their own, which `step` reads as pre.name; state: names of the states, of which the first is the output h.
    step(pre, *state) returns the next state, or a tuple of states; it may use + - * / and the functions of
    fastrnn.formula. It is run once, on symbols: the forward step, the derivatives and all else follow from it.

    hidden_size: units; bias: whether b_ih and b_hh, and b_o of the outputs, learn.
    """

    hidden_size: int = 16
    bias: bool = field(default=True, kw_only=True)

    name = None
    gates = ()
    separate = ()
    inputs_only = ()
    vectors = ()
    state = ("h",)

    def __post_init__(self):
        size = self.hidden_size
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"hidden_size: got {size!r}, expected an integer of at least 1")

    def step(self, pre, *state):
        """The next state, or states, from the pre-activations and the state before."""
        raise NotImplementedError(f"{type(self).__name__} has no step(self, pre, {', '.join(self.state)})")

    def traced(self):
        """The fastrnn.formula.step.Step of the formula."""
        return _traced(self)


@lru_cache(maxsize=1024)
def _traced(cell):
    return trace(cell.gates, cell.separate, cell.inputs_only, cell.vectors, cell.state, cell.step)


def cells():
    """{name: class} of every cell: the dataclasses that make a `kernel` cell."""
    return discover("fastrnn.cells", "kernel")


def activate(cell, pre):
    """h from the pre-activation: h = f(pre), on Rows."""
    raise NotImplementedError


def gradient(cell, d_h, h):
    """d_pre = d_h * f'(pre), f' written in terms of h = f(pre), on Rows."""
    raise NotImplementedError


def restlessness(cell, h):
    """Derivative by h of a penalty that is least where the unit rests at one of its two extremes, on Rows.

    sigmoid: h (1 - h); tanh: (1 - h^2) / 4. It has no meaning for a unit without extremes.
    """
    raise NotImplementedError
