"""The output layer and the loss, for one block: logits, what they cost, and the loss's derivative by them.

    z[t, o] = w_ho[o] . h[t + 1] + b_o[o]
"""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import dot_lanes, fma, lanes, load, pointwise, select, splat, store, total, zeros

_fma = pointwise(lambda a, b, c: fma(a, b, c))
_times = pointwise(lambda a, b: a * b)
_plus = pointwise(lambda a, b: a + b)
_larger = pointwise(lambda a, b: select(a > b, a, b))
def _miss(z, y, m):
    """m where the output and its target are on different sides: of 0 for the logit, of one half for the target."""
    difference = select(z > 0, z.constant(1), 0) - select(y > 0.5, y.constant(1), 0)
    return m * difference * difference


_miss = pointwise(_miss)


@inlined
def logits(cell, layout, theta, h, t, o, s):
    """One vector: the logit of output o at step t, for sample s and the next ones."""
    z = splat(theta, (layout.b_o + o, 0))
    for p in range(layout.panels):
        z = _plus(z, dot_lanes(h, (t + 1, p, s), load(theta, layout.w_ho + p * cell.output_size + o, 1)))
    return z


@inlined
def head(cell, loss, layout, theta, h, y, mask, gradient, stats):
    """Replace targets y (T, O, BLOCK) by d_z = mask * dL/dz; add to b_o's gradient and to stats.

    stats (4): the loss, the number of outputs asked for, wrong ones, samples with a wrong one.
    """
    for s in range(0, BLOCK, lanes(theta)):
        value, wrong, ever = zeros(theta, 1), zeros(theta, 1), zeros(theta, 1)
        weight = zeros(theta, 1)
        for o in range(cell.output_size):
            bias = zeros(theta, 1)
            for t in range(y.shape[0]):
                z, m = logits(cell, layout, theta, h, t, o, s), load(mask, (t, s), 1)
                target = load(y, (t, o, s), 1)
                cost, d_z = loss_and_derivative(loss, z, target)
                d_z = _times(d_z, m)
                value = _fma(cost, m, value)
                weight = _plus(weight, m)
                miss = _miss(z, target, m)
                wrong, ever = _plus(wrong, miss), _larger(ever, miss)
                bias = _plus(bias, d_z)
                store(y, (t, o, s), d_z)
            gradient[layout.b_o + o, 0] += total(bias)
        stats[0] += total(value)
        stats[1] += total(weight)
        stats[2] += total(wrong)
        stats[3] += total(ever)


@inlined
def head_rows(cell, loss, layout, theta, h, y, mask, gradient, stats):
    """The same for one sample, steps in the lanes: y (O, T'), mask (T'), h (P, T' + 1, lanes)."""
    for o in range(cell.output_size):
        bias = zeros(theta, 1)
        ever = 0.0
        for t in range(0, y.shape[1], lanes(theta)):
            z = splat(theta, (layout.b_o + o, 0))
            for p in range(layout.panels):
                z = _plus(z, dot_lanes(h, (p, t + 1), load(theta, layout.w_ho + p * cell.output_size + o, 1)))
            target, m = load(y, (o, t), 1), load(mask, t, 1)
            cost, d_z = loss_and_derivative(loss, z, target)
            d_z = _times(d_z, m)
            bias = _plus(bias, d_z)
            store(y, (o, t), d_z)
            wrong = total(_miss(z, target, m))
            stats[0] += total(_times(cost, m))
            stats[1] += total(m)
            stats[2] += wrong
            ever += wrong
        stats[3] = max(stats[3], min(ever, 1.0))
        gradient[layout.b_o + o, 0] += total(bias)
