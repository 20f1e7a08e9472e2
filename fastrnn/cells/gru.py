"""The gated recurrent unit, in the form that PyTorch has, with both biases.

    r = sigmoid(W_r x + U_r h)    z = sigmoid(W_z x + U_z h)    n = tanh(W_n x + r (U_n h))    h' = (1 - z) n + z h

K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; the reset gate after the product
is that of cuDNN and PyTorch.
"""

from dataclasses import InitVar, dataclass, field

from fastrnn.cells.base import Cell
from fastrnn.formula import sigmoid, tanh


@dataclass(frozen=True)
class GRU(Cell):
    """`hidden_size` gated recurrent units, with the weights of PyTorch's nn.GRU.

    reset: "after", the reset gate acts after the product with U_n. "before", n = tanh(W_n x + U_n (r h)), as Haiku and
    Keras 1 have it, is refused: U_n needs r of all units, so that each step takes two passes over the units, forward
    and back, with values, derivatives and gradients of its own between them; a formula of one unit cannot say that.
    Raises ValueError for "before".
    """

    # No option of a network, since it has one value only: it tells those who ask for the other one.
    reset: InitVar[str] = field(default="after", kw_only=True)

    name = "gru"
    gates, separate = ("r", "z", "n"), ("n",)

    def __post_init__(self, reset):
        super().__post_init__()
        if reset != "after":
            raise ValueError(f'reset: got {reset!r}, expected "after", n = tanh(W_n x + r (U_n h)), as PyTorch '
                             "has it; a reset gate before the product needs a second product within each step")

    def step(self, pre, h):
        """h' = n + z (h - n)"""
        r, z = sigmoid(pre.r), sigmoid(pre.z)
        n = tanh(pre.n_x + r * pre.n_h)
        return n + z * (h - n)
