"""The initial weights of many models, each as one vector of the arrays in `shapes`."""

import numpy as np

from fastrnn.initializers import drawn_weights
from fastrnn.model import Model
from fastrnn.networks import flat


def given_vectors(weights, cell, task, shapes, dtype, count):
    """Return given weights {name: array} as vectors (count, W), or (1, W) where all models share them.

    Raises ValueError for other names or shapes, with and without a leading axis of `count`.
    """
    own = all(np.ndim(weight) == len(shapes.get(name, ())) + 1 for name, weight in weights.items())
    if own and any(len(weight) != count for weight in weights.values()):
        given = len(next(iter(weights.values())))
        raise ValueError(f"weights: got a leading axis of {given}, expected {count}, one for each seed")
    rows = [{name: np.asarray(weight[i] if own else weight, dtype) for name, weight in weights.items()}
            for i in range(count if own else 1)]
    # A Model checks names, shapes and values.
    return np.array([flat(Model(cell, row, task).weights, shapes) for row in rows])


def drawn_vectors(cell, shapes, config, seeds, scales=None):
    """Return the vectors (N, W) that seeds (N,) draw; scales (N,): initial scales where they differ."""
    drawn = drawn_weights(cell, shapes, config, seeds, scales)
    vectors = [drawn[name].reshape(len(seeds), int(np.prod(shape))) for name, shape in shapes.items()]
    return np.concatenate(vectors, 1).astype(config.dtype)
