"""The start of many models: their initial weights and options."""

import numpy as np

from fastrnn.initializers import SEEDS_AT_ONCE, drawn_weights
from fastrnn.training.sequences.job import FitJob


def jobs_of(recipe, models, seeds, options, divisions, weights=None):
    """Return the FitJobs of models: the initial weights of each are drawn from its seed alone.

    models, seeds (M,): their numbers and seeds; options: {name: (M,) or a number} of FitRecipe.options, the others are
    those of all models; divisions: [Division]; weights: {name: (M, ...)}, or None, to draw them.
    """
    rows = np.empty((len(models), recipe.rows), recipe.dtype)
    for first in range(0, len(models), SEEDS_AT_ONCE):
        part = slice(first, first + SEEDS_AT_ONCE)
        given = weights and {name: values[part] for name, values in weights.items()}
        rows[part] = recipe.vectors(given or drawn_weights(recipe.cell, recipe.shapes(), recipe.config, seeds[part]))
    table = np.tile(recipe.common_options, (len(models), 1))
    for name, values in options.items():
        table[:, recipe.options.index(name)] = values
    columns = np.asarray(models).tolist(), np.asarray(seeds).tolist(), rows, table, divisions
    return [FitJob(*each) for each in zip(*columns, strict=True)]
