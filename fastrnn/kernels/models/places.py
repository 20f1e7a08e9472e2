"""Where everything of a group of models lies: one array of vectors, `memory` of shape (rows, lanes), lane = model.

A weight is one row. Weights follow each other as

    w_hh (P, U, PANEL)    w_ih (I, U)    b_ih (U)    b_hh (U)    w_ho (O, U)    b_o (O)

with U = H rounded up to whole tails. w_hh[j, k], from unit k to unit j, is at (k // PANEL, j, k % PANEL): a tile of
units in either direction then has a constant stride, whatever H. Rows of units past the last one are dead: zero,
and never anything else. The optimizer's memories and the gradient have blocks of the same form.

The block of samples in work has x (T, S, I), y (T, S, O; targets, then the loss's derivative by the logits),
mask (T, S), h (T, S, U) with the states after each step, and d (T, S, U), the loss's derivatives by their
pre-activations.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import binding

from fastrnn.kernels.packing import shapes_of
from fastrnn.kernels.workspace import aligned_zeros, lanes_of

PANEL = 16

# Register tiles of units. AVX-512 has 32 registers of a whole vector, of which 16 hold running sums: from 4 on the
# additions no longer wait for each other, and the more there are, the fewer loads of the other operand there are for
# each of them. Where a vector is two or four registers, four rows are all that fit.
_WIDE = binding.get_host_cpu_features().get("avx512f")
LARGE, MIDDLE, SMALL = (16, 8, 4) if _WIDE else (4, 4, 4)

# Samples that one load of a weight serves, from batches of so many on.
SAMPLES = 4
TILE = SAMPLES * SMALL

# The most constants that an optimizer may have.
CONSTANTS = 8


class Places(NamedTuple):
    """Sizes, and the first row of each part of `memory`; first, second and gradient are distances from theta's rows.

    truncate: steps between two borders that no gradient crosses.
    """

    steps: int
    truncate: int
    inputs: int
    hidden: int
    outputs: int
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
    mask: int
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
    squares: int
    stats: int
    sums: int
    clean: int
    patience: int
    bad: int
    rows: int


def places_of(cell, steps, samples, truncate=None):
    """The Places of groups with a kernel cell, sequences of `steps` steps and `samples` samples in work at a time."""
    inputs, hidden, outputs = cell.input_size, cell.hidden_size, cell.output_size
    units, panels = -(-hidden // SMALL) * SMALL, -(-hidden // PANEL)
    parts = {}
    end = 0

    def part(name, rows):
        nonlocal end
        parts[name], end = end, end + rows

    for name, rows in (("w_hh", panels * units * PANEL), ("w_ih", inputs * units), ("b_ih", units), ("b_hh", units),
                       ("w_ho", outputs * units), ("b_o", -(-outputs // SMALL) * SMALL)):
        part(name, rows)
    count = end
    for name in ("first", "second", "gradient"):
        part(name, count)
    block = steps * samples
    for name, rows in (("bias", units), ("x", block * inputs), ("y", block * outputs), ("mask", block), ("h", block * units),
                       ("d", block * units), ("one", 1), ("active", 1), ("rate", 1), ("correction", 2), ("scale", 1),
                       ("saturation", 1), ("decay", 1), ("l1", 1), ("constants", CONSTANTS), ("clip", 1), ("squares", 1),
                       ("stats", 4), ("sums", 4), ("clean", 1), ("patience", 1), ("bad", 1)):
        part(name, rows)
    return Places(steps, min(truncate or steps, steps), inputs, hidden, outputs, units, count=count, rows=end, **parts)


def group_memory(places, dtype):
    """Zeroed memory (rows, lanes) for one group."""
    return aligned_zeros((places.rows, lanes_of(dtype)), dtype)


def rows_of(cell, places, names):
    """The row of each weight: int64, the named weights flattened one after the other in C order."""
    units, k = places.units, np.arange(places.hidden)
    unit = np.arange(places.hidden)
    rows = {
        "w_hh": places.w_hh + (k // PANEL * units + unit[:, None]) * PANEL + k % PANEL,
        "w_ih": places.w_ih + np.arange(places.inputs) * units + unit[:, None],
        "b_ih": places.b_ih + unit, "b_hh": places.b_hh + unit,
        "w_ho": places.w_ho + np.arange(places.outputs)[:, None] * units + unit,
        "b_o": places.b_o + np.arange(places.outputs),
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
