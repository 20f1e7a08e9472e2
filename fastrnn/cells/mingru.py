"""The minimal GRU."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid


@dataclass(frozen=True)
class MinGRU(Cell):
    """The minimal GRU, whose gate sees the input alone; it has no recurrent matrices.

        z = sigmoid(W_z x)    h' = (1 - z) h + z (W_n x)

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
    L. Feng et al., "Were RNNs all we needed?", arXiv:2410.01201 (2024).
    """

    name = "mingru"
    gates = inputs_only = ("z", "n")

    def step(self, pre, h):
        """h' = h + z (n - h)"""
        return h + sigmoid(pre.z) * (pre.n - h)
