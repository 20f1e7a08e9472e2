"""One sample, forward and back: the path of online updates, SIMD across the hidden units.

The same equations as fastrnn.kernels.forward and .backward. A block's rows are samples; here they are steps of
time wherever steps do not wait for each other: input products, the output layer and the weight gradients take
all steps at once. What does wait, the recurrence, is split in four sums, so that no addition waits for the
one before.
"""

import numpy as np
from numba.core import types
from numba.extending import overload

from fastrnn.cells.base import activate
from fastrnn.cells.base import gradient as cell_gradient
from fastrnn.cells.base import restlessness
from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of
from fastrnn.kernels.head import head_rows
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import TAIL, TILE, whole
from fastrnn.simd import (fma, lanes, load, load_like, pointwise, product_along, product_down, product_split, splat, store,
                          sum_rows, zeros)

_plus = pointwise(lambda a, b: a + b)
_times = pointwise(lambda a, b: a * b)
_fma = pointwise(lambda a, b, c: fma(a, b, c))
# Sums of a recurrent product: a fused multiply-add takes four cycles and two can start in each.
SPLIT = 4


def number(x):
    """An input as a number: itself, or 1 or 0 for a mask."""
    raise NotImplementedError


@overload(number, inline="always")
def _overload_number(x):
    return (lambda x: x) if isinstance(x, types.Float) else (lambda x: 1 if x != 0 else 0)


@inlined
def _column(work, one, s):
    """Copy sample s of a block into `one`."""
    for t in range(work.x.shape[0]):
        for i in range(work.x.shape[1]):
            one.x[t, i] = number(work.x[t, i, s])
        for o in range(work.y.shape[1]):
            one.y[o, t] = work.y[t, o, s]
        one.mask[t] = work.mask[t, s]


@inlined
def _forward_one(cell, layout, theta, one):
    h, width, steps = one.h, lanes(theta), one.x.shape[0]
    for p in range(layout.panels):
        bias = _plus(load(theta, layout.b_ih + p, 1), load(theta, layout.b_hh + p, 1))
        for t in range(steps):
            pre = bias
            for i in range(cell.input_size):
                pre = _fma(splat(one.x, (t, i)), load(theta, layout.w_ih + p * cell.input_size + i, 1), pre)
            store(h, (p, t + 1), pre)
    for t in range(steps):
        for p in range(layout.panels):
            pre = load(h, (p, t + 1), 1)
            if t > 0:
                sums, row = zeros(theta, SPLIT), layout.w_hh + p * layout.hidden
                for q in range(layout.panels):
                    count = min(width, layout.hidden - q * width)
                    sums = product_split(sums, h, (q, t, 0), theta, row + q * width, count)
                pre = sum_rows(pre, sums)
            store(h, (p, t + 1), activate(cell, pre))


def penalty_one(cell, one, p, t, rows, saturation):
    """As fastrnn.kernels.backward.penalty, for one sample."""
    raise NotImplementedError


@overload(penalty_one, inline="always")
def _overload_penalty_one(cell, one, p, t, rows, saturation):
    if saturation == types.none:
        return lambda cell, one, p, t, rows, saturation: rows
    return lambda cell, one, p, t, rows, saturation: _times(
        restlessness(cell, load(one.h, (p, t + 1), 1)), _times(splat(one.mask, t), saturation))


@inlined
def _backward_one(cell, layout, theta, w_hh_t, one, saturation, truncate):
    h, d, width, steps = one.h, one.d, lanes(theta), one.x.shape[0]
    for t in range(steps - 1, -1, -1):
        for p in range(layout.panels):
            d_h = penalty_one(cell, one, p, t, zeros(theta, 1), saturation)
            for o in range(cell.output_size):
                d_h = _fma(splat(one.y, (o, t)), load(theta, layout.w_ho + p * cell.output_size + o, 1), d_h)
            if t + 1 < steps and (t + 1) % truncate != 0:
                sums, row = zeros(theta, SPLIT), p * layout.hidden
                for q in range(layout.panels):
                    count = min(width, layout.hidden - q * width)
                    sums = product_split(sums, d, (q, t + 1, 0), w_hh_t, row + q * width, count)
                d_h = sum_rows(d_h, sums)
            state = load(h, (p, t + 1), 1)
            store(d, (p, t), cell_gradient(cell, d_h, state))


@inlined
def _recurrent_rows(one, gradient, row, p, q, k, steps, rows):
    # The first step comes from a zero state, which has no outer product.
    store(gradient, row, product_along(load_like(gradient, row, rows), one.h, (q, 1, k), one.d, (p, 1), steps - 1))


@inlined
def _gradients_one(cell, layout, one, gradient):
    h, d, width, steps = one.h, one.d, lanes(gradient), one.x.shape[0]
    for p in range(layout.panels):
        for q in range(layout.panels):
            row, k = layout.w_hh + p * layout.hidden + q * width, 0
            stop = min(width, layout.hidden - q * width)
            while whole(stop - k):
                _recurrent_rows(one, gradient, row + k, p, q, k, steps, zeros(gradient, TILE))
                k += TILE
            while k < stop:
                _recurrent_rows(one, gradient, row + k, p, q, k, steps, zeros(gradient, TAIL))
                k += TAIL
        for i in range(cell.input_size):
            row = layout.w_ih + p * cell.input_size + i
            store(gradient, row, product_along(load(gradient, row, 1), one.x, (0, i), d, (p, 0), steps))
        bias = load(gradient, layout.b_ih + p, 1)
        for t in range(steps):
            bias = _plus(bias, load(d, (p, t), 1))
        store(gradient, layout.b_ih + p, bias)
        for o in range(cell.output_size):
            row = layout.w_ho + p * cell.output_size + o
            store(gradient, row, product_down(load(gradient, row, 1), one.y, (o, 0), h, (p, 1), steps))


@jit
def learn_one(cell, loss, layout, theta, w_hh_t, work, s, one, gradient, stats, saturation, truncate):
    """Add the gradient and statistics of sample s of the block in `work`; `one` is workspace, `truncate` as in `backward`."""
    _column(work, one, s)
    _forward_one(cell, layout, theta, one)
    head_rows(cell, loss, layout, theta, one.h, one.y, one.mask, gradient, stats)
    _backward_one(cell, layout, theta, w_hh_t, one, saturation, truncate)
    _gradients_one(cell, layout, one, gradient)


def learn_one_address(cell, loss, layout, theta, work, one, saturation):
    """The address of learn_one for a cell, a loss and arrays of theta's dtype."""
    return address_of(learn_one, cell, loss, layout, theta, theta, work, 0, one, theta, np.zeros(4), saturation, 1)
