"""Formulas: the language of cells, heads and optimizers, and everything that is derived from them."""

from fastrnn.formula.functions import (
    detach,
    exp,
    greater,
    log,
    maximum,
    relu,
    sigmoid,
    softplus,
    square_root,
    tanh,
    where,
)

__all__ = ["detach", "exp", "greater", "log", "maximum", "relu", "sigmoid", "softplus", "square_root", "tanh", "where"]
