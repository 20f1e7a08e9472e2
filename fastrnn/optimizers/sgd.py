"""Gradient descent, as in the tutorial: w <- w - rate g."""

from typing import NamedTuple


class SGD(NamedTuple):
    """w <- w - rate g."""

    is_optimizer = True
    name = "sgd"
    learning_rate = 0.1

    slots = ()

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """Return (w,)."""
        return (w - rate * g,)
