"""The initial weights of many models."""

import numpy as np

from fastrnn.initializers import drawn_weights
from fastrnn.model import Model
from fastrnn.networks import flat


class InitialWeights:
    """The initial weights of each model, as one vector; shapes: by name; given: {name: array}, or None, to draw them.

    scales (models,): initial scales where they differ, else None.
    """

    def __init__(self, cell, task, shapes, config, seeds, given=None, scales=None):
        self.cell, self.task, self.shapes, self.config = cell, task, shapes, config
        self.seeds, self.scales, self.given = seeds, scales, None
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
        return np.array([flat(Model(self.cell, row, self.task).weights, self.shapes) for row in rows])

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
