"""The output layer and the loss, for one block: logits, what they cost, and the loss's derivative by them.

    z[t, o] = w_ho[o] . h[t + 1] + b_o[o]
"""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import dot_lanes, fma, lanes, load, load_along, pointwise, put, select, splat, store, store_along, sum_rows, total, zeros

_fma = pointwise(lambda a, b, c: fma(a, b, c))
_times = pointwise(lambda a, b: a * b)
_plus = pointwise(lambda a, b: a + b)
_positive = pointwise(lambda a: select(a > 0, a.constant(1), 0))


@pointwise
def missed(z, y, m):
    """m where the output and its target are on different sides: of 0 for the logit, of one half for the target."""
    return select(z > 0, select(y > 0.5, 0, m), select(y > 0.5, m, 0))


# Steps of time whose losses are computed together: one sigmoid is a chain of some 60 cycles, several overlap.
STEPS = 4


@inlined
def logits(cell, layout, theta, h, t, o, s, none):
    """Row r: the logits of output o at step t + r, for sample s and the next ones; as many rows as `none`, which is 0."""
    z = _plus(none, splat(theta, (layout.b_o + o, 0)))
    for p in range(layout.panels):
        z = _plus(z, dot_lanes(h, (t + 1, p, s), load(theta, layout.w_ho + p * cell.output_size + o, 1), none))
    return z


@inlined
def _head_steps(cell, loss, layout, theta, h, y, mask, t, o, s, sums, none):
    """As many steps from t on as `none` has rows; sums: vectors of loss, weight, misses, and derivatives so far."""
    z, m, target = logits(cell, layout, theta, h, t, o, s, none), load_along(mask, (t, s), none), load_along(y, (t, o, s), none)
    cost, d_z = loss_and_derivative(loss, z, target)
    d_z = _times(d_z, m)
    store_along(y, (t, o, s), d_z)
    value, weight, wrong, bias = sums
    return (sum_rows(value, _times(cost, m)), sum_rows(weight, m), sum_rows(wrong, missed(z, target, m)), sum_rows(bias, d_z))


@inlined
def head(cell, loss, layout, theta, h, y, mask, gradient, stats):
    """Replace targets y (T, O, BLOCK) by d_z = mask * dL/dz; add to b_o's gradient and to stats.

    stats (4): the loss, the number of outputs asked for, wrong ones, samples with a wrong one.
    """
    for s in range(0, BLOCK, lanes(theta)):
        none = zeros(theta, 1)
        value, weight, wrong = none, none, none
        for o in range(cell.output_size):
            sums, t = (value, weight, wrong, none), 0
            while t + STEPS <= y.shape[0]:
                sums = _head_steps(cell, loss, layout, theta, h, y, mask, t, o, s, sums, zeros(theta, STEPS))
                t += STEPS
            while t < y.shape[0]:
                sums = _head_steps(cell, loss, layout, theta, h, y, mask, t, o, s, sums, zeros(theta, 1))
                t += 1
            value, weight, wrong, bias = sums
            gradient[layout.b_o + o, 0] += total(bias)
        stats[0] += total(value)
        stats[1] += total(weight)
        stats[2] += total(wrong)
        stats[3] += total(_positive(wrong))


@inlined
def head_rows(cell, loss, layout, theta, h, y, mask, gradient, stats):
    """The same for one sample, steps in the lanes: y (O, T'), mask (T'), h (P, T' + 1, lanes); b_o's gradient is set."""
    for o in range(cell.output_size):
        bias = zeros(theta, 1)
        ever = 0.0
        for t in range(0, y.shape[1], lanes(theta)):
            z = splat(theta, (layout.b_o + o, 0))
            for p in range(layout.panels):
                z = _plus(z, dot_lanes(h, (p, t + 1), load(theta, layout.w_ho + p * cell.output_size + o, 1), z))
            target, m = load(y, (o, t), 1), load(mask, t, 1)
            cost, d_z = loss_and_derivative(loss, z, target)
            d_z = _times(d_z, m)
            bias = _plus(bias, d_z)
            store(y, (o, t), d_z)
            wrong = total(missed(z, target, m))
            stats[0] += total(_times(cost, m))
            stats[1] += total(m)
            stats[2] += wrong
            ever += wrong
        stats[3] = max(stats[3], min(ever, 1.0))
        put(gradient, (layout.b_o + o, 0), total(bias))
