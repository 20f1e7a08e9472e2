"""One model to train, its result, and numbers of its roles."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.recurrent.decide import PROGRESS
from fastrnn.training.sequences.division import Division, means_of

# Models whose histories are divided at once.
MODELS_AT_ONCE = 1024
# The mark of a network that was trained elsewhere.
IMPORTED = "imported"
# Why a model stopped, in a few words.
ENDS = {
    "patience": "stopped early",
    "epochs": "completed all epochs",
    "diverged": "diverged",
    "callback": "stopped by the callback",
    "interrupted": "interrupted",
    IMPORTED: "imported",
}


class Roles(NamedTuple):
    """A number for training, validation and test sequences each; nan where there are none."""

    train: float
    validation: float
    test: float


class FitJob(NamedTuple):
    """One model to train: its number and seed, initial weights (R,), FitRecipe's options (K,), and its sequences."""

    model: int
    seed: int
    weights: np.ndarray
    options: np.ndarray
    division: Division


class FitResult(NamedTuple):
    """A model that left its lane: best weights (R,), history (evaluations, 6) of sums, why it stopped."""

    job: FitJob
    best: np.ndarray
    history: np.ndarray
    best_round: int
    rounds: int
    stopped: str

    def chosen_loss(self, every):
        """Return the validation loss, or without one the training loss, of the weights that are kept.

        every: epochs between two evaluations. Before the first evaluation it is inf.
        """
        if not len(self.history):
            return np.inf
        weight = self.job.division.weight
        role = 1 if weight[1] > 0 else 0
        return float(self.history[self.best_round // every, role] / weight[role])


def results_of(config, jobs, progress, best, last, histories):
    """Return the FitResults of models that are done.

    progress (PROGRESS, M): of the kernels; best, last (M, R): weights; histories: of each, its parts, one after the
    other, of which the last one may go on after the model's end.
    """
    found, every, limit = [], config.every, config.limit
    rows = [PROGRESS.index(name) for name in ("rounds", "best_round", "diverged")]
    numbers = progress[rows].astype(np.int64).tolist()
    for n, (job, parts, rounds, best_round, diverged) in enumerate(zip(jobs, histories, *numbers, strict=True)):
        stopped = "diverged" if diverged else "epochs" if rounds >= limit else "patience"
        history = (np.concatenate(parts) if len(parts) > 1 else parts[0])[: rounds // every + 1]
        if stopped == "epochs" and config.stop_after is not None:
            # After `stop_after` epochs the weights are the last ones.
            found.append(FitResult(job, last[n], history, rounds, rounds, stopped))
        else:
            found.append(FitResult(job, best[n], history, best_round, rounds, stopped))
    return found


def histories_of(taken, dtype):
    """Return [(E, 2, 3)]: the result of `means_of` for each of the FitResults."""
    found = []
    for first in range(0, len(taken), MODELS_AT_ONCE):
        part = taken[first : first + MODELS_AT_ONCE]
        counts, sums = [len(each.history) for each in part], np.concatenate([each.history for each in part])
        # In the precision of the sums: histories take most of the memory of many models.
        means, ends = means_of(sums, [each.job.division for each in part], counts).astype(dtype), np.cumsum(counts)
        found += [means[end - count : end] for count, end in zip(counts, ends.tolist())]
    return found
