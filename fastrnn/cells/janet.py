"""JANET, "just another network": the LSTM with its forget gate alone.

    s = W_f x + U_f h    g = tanh(W_g x + U_g h)    h' = sigmoid(s) h + (1 - sigmoid(s - beta)) g

J. van der Westhuizen and J. Lasenby, "The unreasonable effectiveness of the forget gate", arXiv:1804.04849 (2018).
"""

from dataclasses import dataclass, field

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class JANET(Cell):
    """`hidden_size` units with one gate; beta: by how much more they take in than they forget, 1 in the paper."""

    beta: float = field(default=1.0, kw_only=True)

    name = "janet"
    extremes = (-1.0, 1.0)
    gates = ("f", "g")

    def step(self, pre, h):
        """h' = f h + (1 - f shifted by beta) g"""
        return sigmoid(pre.f) * h + (1 - sigmoid(pre.f - self.beta)) * tanh(pre.g)
