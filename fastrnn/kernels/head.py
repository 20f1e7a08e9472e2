"""The output layer and the loss, for one block: logits, what they cost, and the loss's derivative by them.

    z[t, o] = w_ho[o] . h[t + 1] + b_o[o]
"""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import (
    dot_lanes,
    fma,
    lanes,
    load,
    load_along,
    pointwise,
    put,
    select,
    splat,
    store,
    store_along,
    sum_rows,
    total,
    zeros,
)

_fma = pointwise(lambda a, b, c: fma(a, b, c))
_plus = pointwise(lambda a, b: a + b)


@pointwise
def counted(m):
    """1 where a mask is above 0, else 0."""
    return select(m > 0, m.constant(1), 0)


@pointwise
def weighed(x, m):
    """x m, or 0 where the mask m is 0, even if x is not finite: where nothing counts, nothing can go wrong."""
    return select(m > 0, x * m, 0)


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
    """As many steps from t on as `none` has rows; sums so far: vectors of loss, outputs that count, misses, derivatives."""
    z, m, target = (
        logits(cell, layout, theta, h, t, o, s, none),
        load_along(mask, (t, s), none),
        load_along(y, (t, o, s), none),
    )
    cost, d_z = loss_and_derivative(loss, z, target)
    d_z, counts = weighed(d_z, m), counted(m)
    store_along(y, (t, o, s), d_z)
    value, outputs, wrong, bias = sums
    return (sum_rows(value, weighed(cost, m)), sum_rows(outputs, counts), sum_rows(wrong, missed(z, target, counts)),
            sum_rows(bias, d_z))


@inlined
def head(cell, loss, layout, theta, h, y, mask, gradient, stats):
    """Replace targets y (T, O, BLOCK) by d_z = mask * dL/dz; add to b_o's gradient and to stats.

    stats (4): the loss, weighed by the mask; the number of outputs that count, which are those with a mask above 0,
    whatever it is; wrong ones among these; samples with a wrong one.
    """
    for s in range(0, BLOCK, lanes(theta)):
        none = zeros(theta, 1)
        value, outputs, wrong = none, none, none
        for o in range(cell.output_size):
            sums, t = (value, outputs, wrong, none), 0
            while t + STEPS <= y.shape[0]:
                sums = _head_steps(cell, loss, layout, theta, h, y, mask, t, o, s, sums, zeros(theta, STEPS))
                t += STEPS
            while t < y.shape[0]:
                sums = _head_steps(cell, loss, layout, theta, h, y, mask, t, o, s, sums, zeros(theta, 1))
                t += 1
            value, outputs, wrong, bias = sums
            gradient[layout.b_o + o, 0] += total(bias)
        stats[0] += total(value)
        stats[1] += total(outputs)
        stats[2] += total(wrong)
        stats[3] += total(counted(wrong))


@inlined
def head_rows(cell, loss, layout, theta, h, y, mask, gradient, stats, steps):
    """The same for the first `steps` steps of one sample, steps in the lanes, with a mask of 0 up to a whole vector: y (O, T'), mask (T'), h (P, T' + 1, lanes); b_o's gradient is set."""
    for o in range(cell.output_size):
        bias = zeros(theta, 1)
        ever = 0.0
        for t in range(0, steps, lanes(theta)):
            z = splat(theta, (layout.b_o + o, 0))
            for p in range(layout.panels):
                z = _plus(z, dot_lanes(h, (p, t + 1), load(theta, layout.w_ho + p * cell.output_size + o, 1), z))
            target, m = load(y, (o, t), 1), load(mask, t, 1)
            cost, d_z = loss_and_derivative(loss, z, target)
            d_z, counts = weighed(d_z, m), counted(m)
            bias = _plus(bias, d_z)
            store(y, (o, t), d_z)
            wrong = total(missed(z, target, counts))
            stats[0] += total(weighed(cost, m))
            stats[1] += total(counts)
            stats[2] += wrong
            ever += wrong
        stats[3] = max(stats[3], min(ever, 1.0))
        put(gradient, (layout.b_o + o, 0), total(bias))
