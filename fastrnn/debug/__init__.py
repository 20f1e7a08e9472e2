"""Compares what a network's compiled loops compute with the same formulas in NumPy and float64, number by number.

For authors of cells, heads and kernels: `compare` names the first number that differs, in the order of computation.
With FASTRNN_EMULATE=1 in the environment the loops run as plain Python, for a debugger.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastrnn.arguments import shown
from fastrnn.debug.compiled import compiled, whole_network
from fastrnn.debug.float64 import in_float64
from fastrnn.debug.units import check_units, compiled_units
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.recurrent.layout import named_places

__all__ = ["Compared", "Difference", "Differences", "compare"]

# What lies in the lanes.
PATHS = ("sequences", "models", "units")
# Of the largest number of an array, what rounding may take: this many units in the last place.
ROUNDINGS = 1000


class Difference(NamedTuple):
    """The first number of an array that differs.

    Attributes
    ----------
    place : tuple of int
        Its sequence, step and unit, or its place in a weight.
    compiled, float64 : float
        Both values.
    """

    place: tuple
    compiled: float
    float64: float


class Compared(NamedTuple):
    """One array of a network, as the compiled loops and float64 have it.

    Attributes
    ----------
    name : str
        Of a state, a derivative or a weight.
    error : float
        The largest error, over the largest number of the array.
    first : Difference or None
        The first number that differs.
    """

    name: str
    error: float
    first: Difference | None


@dataclass(frozen=True)
class Differences:
    """What `compare` found.

    Attributes
    ----------
    rows : tuple of Compared
        One for each array; those that differ come first, in the order of computation.
    """

    rows: tuple

    @property
    def agrees(self):
        """Whether no number differs."""
        return all(row.first is None for row in self.rows)

    def __repr__(self):
        lines = [f"{'':12} {'error':>9}  first difference: place, compiled, float64"]
        for name, error, first in self.rows:
            found = first and f"{', '.join(map(str, first.place))}: {first.compiled:.9g}, {first.float64:.9g}"
            lines.append(f"{name:12} {error:9.1e}  {found or 'none'}")
        return "\n".join(lines)


def compare(model, x, y, mask=None, *, path="sequences", head=None, dtype=None, tolerance=None):
    """Return the Differences of states, outputs, derivatives and gradients from the same formulas in float64.

    Its rows are: the states after each step (`h`, for example), the outputs z = W_ho h + b_o, derivatives of the loss
    by outputs, and by pre-activations, `d_r` for a gate r, and the gradient of each weight, `w_hh` for example. The
    loss is the sum over all steps, times the mask.

    Parameters
    ----------
    model : Fit or Model
        The network; it is not changed.
    x : array (batch, time, inputs)
        Inputs.
    y : array (batch, time), or (batch, time, outputs)
        Targets: the numbers of classes, or one for each output.
    mask : array (batch, time) or None
        Factors on the loss of each step; None: 1.
    path : "sequences", "models" or "units"
        What the lanes of the compiled loops hold: a sequence each, a model each (all the same one), or the hidden units
        of one sequence, as in training with small batches. Up to four sequences are then computed together.
    head : Head or None
        The outputs and their loss; None: the model's own, `Sigmoid("squared")` for a Model.
    dtype : "float32", "float64" or None
        The precision of the compiled loops; None: the weights'.
    tolerance : float or None
        Errors up to this share of the largest number of an array are rounding; None: 1,000 units in the last place.

    Returns
    -------
    Differences

    Raises
    ------
    ValueError
        For an unknown path, shapes that do not match, a head whose loss sees errors of the step before, or a network
        that the loops of path="units" do not take.
    """
    if path not in PATHS:
        raise ValueError(f"path: got {shown(path)}, expected one of {', '.join(map(repr, PATHS))}")
    weights = {name: np.asarray(each) for name, each in model.weights.items()}
    dtype = np.dtype(dtype or weights["w_ih"].dtype)
    head = head or getattr(model, "head", None) or Sigmoid("squared")
    if head.emphasis:
        raise ValueError(f"head: got {head.name} with emphasis, whose loss sees errors of the step before it; "
                         "choose one without")
    x, inputs = np.asarray(x, float), weights["w_ih"].shape[1]
    if x.ndim != 3 or x.shape[2] != inputs or not x.size:
        raise ValueError(f"x: got shape {x.shape}, expected (batch, time, {inputs}) with batch and time of at least 1")
    mask = np.ones(x.shape[:2]) if mask is None else np.asarray(mask, float)
    y = np.asarray(y, float).reshape(*x.shape[:2], -1)
    outputs = len(weights["w_ho"])
    for name, got, wanted in (
        ("mask", mask.shape, x.shape[:2]),
        ("y", y.shape[2:], (head.target_size(outputs),)),
    ):
        if got != wanted:
            raise ValueError(f"{name}: got shape {got}, expected {wanted}")
    before = bool(getattr(getattr(model, "config", None), "before", False))
    net = whole_network(model.cell, head, (inputs, outputs), x.shape[1], path == "models", before)
    if path == "units":
        check_units(net, model.cell, weights)
    places = named_places(model.cell, net.step, net.sizes, net.biased)
    theta = np.zeros(net.table.count)
    for name, weight in weights.items():
        theta[places[name]] = weight
    # Both start from the same numbers.
    theta, x = theta.astype(dtype).astype(float), x.astype(dtype).astype(float)
    expected = in_float64(net, model.cell.state, theta, x, y, mask)
    run = compiled_units if path == "units" else compiled
    got = run(net, model.cell, theta, x, y, mask, dtype)
    for values in (expected, got):
        gradient = values.pop("gradient")
        values |= {name: gradient[places[name]] for name in weights}
    tolerance = ROUNDINGS * np.finfo(dtype).eps if tolerance is None else tolerance
    rows = [_compared(name, got[name], expected[name], tolerance) for name in expected]
    return Differences(tuple(sorted(rows, key=lambda row: row.first is None)))


def _compared(name, got, expected, tolerance):
    """Return the Compared of two arrays; those of steps are (N, T, n), derivatives come in the order of falling t."""
    scale = np.abs(expected).max(initial=0) or 1.0
    error = np.abs(got - expected) / scale
    # NaN differs.
    differs = ~(error <= tolerance)
    first = None
    if differs.any():
        places = np.argwhere(differs)
        if expected.ndim == 3:
            places = places[np.argsort(-places[:, 1] if name.startswith("d_") else places[:, 1], kind="stable")]
        place = tuple(places[0].tolist())
        first = Difference(place, float(got[place]), float(expected[place]))
    return Compared(name, float(error.max(initial=0)), first)
