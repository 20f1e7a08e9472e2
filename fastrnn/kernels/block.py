"""One block of samples, forward and back, as compiled functions of their own.

They depend on the cell and the loss only; whoever uses them calls them by address (fastrnn.kernels.address).
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of, call
from fastrnn.kernels.backward import backward
from fastrnn.kernels.forward import forward
from fastrnn.kernels.head import head
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, inputs_dtype

HALF = BLOCK // 2


@jit
def forward_block(cell, layout, theta, x, h, samples, from_zero):
    """States h[1:] of the first `samples` samples, and of what completes them to half a block or a whole one.

    Two fixed numbers of samples: loops of known length are a tenth faster.
    """
    if samples > HALF:
        forward(cell, layout, theta, x, h, BLOCK, from_zero)
    else:
        forward(cell, layout, theta, x, h, HALF, from_zero)


@jit
def learn_block(cell, loss, layout, theta, w_hh_t, x, y, mask, h, d, gradient, stats, samples, saturation, truncate, forward_at):
    """Add the block's gradient and statistics, from a zero state; y becomes the loss's derivative by the logits.

    Samples that do not count have a mask of 0. truncate: steps between two borders that no gradient crosses; forward_at: the address of forward_block.
    """
    call(forward_at, (cell, layout, theta, x, h, samples, True))
    head(cell, loss, layout, theta, h, y, mask, gradient, stats)
    if samples > HALF:
        backward(cell, layout, theta, w_hh_t, x, y, mask, h, d, gradient, saturation, BLOCK, truncate, True)
    else:
        backward(cell, layout, theta, w_hh_t, x, y, mask, h, d, gradient, saturation, HALF, truncate, True)


def forward_address(cell, layout, theta, bits):
    """The address of forward_block for a cell, arrays of theta's dtype, and inputs that are bits, as masks, or any numbers."""
    x = aligned_zeros((1, 1, 1), inputs_dtype(theta.dtype, bits))
    return address_of(forward_block, cell, layout, theta, x, aligned_zeros((1, 1, 1, 1), theta.dtype), 1, True)


def learn_address(cell, loss, layout, theta, bits, saturation):
    """The address of learn_block for a cell, a loss, arrays as in `forward_address`, and a saturation penalty (0.0) or none (None)."""
    x = aligned_zeros((1, 1, 1), inputs_dtype(theta.dtype, bits))
    block, history = aligned_zeros((1, 1, 1), theta.dtype), aligned_zeros((1, 1, 1, 1), theta.dtype)
    return address_of(learn_block, cell, loss, layout, theta, theta, x, block, theta, history, history, theta, np.zeros(4),
                      1, saturation, 1, 0)
