"""Sequences of the data, copied to where the kernels read them: into blocks that stay, or into one that a thread puts
together in memory of its own just before it runs it.

Batches in a new order for each epoch then need neither memory nor a pass of their own, and the block is in the nearest
cache.
"""

import functools
from types import SimpleNamespace

import numpy as np

from fastrnn.machine.execute import Program

# Of each thread: x (T, I, C), y (T, Y, C), mask (T, C) of one block, in vectors.
GATHERED_ARRAYS = ("x_block", "y_block", "mask_block")
# Addresses of the data: x (S, I), y (S, Y), mask (S), in numbers.
GATHERED_SOURCES = ("x_source", "y_source", "mask_source")
# Numbers of a step that are copied without a loop.
MOST_UNROLLED = 8


def gathered_arrays(net, steps):
    """Return {name: vectors} of the memory for a block of `steps` steps."""
    sizes = (net.sizes.inputs, len(net.head.y), 1)
    return {name: steps * size * net.columns for name, size in zip(GATHERED_ARRAYS, sizes)}


def gathered(m, net, item):
    """Return the block of an item of fastrnn.kernels.recurrent.train: where it has `rows`, x, y and mask are put
    together.

    rows: 0, or the address of (2, C * L) int64: the first row of each sequence in the data, and its steps here; behind
    them it has zeros.
    """
    rows, block = item.rows, item.block()
    given, places = m.integer(0).below(rows), net.columns * m.lanes
    widths = net.sizes.inputs, len(net.head.y), 1
    arrays = [(m.pointer(a), m.pointer(b), w) for a, b, w in zip(GATHERED_SOURCES, GATHERED_ARRAYS, widths)]
    for _ in m.when(given):
        numbers = m.as_integers(rows)
        for place in m.range(places):
            first, count = m.read(numbers, place), m.read(numbers, place + places)
            _copy(m, arrays, first, count, m.integer(0), block.steps, (place, places))
    # Such a block has no arrays of its own.
    own = {
        name: m.as_pointer(getattr(item, name) + given * m.word(word))
        for name, word in zip(("x", "y", "mask"), GATHERED_ARRAYS)
    }
    return SimpleNamespace(**vars(block) | own)


def _copy(m, arrays, first, count, row, steps, place):
    """Copy rows of the data from `first` on, with zeros behind them, to rows of a block.

    arrays: (source, target, numbers of a row) of each; count: rows with data; row, steps: where the block begins, and
    its rows; place: that of the sequence in each row of the block, and the number of places.
    """
    (place, places), zero = place, m.constant(0.0)
    for t in m.range(count):
        for source, target, width in arrays:
            for i in _each(m, width):
                value = m.broadcast(source, (first + t) * width + i)
                m.set_number(target, ((row + t) * width + i) * places + place, value)
    for t in m.range(steps, count):
        for _, target, width in arrays:
            for i in _each(m, width):
                m.set_number(target, ((row + t) * width + i) * places + place, zero)


def _each(m, count):
    """A loop over 0, 1, ..., written out where it is short."""
    return map(m.integer, range(count)) if count <= MOST_UNROLLED else m.range(count)


@functools.cache
def _gather(dtype, widths):
    def kernel(m):
        items, places = m.integers("items"), m.word("places")
        arrays = [(m.pointer(a), m.pointer(b), w) for a, b, w in zip(GATHERED_SOURCES, GATHERED_ARRAYS, widths)]
        for n in m.range(m.word("count")):
            first, count, row, steps, place = (m.read(items, n * 5 + i) for i in range(5))
            _copy(m, arrays, first, count, row, steps, (place, places))

    return Program(kernel, (*GATHERED_SOURCES, *GATHERED_ARRAYS, "items", "count", "places"), dtype, 1, str(widths))


def gather(chosen, lanes, steps, firsts, data, out):
    """Copy sequences of the data into blocks, with zeros behind their ends.

    chosen (B, C, M) int64: the number of the sequence in these lanes (M,) of each column, or -1; steps, firsts (B): of
    each block, and where it begins; data: offsets and lengths of the sequences, and x (S, I), y (S, Y), weight (S,);
    out: x (T, I, C, L), y (T, Y, C, L), mask (T, C, L); these of one dtype, and C-contiguous.
    """
    offsets, lengths, *source = data
    columns, width = out[-1].shape[1:]
    place = width * np.arange(columns)[:, None] + lanes
    counts = np.where(chosen >= 0, lengths[chosen], 0)
    items = offsets[chosen], counts, firsts[:, None, None], steps[:, None, None], place
    items = np.stack(np.broadcast_arrays(*items), -1)
    program = _gather(str(out[-1].dtype), (source[0].shape[1], source[1].shape[1], 1))
    arrays = dict(zip((*GATHERED_SOURCES, *GATHERED_ARRAYS), (*source, *out)))
    program.call(items=items, count=chosen.size, places=columns * width, **arrays)
