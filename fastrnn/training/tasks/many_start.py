"""The start of many models: a task or their own data, and initial weights."""

from typing import NamedTuple

import numpy as np

from fastrnn.initializers import drawn_weights
from fastrnn.kernels.arrays import ModelArrays
from fastrnn.model import Model
from fastrnn.networks import flat, shapes_of
from fastrnn.training.tasks.data import NO_BITS, as_arrays, drawn_of, holds_bits


class Source(NamedTuple):
    """The data of models: a task, or ModelArrays; sizes: inputs and outputs; steps: of a sequence."""

    task: object
    arrays: object
    sizes: tuple
    steps: int


def source_of(task, data, config):
    """Return the Source of a task, or of (x, y, mask) from `training_data`."""
    if data is None:
        return Source(task, None, (task.input_size, task.output_size), task.bits)
    arrays = as_arrays(*data, dtype=np.dtype(config.dtype), drawn=drawn_of(data[0], config))
    # With a leading axis, of length 1 if all models share the data.
    x, y, mask, lengths, *order = (array if arrays.x.ndim == 4 else array[None] for array in arrays[:-1])
    arrays = ModelArrays(x, y, mask, lengths, *order, arrays.drawn)
    if config.until == "exact" and not holds_bits(arrays):
        raise ValueError(NO_BITS)
    return Source(None, arrays, (x.shape[3], y.shape[3]), x.shape[2])


class InitialWeights:
    """The initial weights of each model, as one vector; given: {name: array}, or None, to draw them.

    scales (models,): initial scales where they differ, else None.
    """

    def __init__(self, cell, source, config, seeds, given=None, scales=None):
        self.cell, self.source, self.config, self.seeds, self.scales = cell, source, config, seeds, scales
        self.shapes, self.given = shapes_of(cell, *source.sizes), None
        if given is not None:
            self.given = self._rows(given)

    def _rows(self, weights):
        """Return given weights as one row for all models, or one for each."""
        count, dtype = len(self.seeds), self.config.dtype
        own = all(np.ndim(weight) == len(self.shapes.get(name, ())) + 1 for name, weight in weights.items())
        if own and any(len(weight) != count for weight in weights.values()):
            given = len(next(iter(weights.values())))
            raise ValueError(f"weights: got a leading axis of {given}, expected {count}, one for each seed")
        rows = [{name: np.asarray(weight[i] if own else weight, dtype) for name, weight in weights.items()}
                for i in range(count if own else 1)]
        # A Model checks names, shapes and values.
        return np.array([flat(Model(self.cell, row, self.source.task).weights, self.shapes) for row in rows])

    def of(self, model):
        """Return the vector of model number `model`."""
        return self.of_all(np.array([model]))[0]

    def of_all(self, models):
        """Return the vectors (N, W) of models with these numbers."""
        if self.given is not None:
            return self.given[models % len(self.given)]
        scales = None if self.scales is None else self.scales[models]
        drawn = drawn_weights(self.cell, self.shapes, self.config, self.seeds[models], scales)
        vectors = [drawn[name].reshape(len(models), int(np.prod(shape))) for name, shape in self.shapes.items()]
        return np.concatenate(vectors, 1).astype(self.config.dtype)
