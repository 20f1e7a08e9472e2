"""The Elman cell: h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh).

J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).
"""

from dataclasses import dataclass

from fastrnn.cells.base import ACTIVATIONS, Cell


@dataclass(frozen=True, init=False)
class Elman(Cell):
    """`hidden_size` units with activation "sigmoid", "tanh" or "relu", with or without biases, as in PyTorch's nn.RNN.

    Raises ValueError for a size that is no integer of at least 1, or an unknown activation.
    """

    activation: str = "sigmoid"

    name = "elman"
    gates = ("a",)

    def __init__(self, hidden_size=16, activation="sigmoid", bias=True):
        for name, value in (("hidden_size", hidden_size), ("bias", bias), ("activation", activation)):
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self):
        super().__post_init__()
        self.choose("activation", ACTIVATIONS)

    def step(self, pre, h):
        """h' = f(a)"""
        return ACTIVATIONS[self.activation](pre.a)

    @property
    def extremes(self):
        """Where a unit rests when it has decided."""
        return {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(self.activation)
