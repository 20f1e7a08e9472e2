"""Multiplicative integration."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import tanh


@dataclass(frozen=True)
class MultiplicativeRNN(Cell):
    """Multiplicative integration: input and state multiply each other.

        h' = tanh(alpha (W x) (U h) + beta_h (U h) + beta_x (W x))

    Each unit has its own alpha, beta_h and beta_x, initially 1; biases belong to W x and U h.

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
    Y. Wu et al., "On multiplicative integration with recurrent neural networks", NIPS 2016.
    """

    name = "multiplicative"
    extremes = (-1.0, 1.0)
    gates = separate = ("a",)
    vectors = ("alpha", "beta_h", "beta_x")
    starts = {"alpha": 1.0, "beta_h": 1.0, "beta_x": 1.0}

    def step(self, pre, h):
        """h' = tanh(alpha a_x a_h + beta_h a_h + beta_x a_x)"""
        return tanh(pre.alpha * pre.a_x * pre.a_h + pre.beta_h * pre.a_h + pre.beta_x * pre.a_x)
