"""What training returns."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastrnn import plots, summaries
from fastrnn.certify import Certification
from fastrnn.model import Model
from fastrnn.verify import Verification


class History(NamedTuple):
    """Columns of equal length, one entry for each stretch of updates.

    step: updates made so far; samples: samples seen so far; loss: mean loss per sample over the stretch;
    bit_accuracy, exact_accuracy: share of right bits and of samples without a wrong bit, before the
    stretch's own updates; seconds: since the first update.
    """

    step: np.ndarray
    samples: np.ndarray
    loss: np.ndarray
    bit_accuracy: np.ndarray
    exact_accuracy: np.ndarray
    seconds: np.ndarray


@dataclass
class Run:
    """A finished training run.

    model: the network; history: a History; stopped: "exact" (right on all of its verification), "certified" (and
    proved for every width), "samples" (max_samples reached), "diverged" (the loss was not finite; the model is the
    last one whose loss was) or "interrupted"; steps, samples, seconds: updates, samples and their time (verification
    included); verification: the last Verification or None; certification: the proof, a Certification, or None; state:
    what `train(resume=...)` needs to continue; right: whether the network was tested on all of its own data, and found
    right.
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

    __repr__, _repr_html_, plot = summaries.run, summaries.run_html, plots.plot_history

    @property
    def exact(self) -> bool:
        """Whether the network was verified, or tried on all of its own data, and found right."""
        return self.right or self.verification is not None and self.verification.exact

    @property
    def certified(self) -> bool:
        """Whether the network was proved right at every width."""
        return self.certification is not None
