"""One block of samples, forward and back, as compiled functions of their own.

They depend on the cell and the loss only; whoever uses them calls them by address (fastrnn.kernels.address).
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of, call
from fastrnn.kernels.backward import backward
from fastrnn.kernels.forward import forward
from fastrnn.kernels.head import head
from fastrnn.kernels.workspace import aligned_zeros


@jit
def forward_block(cell, layout, theta, x, h, samples, from_zero):
    """States h[1:] of the first `samples` samples."""
    forward(cell, layout, theta, x, h, samples, from_zero)


@jit
def learn_block(cell, loss, layout, theta, w_hh_t, x, y, mask, h, d, gradient, stats, samples, saturation, truncate, forward_at):
    """Add the block's gradient and statistics, from a zero state; y becomes the loss's derivative by the logits.

    truncate: steps between two borders that no gradient crosses; forward_at: the address of forward_block.
    """
    call(forward_at, (cell, layout, theta, x, h, samples, True))
    head(cell, loss, layout, theta, h, y, mask, gradient, stats)
    backward(cell, layout, theta, w_hh_t, x, y, mask, h, d, gradient, saturation, samples, truncate, True)


def forward_address(cell, layout, theta):
    """The address of forward_block for a cell and arrays of theta's dtype."""
    x, h = aligned_zeros((1, 1, 1), theta.dtype), aligned_zeros((1, 1, 1, 1), theta.dtype)
    return address_of(forward_block, cell, layout, theta, x, h, 1, True)


def learn_address(cell, loss, layout, theta, saturation):
    """The address of learn_block for a cell, a loss, arrays of theta's dtype, and a saturation penalty (0.0) or none (None)."""
    block, history = aligned_zeros((1, 1, 1), theta.dtype), aligned_zeros((1, 1, 1, 1), theta.dtype)
    return address_of(learn_block, cell, loss, layout, theta, theta, block, block, theta, history, history, theta, np.zeros(4),
                      1, saturation, 1, 0)
