"""Checks of the arguments of `train_many`, before anything is computed."""

import numpy as np

from fastrnn.arguments import check_function, check_object
from fastrnn.cells.base import Cell
from fastrnn.data.roles import TRAIN, VALIDATION
from fastrnn.data.sequences import Sequences
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.relative import loss_weights


def check_kinds(cell, data, config, weights, functions):
    """Raise TypeError for arguments of a kind that `train_many` does not take."""
    check_object("cell", cell, Cell, "a Cell, such as GRU(2)")
    if not isinstance(data, Sequences):
        raise TypeError(f"data: got {type(data).__name__}, expected fastrnn.Sequences")
    check_object("config", config, FitConfig | None, "a FitConfig or None")
    if not hasattr(weights, "keys") and weights is not None:
        raise TypeError(f"weights: got {type(weights).__name__}, expected {{name: array}} or None")
    for name, function in functions.items():
        check_function(name, function)


def check_range(data, dtype):
    """Raise ValueError where numbers of the data are infinite in `dtype`."""
    initial = () if data.initial is None else data.initial
    for name, values in (("x", data.x), ("y", data.y), ("weight", data.weight), ("initial", initial)):
        largest = np.abs(values).max(initial=0)
        if largest > np.finfo(dtype).max:
            raise ValueError(f"data: {name} reaches {largest:g}, expected numbers that {dtype} can hold: scale them")


def check_trained(data, head, roles, owned, each):
    """Raise ValueError for a model that has no counted step to train on, or, with a relative head, no signal there or
    in its validation sequences.

    roles (N,) or (M, N); owned: the numbers of each model's own sequences, of the group `each`, or None.
    """
    energy = loss_weights(head, data)

    def summed(role, weights):
        """Return (M,): the sums over the sequences of this role."""
        own = (np.atleast_2d(roles) == role) * weights
        return own.sum(1) if owned is None else np.array([own[0, chosen].sum() for chosen in owned])

    def refuse(wrong, fault):
        """Raise ValueError for the first of the models that are wrong."""
        if wrong.any():
            model = int(np.argmax(wrong))
            called = f"model {model}" if owned is None else f"{each} {data.groups[each][owned[model][0]]!s}"
            raise ValueError(fault.format(called))

    refuse(
        summed(TRAIN, data.counted) == 0,
        "roles: {} has no counted step in its training sequences, expected at least one: give other roles",
    )
    refuse(
        summed(TRAIN, energy) == 0,
        "head: the targets that {} trains on are 0 throughout, expected a signal to divide by",
    )
    refuse(
        (summed(VALIDATION, data.counted) > 0) & (summed(VALIDATION, energy) == 0),
        "head: the targets that validate {} are 0 throughout, expected a signal to divide by: give other roles",
    )
