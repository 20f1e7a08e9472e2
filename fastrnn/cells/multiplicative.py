"""Multiplicative integration: input and state also multiply each other, so that one can gate the other.

    h' = tanh(alpha (W x) (U h) + beta_h (U h) + beta_x (W x))

Y. Wu et al., "On multiplicative integration with recurrent neural networks", NIPS 2016. Biases belong to W x and U h.
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import tanh


@dataclass(frozen=True)
class MultiplicativeRNN(Cell):
    """`hidden_size` units; alpha, beta_h and beta_x are weights of each, and begin at 1."""

    name = "multiplicative"
    extremes = (-1.0, 1.0)
    gates = separate = ("a",)
    vectors = ("alpha", "beta_h", "beta_x")
    starts = {"alpha": 1.0, "beta_h": 1.0, "beta_x": 1.0}

    def step(self, pre, h):
        """h' = tanh(alpha a_x a_h + beta_h a_h + beta_x a_x)"""
        return tanh(pre.alpha * pre.a_x * pre.a_h + pre.beta_h * pre.a_h + pre.beta_x * pre.a_x)
