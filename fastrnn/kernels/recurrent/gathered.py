"""Blocks that a thread puts together, in memory of its own, from sequences of the data just before it runs them.

Batches in a new order for each epoch then need neither memory nor a pass of their own, and the block is in the nearest
cache.
"""

from types import SimpleNamespace

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
    zero = m.constant(0.0)
    for _ in m.when(given):
        numbers = m.as_integers(rows)
        for place in m.range(places):
            first, count = m.read(numbers, place), m.read(numbers, place + places)
            for t in m.range(count):
                for source, target, width in arrays:
                    for i in _each(m, width):
                        value = m.splat(source, (first + t) * width + i)
                        m.set_number(target, (t * width + i) * places + place, value)
            for t in m.range(block.steps, count):
                for _, target, width in arrays:
                    for i in _each(m, width):
                        m.set_number(target, (t * width + i) * places + place, zero)
    # Such a block has no arrays of its own.
    own = {
        name: m.as_pointer(getattr(item, name) + given * m.word(word))
        for name, word in zip(("x", "y", "mask"), GATHERED_ARRAYS)
    }
    return SimpleNamespace(**vars(block) | own)


def _each(m, count):
    """A loop over 0, 1, ..., written out where it is short."""
    return map(m.integer, range(count)) if count <= MOST_UNROLLED else m.range(count)
