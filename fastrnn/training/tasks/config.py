"""How to train: one frozen object, from which the command line is derived and which every model file embeds."""

from dataclasses import asdict, dataclass

from fastrnn.arguments import POSITIVE, as_dtype, as_number, as_whole, option, set_checked, set_choices
from fastrnn.heads.sigmoid import BIT_LOSSES
from fastrnn.initializers import INITIALIZERS
from fastrnn.optimizers.base import checked_options, optimizers
from fastrnn.schedules import SCHEDULES
from fastrnn.training.tasks.curriculum import Curriculum

UNTIL = ("exact", "certified", "samples")

# Names of fields in files of earlier versions.
EARLIER = {"clip": "max_grad_norm", "truncate": "tbptt_steps", "constants": "optimizer_options",
           "patience": "verify_after", "saturation": "saturation_penalty", "retention": "retention_penalty"}


@dataclass(frozen=True)
class TrainConfig:
    """All that determines the result of a training on a task or on arrays, besides cell and data.

    Parameters
    ----------
    loss : str
        "squared" or "cross-entropy".
    optimizer : str
        Its name.
    learning_rate : float or None
        None: the optimizer's own.
    optimizer_options : dict
        The optimizer's own options {name: number}.
    batch_size : int
        Samples in one update.
    max_samples : int
        Training ends after this many samples, in whole updates.
    until : "exact", "certified" or "samples"
        Training ends when the network is right on all of its verification, when it is proved right at every width, or
        after max_samples.
    verify_after : int
        Consecutive samples without a mistake before a verification.
    curriculum : Curriculum or None
        The widths to train at before the width of the task.
    seed : int
        The seed of weights and data.
    initializer, initial_scale : str, float
        The distribution of the initial weights, and a factor on them.
    schedule : str
        The schedule of the learning rate over max_samples (fastrnn.schedules).
    max_grad_norm : float or None
        Gradients with a larger global norm are scaled down to this norm; None: no clipping.
    tbptt_steps : int or None
        Truncated back-propagation: gradients stay within segments of this many steps; None: all steps.
    saturation_penalty : float
        Added to the loss: saturation_penalty * sum h (1 - h), which pushes hidden units to their extremes.
    retention_penalty : float
        Weight of the penalty on the share of its last state that a unit keeps.
    weight_decay : float
        Decoupled (AdamW): w -= rate * weight_decay * w.
    l1 : float
        Decoupled: w -= rate * l1 * sign(w).
    reduction : "mean" or "sum"
        Whether gradients are the mean or the sum over the batch.
    dtype : "float32" or "float64"
        The precision of the training.

    Raises
    ------
    ValueError, TypeError
        In one line, for values out of range.
    """

    loss: str = option("squared", "loss function", lambda: BIT_LOSSES)
    optimizer: str = option("adam", "optimizer", lambda: tuple(optimizers()))
    learning_rate: float | None = option(None, "learning rate (default: the optimizer's own)")
    optimizer_options: tuple = option((), "options of the optimizer, for example beta2=0.99")
    batch_size: int = option(16, "samples in one update")
    max_samples: int = option(1_000_000, "stop after N samples at the latest")
    until: str = option(
        "exact", "stopping criterion: exact, certified, or samples (use the whole --max-samples budget)", lambda: UNTIL
    )
    verify_after: int = option(256, "consecutive samples without a mistake before verification")
    curriculum: Curriculum | None = option(
        Curriculum(), "START:FACTOR: train at width START, and multiply it by FACTOR once exact; or none"
    )
    seed: int = option(0, "seed of weights and data")
    initializer: str = option("uniform", "initial weights", lambda: tuple(INITIALIZERS))
    schedule: str = option("constant", "learning-rate schedule over all samples", lambda: tuple(SCHEDULES))
    max_grad_norm: float | None = option(None, "clip the global gradient norm to X (default: no clipping)")
    tbptt_steps: int | None = option(
        None, "truncated back-propagation: gradients stay within segments of N steps (default: all steps)"
    )
    saturation_penalty: float = option(
        0.0, "weight of the penalty sum h (1 - h) on hidden units between their extremes"
    )
    retention_penalty: float = option(0.0, "weight of the penalty on the share of its last state that a unit keeps")
    weight_decay: float = option(0.0, "decoupled weight decay: w -= rate * weight_decay * w")
    l1: float = option(0.0, "decoupled L1 penalty: w -= rate * l1 * sign(w)")
    initial_scale: float = option(1.0, "factor on the initial weights")
    reduction: str = option("mean", "gradients: mean or sum over the batch", lambda: ("mean", "sum"))
    dtype: str = option("float32", "floating-point type", lambda: ("float32", "float64"))

    def __post_init__(self):
        # From here on plain values only: JSON and the kernels take no others.
        set_checked(self, ["dtype"], as_dtype)
        set_choices(self)
        set_checked(self, ("batch_size", "max_samples", "tbptt_steps"), as_whole, 1)
        set_checked(self, ("seed", "verify_after"), as_whole, 0)
        set_checked(self, ("learning_rate", "max_grad_norm"), as_number, *POSITIVE)
        set_checked(self, ("saturation_penalty", "retention_penalty", "weight_decay", "l1", "initial_scale"), as_number)
        if isinstance(self.curriculum, dict):  # as JSON has it
            object.__setattr__(self, "curriculum", Curriculum(**self.curriculum))
        if not isinstance(self.curriculum, Curriculum | None):
            raise TypeError(f"curriculum: got {self.curriculum!r}, expected a Curriculum or None")
        options = checked_options(self.optimizer, self.optimizer_options, "optimizer_options", self.dtype)
        object.__setattr__(self, "optimizer_options", options)

    def build_optimizer(self):
        """Return the optimizer with its options.

        Returns
        -------
        NamedTuple
        """
        return optimizers()[self.optimizer](**dict(self.optimizer_options))

    @property
    def rate(self):
        """The learning rate, that of the optimizer if none was given."""
        return self.learning_rate if self.learning_rate is not None else optimizers()[self.optimizer].learning_rate

    @property
    def updates(self):
        """The number of updates that max_samples take."""
        return -(-self.max_samples // self.batch_size)

    def as_dict(self):
        """Return the fields as plain values, for JSON.

        Returns
        -------
        dict
        """
        return {**asdict(self), "optimizer_options": dict(self.optimizer_options)}


def config_from(values):
    """Return the TrainConfig of its fields' values, as files of this and of earlier versions have them."""
    return TrainConfig(**{EARLIER.get(name, name): value for name, value in values.items()})
