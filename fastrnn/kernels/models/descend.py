"""From states and derivatives to the next weights: gradients summed over time in registers, and the update with them.

    w_hh[j, k] += sum_t d[t, j] h[t - 1, k]     w_ih[j, i] += sum_t d[t, j] x[t, i]      b[j] += sum_t d[t, j]
    w_ho[o, k] += sum_t d_z[t, o] h[t, k]       b_o[o] += sum_t d_z[t, o]

A batch that fits in the block of samples never stores its gradient; a larger one adds block to block, and the last
of them updates. Only clipping, which needs the whole gradient first, makes a pass of its own. An empty lane learns,
too, which costs nothing: at a rate of 0, from weights of 0.
"""

from numba.extending import overload

from fastrnn.compiling import jit
from fastrnn.kernels.constant import known
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.models.feed import steps_of
from fastrnn.kernels.models.options import Plain
from fastrnn.kernels.models.places import MIDDLE, PANEL, SMALL, TILE, places_of, whole
from fastrnn.kernels.protocol import apply_update, corrections
from fastrnn.kernels.reference import held
from fastrnn.kernels.shrinking import shrink
from fastrnn.kernels.update import square_limit
from fastrnn.simd import load, numbers, pointwise, put, select, square_root, store, zeros
from fastrnn.simd.grid import (
    constants_at,
    constants_of,
    grid_chosen,
    grid_product,
    largest_magnitude,
    load_grid,
    store_grid,
    sum_squares,
)

_times = pointwise(lambda a, b: a * b)
# Where the norm is at most the limit, or not a number, the gradient stays as it is.
_clipping = pointwise(lambda norm, scale, limit: select(norm * scale > limit, limit / norm, scale))


@pointwise
def _scaled(g):
    """A gradient scaled down so far that no sum of its squares overflows where they do not."""
    return g * (1 / square_limit(g))


@pointwise
def _norm(squares, scaled):
    """The norm from the sum of the squares, or, where that has overflown, from the one of those scaled down."""
    return select(squares < float("inf"), square_root(squares), square_root(scaled) * square_limit(squares))


def shrunk(shrinking, memory, places, w, new):
    """fastrnn.kernels.shrinking.shrink with each lane's own weights, or `new` where `shrinking` is Plain."""
    raise NotImplementedError


@overload(shrunk, inline="always")
def _overload_shrunk(shrinking, memory, places, w, new):
    if shrinking.instance_class is Plain:
        return lambda shrinking, memory, places, w, new: new
    return lambda shrinking, memory, places, w, new: shrink(
        w, new, load(memory, places.rate, 1), load(memory, places.decay, 1), load(memory, places.l1, 1))


@inlined
def _apply(optimizer, shrinking, places, memory, at, sums, scaled, groups, stride, run):
    """Update the grid of weights at `at` with the gradient `sums`."""
    g = sums
    if scaled:
        g = _times(sums, load(memory, places.scale, 1))
    w = load_grid(memory, at, groups, stride, run)
    m = load_grid(memory, at + places.first, groups, stride, run)
    v = load_grid(memory, at + places.second, groups, stride, run)
    new, first, second = apply_update(
        constants_of(optimizer, memory, places.constants),
        w,
        g,
        m,
        v,
        load(memory, places.rate, 1),
        load(memory, places.correction, 1),
        load(memory, places.correction + 1, 1),
    )
    # Memories first: an optimizer that has none hands back what it was given, and the store goes away.
    store_grid(memory, at + places.first, groups, stride, first)
    store_grid(memory, at + places.second, groups, stride, second)
    store_grid(memory, at, groups, stride, shrunk(shrinking, memory, places, w, new))


@inlined
def _before(places, memory, at, none, fresh, groups, stride, run):
    """What the block's part is added to: the gradient of the blocks before, or nothing."""
    return none if fresh else load_grid(memory, at + places.gradient, groups, stride, run)


@inlined
def _after(optimizer, shrinking, places, memory, at, sums, last, scaled, groups, stride, run, largest):
    """Keep one tile of the gradient, or update with it; returns the largest magnitude so far."""
    if last:
        largest = largest_magnitude(largest, sums)
        _apply(optimizer, shrinking, places, memory, at, sums, scaled, groups, stride, run)
    else:
        store_grid(memory, at + places.gradient, groups, stride, sums)
    return largest


@inlined
def _part(optimizer, shrinking, sizes, places, memory, at, none, rows, fresh, last, run, largest):
    """The same for `run` rows outside the recurrent weights."""
    part, j = (at - places.w_ih) // places.units, (at - places.w_ih) % places.units
    sums = _before(places, memory, at, none, fresh, 1, 0, run)
    if sizes.bits and part < sizes.inputs:
        sums = grid_chosen(sums, memory, 1, places.x + part, 0, places.width, places.d + j, 1, places.units, rows)
    else:
        a, a_step, b, b_step = places.one, 0, places.d + j, places.units
        if part < sizes.inputs:
            a, a_step = places.x + part, places.width
        elif at >= places.b_o:
            b, b_step = places.y + at - places.b_o, places.width
        elif part >= sizes.inputs + 2:
            a, a_step, b = places.y + part - sizes.inputs - 2, places.width, places.h + j
        elif not sizes.biased:
            return largest
        sums = grid_product(sums, memory, 1, a, 0, a_step, b, 1, b_step, rows)
    return _after(optimizer, shrinking, places, memory, at, sums, last, sizes.scaled, 1, 0, run, largest)


@inlined
def _gradients(optimizer, shrinking, sizes, places, memory, samples, steps, fresh, last):
    """Tile after tile; a kernel holds each kind of tile once, or it would take several times as long to compile."""
    units, rows, largest = places.units, steps * samples, zeros(memory, 1)
    for j in range(0, units, SMALL):
        for k in range(0, units, SMALL):
            at = places.w_hh + (k // PANEL * units + j) * PANEL + k % PANEL
            sums = _before(places, memory, at, zeros(memory, TILE), fresh, SMALL, PANEL, SMALL)
            sums = grid_product(
                sums, memory, SMALL, places.d + samples * units + j, 1, units, places.h + k, 1, units, rows - samples
            )
            largest = _after(
                optimizer, shrinking, places, memory, at, sums, last, sizes.scaled, SMALL, PANEL, SMALL, largest
            )
    # Inputs, both biases and outputs; then, past the last unit, the biases of the outputs.
    end = places.b_o + (places.count - places.b_o if sizes.biased else 0)
    at = places.w_ih
    while at < end:
        # No tile goes across the end of a part.
        if at < places.b_o and (places.b_o - at - 1) % units + 1 >= MIDDLE:
            largest = _part(
                optimizer,
                shrinking,
                sizes,
                places,
                memory,
                at,
                zeros(memory, MIDDLE),
                rows,
                fresh,
                last,
                MIDDLE,
                largest,
            )
            at += MIDDLE
        else:
            largest = _part(
                optimizer, shrinking, sizes, places, memory, at, zeros(memory, SMALL), rows, fresh, last, SMALL, largest
            )
            at += SMALL
    store(memory, places.largest, largest)


@inlined
def _clipped(optimizer, shrinking, places, memory, biased):
    """Update with the stored gradient, scaled down in the lanes where its norm is too large."""
    squares, scaled, largest = zeros(memory, 1), zeros(memory, 1), zeros(memory, 1)
    for row in range(0, places.count, SMALL):
        gradient = load(memory, row + places.gradient, SMALL)
        squares, largest = sum_squares(squares, gradient), largest_magnitude(largest, gradient)
        scaled = sum_squares(scaled, _scaled(gradient))
    store(memory, places.largest, largest)
    scale = load(memory, places.scale, 1)
    store(memory, places.scale, _clipping(_norm(squares, scaled), scale, load(memory, places.clip, 1)))
    for row in range(0, places.count, SMALL):
        if biased or not (places.b_ih <= row < places.w_ho or row >= places.b_o):
            _apply(
                optimizer, shrinking, places, memory, row, load(memory, row + places.gradient, SMALL), True, 1, 0, SMALL
            )
    store(memory, places.scale, scale)


@inlined
def _correct(optimizer, places, memory, steps, settled):
    """The optimizer's corrections of each lane's step; once both are 1, they stay so."""
    if settled.sum() == settled.size:
        return
    array = numbers(memory)
    for lane in range(settled.size):
        if settled[lane] == 0:
            c1, c2 = corrections(constants_at(optimizer, memory, places.constants, lane), steps[lane])
            put(array, (places.correction, lane), c1)
            put(array, (places.correction + 1, lane), c2)
            if array[places.correction, lane] == 1 and array[places.correction + 1, lane] == 1:
                put(settled, lane, 1)


@jit
def descend_models(optimizer, shrinking, constant, group, samples, fresh, last):
    """Take the derivatives of `samples` samples into the gradient: anew if `fresh`, and with the update if `last`.

    An optimizer's constants lie in memory; `optimizer` is its class. shrinking: Shrinking(), or Plain() for neither
    weight decay nor L1; constant: Constant(sizes), or None; group: a Reference to (sizes, memory, steps, settled, feed,
    source): steps (lanes,): updates made by each model; settled (lanes,): 1 where the optimizer's corrections are 1 for
    good.
    """
    sizes, memory, made, settled, feed, _ = held(group)
    sizes = known(constant, sizes)
    places, samples = places_of(sizes), whole(sizes, samples)
    fresh, last, clip = fresh or sizes.single, last or sizes.single, sizes.clip
    if last:
        _correct(optimizer, places, memory, made, settled)
    _gradients(optimizer, shrinking, sizes, places, memory, samples, steps_of(sizes, feed), fresh, last and not clip)
    if last and clip:
        _clipped(optimizer, shrinking, places, memory, sizes.biased)
