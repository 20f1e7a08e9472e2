"""Groups of models of fits, outside a call of `train_many`."""

import numpy as np

from fastrnn import GRU
from fastrnn.heads.softmax import Softmax
from fastrnn.training.sequences.division import divisions_of
from fastrnn.training.sequences.job import jobs_of
from fastrnn.training.sequences.many import Many
from fastrnn.training.sequences.recipe import FitRecipe

OPTIONS = {"rate": 0.05, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}


def begun(data, roles, config, lanes="models"):
    """Return (Many, a group of it that has begun one GRU(2), of seed 0)."""
    recipe = FitRecipe.for_data(GRU(2), Softmax(), 2, config, data, lanes)
    divisions = divisions_of(roles, None, np.zeros(1, int), data.counted.astype(float), data.counted.astype(float))
    many = Many(recipe, data, jobs_of(recipe, [0], [0], OPTIONS, divisions), lanes)
    many.prepare()
    group = many.group()
    group.put([0], many.jobs)
    return many, group
