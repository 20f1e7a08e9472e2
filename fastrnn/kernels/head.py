"""The output layer and the loss, for one block: logits, what they cost, and the loss's derivative by them.

    z[t, o] = w_ho[o] . h[t + 1] + b_o[o]
"""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import fma, lanes, load, load_square, pointwise, select, splat, store, sum_lanes, total, zeros

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
    sums = _times(load_square(h, (t + 1, 0, s)), load(theta, (layout.w_ho + o,), 1))
    for p in range(1, layout.panels):
        w = load(theta, (layout.w_ho + p * cell.output_size + o,), 1)
        sums = _fma(load_square(h, (t + 1, p, s)), w, sums)
    return _plus(sum_lanes(sums), splat(theta, (layout.b_o + o, 0)))


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
