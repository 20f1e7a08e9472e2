"""One block of samples, forward and back, as compiled functions of their own.

They depend on the cell and the loss only, so every task and optimizer shares one compiled copy.
"""

from fastrnn.compiling import jit
from fastrnn.kernels.backward import backward
from fastrnn.kernels.forward import forward
from fastrnn.kernels.head import head


@jit
def forward_block(cell, layout, theta, x, h, samples, from_zero):
    """States h[1:] of the first `samples` samples."""
    forward(cell, layout, theta, x, h, samples, from_zero)


@jit
def learn_block(cell, loss, layout, theta, w_hh_t, x, y, mask, h, d, gradient, stats, samples, saturation):
    """Add the block's gradient and statistics, from a zero state; y becomes the loss's derivative by the logits."""
    forward_block(cell, layout, theta, x, h, samples, True)
    head(cell, loss, layout, theta, h, y, mask, gradient, stats)
    backward(cell, layout, theta, w_hh_t, x, y, mask, h, d, gradient, saturation, samples, True)
