"""From the gradients of all groups to the next weights, in a fixed order of additions."""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import apply_update, memories
from fastrnn.kernels.shrinking import shrunk
from fastrnn.simd import lanes, load, load_square, pointwise, store, total, transpose, zeros

_plus = pointwise(lambda a, b: a + b)
_times = pointwise(lambda a, b: a * b)


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
        sums = _times(sums, load(live, row, 1))
        store(gradient, row, sums)
        squares = _plus(squares, _times(sums, sums))
    return total(squares)


@inlined
def squared_norm(layout, gradient, live):
    """The squared norm of a gradient as a kernel leaves it, where theta is alive."""
    squares = zeros(gradient, 1)
    for row in range(gradient.shape[0]):
        g = _times(load(gradient, _source(layout, row), 1), load(live, row, 1))
        squares = _plus(squares, _times(g, g))
    return total(squares)


@inlined
def update(optimizer, shrinking, layout, theta, following, gradient, live, first, second, rate, scale, correction):
    """One step of the optimizer on every row, from theta to `following`, which may be theta itself.

    The gradient may be one of `add_up` or of a kernel; `scale` multiplies it, shrinking is (weight decay, L1) or None.
    """
    for row in range(theta.shape[0]):
        w, g = load(theta, row, 1), _times(load(gradient, _source(layout, row), 1), load(live, row, 1))
        new, m, v = apply_update(optimizer, w, _times(g, scale), load(first, row, 1),
                                 load(second, row, 1), rate, correction[0], correction[1])
        store(following, row, _times(shrunk(shrinking, w, new, rate), load(live, row, 1)))
        if memories(optimizer) > 0:
            store(first, row, m)
        if memories(optimizer) > 1:
            store(second, row, v)


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
                        w_hh_t[q * layout.hidden + j, k - q * width] = theta[layout.w_hh + p * layout.hidden + k, j - p * width]
