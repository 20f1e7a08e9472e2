"""Heavy-ball momentum: m <- beta m + g, w <- w - rate m.

B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

from typing import NamedTuple


class Momentum(NamedTuple):
    """m <- beta m + g, w <- w - rate m."""

    is_optimizer = True
    name = "momentum"
    learning_rate = 0.02
    beta: float = 0.9

    slots = ("m",)

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """Return (w, m)."""
        m = options.beta * slots.m + g
        return w - rate * m, m
