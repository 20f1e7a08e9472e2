"""The LSTM with coupled input and forget gates: what it forgets makes room for what it takes in.

    f, o = sigmoid(W x + U h), g = tanh(W_g x + U_g h)    c' = f c + (1 - f) g    h' = o tanh(c')

Variant CIFG of K. Greff et al., "LSTM: a search space odyssey", IEEE Transactions on Neural Networks and Learning
Systems 28 (2017).
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class CoupledLSTM(Cell):
    """`hidden_size` units with a memory c each and three gates, where the LSTM has four."""

    name = "coupled-lstm"
    extremes = (-1.0, 1.0)
    gates = ("f", "g", "o")
    state = ("h", "c")

    def step(self, pre, h, c):
        """c' = g + f (c - g), h' = o tanh(c')"""
        f, g, o = sigmoid(pre.f), tanh(pre.g), sigmoid(pre.o)
        c = g + f * (c - g)
        return o * tanh(c), c
