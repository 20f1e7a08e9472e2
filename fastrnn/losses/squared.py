"""The tutorial's loss: L = (o - y)^2 / 2 with o = sigmoid(z), so dL/dz = (o - y) o (1 - o)."""

from typing import NamedTuple

from numba.extending import overload

from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.simd import pointwise, sigmoid


class SquaredError(NamedTuple):
    """L = (sigmoid(z) - y)^2 / 2."""

    is_loss = True
    name = "squared"



@pointwise
def _squared(z, y):
    o = sigmoid(z)
    error = o - y
    return error * error * 0.5, error * (o - o * o)


@overload(loss_and_derivative, inline="always")
def _overload(loss, z, y):
    if loss.instance_class is SquaredError:
        return lambda loss, z, y: _squared(z, y)
