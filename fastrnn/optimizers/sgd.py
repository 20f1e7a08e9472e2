"""Gradient descent, as in the tutorial: w <- w - rate g."""

from typing import NamedTuple

from numba.extending import overload

from fastrnn.kernels.protocol import apply_update, corrections, memories
from fastrnn.simd import fma, pointwise


class SGD(NamedTuple):
    """w <- w - rate g."""

    is_optimizer = True
    name = "sgd"
    learning_rate = 0.1


@pointwise
def _step(w, g, first, second, rate):
    return fma(-rate, g, w), first, second


@overload(corrections, inline="always")
def _corrections(optimizer, step):
    if optimizer.instance_class is SGD:
        return lambda optimizer, step: (1.0, 1.0)


@overload(memories, inline="always")
def _memories(optimizer):
    return (lambda optimizer: 0) if optimizer.instance_class is SGD else None


@overload(apply_update, inline="always")
def _apply(optimizer, w, g, first, second, rate, c1, c2):
    if optimizer.instance_class is SGD:
        return lambda optimizer, w, g, first, second, rate, c1, c2: _step(w, g, first, second, rate)
