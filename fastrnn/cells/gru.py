"""The gated recurrent unit, in the form that PyTorch has, with both biases.

    r = sigmoid(W_r x + U_r h)    z = sigmoid(W_z x + U_z h)    n = tanh(W_n x + r (U_n h))    h' = (1 - z) n + z h

K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; the reset gate after the product is
that of cuDNN and PyTorch.
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class GRU(Cell):
    """`hidden_size` gated recurrent units, with the weights of PyTorch's nn.GRU."""

    name = "gru"
    gates, separate = ("r", "z", "n"), ("n",)

    def step(self, pre, h):
        """h' = n + z (h - n)"""
        r, z = sigmoid(pre.r), sigmoid(pre.z)
        n = tanh(pre.n_x + r * pre.n_h)
        return n + z * (h - n)
