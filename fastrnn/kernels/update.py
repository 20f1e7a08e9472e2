"""From the gradients of all groups to the next weights, in a fixed order of additions."""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import apply_update, memories
from fastrnn.kernels.shrinking import shrunk
from fastrnn.simd import lanes, lanes_to_bits, load, load_square, pointwise, select, store, total, transpose, zeros
from fastrnn.simd.grid import largest_magnitude


def square_limit(vector):
    """The least number of the vector's dtype whose square is not finite."""
    return 2.0**512 if vector.double else 2.0**64


_plus = pointwise(lambda a, b: a + b)
_times = pointwise(lambda a, b: a * b)
# 0 in dead lanes, whatever they hold.
_alive = pointwise(lambda a, live: select(live > 0, a, 0))
_infinite = pointwise(lambda largest: select(largest < float("inf"), largest.constant(0), 1))


@inlined
def _source(layout, row):
    # Both input biases have one gradient; the kernels form it once, in b_ih's rows.
    return row - (layout.b_hh - layout.b_ih) if layout.b_hh <= row < layout.w_ho else row


@inlined
def add_up(layout, gradients, half, live, gradient):
    """gradient (rows, lanes) = the sum of gradients[half] over groups, where theta is alive; returns its squared norm."""
    squares = zeros(gradient, 1)
    for row in range(gradient.shape[0]):
        source = _source(layout, row)
        sums = load(gradients, (half, 0, source), 1)
        for group in range(1, gradients.shape[1]):
            sums = _plus(sums, load(gradients, (half, group, source), 1))
        sums = _alive(sums, load(live, row, 1))
        store(gradient, row, sums)
        squares = _plus(squares, _times(sums, sums))
    return total(squares)


@inlined
def squared_norm(layout, gradient, live):
    """The squared norm of a gradient as a kernel leaves it, where theta is alive."""
    squares = zeros(gradient, 1)
    for row in range(gradient.shape[0]):
        g = _alive(load(gradient, _source(layout, row), 1), load(live, row, 1))
        squares = _plus(squares, _times(g, g))
    return total(squares)


@jit
def norm_of(layout, gradient, live, squares):
    """The norm of a gradient whose squares add up to `squares`; infinite where the square of an entry is not finite.

    Where the sum overflows and none of the squares does, it is taken again, of the gradient scaled down.
    """
    norm = np.sqrt(squares)
    if np.isfinite(norm):
        return np.float64(norm)
    limit, scaled = 2.0**64 if lanes(gradient) == 16 else 2.0**512, 0.0
    for row in range(gradient.shape[0]):
        for lane in range(gradient.shape[1]):
            if live[row, lane] > 0:
                part = np.abs(gradient[_source(layout, row), lane]) / limit
                if not part < 1:
                    return np.inf
                scaled += part * part
    return np.sqrt(scaled) * limit


@inlined
def update(optimizer, shrinking, layout, theta, following, gradient, live, first, second, rate, scale, correction):
    """One step of the optimizer on every row, from theta to `following`, which may be theta itself.

    The gradient may be one of `add_up` or of a kernel; `scale` multiplies it, shrinking is (weight decay, L1) or None.
    Returns whether all weights are finite: where inputs are bits, and units at their extremes, the loss may be so with
    weights that are not.
    """
    largest = zeros(theta, 1)
    for row in range(theta.shape[0]):
        w, g = load(theta, row, 1), _alive(load(gradient, _source(layout, row), 1), load(live, row, 1))
        new, m, v = apply_update(optimizer, w, _times(g, scale), load(first, row, 1),
                                 load(second, row, 1), rate, correction[0], correction[1])
        new = _alive(shrunk(shrinking, w, new, rate), load(live, row, 1))
        store(following, row, new)
        largest = largest_magnitude(largest, new)
        if memories(optimizer) > 0:
            store(first, row, m)
        if memories(optimizer) > 1:
            store(second, row, v)
    return lanes_to_bits(_infinite(largest), 0.5) == 0


@inlined
def exchange(layout, theta, w_hh_t):
    """w_hh_t = w_hh with its hidden axes exchanged, square by square."""
    width = lanes(theta)
    for p in range(layout.panels):
        for q in range(layout.panels):
            if (q + 1) * width <= layout.hidden and (p + 1) * width <= layout.hidden:
                square = transpose(load_square(theta, layout.w_hh + p * layout.hidden + q * width))
                store(w_hh_t, q * layout.hidden + p * width, square)
            else:
                for k in range(q * width, min(layout.hidden, (q + 1) * width)):
                    for j in range(p * width, min(layout.hidden, (p + 1) * width)):
                        w_hh_t[q * layout.hidden + j, k - q * width] = theta[
                            layout.w_hh + p * layout.hidden + k, j - p * width
                        ]
