"""Phase portraits: how the state of a small network changes, input by input.

A one-unit or two-unit network is a dynamical system on a line or a plane, and each input is one map of it. Drawn as the
change of the logit against the logit, models that were fitted to behaviour are compared with theories of it: L. Ji-An,
M. K. Benna and M. G. Mattar, "Discovering cognitive strategies with tiny recurrent neural networks", Nature 644 (2025).
"""

from dataclasses import dataclass

import numpy as np

from fastrnn.analysis.stepwise import Stepper
from fastrnn.arguments import as_integer
from fastrnn.data.sequences import Sequences
from fastrnn.drawing import title_of_fits
from fastrnn.training.sequences.one import as_fits

MOST_INPUTS = 16


@dataclass(frozen=True, eq=False)
class Portrait:
    """How one model's state changes in a step, for K inputs on a grid of P states of D dimensions, and along the data.

    The logit is z_1 - z_0 for two classes; for more classes, the output's z minus the logarithm of the sum of the
    others' exponentials; otherwise z.

    Attributes
    ----------
    inputs : float64 array (K, I)
        The inputs.
    input_names : tuple of str
        Names of the columns of `inputs`.
    dimensions : int
        D, 1 or 2.
    states : float64 array (P, D)
        The grid.
    velocity : float64 array (K, P, D)
        The change of the state in a step.
    logit : float64 array (P,)
        The logit of each state of the grid.
    change : float64 array (K, P)
        The change of the logit in a step.
    visited : dict
        Of each of the S steps of the data: "input" (S,), the number of its input, -1 for one that is not among the K;
        "states" (S, D) and "logit" (S,) before the step; "change" (S,), the change of the logit.
    title : str
        The data, the model and its seed.
    """

    inputs: np.ndarray
    input_names: tuple
    dimensions: int
    states: np.ndarray
    velocity: np.ndarray
    logit: np.ndarray
    change: np.ndarray
    visited: dict
    title: str = ""

    def labels(self):
        """Return a short text for each input.

        Inputs that encode one column, for example side=left and side=right, are named by the one that is 1.

        Returns
        -------
        list of str
            K texts.
        """
        columns = [name.partition("=")[0] if "=" in name else None for name in self.input_names]
        texts = []
        for row in self.inputs:
            parts = []
            for name, column, value in zip(self.input_names, columns, row):
                own = [other for known, other in zip(columns, row) if column is not None and known == column]
                if len(own) > 1 and sorted(own) == [0] * (len(own) - 1) + [1]:
                    parts += [name] * int(value)
                else:
                    parts.append(f"{name} {value:g}")
            texts.append(", ".join(parts))
        return texts


def phase_portrait(fits, data, model=0, inputs=None, points=None, output=None):
    """Compute the phase portrait of a model whose state has one or two numbers.

    Parameters
    ----------
    fits : Fits or Fit
        The model, or models.
    data : Sequences or a list of arrays (steps, inputs)
        The model is followed on these sequences; the grid spans the states that it visits there.
    model : int
        The number of the model in `fits`.
    inputs : array (K, I) or None
        Inputs to draw; None: the different inputs of the data, at most the 16 most frequent.
    points : int or None
        Points of the grid along each axis; None: 101 for one dimension, 21 for two.
    output : int or None
        The output that the logit is of, for more than two classes or several outputs; None: the last class, or the
        first output.

    Returns
    -------
    Portrait

    Raises
    ------
    ValueError
        For larger states, inputs or outputs that the model does not have, and fewer than 2 points.

    References
    ----------
    L. Ji-An, M. K. Benna and M. G. Mattar, "Discovering cognitive strategies with tiny recurrent neural networks",
    Nature 644 (2025).
    """
    data = data if isinstance(data, Sequences) else Sequences(data)
    one = as_fits(fits)[int(model)]
    stepper = Stepper(one)
    if stepper.size > 2:
        raise ValueError(
            f"fits: model {model} has {stepper.size} numbers in its state, expected 1 or 2 for a phase portrait"
        )
    inputs = _frequent(data.x) if inputs is None else np.atleast_2d(np.asarray(inputs, float))
    if inputs.ndim != 2 or inputs.shape[1] != stepper.inputs or not len(inputs) or not np.isfinite(inputs).all():
        raise ValueError(f"inputs: got shape {inputs.shape}, expected (K, {stepper.inputs}), finite numbers")
    logit_of = _logit(one.head, stepper, output)
    after = one.states(data).astype(float)
    before = np.roll(after, 1, 0)
    before[data.offsets[:-1]] = stepper.start(len(data), initial=data.initial)[0]
    points = {1: 101, 2: 21}[stepper.size] if points is None else as_integer("points", points, 2)
    axes = [np.linspace(*_span(np.concatenate([before[:, d], after[:, d]])), points) for d in range(stepper.size)]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)
    moved = np.stack([stepper(grid[None], row)[0] for row in inputs])
    logit = logit_of(grid)
    where = np.full(data.steps, -1)
    for number, row in enumerate(inputs):
        where[(data.x == row).all(1)] = number
    first = logit_of(before)
    visited = {"input": where, "states": before, "logit": first, "change": logit_of(after) - first}
    change = np.stack([logit_of(states) for states in moved]) - logit
    return Portrait(
        inputs, data.input_names, stepper.size, grid, moved - grid, logit, change, visited, title_of_fits(one.fits)
    )


def _logit(head, stepper, output):
    """Return a function from states (P, D) to logits (P,)."""
    outputs = stepper.weights["w_ho"].shape[1]
    output = (outputs - 1 if head.targets == "classes" else 0) if output is None else output
    if not 0 <= output < outputs:
        raise ValueError(f"output: got {output}, expected 0 to {outputs - 1}")

    def logit(states):
        z = stepper.outputs(states[None])[0]
        if head.targets != "classes":
            return z[..., output]
        others = np.delete(z, output, -1)
        largest = others.max(-1)
        return z[..., output] - largest - np.log(np.exp(others - largest[..., None]).sum(-1))

    return logit


def _frequent(x):
    rows, counts = np.unique(x, axis=0, return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_INPUTS])
    return rows[kept]


def _span(values):
    """Return limits slightly beyond the range of the values."""
    low, high = values.min(), values.max()
    room = 0.1 * (high - low) or 1.0
    return low - room, high + room
