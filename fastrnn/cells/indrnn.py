"""The independently recurrent network."""

from dataclasses import dataclass, field

from fastrnn.cells.base import ACTIVATIONS, Cell


@dataclass(frozen=True)
class IndRNN(Cell):
    """The independently recurrent network: each unit sees its own past alone, through one weight u (`recurrent`).

        h' = f(W x + u h)

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.
    activation : "sigmoid", "tanh" or "relu"
        The function f.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    References
    ----------
    S. Li et al., "Independently recurrent neural network (IndRNN): building a longer and deeper RNN", CVPR 2018.
    """

    activation: str = field(default="relu", kw_only=True)

    name = "indrnn"
    gates = inputs_only = ("a",)
    vectors = ("recurrent",)

    def __post_init__(self):
        super().__post_init__()
        self.choose("activation", ACTIVATIONS)

    def step(self, pre, h):
        """h' = f(a + u h)"""
        return ACTIVATIONS[self.activation](pre.a + pre.recurrent * h)
