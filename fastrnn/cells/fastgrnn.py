"""FastGRNN: a gated unit whose gate and candidate have the same matrices, and so the weights of an Elman network.

    a = W x + U h    z = sigmoid(a + b_z)    n = tanh(a + b_n)    h' = (zeta (1 - z) + nu) n + z h

A. Kusupati et al., "FastGRNN: a fast, accurate, stable and tiny kilobyte sized gated recurrent neural network", NeurIPS
2018. There zeta and nu are two numbers, sigmoids of weights; here each unit has its own.
"""

from dataclasses import dataclass

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class FastGRNN(Cell):
    """`hidden_size` gated units with one pair of matrices; shift: b_z - b_n; zeta, nu: before their sigmoids."""

    name = "fastgrnn"
    gates = ("a",)
    vectors = ("shift", "zeta", "nu")
    # Those of the authors' code: nearly all of the candidate, nearly none of it added on top.
    starts = {"zeta": 1.0, "nu": -4.0}

    def step(self, pre, h):
        """h' = (zeta (1 - z) + nu) n + z h"""
        z, n = sigmoid(pre.a + pre.shift), tanh(pre.a)
        return (sigmoid(pre.zeta) * (1 - z) + sigmoid(pre.nu)) * n + z * h
