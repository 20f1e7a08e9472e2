"""FastGRNN."""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class FastGRNN(Cell):
    """A gated unit whose gate and candidate share their matrices.

        a = W x + U h    z = sigmoid(a + b_z)    n = tanh(a + b_n)    h' = (zeta (1 - z) + nu) n + z h

    Each unit has the weights shift = b_z - b_n, and zeta and nu before their sigmoids.

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
    A. Kusupati et al., "FastGRNN: a fast, accurate, stable and tiny kilobyte sized gated recurrent neural network",
    NeurIPS 2018. There zeta and nu are two numbers; here each unit has its own.
    """

    name = "fastgrnn"
    gates = ("a",)
    vectors = ("shift", "zeta", "nu")
    # Those of the authors' code: nearly all of the candidate, nearly none of it added on top.
    starts = {"zeta": 1.0, "nu": -4.0}

    def step(self, pre, h):
        """h' = (zeta (1 - z) + nu) n + z h"""
        z, n = sigmoid(pre.a + pre.shift), tanh(pre.a)
        return (sigmoid(pre.zeta) * (1 - z) + sigmoid(pre.nu)) * n + z * h
