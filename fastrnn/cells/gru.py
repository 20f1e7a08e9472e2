"""The gated recurrent unit, as PyTorch has it or as Keras 1 and Haiku have it, with both biases.

    r = sigmoid(W_r x + U_r h)    z = sigmoid(W_z x + U_z h)    h' = (1 - z) n + z h
    n = tanh(W_n x + r (U_n h))          the reset gate after the product
    n = tanh(W_n x + U_n (r h))          the reset gate before it

K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, has it before the product; cuDNN
and PyTorch after it.
"""

from dataclasses import dataclass, field

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh

RESETS = ("after", "before")


@dataclass(frozen=True)
class GRU(Cell):
    """`hidden_size` gated recurrent units, with the weights of PyTorch's nn.GRU.

    reset: "after" or "before", where the reset gate acts: on the product with U_n, or on h, which U_n then multiplies.
    "before" takes two products a step, one after the other. Raises ValueError for others.
    """

    reset: str = field(default="after", kw_only=True)

    name = "gru"
    extremes = (-1.0, 1.0)
    gates = ("r", "z", "n")

    def __post_init__(self):
        super().__post_init__()
        self.choose("reset", RESETS)

    @property
    def separate(self):
        """The gate whose parts r stands between."""
        return ("n",) if self.reset == "after" else ()

    @property
    def operand_gates(self):
        """The gate that sees r h in place of h."""
        return ("n",) if self.reset == "before" else ()

    def operand(self, pre, h):
        """r h"""
        return sigmoid(pre.r) * h

    def step(self, pre, h):
        """h' = n + z (h - n)"""
        z = sigmoid(pre.z)
        n = tanh(pre.n_x + sigmoid(pre.r) * pre.n_h) if self.reset == "after" else tanh(pre.n)
        return n + z * (h - n)
