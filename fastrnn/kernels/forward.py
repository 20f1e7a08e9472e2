"""Forward in time, for one block of samples.

    h[t + 1] = f(x[t] w_ih + b_ih + h[t] w_hh + b_hh)

Arrays of a block: x (T, I, BLOCK), h (T + 1, P, BLOCK, lanes) with h[0] the state before the first step.
"""

from fastrnn.cells.base import activate
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK, TAIL, TAILED, TILE, whole
from fastrnn.simd import lanes, load, pointwise, product_along, product_down, store, zeros

_bias = pointwise(lambda rows, a, b: a + b)


@inlined
def _forward_tile(cell, layout, theta, x, h, t, p, s, rows, recurrent):
    """Hidden units of panel p at step t, for as many samples from s on as `rows` has; `recurrent` of them feed back."""
    pre = _bias(rows, load(theta, layout.b_ih + p, 1), load(theta, layout.b_hh + p, 1))
    pre = product_along(pre, x, (t, 0, s), theta, layout.w_ih + p * cell.input_size, cell.input_size)
    row, q = layout.w_hh + p * layout.hidden, 0
    while recurrent > 0:
        width = min(lanes(theta), recurrent)
        pre = product_down(pre, h, (t, q, s, 0), theta, row, width)
        row, q, recurrent = row + width, q + 1, recurrent - width
    store(h, (t + 1, p, s), activate(cell, pre))


@inlined
def rest(layout, h, ends):
    """Set the states after each sample's last step that counts to 0.

    The loss does not depend on them, and they may not be finite.
    """
    for s in range(BLOCK):
        for t in range(ends[s], h.shape[0] - 1):
            for p in range(layout.panels):
                store(h, (t + 1, p, s), zeros(h, 1))


@inlined
def forward(cell, layout, theta, x, h, from_zero):
    """Fill h[1:] of a block; from_zero: h[0] is zero, its product is left out."""
    for t in range(x.shape[0]):
        recurrent = 0 if from_zero and t == 0 else cell.hidden_size
        for p in range(layout.panels):
            s = 0
            while whole(BLOCK - s):
                _forward_tile(cell, layout, theta, x, h, t, p, s, zeros(theta, TILE), recurrent)
                s += TILE
            if TAILED:
                while s < BLOCK:
                    _forward_tile(cell, layout, theta, x, h, t, p, s, zeros(theta, TAIL), recurrent)
                    s += TAIL
