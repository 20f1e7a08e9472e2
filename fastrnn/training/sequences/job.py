"""Models to train, what they begin with, what decides on them, and their results."""

from typing import NamedTuple

import numpy as np

from fastrnn.initializers import SEEDS_AT_ONCE, drawn_weights
from fastrnn.kernels.recurrent.decide import BEGINNING, CRITERIA, PROGRESS, ROLES
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
# The progress of a model that waits, as a column.
FIRST_PROGRESS = np.array([[BEGINNING.get(name, 0.0)] for name in PROGRESS])


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


def criteria_of(division, config):
    """Return [number of CRITERIA] of models with a Division; the first is one over the weight of what they train on."""
    weight = division.weight
    scale = np.divide(1, weight, out=np.zeros(ROLES), where=weight > 0)
    criteria = {
        "train_scale": scale[0],
        "validation_scale": scale[1],
        "patience": config.patience if config.patience is not None and weight[1] > 0 else np.inf,
        "min_delta": config.min_delta,
        "limit": config.limit,
        "plateau_patience": config.plateau_patience,
        "plateau_factor": config.plateau_factor,
    }
    return [criteria[name] for name in CRITERIA]


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
