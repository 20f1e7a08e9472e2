"""JANET, the LSTM with its forget gate alone."""

from dataclasses import dataclass, field

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class JANET(Cell):
    """The LSTM with its forget gate alone ("just another network").

        s = W_f x + U_f h    g = tanh(W_g x + U_g h)    h' = sigmoid(s) h + (1 - sigmoid(s - beta)) g

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.
    beta : float
        The shift of the input gate; 1 in the paper.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    References
    ----------
    J. van der Westhuizen and J. Lasenby, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849 (2018).
    """

    beta: float = field(default=1.0, kw_only=True)

    name = "janet"
    extremes = (-1.0, 1.0)
    gates = ("f", "g")

    def step(self, pre, h):
        """h' = f h + (1 - f shifted by beta) g"""
        return sigmoid(pre.f) * h + (1 - sigmoid(pre.f - self.beta)) * tanh(pre.g)
