"""A grid of training runs: every combination of the values on its axes, each for many seeds."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import numpy as np

from fastrnn.arguments import as_whole, check_object, shown
from fastrnn.cells.base import Cell
from fastrnn.cells.elman import Elman
from fastrnn.checkpoint import description, own_formula
from fastrnn.own_tasks import own_labels
from fastrnn.tasks.addition import Addition
from fastrnn.tasks.base import Task
from fastrnn.training.tasks.config import TrainConfig

# The part of a point that an axis belongs to.
_OWNER = {
    "hidden_size": "cell",
    "activation": "cell",
    "learning_rate": "config",
    "batch_size": "config",
    "bits": "task",
}
AXES = tuple(_OWNER)


class Point(NamedTuple):
    """One combination of values: everything that determines a model except its seed."""

    cell: object
    task: object
    config: TrainConfig

    def value(self, axis):
        """Return the value on an axis, as tables show it; None for a cell without an activation to choose."""
        return self.config.rate if axis == "learning_rate" else getattr(getattr(self, _OWNER[axis]), axis, None)


@dataclass(frozen=True)
class Grid:
    """Every combination of the axes' values, each for the seeds config.seed, config.seed + 1, ...

    hidden_size, activation, learning_rate, batch_size, bits: one value or several; None: that of `cell`, `task` and
    `config`, from which comes also all that is no axis. seeds: how many.
    Raises ValueError or TypeError, naming the axis, for a list that is empty or names a value twice, for a value
    that the cell, the task or the configuration refuses, and for an axis that they do not have.
    """

    hidden_size: tuple | None = None
    activation: tuple | None = None
    learning_rate: tuple | None = None
    batch_size: tuple | None = None
    bits: tuple | None = None
    seeds: int = 200
    cell: object = field(default_factory=Elman)
    task: object = field(default_factory=Addition)
    config: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self):
        for name, kind in (("cell", Cell), ("task", Task), ("config", TrainConfig)):
            check_object(name, getattr(self, name), kind, f"a {kind.__name__}")
        object.__setattr__(self, "seeds", as_whole("seeds", self.seeds, 1))
        if self.config.seed + self.seeds > 2**63:
            raise ValueError(f"seeds: got {self.seeds} from {self.config.seed} on, expected all below 2**63")
        if self.config.until == "certified":
            raise ValueError(
                "until: got 'certified', expected 'exact' or 'samples': models side by side are not proved"
            )
        for axis in AXES:
            object.__setattr__(self, axis, self._values(axis))
        object.__setattr__(self, "points", tuple(map(self._point, itertools.product(*map(self.along, AXES)))))

    def along(self, axis):
        """Return the values on an axis."""
        return getattr(self, axis)

    @property
    def varied(self):
        """The axes with more than one value."""
        return tuple(axis for axis in AXES if len(self.along(axis)) > 1)

    @property
    def title(self):
        """The task in words, without its width where that varies."""
        return self.task.name if "bits" in self.varied else self.points[0].task.described()

    @property
    def models(self):
        """The number of models in the grid."""
        return len(self.points) * self.seeds

    def _values(self, axis):
        given, owner = self.along(axis), getattr(self, _OWNER[axis])
        if given is None:
            return (getattr(owner, axis, None),)
        if axis not in {field.name for field in fields(owner)}:
            raise ValueError(f"{axis}: {getattr(owner, 'name', 'this')} has none to choose")
        values = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
        values = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
        if not values:
            raise ValueError(f"{axis}: got no value, expected at least one")
        for value in values:
            replace(owner, **{axis: value})
            if values.count(value) > 1:
                raise ValueError(f"{axis}: got {shown(value)} twice, expected each value once")
        return values

    def _point(self, values):
        changes = {"cell": {}, "task": {}, "config": {}}
        for axis, value in zip(AXES, values):
            if value is not None:
                changes[_OWNER[axis]][axis] = value
        return Point(*(replace(getattr(self, owner), **values) for owner, values in changes.items()))

    def identity(self):
        """Return what determines the results besides the code, for JSON: equal identities mean equal grids."""
        return {
            **{axis: list(self.along(axis)) for axis in AXES},
            "seeds": self.seeds,
            "cell": description(self.cell),
            "task": description(self.task),
            **own_formula(self.cell),
            **own_labels(self.task),
            "config": self.config.as_dict(),
        }
