"""The gated recurrent unit."""

from dataclasses import dataclass, field

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh

RESETS = ("after", "before")


@dataclass(frozen=True)
class GRU(Cell):
    """Gated recurrent units, with the weights of PyTorch's nn.GRU.

        r = sigmoid(W_r x + U_r h)    z = sigmoid(W_z x + U_z h)    h' = (1 - z) n + z h
        n = tanh(W_n x + r (U_n h))          with the reset gate after the product
        n = tanh(W_n x + U_n (r h))          with the reset gate before the product

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.
    reset : "after" or "before"
        Where the reset gate acts. "before" takes two products in a step, one after the other.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
    EMNLP 2014 (reset gate before the product; cuDNN and PyTorch have it after the product).
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
        """The gate whose two parts are needed apart, because r multiplies one of them."""
        return ("n",) if self.reset == "after" else ()

    @property
    def operand_gates(self):
        """The gate whose matrix multiplies r h instead of h."""
        return ("n",) if self.reset == "before" else ()

    def operand(self, pre, h):
        """r h"""
        return sigmoid(pre.r) * h

    def step(self, pre, h):
        """h' = n + z (h - n)"""
        z = sigmoid(pre.z)
        n = tanh(pre.n_x + sigmoid(pre.r) * pre.n_h) if self.reset == "after" else tanh(pre.n)
        return n + z * (h - n)
