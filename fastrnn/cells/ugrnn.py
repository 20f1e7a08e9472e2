"""The update gate RNN."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class UGRNN(Cell):
    """The update gate RNN: the GRU without its reset gate.

        n = tanh(W_n x + U_n h)    z = sigmoid(W_z x + U_z h)    h' = z h + (1 - z) n

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
    J. Collins, J. Sohl-Dickstein and D. Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017.
    """

    name = "ugrnn"
    extremes = (-1.0, 1.0)
    gates = ("z", "n")

    def step(self, pre, h):
        """h' = n + z (h - n)"""
        n = tanh(pre.n)
        return n + sigmoid(pre.z) * (h - n)
