"""Nesterov's momentum, in PyTorch's form: m <- beta m + g, w <- w - rate (g + beta m).

Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k^2)", Soviet Mathematics
Doklady 27 (1983); in terms of gradients at w itself: I. Sutskever et al., "On the importance of initialization and
momentum in deep learning", ICML 2013.
"""

from typing import NamedTuple


class Nesterov(NamedTuple):
    """m <- beta m + g, w <- w - rate (g + beta m); torch.optim.SGD(momentum=beta, nesterov=True)."""

    is_optimizer = True
    name = "nesterov"
    learning_rate = 0.02
    beta: float = 0.9

    slots = ("m",)

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """Return (w, m)."""
        m = options.beta * slots.m + g
        return w - rate * (g + options.beta * m), m
