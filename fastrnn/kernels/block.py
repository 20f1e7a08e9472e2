"""One block of samples, forward and back, as compiled functions of their own.

They depend on the cell and the loss only; whoever uses them calls them by address (fastrnn.kernels.address).
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of, call
from fastrnn.kernels.backward import backward
from fastrnn.kernels.forward import forward, rest
from fastrnn.kernels.head import head
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.reference import Referred, held
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, inputs_dtype


@jit
def forward_block(cell, layout, theta, x, h, from_zero):
    """States h[1:] of a block."""
    forward(cell, layout, theta, x, h, from_zero)


@inlined
def _learn(block, gradient, stats, saturation, truncate, forward_at):
    cell, loss, layout, theta, w_hh_t, work = held(block)
    # A block takes as many steps as the longest of its samples.
    steps = 0
    for s in range(BLOCK):
        steps = max(steps, work.ends[s])
    x, y, mask, h = work.x[:steps], work.y[:steps], work.mask[:steps], work.h[: steps + 1]
    call(forward_at, (cell, layout, theta, x, h, True))
    rest(layout, h, work.ends)
    head(cell, loss, layout, theta, h, y, mask, gradient, stats)
    backward(cell, layout, theta, w_hh_t, x, y, mask, h, work.d, gradient, saturation, truncate, True, work.x.shape[0])


@jit
def learn_block(block, gradient, stats, saturation, truncate, forward_at):
    """Add the gradient and statistics of a block, from a zero state; its y becomes the loss's derivative by the logits.

    block: a Reference to (cell, loss, layout, theta, w_hh_t, Workspace). Samples that do not count have a mask of 0.
    saturation is left out, see below; truncate: steps between two borders that no gradient crosses; forward_at: the
    address of forward_block.
    """
    _learn(block, gradient, stats, None, truncate, forward_at)


@jit
def learn_block_penalised(block, gradient, stats, saturation, truncate, forward_at):
    """As learn_block, with the saturation penalty of this weight.

    Of the same type, so that its callers are compiled once for both.
    """
    _learn(block, gradient, stats, saturation, truncate, forward_at)


def forward_address(cell, layout, theta, bits):
    """The address of forward_block for a cell, arrays of theta's dtype, and inputs that are bits, as masks, or any numbers."""
    x = aligned_zeros((1, 1, 1), inputs_dtype(theta.dtype, bits))
    return address_of(forward_block, cell, layout, theta, x, aligned_zeros((1, 1, 1, 1), theta.dtype), True)


def learn_address(cell, loss, layout, theta, work, penalised, forward_at):
    """The address of learn_block or learn_block_penalised for a cell, a loss, arrays of theta's dtype and a Workspace."""
    return address_of(
        learn_block_penalised if penalised else learn_block,
        Referred(cell, loss, layout, theta, theta, work),
        theta,
        np.zeros(4),
        0.0,
        1,
        forward_at,
    )
