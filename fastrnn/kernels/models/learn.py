"""Forward in time, the loss, and back through time, for one block of samples of each model in a group.

    h[t] = f(x[t] w_ih + b + h[t - 1] w_hh)            z[t, o] = w_ho[o] . h[t] + b_o[o]
    d[t] = (d[t + 1] w_hh' + d_z[t] w_ho) * f'(...)

The same cells, losses and equations as fastrnn.kernels.forward, .head and .backward, but every number is a vector
over models, and weights are loaded where there they are broadcast against samples. See .places for the arrays.
"""

from numba.extending import overload

from fastrnn.cells.base import activate, restlessness
from fastrnn.cells.base import gradient as cell_gradient
from fastrnn.compiling import jit
from fastrnn.kernels.constant import known
from fastrnn.kernels.head import counted, missed, weighed
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.models.feed import steps_of
from fastrnn.kernels.models.options import Plain
from fastrnn.kernels.models.places import LARGE, MIDDLE, PANEL, SAMPLES, SMALL, STEPS, TILE, places_of, whole
from fastrnn.kernels.protocol import loss_and_derivative
from fastrnn.kernels.reference import held
from fastrnn.simd import least, load, pointwise, select, store, sum_tree, zeros
from fastrnn.simd.grid import grid_chosen, grid_product, largest_rows, load_grid, repeat_rows, store_grid

_plus = pointwise(lambda a, b: a + b)
_ones = pointwise(lambda a: a.constant(1))
_times = pointwise(lambda a, b: a * b)
_until = pointwise(lambda state, end, t: select(end > t, state, 0))


@inlined
def _forward_tile(cell, sizes, places, memory, samples, t, s, j, groups, run):
    row, left = t * samples + s, sizes.hidden if t > 0 else 0
    pre = load_grid(memory, places.bias + j, groups, 0, run)
    x, w_ih = places.x + row * places.width, places.w_ih + j
    if sizes.bits:
        pre = grid_chosen(pre, memory, groups, x, places.width, 1, w_ih, 1, places.units, sizes.inputs)
    else:
        pre = grid_product(pre, memory, groups, x, places.width, 1, w_ih, 1, places.units, sizes.inputs)
    a, b = places.h + (row - samples) * places.units, places.w_hh + j * PANEL
    while left > 0:
        pre = grid_product(pre, memory, groups, a, places.units, 1, b, PANEL, 1, min(PANEL, left))
        a, b, left = a + PANEL, b + places.units * PANEL, left - PANEL
    store_grid(memory, places.h + row * places.units + j, groups, places.units, activate(cell, pre))


@inlined
def _forward(cell, sizes, places, memory, samples, steps):
    for t in range(steps):
        s = 0
        while samples - s >= SAMPLES:
            for j in range(0, places.units, SMALL):
                _forward_tile(cell, sizes, places, memory, samples, t, s, j, SAMPLES, SMALL)
            s += SAMPLES
        while s < samples:
            j = 0
            while places.units - j >= LARGE:
                _forward_tile(cell, sizes, places, memory, samples, t, s, j, 1, LARGE)
                j += LARGE
            while places.units - j >= MIDDLE:
                _forward_tile(cell, sizes, places, memory, samples, t, s, j, 1, MIDDLE)
                j += MIDDLE
            while j < places.units:
                _forward_tile(cell, sizes, places, memory, samples, t, s, j, 1, SMALL)
                j += SMALL
            s += 1
        # Dead units rest at 0, whatever the cell makes of 0, and so do the gradients of their weights.
        for s in range(samples):
            for j in range(sizes.hidden, places.units):
                store(memory, places.h + (t * samples + s) * places.units + j, zeros(memory, 1))


@inlined
def _rest(places, memory, samples, steps):
    """As fastrnn.kernels.forward.rest, in the lanes whose sample has ended."""
    for s in range(samples):
        end = load(memory, places.end + s, 1)
        for t in range(int(least(end)), steps):
            # Where a sample has fewer steps, its mask is whatever another left there.
            mask = places.mask + t * samples + s
            store(memory, mask, _until(load(memory, mask, 1), end, t))
            first = places.h + (t * samples + s) * places.units
            for row in range(first, first + places.units):
                store(memory, row, _until(load(memory, row, 1), end, t))


@inlined
def _add(memory, row, value):
    store(memory, row, _plus(load(memory, row, 1), value))


@inlined
def _head_tile(cell, loss, sizes, places, memory, samples, t, s, o, groups):
    """The output of one sample at `groups` steps."""
    row, between = t * samples + s, samples * places.width
    z = load_grid(memory, places.b_o + o, groups, 0, 1)
    z = grid_product(z, memory, groups, places.h + row * places.units, samples * places.units, 1,
                     places.w_ho + o * places.units, 1, 1, sizes.hidden)
    at = places.y + row * places.width + o
    target = load_grid(memory, at, groups, between, 1)
    m = _ones(z) if sizes.asked else load_grid(memory, places.mask + row, groups, samples, 1)
    cost, d_z = loss_and_derivative(loss, z, target)
    store_grid(memory, at, groups, between, weighed(d_z, m))
    counts = counted(m)
    miss = missed(z, target, counts)
    _add(memory, places.sums, sum_tree(weighed(cost, m)))
    _add(memory, places.sums + 1, sum_tree(counts))
    _add(memory, places.sums + 2, sum_tree(miss))
    return miss


@inlined
def _head(cell, loss, sizes, places, memory, samples, steps):
    """Replace targets by d_z; add to the row `wrong` samples with a wrong output, to sums (4) what `head.head` adds to stats."""
    for s in range(samples):
        ever = zeros(memory, 1)
        for o in range(sizes.outputs):
            t = 0
            while steps - t >= STEPS:
                ever = largest_rows(ever, _head_tile(cell, loss, sizes, places, memory, samples, t, s, o, STEPS))
                t += STEPS
            while t < steps:
                ever = largest_rows(ever, _head_tile(cell, loss, sizes, places, memory, samples, t, s, o, 1))
                t += 1
        _add(memory, places.wrong, ever)
        _add(memory, places.sums + 3, ever)


def penalty(cell, state, mask, weight, rows, saturation):
    """The saturation penalty's derivative by the states, or `rows` (zeros) where `saturation` is Plain.

    Chosen by the type of `saturation`, so that training without it pays nothing.
    """
    raise NotImplementedError


@overload(penalty, inline="always")
def _overload_penalty(cell, state, mask, weight, rows, saturation):
    if saturation.instance_class is Plain:
        return lambda cell, state, mask, weight, rows, saturation: rows
    return lambda cell, state, mask, weight, rows, saturation: _times(
        weighed(restlessness(cell, state), repeat_rows(mask, rows)), weight)


@inlined
def _backward_tile(cell, sizes, places, memory, samples, steps, saturation, t, s, k, rows, groups, run):
    row = t * samples + s
    left = sizes.hidden if t + 1 < steps and (t + 1) % sizes.truncate != 0 else 0
    state = load_grid(memory, places.h + row * places.units + k, groups, places.units, run)
    d_h = penalty(
        cell,
        state,
        load_grid(memory, places.mask + row, groups, 1, 1),
        load(memory, places.saturation, 1),
        rows,
        saturation,
    )
    d_h = grid_product(
        d_h,
        memory,
        groups,
        places.y + row * places.width,
        places.width,
        1,
        places.w_ho + k,
        1,
        places.units,
        sizes.outputs,
    )
    d_h = grid_product(d_h, memory, groups, places.d + (row + samples) * places.units, places.units, 1,
                       places.w_hh + k // PANEL * places.units * PANEL + k % PANEL, 1, PANEL, left)
    # The tile's product had the registers to itself; the state is loaded again rather than kept.
    state = load_grid(memory, places.h + row * places.units + k, groups, places.units, run)
    store_grid(memory, places.d + row * places.units + k, groups, places.units, cell_gradient(cell, d_h, state))


@inlined
def _backward(cell, sizes, places, memory, samples, steps, saturation):
    for t in range(steps - 1, -1, -1):
        s = 0
        while samples - s >= SAMPLES:
            for k in range(0, places.units, SMALL):
                _backward_tile(
                    cell,
                    sizes,
                    places,
                    memory,
                    samples,
                    steps,
                    saturation,
                    t,
                    s,
                    k,
                    zeros(memory, TILE),
                    SAMPLES,
                    SMALL,
                )
            s += SAMPLES
        while s < samples:
            k = 0
            while places.units - k >= LARGE:
                _backward_tile(
                    cell, sizes, places, memory, samples, steps, saturation, t, s, k, zeros(memory, LARGE), 1, LARGE
                )
                k += LARGE
            while places.units - k >= MIDDLE:
                _backward_tile(
                    cell, sizes, places, memory, samples, steps, saturation, t, s, k, zeros(memory, MIDDLE), 1, MIDDLE
                )
                k += MIDDLE
            while k < places.units:
                _backward_tile(
                    cell, sizes, places, memory, samples, steps, saturation, t, s, k, zeros(memory, SMALL), 1, SMALL
                )
                k += SMALL
            s += 1


@jit
def learn_models(cell, loss, constant, group, samples, saturation):
    """States, derivatives and statistics of `samples` samples of each model, of which x, y and mask are in `memory`.

    group: a Reference to (sizes, memory, steps, settled, feed, source), of which sizes, memory and feed are used. cell
    and loss: the classes of a kernel cell and of a loss, neither of which has anything to say but its type; constant:
    Constant(sizes), or None; saturation: Penalised() or Plain().
    """
    sizes, memory, _, _, feed, _ = held(group)
    sizes = known(constant, sizes)
    places, samples, steps = places_of(sizes), whole(sizes, samples), steps_of(sizes, feed)
    if sizes.biased:
        for j in range(places.units):
            store(memory, places.bias + j, _plus(load(memory, places.b_ih + j, 1), load(memory, places.b_hh + j, 1)))
    _forward(cell, sizes, places, memory, samples, steps)
    if not sizes.asked:
        _rest(places, memory, samples, steps)
    _head(cell, loss, sizes, places, memory, samples, steps)
    _backward(cell, sizes, places, memory, samples, steps, saturation)
