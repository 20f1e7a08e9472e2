"""Long short-term memory."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory, with the weights of PyTorch's nn.LSTM; each unit has a memory c.

        i, f, o = sigmoid(W x + U h)    g = tanh(W_g x + U_g h)    c' = f c + i g    h' = o tanh(c')

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
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997). F. Gers, J. Schmidhuber and
    F. Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation 12 (2000).
    """

    name = "lstm"
    extremes = (-1.0, 1.0)
    gates = ("i", "f", "g", "o")
    state = ("h", "c")

    def step(self, pre, h, c):
        """c' = f c + i g, h' = o tanh(c')"""
        i, f, g, o = sigmoid(pre.i), sigmoid(pre.f), tanh(pre.g), sigmoid(pre.o)
        c = f * c + i * g
        return o * tanh(c), c
