"""The minimal gated unit."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class MGU(Cell):
    """The minimal gated unit: one gate both forgets and resets.

        f = sigmoid(W_f x + U_f h)    n = tanh(W_n x + f (U_n h))    h' = (1 - f) h + f n

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    References
    ----------
    G.-B. Zhou et al., "Minimal gated unit for recurrent neural networks", International Journal of Automation and
    Computing 13 (2016); here the gate acts after the product, as in PyTorch's GRU.
    """

    name = "mgu"
    extremes = (-1.0, 1.0)
    gates, separate = ("f", "n"), ("n",)

    def step(self, pre, h):
        """h' = h + f (n - h)"""
        f = sigmoid(pre.f)
        n = tanh(pre.n_x + f * pre.n_h)
        return h + f * (n - h)
