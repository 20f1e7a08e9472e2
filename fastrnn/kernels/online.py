"""One sample, forward and back: the path of online updates, SIMD across the hidden units.

The same equations as fastrnn.kernels.forward and .backward. A block's rows are samples; here they are steps of
time wherever steps do not wait for each other: input products, the output layer and the weight gradients take
all steps at once. What does wait, the recurrence, is split in eight sums, so that few additions wait for the
one before.
"""

from numba.core import types
from numba.extending import overload

from fastrnn.cells.base import activate
from fastrnn.cells.base import gradient as cell_gradient
from fastrnn.cells.base import restlessness
from fastrnn.compiling import jit
from fastrnn.kernels.head import head_rows, weighed
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.reference import held
from fastrnn.kernels.tiles import BLOCK, TAIL, TAILED, TILE, whole
from fastrnn.kernels.update import exchange
from fastrnn.simd import (fma, lanes, load, pointwise, product_along, product_down, product_lanes, product_over,
                          product_split, put, splat, spread, store, sum_tree, zeros)

_plus = pointwise(lambda a, b: a + b)
_times = pointwise(lambda a, b: a * b)
_fma = pointwise(lambda a, b, c: fma(a, b, c))
# Sums of a recurrent product, where weight rows come in eights: for 16 units a chain of two multiply-adds and three
# additions. Fewer make a longer chain, more a taller tree.
SPLIT = 8


@inlined
def _column(work, s, one):
    """Copy targets and mask of sample s of a block into `one`."""
    steps = work.ends[s]
    for t in range(steps):
        for o in range(work.y.shape[1]):
            put(one.y, (o, t), work.y[t, o, s])
        put(one.mask, t, work.mask[t, s])
    # The output layer takes whole vectors of steps.
    for t in range(steps, -(-steps // BLOCK) * BLOCK):
        for o in range(work.y.shape[1]):
            put(one.y, (o, t), 0)
        put(one.mask, t, 0)


@inlined
def _split(layout, sums, a, t, weights, row):
    for q in range(layout.panels):
        count = min(lanes(weights), layout.hidden - q * lanes(weights))
        sums = product_split(sums, a, (q, t, 0), weights, row + q * lanes(weights), count)
    return sum_tree(sums)


@inlined
def _recurrent(layout, start, last, a, t, weights, row):
    """start + a[:, t] weights, for one panel of units, whose weights begin at `row`; last: a[-1, t], still in a register."""
    # Weight rows come in eights, unless there are tails.
    if layout.panels == 1 and (layout.hidden == lanes(weights) or not TAILED):
        sums = product_lanes(spread(start, SPLIT), last, 0, weights, row)
        if layout.hidden > SPLIT:
            sums = product_lanes(sums, last, SPLIT, weights, row + SPLIT)
        return sum_tree(sums)
    if TAILED:
        return _split(layout, spread(start, TAIL), a, t, weights, row)
    return _split(layout, spread(start, SPLIT), a, t, weights, row)


@inlined
def _forward_one(cell, layout, theta, x, s, one):
    h, steps = one.h, x.shape[0]
    for p in range(layout.panels):
        bias = _plus(load(theta, layout.b_ih + p, 1), load(theta, layout.b_hh + p, 1))
        for t in range(steps):
            store(
                h,
                (p, t + 1),
                product_along(bias, x, (t, 0, s), theta, layout.w_ih + p * cell.input_size, cell.input_size),
            )
    state = zeros(theta, 1)
    for t in range(steps):
        for p in range(layout.panels):
            pre = load(h, (p, t + 1), 1)
            if t > 0:
                pre = _recurrent(layout, pre, state, h, t, theta, layout.w_hh + p * layout.hidden)
            state = activate(cell, pre)
            store(h, (p, t + 1), state)


@inlined
def _rest_one(layout, end, steps, one):
    """As fastrnn.kernels.forward.rest, for one sample."""
    for t in range(end, steps):
        for p in range(layout.panels):
            store(one.h, (p, t + 1), zeros(one.h, 1))


def penalty_one(cell, one, p, t, rows, saturation):
    """As fastrnn.kernels.backward.penalty, for one sample."""
    raise NotImplementedError


@overload(penalty_one, inline="always")
def _overload_penalty_one(cell, one, p, t, rows, saturation):
    if saturation == types.none:
        return lambda cell, one, p, t, rows, saturation: rows
    return lambda cell, one, p, t, rows, saturation: _times(
        weighed(restlessness(cell, load(one.h, (p, t + 1), 1)), splat(one.mask, t)), saturation)


@inlined
def _backward_one(cell, layout, theta, w_hh_t, steps, one, saturation, truncate):
    h, d, d_pre = one.h, one.d, zeros(theta, 1)
    for t in range(steps - 1, -1, -1):
        for p in range(layout.panels):
            d_h = penalty_one(cell, one, p, t, zeros(theta, 1), saturation)
            for o in range(cell.output_size):
                d_h = _fma(splat(one.y, (o, t)), load(theta, layout.w_ho + p * cell.output_size + o, 1), d_h)
            if t + 1 < steps and (t + 1) % truncate != 0:
                d_h = _recurrent(layout, d_h, d_pre, d, t + 1, w_hh_t, p * layout.hidden)
            d_pre = cell_gradient(cell, d_h, load(h, (p, t + 1), 1))
            store(d, (p, t), d_pre)


@inlined
def _recurrent_rows(one, gradient, row, p, q, k, steps, rows):
    # The first step comes from a zero state, which has no outer product.
    store(gradient, row, product_along(rows, one.h, (q, 1, k), one.d, (p, 1), steps - 1))


@inlined
def _gradients_one(cell, layout, x, s, one, gradient):
    h, d, width, steps = one.h, one.d, lanes(gradient), x.shape[0]
    for p in range(layout.panels):
        for q in range(layout.panels):
            row, k = layout.w_hh + p * layout.hidden + q * width, 0
            stop = min(width, layout.hidden - q * width)
            while whole(stop - k):
                _recurrent_rows(one, gradient, row + k, p, q, k, steps, zeros(gradient, TILE))
                k += TILE
            if TAILED:
                while k < stop:
                    _recurrent_rows(one, gradient, row + k, p, q, k, steps, zeros(gradient, TAIL))
                    k += TAIL
        for i in range(cell.input_size):
            store(
                gradient,
                layout.w_ih + p * cell.input_size + i,
                product_over(zeros(gradient, 1), x, (0, i, s), d, (p, 0), steps),
            )
        bias = zeros(gradient, 1)
        for t in range(steps):
            bias = _plus(bias, load(d, (p, t), 1))
        store(gradient, layout.b_ih + p, bias)
        for o in range(cell.output_size):
            store(
                gradient,
                layout.w_ho + p * cell.output_size + o,
                product_down(zeros(gradient, 1), one.y, (o, 0), h, (p, 1), steps),
            )


@inlined
def _learn(network, s, stats, saturation):
    cell, loss, layout, theta, w_hh_t, work, one, gradient, truncate = held(network)
    _column(work, s, one)
    steps = work.ends[s]
    x = work.x[:steps]
    _forward_one(cell, layout, theta, x, s, one)
    _rest_one(layout, steps, -(-steps // BLOCK) * BLOCK, one)
    # Not needed before the way back, so the processor does it while the recurrence waits for itself.
    exchange(layout, theta, w_hh_t)
    head_rows(cell, loss, layout, theta, one.h, one.y, one.mask, gradient, stats, steps)
    _backward_one(cell, layout, theta, w_hh_t, steps, one, saturation, truncate)
    _gradients_one(cell, layout, x, s, one, gradient)


@jit
def learn_one(network, s, stats, saturation):
    """The gradient of sample s of a block, and its statistics added to `stats`.

    network: a Reference to (cell, loss, layout, theta, w_hh_t, Workspace, Single, gradient, truncate), of which w_hh_t
    and the Single are workspace; truncate as in `backward`; saturation is left out. Rows of the gradient's b_hh are
    left alone: they are b_ih's.
    """
    _learn(network, s, stats, None)


@jit
def learn_one_penalised(network, s, stats, saturation):
    """As learn_one, with the saturation penalty of this weight."""
    _learn(network, s, stats, saturation)
