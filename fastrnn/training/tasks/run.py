"""The result of training one model."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastrnn import plots, summaries
from fastrnn.kernels.recurrent.tally import Statistics
from fastrnn.model import Model
from fastrnn.proofs import Certification
from fastrnn.verification import Verification


class History(NamedTuple):
    """The history of a training: arrays of equal length, with one entry for each interval of updates.

    Attributes
    ----------
    step, samples : int64 arrays
        Updates and samples so far, at the end of the interval.
    loss : float64 array
        The mean loss per sample over the interval.
    bit_accuracy, exact_accuracy : float64 arrays
        The shares of right bits and of samples without a wrong bit, each computed before the sample's own update.
    seconds : float64 array
        The time since the first update.
    """

    step: np.ndarray
    samples: np.ndarray
    loss: np.ndarray
    bit_accuracy: np.ndarray
    exact_accuracy: np.ndarray
    seconds: np.ndarray


def history_of(updates, sums, seconds, batch_size):
    """Return the History of intervals (E): the updates of each; sums (E, 4): the Statistics of each; seconds
    at the end of each."""
    steps, samples = np.cumsum(updates).astype(np.int64), updates * batch_size
    found = Statistics(*sums.T)
    bit_accuracy, exact_accuracy = 1 - found.wrong / np.maximum(found.outputs, 1), 1 - found.wrong_samples / samples
    return History(steps, steps * batch_size, found.loss / samples, bit_accuracy, exact_accuracy, seconds)


@dataclass
class Run:
    """The result of a training on a task or on arrays.

    Attributes
    ----------
    model : Model
        The network.
    history : History
        Loss and accuracies over time.
    stopped : str
        Why training ended: "exact" (right on all of its verification), "certified" (and proved right at every width),
        "samples" (max_samples reached), "diverged" (the loss was not finite; the model is the last one with a finite
        loss) or "interrupted".
    steps, samples : int
        Updates and samples of the training.
    seconds : float
        Its time, verification included.
    verification : Verification or None
        The last verification.
    certification : Certification or None
        The proof.
    state : dict or None
        What `train(resume=...)` needs to continue.
    right : bool
        Whether the network was tested on all of its own data, and found right.
    """

    model: Model
    history: History
    stopped: str
    steps: int
    samples: int
    seconds: float
    verification: Verification | None = None
    certification: Certification | None = None
    state: dict | None = None
    right: bool = False

    __repr__, _repr_html_, plot = summaries.run_line, summaries.run_html, plots.plot_history

    @property
    def exact(self) -> bool:
        """Whether the network was verified, or tested on all of its own data, and found right."""
        return self.right or self.verification is not None and self.verification.exact

    @property
    def certified(self) -> bool:
        """Whether the network was proved right at every width."""
        return self.certification is not None
