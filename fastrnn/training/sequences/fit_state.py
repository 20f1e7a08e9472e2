"""The state of a running fit, as a callback sees it."""

import numpy as np

from fastrnn.kernels.recurrent.decide import ROLE_SUMS
from fastrnn.training.sequences.division import means_of


class FitState:
    """The state of a fit at a call of its callback.

    done, models: models that are done, and all; loss: the lowest validation loss so far, of any model (training loss
    where a model has none to validate), inf before the first evaluation; running: numbers of models in training.
    """

    def __init__(self, fitting):
        self.done, self.models = fitting.done, fitting.models
        self._manys, self._lanes, losses = fitting.manys, {}, [fitting.least]
        self._taken = {model: taken for many in fitting.manys for model, taken in dict(many.taken).items()}
        for many in fitting.manys:
            for group in many.groups:
                for slot, seen in enumerate(list(group.seen)):
                    if seen is not None and seen[0].model not in self._taken:
                        self._lanes[seen[0].model] = seen[0], list(seen[1])
                        losses.append(group.best_loss(slot))
        self.loss, self.running = min(losses), tuple(sorted(self._lanes))

    def __repr__(self):
        return f"FitState({self.done:,} of {self.models:,} models done; lowest loss {self.loss:.4g})"

    def history(self, i=0):
        """Return {"epoch": (E,), "loss": (E, 3), "accuracy": (E, 3)} of model i so far: training, validation, test."""
        found = [(many, job) for many in self._manys for job in many.jobs if job.model == i]
        if not found:
            raise IndexError(f"i: got {i!r}, expected a model from 0 to {self.models - 1}")
        (many, job), = found
        parts = [self._taken[i].history] if i in self._taken else self._lanes.get(i, (job, []))[1]
        sums = np.concatenate([np.zeros((0, ROLE_SUMS)), *parts])
        means = means_of(sums, [job.division], [len(sums)])
        epochs = np.arange(len(means)) * many.recipe.config.every
        return {"epoch": epochs, "loss": means[:, 0], "accuracy": means[:, 1]}
