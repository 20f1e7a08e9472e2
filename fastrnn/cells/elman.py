"""The Elman cell: h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh).

J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).
"""

from dataclasses import dataclass

import numpy as np
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

    def activation_error(self, dtype):
        """Largest |f computed - f| of the kernels, with or without fused multiply-adds, that a proof allows for."""
        return _ERROR[self.activation][dtype]

    def interval_activate(self, low, high, error):
        """(low, high), float64: bounds of f(z) + e for all z within [low, high] and |e| <= error.

        Every f here is monotone, so the ends go to the ends; they are rounded outward.
        """
        if self.activation == "relu":
            return np.nextafter(np.maximum(low, 0) - error, -np.inf), np.nextafter(np.maximum(high, 0) + error, np.inf)
        ends = np.stack([low, high])
        with np.errstate(over="ignore"):
            low, high = np.tanh(ends) if self.activation == "tanh" else 1 / (1 + np.exp(-ends))
        error = error + _NUMPY_ERROR
        return np.nextafter(low - error, -np.inf), np.nextafter(high + error, np.inf)


# Largest absolute error of the activations on SIMD vectors, as fastrnn.simd.functions states it, times four.
_ERROR = {"sigmoid": {"float32": 4 * 2e-7, "float64": 4 * 1.7e-16},
          "tanh": {"float32": 4 * 1.5e-7, "float64": 4 * 2.8e-16},
          "relu": {"float32": 0.0, "float64": 0.0}}
# NumPy's exp and tanh are within 4 units in the last place; with the other operations, less than this.
_NUMPY_ERROR = 2e-15
