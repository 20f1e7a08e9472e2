"""RMSprop, in PyTorch's form: v <- alpha v + (1 - alpha) g^2, m <- momentum m + g / (sqrt(v) + eps), w <- w - rate m.

T. Tieleman and G. Hinton, "Lecture 6.5 - rmsprop", COURSERA: Neural Networks for Machine Learning (2012).
"""

from typing import NamedTuple

from fastrnn.formula import square_root


class RMSprop(NamedTuple):
    """RMSprop's constants, as torch.optim.RMSprop has them; not centered."""

    is_optimizer = True
    name = "rmsprop"
    learning_rate = 0.01
    alpha: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8

    positive = ("epsilon",)
    slots = ("v", "m")

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """Return (w, v, m)."""
        v = options.alpha * slots.v + (1 - options.alpha) * (g * g)
        m = options.momentum * slots.m + g / (square_root(v) + options.epsilon)
        return w - rate * m, v, m
