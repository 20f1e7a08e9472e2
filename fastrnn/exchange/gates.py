"""Helpers of all formats of weights: the cells they support, gates in another order, combined biases.

Where another library has one bias for our two, it gets b_ih + b_hh, rounded once; what comes back is b_ih, and b_hh is
0, so that what came from there goes back as the same bytes.
"""

import numpy as np

from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Network
from fastrnn.heads.linear import Linear

GATE_COUNTS = {Elman: 1, GRU: 3, LSTM: 4}
# Ours r z n as z r n, in numbers of ours; the same numbers lead back.
UPDATE_FIRST = (1, 0, 2)


def known_weights(network, library, cells, initial=False):
    """Return {name: array} of a Network's weights, with biases of 0 where it has none.

    library: as it is called in messages; cells: {class: {option: values}} that it has; initial: whether it keeps
    initial states. Raises ValueError, in one line, for other cells, for initial states that are not 0 where it keeps
    none, and for outputs that are read before a step.
    """
    cell, weights = network.cell, network.weights
    options = cells.get(type(cell))
    if options is None or any(getattr(cell, name) not in values for name, values in options.items()):
        raise ValueError(f"cell: {library} has no layer for {cell!r}, expected {_described(cells)}")
    first = [name for name in weights if name.startswith("initial_") and np.any(weights[name])]
    if first and not initial:
        raise ValueError(f"{first[0]}: {library} keeps no initial states; give them to it when you run it")
    if network.before:
        raise ValueError(f"before: {library} has no layer whose outputs are read from the state before a step")
    rows, dtype = len(weights["w_ih"]), weights["w_hh"].dtype
    zero = {"b_ih": np.zeros(rows, dtype), "b_hh": np.zeros(rows, dtype), "b_o": np.zeros(len(weights["w_ho"]), dtype)}
    if initial:
        zero |= {f"initial_{state}": np.zeros(cell.hidden_size, dtype) for state in cell.state}
    return zero | weights


def _described(cells):
    own = (
        f"{cell.__name__}" + "".join(f" with {name} {' or '.join(values)}" for name, values in options.items())
        for cell, options in cells.items()
    )
    return ", ".join(own)


def reordered(array, order):
    """Return equal blocks of rows in another order."""
    blocks = np.split(np.asarray(array), len(order))
    return np.concatenate([blocks[gate] for gate in order])


def cell_of(shape):
    """Return the class of the cell whose w_hh has this shape, or None."""
    if len(shape) != 2:
        return None
    return next((kind for kind, gates in GATE_COUNTS.items() if shape[0] == gates * shape[1] > 0), None)


def assembled(kind, parts, head=None, **options):
    """Return the Network of a cell's class and {name: array, or None for a missing bias}, in fastrnn's order.

    head: None for a linear one; options: of the cell, of which those count that its class has. Weights are float64 if
    one of them is, else float32. Raises ValueError, in one line, for shapes that do not match and for values that are
    not finite.
    """
    arrays = {name: _numbers(name, values) for name, values in parts.items() if values is not None}
    dtype = np.float64 if any(array.dtype == np.float64 for array in arrays.values()) else np.float32
    arrays = {name: np.ascontiguousarray(array, dtype) for name, array in arrays.items()}
    inputs, hidden, outputs = _sizes(arrays)
    rows = GATE_COUNTS[kind] * hidden
    shapes = {"w_ih": (rows, inputs), "w_hh": (rows, hidden), "b_ih": (rows,), "b_hh": (rows,)}
    shapes |= {"w_ho": (outputs, hidden), "b_o": (outputs,)} | {f"initial_{state}": (hidden,) for state in kind.state}
    bias = any(name in arrays for name in ("b_ih", "b_hh", "b_o"))
    if bias:
        arrays = {name: np.zeros(shapes[name], dtype) for name in ("b_ih", "b_hh", "b_o")} | arrays
    weights = {name: arrays[name] for name in shapes if name in arrays}
    for name, array in weights.items():
        if array.shape != shapes[name]:
            raise ValueError(f"has {name} of shape {array.shape}, expected {shapes[name]}")
    own = {name: value for name, value in options.items() if name in kind.__dataclass_fields__}
    return Network(kind(hidden, bias=bias, **own), head or Linear(), weights)


def _sizes(arrays):
    """Return (inputs, hidden, outputs)."""
    for name in ("w_ih", "w_hh", "w_ho"):
        if arrays[name].ndim != 2 or 0 in arrays[name].shape:
            raise ValueError(f"has {name} of shape {arrays[name].shape}, expected two axes, of at least 1 each")
    return arrays["w_ih"].shape[1], arrays["w_hh"].shape[1], len(arrays["w_ho"])


def array_of(values):
    """Return an array of values; lists of unequal lengths give an array with dtype object."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.asarray(None)


def _numbers(name, values):
    array = array_of(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"has {name} of {array.dtype}, expected an array of float32 or float64")
    if not np.isfinite(array).all():
        raise ValueError(f"has {name} with values that are not finite")
    return array
