"""Adam: m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, w <- w - rate m' / (sqrt(v') + eps),

with m' = m / (1 - b1^n), v' = v / (1 - b2^n) at update n = 1, 2, ...

D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; AdamW: I. Loshchilov and F. Hutter,
"Decoupled weight decay regularization", ICLR 2019.
"""

from typing import NamedTuple

from numba.extending import overload

from fastrnn.formula import square_root as square_root_of
from fastrnn.kernels.protocol import apply_update, corrections, memories
from fastrnn.optimizers.base import corrections_of_both
from fastrnn.simd import fma, pointwise, square_root


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

    def kernel(self):
        """The constants as the kernels for tasks take them."""
        return AdamKernel(1 - self.beta1, 1 - self.beta2, self.epsilon)

    advance = staticmethod(corrections_of_both)

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        """(w, m, v)"""
        m = options.beta1 * slots.m + (1 - options.beta1) * g
        v = options.beta2 * slots.v + (1 - options.beta2) * (g * g)
        spread = square_root_of(v) * (1 / square_root_of(running.q2)) + options.epsilon
        return w - (rate / running.q1) * m / spread, m, v


class AdamKernel(NamedTuple):
    """Adam's constants for the kernels: 1 - beta1 and 1 - beta2, taken in float64: in float32 they would lose digits."""

    gain1: float
    gain2: float
    epsilon: float


@pointwise
def _step(w, g, first, second, rate, gain1, gain2, epsilon, c1, c2):
    # w - rate / (1 - b1^n) * m / (sqrt(v) / sqrt(1 - b2^n) + eps): c1 and c2 hold the corrections.
    first = fma(gain1, g - first, first)
    second = fma(gain2, fma(g, g, -second), second)
    return w - rate * c1 * first / fma(square_root(second), c2, epsilon), first, second


@overload(corrections, inline="always")
def _corrections(optimizer, step):
    if optimizer.instance_class is AdamKernel:
        return lambda optimizer, step: (1 / (1 - (1 - optimizer.gain1) ** (step + 1)),
                                        (1 - (1 - optimizer.gain2) ** (step + 1)) ** -0.5)


@overload(memories, inline="always")
def _memories(optimizer):
    return (lambda optimizer: 2) if optimizer.instance_class is AdamKernel else None


@overload(apply_update, inline="always")
def _apply(optimizer, w, g, first, second, rate, c1, c2):
    if optimizer.instance_class is AdamKernel:
        return lambda optimizer, w, g, first, second, rate, c1, c2: _step(
            w, g, first, second, rate, optimizer.gain1, optimizer.gain2, optimizer.epsilon, c1, c2)
