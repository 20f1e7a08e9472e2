"""fastrnn's cases of `python -m bench.fits`, and the machine's peak."""

import time

import numpy as np

import fastrnn
from fastrnn.bench.engines.peak import MultiplyAdd
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.division import divisions_of
from fastrnn.training.sequences.fit import head_for
from fastrnn.training.sequences.job import jobs_of
from fastrnn.training.sequences.lanes import lane_of
from fastrnn.training.sequences.many import Many
from fastrnn.training.sequences.recipe import FitRecipe
from fastrnn.training.sequences.relative import loss_weights

DEFAULTS = {"learning_rate": 1e-4, "l1": 1e-4}


def flops_of(net):
    """Return the operations in the matrix products (forward, backward, gradients) of one step of one model on one
    sequence."""
    sizes, step = net.sizes, net.step
    recurrent, output = step.from_h * sizes.hidden**2, sizes.outputs * sizes.hidden
    return 2 * (2 * (step.from_x * sizes.hidden * sizes.inputs + recurrent + output) + recurrent + output)


class Ours:
    """Models that never stop, in as many groups as they need, run one after the other."""

    def __init__(self, cell, data, dtype, lanes="models", models=None, threads=1, validation=0.1, weights=None,
                 **options):
        """models: the number of models; None for one full group; threads: that share the blocks of a group; validation:
        a share of the sequences; weights: {name: array}, of every model, or None, to draw them."""
        self.threads = threads
        config = FitConfig(dtype=dtype, epochs=10**7, patience=None, **DEFAULTS | options)
        head, outputs = head_for(None, data)
        # As in folds, each model has sequences of its own to validate.
        hold = "own" if lanes == "models" else lanes
        recipe = FitRecipe.for_data(cell, head, outputs, config, data, hold)
        options = {"rate": config.learning_rate, "l1": config.l1, "decay": 0.0, "activity": 0.0}
        options |= config.build_optimizer()._asdict()
        width = recipe.lanes if lanes == "models" else 1
        models = models or width
        roles = np.array([fastrnn.data.split(data, validation=validation, seed=n) for n in range(models)])
        numbers = np.arange(models)
        divisions = divisions_of(roles, None, numbers, loss_weights(head, data), data.counted.astype(float))
        given = weights and {name: np.repeat(values[None], models, 0) for name, values in weights.items()}
        self.many = Many(recipe, data, jobs_of(recipe, numbers, numbers, options, divisions, given), hold)
        self.many.prepare()
        self.groups = [self.many.group() for _ in range(-(-models // width))]
        for n, job in enumerate(self.many.jobs):
            self.groups[n // width].put([n % width], [job])
        trained = sum(int(data.lengths[own == fastrnn.data.TRAIN].sum()) for own in roles)
        self.steps, self.flops = data.steps * models, flops_of(recipe.net) * trained / (data.steps * models)

    def run(self, epochs):
        began = time.perf_counter()
        for group in self.groups:
            left = epochs
            while left:
                left -= group.run(left, self.threads)[0]
        return time.perf_counter() - began

    def weights(self):
        """Return {name: array} of the first model."""
        return self.many.recipe.named(lane_of(self.groups[0], 0).theta)


class Peak:
    """Fused multiply-adds in registers."""

    def __init__(self, dtype):
        class Work:
            pass

        Work.dtype = dtype
        self.engine, self.flops = MultiplyAdd(Work, 1, None, None, None), MultiplyAdd.flops(dtype, 1)

    def run(self, updates):
        began = time.perf_counter()
        self.engine.run(updates)
        return time.perf_counter() - began


def shares(case, taken, peak, taken_by_peak):
    """Return the shares of the peak's operations per second that a case reached in each round; seconds per update."""
    return [case.steps * case.flops / t / (peak.flops / p) for t, p in zip(taken, taken_by_peak)]
