"""One model to train, and its result."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.recurrent.decide import ROLES

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


class FitJob(NamedTuple):
    """One model to train: its number and seed, initial weights (R,), options {name: number}, roles of sequences.

    sequences: numbers of its own sequences, whose roles these are, or None: all.
    """

    model: int
    seed: int
    weights: np.ndarray
    options: dict
    roles: np.ndarray
    sequences: np.ndarray | None = None

    @property
    def own(self):
        """The numbers of its sequences."""
        return np.arange(len(self.roles)) if self.sequences is None else self.sequences

    def counts(self, values):
        """Return (3,) sums of values (N,) over the sequences of each role."""
        own = values if self.sequences is None else values[self.sequences]
        # One by one, so that a sum depends only on its own summands.
        return np.array([own[self.roles == role].sum() for role in range(ROLES)])

    def means(self, sums, weight, steps):
        """Return (E, 2, 3): mean loss and share of correct steps at each evaluation, from sums (E, 6); nan where none
        count.

        weight, steps (N,): the summed weight and the counted steps of each sequence.
        """
        counts = np.array([self.counts(values) for values in (weight, steps)])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(counts > 0, sums.astype(float).reshape(-1, 2, ROLES) / counts, np.nan)


class FitResult(NamedTuple):
    """A model that left its lane: best weights (R,), history (evaluations, 6) of sums, why it stopped."""

    job: FitJob
    best: np.ndarray
    history: np.ndarray
    best_round: int
    rounds: int
    stopped: str

    def chosen_loss(self, counted, every):
        """Return the validation loss, or without one the training loss, of the weights that are kept.

        counted (N,): the weight of each sequence; every: epochs between two evaluations. Before the first evaluation
        it is inf.
        """
        counts = self.job.counts(counted)
        role = 1 if counts[1] > 0 else 0
        return float(self.history[self.best_round // every, role] / counts[role]) if len(self.history) else np.inf
