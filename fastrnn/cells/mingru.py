"""The minimal GRU whose gate sees the input alone.

    z = sigmoid(W_z x)    h' = (1 - z) h + z (W_n x)

L. Feng et al., "Were RNNs all we needed?", arXiv:2410.01201 (2024).
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid


@dataclass(frozen=True)
class MinGRU(Cell):
    """`hidden_size` units that average their input, over a time that the input chooses; without recurrent matrices."""

    name = "mingru"
    gates = inputs_only = ("z", "n")

    def step(self, pre, h):
        """h' = h + z (n - h)"""
        return h + sigmoid(pre.z) * (pre.n - h)
