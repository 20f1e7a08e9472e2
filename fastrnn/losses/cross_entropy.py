"""Binary cross-entropy: L = log(1 + exp(z)) - y z, so dL/dz = sigmoid(z) - y, for targets in [0, 1]."""

from typing import NamedTuple

from numba.extending import overload

from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.simd import pointwise, sigmoid, softplus


class CrossEntropy(NamedTuple):
    """L = -y log(o) - (1 - y) log(1 - o), o = sigmoid(z)."""

    is_loss = True
    name = "cross-entropy"



@pointwise
def _cross_entropy(z, y):
    return softplus(z) - y * z, sigmoid(z) - y


@overload(loss_and_derivative, inline="always")
def _overload(loss, z, y):
    if loss.instance_class is CrossEntropy:
        return lambda loss, z, y: _cross_entropy(z, y)
