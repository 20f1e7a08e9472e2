"""Back through time, for one block of samples, in spans of SPAN steps from the last one.

    d_h[t] = d_pre[t + 1] w_hh' + d_z[t] w_ho        d_pre[t] = d_h[t] * f'(pre[t])
    w_ih[i] += x[t, i] d_pre[t]    b += d_pre[t]     w_ho[o] += d_z[t, o] h[t + 1]      (the gradients)

After each span the gradient of w_hh takes its derivatives in, while they are in the cache. Nothing flows
into the state before the first step, nor, truncated, into that before every `truncate`-th one: there d_h[t] lacks its
first term. b_hh's gradient is b_ih's.

P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78 (1990). R. J. Williams and
J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network trajectories", Neural
Computation 2 (1990).
"""

from numba.core import types
from numba.extending import overload

from fastrnn.cells.base import gradient as cell_gradient
from fastrnn.cells.base import restlessness
from fastrnn.kernels.gradients import add_recurrent
from fastrnn.kernels.head import weighed
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK, SPAN, TAIL, TAILED, TILE, whole
from fastrnn.simd import (
    fold,
    lanes,
    load,
    load_like,
    pointwise,
    product_along,
    product_down,
    splats_along,
    store,
    sum_rows,
    zeros,
)

_times = pointwise(lambda a, b: a * b)


def penalty(cell, mask, h, t, p, s, rows, saturation):
    """The saturation penalty's derivative by h[t + 1], or `rows` (zeros) where `saturation` is None.

    Chosen by the type of `saturation`: a branch in the tile, even one never taken, costs a third of the speed.
    """
    raise NotImplementedError


@overload(penalty, inline="always")
def _overload_penalty(cell, mask, h, t, p, s, rows, saturation):
    if saturation == types.none:
        return lambda cell, mask, h, t, p, s, rows, saturation: rows
    return lambda cell, mask, h, t, p, s, rows, saturation: _times(
        weighed(restlessness(cell, load_like(h, (t + 1, p, s), rows)), splats_along(mask, (t, s), rows)), saturation)


@inlined
def _backward_tile(
    cell, layout, theta, w_hh_t, x, d_z, mask, h, d, gradient, saturation, t, slot, p, s, rows, recurrent
):
    d_h = penalty(cell, mask, h, t, p, s, rows, saturation)
    d_h = product_along(d_h, d_z, (t, 0, s), theta, layout.w_ho + p * cell.output_size, cell.output_size)
    row, q = p * layout.hidden, 0
    while recurrent > 0:
        width = min(lanes(theta), recurrent)
        d_h = product_down(d_h, d, (slot + 1, q, s, 0), w_hh_t, row, width)
        row, q, recurrent = row + width, q + 1, recurrent - width
    state = load_like(h, (t + 1, p, s), rows)
    d_pre = cell_gradient(cell, d_h, state)
    store(d, (slot, p, s), d_pre)
    # The small gradients, while their vectors are in registers: a loop of their own has too few sums
    # in flight, and waits for each addition.
    store(gradient, layout.b_ih + p, sum_rows(load(gradient, layout.b_ih + p, 1), d_pre))
    row = layout.w_ih + p * cell.input_size
    for i in range(cell.input_size):
        store(gradient, row + i, fold(load(gradient, row + i, 1), x, (t, i, s), d_pre))
    row = layout.w_ho + p * cell.output_size
    for o in range(cell.output_size):
        store(gradient, row + o, fold(load(gradient, row + o, 1), d_z, (t, o, s), state))


@inlined
def backward(cell, layout, theta, w_hh_t, x, d_z, mask, h, d, gradient, saturation, truncate, from_zero, length):
    """Add the block's weight gradients to `gradient`; d (SPAN + 1, P, BLOCK, lanes) is workspace.

    w_hh_t is w_hh with its two hidden axes exchanged, in the same panels; saturation (or None) weighs the cell's
    penalty for units that do not rest at an extreme, summed over units and steps; truncate: steps of one segment of
    time, through whose border no gradient flows (all T: none is cut).

    Of sequences of `length` steps, x may hold the first ones alone, if no other counts: the sums are the same bytes.
    """
    end = x.shape[0]
    while end > 0:
        # Spans begin where those of the whole length do, for the order of additions depends on that.
        start = max(0, end - SPAN + (length - end) % SPAN)
        for t in range(end - 1, start - 1, -1):
            recurrent = cell.hidden_size if t + 1 < x.shape[0] and (t + 1) % truncate != 0 else 0
            for p in range(layout.panels):
                s = 0
                while whole(BLOCK - s):
                    _backward_tile(
                        cell,
                        layout,
                        theta,
                        w_hh_t,
                        x,
                        d_z,
                        mask,
                        h,
                        d,
                        gradient,
                        saturation,
                        t,
                        t - start,
                        p,
                        s,
                        zeros(theta, TILE),
                        recurrent,
                    )
                    s += TILE
                if TAILED:
                    while s < BLOCK:
                        _backward_tile(
                            cell,
                            layout,
                            theta,
                            w_hh_t,
                            x,
                            d_z,
                            mask,
                            h,
                            d,
                            gradient,
                            saturation,
                            t,
                            t - start,
                            p,
                            s,
                            zeros(theta, TAIL),
                            recurrent,
                        )
                        s += TAIL
        add_recurrent(cell, layout, h, d, gradient, start, end, from_zero)
        # The last step of the span before looks one step later, at the first one here.
        for p in range(layout.panels):
            for s in range(BLOCK):
                store(d, (min(SPAN, start), p, s), load(d, (0, p, s), 1))
        end = start
