"""The Elman cell."""

from dataclasses import dataclass

from fastrnn.cells.base import ACTIVATIONS, Cell


@dataclass(frozen=True, init=False)
class Elman(Cell):
    """The Elman network, PyTorch's nn.RNN.

        h' = f(W_ih x + b_ih + W_hh h + b_hh)

    Parameters
    ----------
    hidden_size : int
        The number of hidden units, at least 1.
    activation : "sigmoid", "tanh" or "relu"
        The function f.
    bias : bool
        Whether b_ih and b_hh, and b_o of the outputs, exist and are learned.

    Raises
    ------
    ValueError, TypeError
        For options out of range.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).
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
        """The values of h at which a unit is saturated."""
        return {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(self.activation)
