"""AMSGrad, in PyTorch's form: Adam with the largest v so far in place of v.

    m <- b1 m + (1 - b1) g      v <- b2 v + (1 - b2) g^2      top <- max(top, v)
    w <- w - rate m / (1 - b1^n) / (sqrt(top / (1 - b2^n)) + eps)      at update n = 1, 2, ...

S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", ICLR 2018; the corrections by n are
PyTorch's.
"""

from typing import NamedTuple

from fastrnn.formula import maximum, square_root
from fastrnn.optimizers.base import bias_corrections


class AMSGrad(NamedTuple):
    """AMSGrad's constants, by default Adam's; torch.optim.Adam(amsgrad=True)."""

    is_optimizer = True
    name = "amsgrad"
    learning_rate = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8

    positive = ("epsilon",)
    slots, running = ("m", "v", "top"), ("q1", "rest1", "q2", "rest2")

    advance = staticmethod(bias_corrections)

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """Return (w, m, v, top)."""
        m = options.beta1 * slots.m + (1 - options.beta1) * g
        v = options.beta2 * slots.v + (1 - options.beta2) * (g * g)
        top = maximum(slots.top, v)
        spread = square_root(top) * (1 / square_root(running.q2)) + options.epsilon
        return w - (rate / running.q1) * m / spread, m, v, top
