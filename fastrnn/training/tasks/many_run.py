"""The result of training many models."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fastrnn import summaries
from fastrnn.cells.base import Cell
from fastrnn.model import Model
from fastrnn.networks import named
from fastrnn.simd.host import arithmetic
from fastrnn.tasks.base import Task
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.run import history_of
from fastrnn.verification import Verification


class Histories(NamedTuple):
    """The histories of all models: sums (R, 4), one model after the other.

    Of each model (N): first, rows: where they begin, and how many; length: updates in one of them, but the last;
    began, ended: in seconds.
    """

    sums: np.ndarray
    first: np.ndarray
    rows: np.ndarray
    length: np.ndarray
    began: np.ndarray
    ended: np.ndarray

    def of(self, i):
        """Return the rows of model i."""
        return self.sums[self.first[i] : self.first[i] + self.rows[i]]


@dataclass
class ManyRun:
    """The results of N independent models, in the order of their seeds.

    Attributes
    ----------
    cell, task, config : Cell, Task or None, TrainConfig
        What was trained.
    seeds : int64 array (N,)
        The seed of each model.
    stopped : list of N str
        Why training ended: "exact" (right on all of its verification), "samples" (max_samples reached), "diverged" (the
        loss was not finite; the model is the last one with a finite loss) or "interrupted".
    exact : bool array (N,)
        Whether the model was verified, or tested on all of its own data, and found right at its end; never for targets
        between 0 and 1.
    steps, samples : int64 arrays (N,)
        Updates and samples of the training.
    samples_to_exact : int64 array (N,)
        Samples after which the model was first verified and found right; -1 if it never was.
    loss, exact_accuracy : float64 arrays (N,)
        The mean loss per sample, and the share of samples without a wrong bit, at the end: over the last whole interval
        of the history and what follows it.
    seconds : float
        The time of all models together.
    varied : dict
        {option: array (N,)} of the options that differ between models, which `config` does not hold.
    verification : Verification or None
        That of one of the models that were found right, which is the same for all of them.
    """

    cell: Cell
    task: Task | None
    config: TrainConfig
    seeds: np.ndarray
    stopped: list
    exact: np.ndarray
    steps: np.ndarray
    samples: np.ndarray
    samples_to_exact: np.ndarray
    loss: np.ndarray
    exact_accuracy: np.ndarray
    seconds: float
    varied: dict
    _weights: np.ndarray
    _shapes: dict
    _histories: Histories
    verification: Verification | None = None

    __repr__, _repr_html_ = summaries.many_run, summaries.many_run_html

    def __len__(self):
        return len(self.seeds)

    def config_of(self, i):
        """Return the configuration of one model: `train` with it makes the same updates, up to the rounding of sums.

        Parameters
        ----------
        i : int
            The number of the model.

        Returns
        -------
        TrainConfig
        """
        constants, others = dict(self.config.optimizer_options), {}
        for name, values in self.varied.items():
            if name in self.config.__dataclass_fields__:
                others[name] = float(values[i])
            else:
                constants[name] = float(values[i])
        return replace(self.config, seed=int(self.seeds[i]), optimizer_options=tuple(constants.items()), **others)

    def weights(self, i):
        """Return the weights of one model.

        Parameters
        ----------
        i : int
            The number of the model.

        Returns
        -------
        dict
            {name: array}.
        """
        return named(self._weights[i], self._shapes)

    def model(self, i):
        """Return one of the networks.

        Parameters
        ----------
        i : int
            The number of the model.

        Returns
        -------
        Model
        """
        config = self.config_of(i)
        summary = {"stopped": self.stopped[i], "steps": int(self.steps[i]), "samples": int(self.samples[i]),
                   "loss": float(self.loss[i]), "exact_accuracy": float(self.exact_accuracy[i])}
        summary = {name: value for name, value in summary.items() if value == value}
        return Model(
            self.cell,
            self.weights(i),
            self.task,
            {"config": config.as_dict(), "history": summary, "arithmetic": arithmetic()},
        )

    @property
    def models(self):
        """All networks, a list of Model."""
        return [self.model(i) for i in range(len(self))]

    def history(self, i):
        """Return the history of one model; its times are interpolated between its first and last update.

        Parameters
        ----------
        i : int
            The number of the model.

        Returns
        -------
        History
        """
        histories, made = self._histories, int(self.steps[i])
        sums, length, began = histories.of(i), int(histories.length[i]), float(histories.began[i])
        updates = np.full(len(sums), float(length))
        if len(updates):
            updates[-1] = made - length * (len(updates) - 1)
        seconds = began + (float(histories.ended[i]) - began) * np.cumsum(updates) / max(made, 1)
        return history_of(updates, sums, seconds, self.config.batch_size)
