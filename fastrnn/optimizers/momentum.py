"""Heavy-ball momentum: m <- beta m + g, w <- w - rate m.

B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

from typing import NamedTuple

from numba.extending import overload

from fastrnn.kernels.protocol import apply_update, corrections, memories
from fastrnn.simd import fma, pointwise


class Momentum(NamedTuple):
    """m <- beta m + g, w <- w - rate m."""

    is_optimizer = True
    name = "momentum"
    learning_rate = 0.02
    beta: float = 0.9



@pointwise
def _step(w, g, first, second, rate, beta):
    first = fma(beta, first, g)
    return fma(-rate, first, w), first, second


@overload(corrections, inline="always")
def _corrections(optimizer, step):
    if optimizer.instance_class is Momentum:
        return lambda optimizer, step: (1.0, 1.0)


@overload(memories, inline="always")
def _memories(optimizer):
    return (lambda optimizer: 1) if optimizer.instance_class is Momentum else None


@overload(apply_update, inline="always")
def _apply(optimizer, w, g, first, second, rate, c1, c2):
    if optimizer.instance_class is Momentum:
        return lambda optimizer, w, g, first, second, rate, c1, c2: _step(w, g, first, second, rate, optimizer.beta)
