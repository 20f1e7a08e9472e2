"""Between named weights in PyTorch's shapes and the kernels' one array of vectors.

w_ih (H, I), w_hh (H, H), b_ih (H), b_hh (H), w_ho (O, H), b_o (O); biases may be left out.
"""

import numpy as np

from fastrnn.kernels.workspace import aligned_zeros, lanes_of

NAMES = ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o")


def shapes_of(cell):
    """The shape of each weight by its name."""
    inputs, hidden, outputs = cell.input_size, cell.hidden_size, cell.output_size
    return {"w_ih": (hidden, inputs), "w_hh": (hidden, hidden), "b_ih": (hidden,), "b_hh": (hidden,),
            "w_ho": (outputs, hidden), "b_o": (outputs,)}


def _pieces(cell, layout, lanes):
    """(name, rows of theta, lanes of theta, index into the named weight) of each contiguous piece."""
    inputs, hidden, outputs = cell.input_size, cell.hidden_size, cell.output_size
    for p in range(layout.panels):
        units = slice(p * lanes, min(hidden, (p + 1) * lanes))
        width = slice(0, units.stop - units.start)

        def rows(first, count, p=p):
            return slice(first + p * count, first + (p + 1) * count)

        start = layout.w_hh + p * layout.hidden
        yield "w_hh", slice(start, start + hidden), width, (units, slice(None))
        yield "w_ih", rows(layout.w_ih, inputs), width, (units, slice(None))
        yield "b_ih", rows(layout.b_ih, 1), width, (units,)
        yield "b_hh", rows(layout.b_hh, 1), width, (units,)
        yield "w_ho", rows(layout.w_ho, outputs), width, (slice(None), units)
    yield "b_o", slice(layout.b_o, layout.b_o + outputs), slice(0, 1), (slice(None),)


def _as_rows(name, weight):
    """A piece of a weight with the lanes on the last axis."""
    if name in ("w_ih", "w_hh"):
        return weight.T
    return weight[:, None] if name == "b_o" else weight


def pack(cell, layout, weights, dtype):
    """theta (rows, lanes) holding `weights`, a mapping of names to arrays; what is missing is 0."""
    theta = aligned_zeros((layout.count, lanes_of(dtype)), dtype)
    for name, rows, lanes, index in _pieces(cell, layout, lanes_of(dtype)):
        if name in weights:
            theta[rows, lanes] = _as_rows(name, weights[name][index])
    return theta


def unpack(cell, layout, theta, names=NAMES):
    """The named weights of theta, each a fresh C-contiguous array."""
    weights = {name: np.empty(shapes_of(cell)[name], theta.dtype) for name in names}
    for name, rows, lanes, index in _pieces(cell, layout, theta.shape[1]):
        if name in weights:
            _as_rows(name, weights[name][index])[...] = theta[rows, lanes]
    return weights


def live(cell, layout, names, dtype):
    """1 where theta holds one of the weights `names`, 0 where it holds nothing that learns."""
    return pack(cell, layout, {name: np.ones(shapes_of(cell)[name], dtype) for name in names}, dtype)
