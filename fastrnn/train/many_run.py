"""What training many models returns."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fastrnn import summaries
from fastrnn.cells.base import Cell
from fastrnn.model import Model
from fastrnn.networks import named
from fastrnn.simd.host import arithmetic
from fastrnn.tasks.base import Task
from fastrnn.train.config import TrainConfig
from fastrnn.train.run import History
from fastrnn.verify import Verification


class Entry(NamedTuple):
    """A model's history as it lay in its lane, and when it began and ended."""

    history: np.ndarray
    length: int
    steps: int
    began: float
    ended: float


@dataclass
class ManyRun:
    """Finished trainings of N independent models, in the order of their seeds.

    seeds (N,) int64; stopped: N times "exact" (right on all of its verification), "samples" (max_samples reached),
    "diverged" (the loss was not finite; the model is the last one whose loss was) or "interrupted"; exact (N,) bool:
    verified, or tried on all of its own data, and found right at its end (never on data with targets between 0 and 1);
    steps, samples (N,) int64: updates and samples; samples_to_exact (N,) int64: samples after which the model was first
    verified and found right, -1 where it never was; loss, exact_accuracy (N,): mean loss per sample and share of
    samples without a wrong bit over the last whole stretch of its history and what follows it; seconds: the time of all
    models together; varied: {option: (N,) values} of those that differ between models, which `config` does not hold;
    verification: the Verification of one of the models that were found right, the same for all of them; None if there
    is none, or no task.
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
    _histories: list
    verification: Verification | None = None

    __repr__, _repr_html_ = summaries.many_run, summaries.many_run_html

    def __len__(self):
        return len(self.seeds)

    def config_of(self, i):
        """The TrainConfig of model i: `train` with it makes the same updates, up to the rounding of sums."""
        constants, others = dict(self.config.constants), {}
        for name, values in self.varied.items():
            if name in self.config.__dataclass_fields__:
                others[name] = float(values[i])
            else:
                constants[name] = float(values[i])
        return replace(self.config, seed=int(self.seeds[i]), constants=tuple(constants.items()), **others)

    def weights(self, i):
        """{name: array} of model i."""
        return named(self._weights[i], self._shapes)

    def model(self, i):
        """Model i as an ordinary Model."""
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
        """All models, as a list."""
        return [self.model(i) for i in range(len(self))]

    def history(self, i):
        """The History of model i; its seconds are spread evenly from its first update to its last."""
        entry = self._histories[i]
        updates = np.full(len(entry.history), float(entry.length))
        if len(updates):
            updates[-1] = entry.steps - entry.length * (len(updates) - 1)
        batch, sums = self.config.batch_size, entry.history
        steps, samples = np.cumsum(updates).astype(np.int64), updates * batch
        return History(
            steps,
            steps * batch,
            sums[:, 0] / samples,
            1 - sums[:, 2] / np.maximum(sums[:, 1], 1),
            1 - sums[:, 3] / samples,
            entry.began + (entry.ended - entry.began) * steps / max(entry.steps, 1),
        )
