"""Leaky units."""

from dataclasses import dataclass, field

from fastrnn.arguments import shown
from fastrnn.cells.base import ACTIVATIONS, Cell
from fastrnn.formula import sigmoid


@dataclass(frozen=True)
class Leaky(Cell):
    """Leaky units, which follow their input with a time constant, like rate models of neurons.

        h' = h + alpha (f(W x + U h) - h)

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.
    alpha : float or None
        The step towards f, above 0 and at most 1; None: sigmoid(leak), where `leak` is a weight of each unit.
    activation : "sigmoid", "tanh" or "relu"
        The function f.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    References
    ----------
    H. Jaeger et al., "Optimization and applications of echo state networks with leaky-integrator neurons", Neural
    Networks 20 (2007).
    """

    alpha: float | None = field(default=0.2, kw_only=True)
    activation: str = field(default="tanh", kw_only=True)

    name = "leaky"
    gates = ("a",)

    def __post_init__(self):
        super().__post_init__()
        self.choose("activation", ACTIVATIONS)
        number = isinstance(self.alpha, (int, float)) and not isinstance(self.alpha, bool)
        if self.alpha is not None and not (number and 0 < self.alpha <= 1):
            raise ValueError(f"alpha: got {shown(self.alpha)}, expected a number above 0 and at most 1, or None to "
                             "learn it")

    @property
    def extremes(self):
        """The values of h at which a unit is saturated."""
        return {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(self.activation)

    @property
    def vectors(self):
        """The learned leak, if there is one."""
        return ("leak",) if self.alpha is None else ()

    def step(self, pre, h):
        """h' = h + alpha (f(a) - h)"""
        alpha = sigmoid(pre.leak) if self.alpha is None else self.alpha
        return h + alpha * (ACTIVATIONS[self.activation](pre.a) - h)
