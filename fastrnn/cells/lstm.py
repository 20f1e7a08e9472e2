"""Long short-term memory, with the weights and equations of PyTorch's nn.LSTM.

    i, f, o = sigmoid(W x + U h), g = tanh(W_g x + U_g h)    c' = f c + i g    h' = o tanh(c')

S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); the forget gate is that of F.
Gers, J. Schmidhuber and F. Cummins, Neural Computation 12 (2000).
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class LSTM(Cell):
    """`hidden_size` units with a memory c each, with the weights of PyTorch's nn.LSTM."""

    name = "lstm"
    extremes = (-1.0, 1.0)
    gates = ("i", "f", "g", "o")
    state = ("h", "c")

    def step(self, pre, h, c):
        """c' = f c + i g, h' = o tanh(c')"""
        i, f, g, o = sigmoid(pre.i), sigmoid(pre.f), tanh(pre.g), sigmoid(pre.o)
        c = f * c + i * g
        return o * tanh(c), c
