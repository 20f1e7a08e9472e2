"""The LSTM with peepholes."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class PeepholeLSTM(Cell):
    """The LSTM with peepholes: gates see the memory, each unit through its own weights peep_i, peep_f, peep_o.

        i, f = sigmoid(W x + U h + p c)    g = tanh(W_g x + U_g h)    c' = f c + i g
        o = sigmoid(W_o x + U_o h + p_o c')    h' = o tanh(c')

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
    F. Gers and J. Schmidhuber, "Recurrent nets that time and count", IJCNN 2000.
    """

    name = "peephole-lstm"
    extremes = (-1.0, 1.0)
    gates = ("i", "f", "g", "o")
    vectors = ("peep_i", "peep_f", "peep_o")
    state = ("h", "c")

    def step(self, pre, h, c):
        """c' = f c + i g, h' = o tanh(c')"""
        i, f, g = sigmoid(pre.i + pre.peep_i * c), sigmoid(pre.f + pre.peep_f * c), tanh(pre.g)
        c = f * c + i * g
        return sigmoid(pre.o + pre.peep_o * c) * tanh(c), c
