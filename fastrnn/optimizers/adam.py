"""Adam: m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, w <- w - rate m' / (sqrt(v') + eps),

with m' = m / (1 - b1^n), v' = v / (1 - b2^n) at update n = 1, 2, ...

D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; AdamW: I. Loshchilov and F. Hutter,
"Decoupled weight decay regularization", ICLR 2019.
"""

from typing import NamedTuple

from fastrnn.formula import square_root
from fastrnn.optimizers.base import bias_corrections


class Adam(NamedTuple):
    """Adam's constants; beta2 is below the usual 0.999, since runs here last some hundred updates.

    With weight decay, which is decoupled for every optimizer here (w -= rate * weight_decay * w), this is AdamW.
    """

    is_optimizer = True
    name = "adam"
    learning_rate = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8

    # A weight without a gradient would become 0 / 0.
    positive = ("epsilon",)
    slots, running = ("m", "v"), ("q1", "rest1", "q2", "rest2")

    advance = staticmethod(bias_corrections)

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """Return (w, m, v)."""
        m = options.beta1 * slots.m + (1 - options.beta1) * g
        v = options.beta2 * slots.v + (1 - options.beta2) * (g * g)
        spread = square_root(v) * (1 / square_root(running.q2)) + options.epsilon
        return w - (rate / running.q1) * m / spread, m, v
