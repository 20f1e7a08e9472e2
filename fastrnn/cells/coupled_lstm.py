"""The LSTM with coupled input and forget gates."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class CoupledLSTM(Cell):
    """The LSTM with coupled input and forget gates: three gates instead of four.

        f, o = sigmoid(W x + U h)    g = tanh(W_g x + U_g h)    c' = f c + (1 - f) g    h' = o tanh(c')

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
    K. Greff et al., "LSTM: a search space odyssey", IEEE Transactions on Neural Networks and Learning Systems 28
    (2017), variant CIFG.
    """

    name = "coupled-lstm"
    extremes = (-1.0, 1.0)
    gates = ("f", "g", "o")
    state = ("h", "c")

    def step(self, pre, h, c):
        """c' = g + f (c - g), h' = o tanh(c')"""
        f, g, o = sigmoid(pre.f), tanh(pre.g), sigmoid(pre.o)
        c = g + f * (c - g)
        return o * tanh(c), c
