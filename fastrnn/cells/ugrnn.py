"""The update gate RNN: one gate between the state and what would replace it.

    n = tanh(W_n x + U_n h)    z = sigmoid(W_z x + U_z h)    h' = z h + (1 - z) n

J. Collins, J. Sohl-Dickstein and D. Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017.
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class UGRNN(Cell):
    """`hidden_size` units with an update gate, the GRU without its reset gate."""

    name = "ugrnn"
    extremes = (-1.0, 1.0)
    gates = ("z", "n")

    def step(self, pre, h):
        """h' = n + z (h - n)"""
        n = tanh(pre.n)
        return n + sigmoid(pre.z) * (h - n)
