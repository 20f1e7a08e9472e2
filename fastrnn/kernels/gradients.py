"""The gradient of w_hh over one span of time, for one block: a sum of outer products.

    w_hh[k] += sum_(t, samples) h[t, k] d_pre[t]

The hidden units lie in the lanes, so a sum over samples needs no horizontal sum: it is a running sum
in a register, loaded and stored once a span.
"""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK, TAIL, TAILED, TILE, whole
from fastrnn.simd import lanes, load_like, product_along, store, zeros


@inlined
def _recurrent_tile(h, d, gradient, row, start, first, end, p, q, k, rows):
    sums = load_like(gradient, row, rows)
    for t in range(first, end):
        sums = product_along(sums, h, (t, q, 0, k), d, (t - start, p, 0), BLOCK)
    store(gradient, row, sums)


@inlined
def add_recurrent(cell, layout, h, d, gradient, start, end, from_zero):
    """Add the gradient of steps start to end - 1, whose d_pre[t] is d[t - start]."""
    first = max(start, 1) if from_zero else start  # a zero state has no outer product
    for p in range(layout.panels):
        row, left, q = layout.w_hh + p * layout.hidden, layout.hidden, 0
        while left > 0:
            stop, k = min(lanes(gradient), left), 0
            while whole(stop - k):
                _recurrent_tile(h, d, gradient, row + k, start, first, end, p, q, k, zeros(gradient, TILE))
                k += TILE
            if TAILED:
                while k < stop:
                    _recurrent_tile(h, d, gradient, row + k, start, first, end, p, q, k, zeros(gradient, TAIL))
                    k += TAIL
            row, left, q = row + stop, left - stop, q + 1
