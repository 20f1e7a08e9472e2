"""Where everything of a group of models lies: one array of vectors, `memory` of shape (rows, lanes), lane = model.

A weight is one row. Weights follow each other as

    w_hh (P, U, PANEL)    w_ih (I, U)    b_ih (U)    b_hh (U)    w_ho (O, U)    b_o (O)

with U = H rounded up to whole tails. w_hh[j, k], from unit k to unit j, is at (k // PANEL, j, k % PANEL): a tile of
units in either direction then has a constant stride, whatever H. Rows of units past the last one are dead: zero,
and never anything else. The optimizer's memories and the gradient have blocks of the same form.

The block of samples in work has x (T, S, I; numbers, or masks of all ones for 1 and none for 0) and y (T, S, O;
targets, then the loss's derivative by the logits) side by side in one (T, S, I + O), mask (T, S), end (S: steps up to
a sample's last one that counts), h (T, S, U) with the states after each step, and d (T, S, U), the loss's derivatives
by their pre-activations.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.packing import shapes_of
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.simd.host import has

PANEL = 16

# Register tiles of units. AVX-512 has 32 registers of a whole vector, of which 16 hold running sums: from 4 on the
# additions no longer wait for each other, and the more there are, the fewer loads of the other operand there are for
# each of them. Where a vector is two or four registers, four rows are all that fit.
_WIDE = has("avx512f")
LARGE, MIDDLE, SMALL = (16, 8, 4) if _WIDE else (4, 4, 4)

# Steps of time that the output layer takes together: the chains of their sums and of the loss overlap.
STEPS = 8 if _WIDE else 4

# Samples that one load of a weight serves, from batches of so many on.
SAMPLES = 4
TILE = SAMPLES * SMALL

# Hidden units from which on 64 bytes for each recurrent weight are too much for 32 kB.
LEAST_HALVED = 20

# The most constants that an optimizer may have.
CONSTANTS = 8


class Sizes(NamedTuple):
    """What all models and updates have in common; kernels are compiled for any, or for one (see fastrnn.kernels.constant).

    samples: in a block; truncate: steps between two borders that no gradient crosses. The rest are 0 or 1. biased:
    whether there are biases; clip: whether the gradient's norm has a limit; scaled: whether the row `scale` holds
    anything but 1; even: whether all blocks of a batch are full; single: whether a batch is one block; bits: whether x
    are masks; asked: whether every output counts, with weight 1; ragged: whether samples may have fewer steps.
    """

    inputs: int
    hidden: int
    outputs: int
    steps: int
    samples: int
    truncate: int
    biased: int
    clip: int
    scaled: int
    even: int
    single: int
    bits: int
    asked: int
    ragged: int


class Places(NamedTuple):
    """Units, and the first row of each part of `memory`; first, second and gradient are distances from the weights' rows.

    count: rows of one block of weights; width: of one sample's x and y at one step; rows: of everything. In kernels a
    name of Sizes is a size, one of Places a row.
    """

    units: int
    w_hh: int
    w_ih: int
    b_ih: int
    b_hh: int
    w_ho: int
    b_o: int
    count: int
    first: int
    second: int
    gradient: int
    bias: int
    x: int
    y: int
    width: int
    mask: int
    end: int
    h: int
    d: int
    one: int
    active: int
    rate: int
    correction: int
    scale: int
    saturation: int
    decay: int
    l1: int
    constants: int
    clip: int
    largest: int
    wrong: int
    sums: int
    clean: int
    patience: int
    bad: int
    rows: int


@inlined
def places_of(sizes):
    """The Places of groups of models of these Sizes.

    Every kernel works them out for itself: a call with forty numbers more takes longer.
    """
    units, panels = -(-sizes.hidden // SMALL) * SMALL, -(-sizes.hidden // PANEL)
    w_ih = panels * units * PANEL
    b_ih = w_ih + sizes.inputs * units
    b_hh, w_ho = b_ih + units, b_ih + 2 * units
    b_o = w_ho + sizes.outputs * units
    count = b_o + -(-sizes.outputs // SMALL) * SMALL
    # `active` holds bits, all 1 or all 0. What is set once a model, and what is written in each update, in cache lines of their own.
    one = 4 * count
    active, rate, correction, scale, saturation, decay, l1, constants = (
        one + 1,
        one + 2,
        one + 3,
        one + 5,
        one + 6,
        one + 7,
        one + 8,
        one + 9,
    )
    clip = constants + CONSTANTS
    largest, wrong, sums, clean, patience, bad = clip + 1, clip + 2, clip + 3, clip + 7, clip + 8, clip + 9
    bias, block = bad + 1, sizes.steps * sizes.samples
    x = bias + units
    # Whole tails of outputs, the rest zeros: so that the gradient of b_o is a tile like others.
    width = sizes.inputs + -(-sizes.outputs // SMALL) * SMALL
    mask = x + block * width
    end = mask + block
    h = end + sizes.samples
    d = h + block * units
    return Places(
        units,
        0,
        w_ih,
        b_ih,
        b_hh,
        w_ho,
        b_o,
        count,
        count,
        2 * count,
        3 * count,
        bias,
        x,
        x + sizes.inputs,
        width,
        mask,
        end,
        h,
        d,
        one,
        active,
        rate,
        correction,
        scale,
        saturation,
        decay,
        l1,
        constants,
        clip,
        largest,
        wrong,
        sums,
        clean,
        patience,
        bad,
        d + block * units,
    )


@inlined
def whole(sizes, samples):
    """`samples`, said so that the compiler knows the number where it knows the sizes, unless the last block of a batch is smaller."""
    return sizes.samples if sizes.even else samples


def is_halved(sizes):
    """Whether vectors have half their size, so that the recurrent weights of a group's models stay in the nearest cache.

    Larger ones do not fit either way, and where a weight that was loaded serves several samples it matters less.
    """
    return _WIDE and sizes.samples < SAMPLES and LEAST_HALVED <= sizes.hidden


def group_memory(sizes, dtype, lanes):
    """Zeroed memory (rows, lanes) for one group."""
    return aligned_zeros((places_of.py_func(sizes).rows, lanes), dtype)


def rows_of(sizes, names):
    """The row of each weight: int64, the named weights flattened one after the other in C order."""
    places = places_of.py_func(sizes)
    units, unit, k = places.units, np.arange(sizes.hidden), np.arange(sizes.hidden)
    rows = {
        "w_hh": places.w_hh + (k // PANEL * units + unit[:, None]) * PANEL + k % PANEL,
        "w_ih": places.w_ih + np.arange(sizes.inputs) * units + unit[:, None],
        "b_ih": places.b_ih + unit, "b_hh": places.b_hh + unit,
        "w_ho": places.w_ho + np.arange(sizes.outputs)[:, None] * units + unit,
        "b_o": places.b_o + np.arange(sizes.outputs),
    }
    return np.concatenate([rows[name].ravel() for name in names])


def flat(weights, names):
    """The named weights in one vector, in the order of `rows_of`."""
    return np.concatenate([np.ravel(weights[name]) for name in names])


def named(cell, vector, names):
    """{name: array} of what `flat` put together, as fresh arrays."""
    weights, start = {}, 0
    for name in names:
        shape = shapes_of(cell)[name]
        size = int(np.prod(shape))
        weights[name] = vector[start : start + size].reshape(shape).copy()
        start += size
    return weights
