"""What a cell is to the kernels: its sizes, and two pointwise functions chosen by its type.

A kernel cell is a NamedTuple of (input_size, hidden_size, output_size) whose *type* selects the
formulas. Dispatch by type, since numba's disk cache misses in every process where functions are passed
as arguments or closed over (numba issue 6264).

A cell that networks can be proved right with (fastrnn.certify) also brings an interval extension, two methods:

    activation_error(dtype)               how far the kernels' f may be from that of real numbers
    interval_activate(low, high, error)   bounds of f(z) + e for all z within [low, high] and |e| <= error
"""

from fastrnn.registry import discover


def cells():
    """{name: class} of every cell: the dataclasses that make a `kernel` cell."""
    return discover("fastrnn.cells", "kernel")


def activate(cell, pre):
    """h from the pre-activation: h = f(pre), on Rows."""
    raise NotImplementedError


def gradient(cell, d_h, h):
    """d_pre = d_h * f'(pre), f' written in terms of h = f(pre), on Rows."""
    raise NotImplementedError


def restlessness(cell, h):
    """Derivative by h of a penalty that is least where the unit rests at one of its two extremes, on Rows.

    sigmoid: h (1 - h); tanh: (1 - h^2) / 4. It has no meaning for a unit without extremes.
    """
    raise NotImplementedError
