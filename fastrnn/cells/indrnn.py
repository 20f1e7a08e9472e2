"""The independently recurrent network: each unit sees its own past alone, through one weight.

    h' = f(W x + u h)

S. Li et al., "Independently recurrent neural network (IndRNN): building a longer and deeper RNN", CVPR 2018.
"""

from dataclasses import dataclass, field

from fastrnn.cells.base import ACTIVATIONS, Cell


@dataclass(frozen=True)
class IndRNN(Cell):
    """`hidden_size` independent units; recurrent: the weight u of each."""

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
