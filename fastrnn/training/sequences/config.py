"""How to train on sequences of the user: one frozen object."""

from dataclasses import dataclass

import numpy as np

from fastrnn.arguments import POSITIVE, as_dtype, as_number, as_whole, option, set_checked, set_choices
from fastrnn.initializers import INITIALIZERS
from fastrnn.kernels.recurrent.update import Terms
from fastrnn.optimizers.base import checked_options, optimizers
from fastrnn.schedules import SCHEDULES, rates

MATRICES = ("w_ih", "w_hh")
# The schedule that looks at losses.
PLATEAU = "plateau"
# Kernels count epochs in numbers of a model's precision.
MOST_EPOCHS = 2**24


@dataclass(frozen=True)
class FitConfig:
    """All that determines the result of a fit, besides cell, head, data, roles and seed.

    Parameters
    ----------
    optimizer : str
        Its name; "adam" with weight_decay is AdamW.
    optimizer_options : dict
        Its own options {name: number}.
    learning_rate : float
        The step size of the optimizer.
    schedule : str
        The schedule of the learning rate over all epochs (fastrnn.schedules), or "plateau".
    plateau_factor, plateau_patience : float, int
        For "plateau": the learning rate is multiplied by plateau_factor after each plateau_patience evaluations in a
        row without an improvement of more than min_delta.
    warmup : int
        Epochs at the start in which the rate rises: it is multiplied by (n + 1) / warmup in epoch n, before any
        schedule.
    epochs : int
        The number of epochs at most, in whole evaluations; an epoch is one pass over all training sequences.
    batch_size : int or None
        Sequences in one update, drawn without replacement in an order that depends on the seed; None: all of them.
    evaluate_every : int
        Epochs between two evaluations, at most `epochs`.
    patience, min_delta : int or None, float
        A model stops after `patience` evaluations in a row that did not improve the validation loss by more than
        min_delta (None: never), with the weights of the last improvement.
    stop_after : int or None
        A model ends after this many epochs, rounded down to whole evaluations, with its weights at that time, for any
        losses; schedules are still those of `epochs`. None: see patience.
    weight_decay, decay_on : float, names
        Decoupled (AdamW): w -= rate * weight_decay * w, of the weights with these names.
    l1, l1_on : float, names
        Added to the loss: l1 * sum |w| over the weights with these names.
    activity : float
        Added to the loss: activity * mean(h^2) over counted steps and units.
    max_grad_norm : float or None
        Gradients with a larger global norm are scaled down to this norm; None: no clipping.
    tbptt_steps : int or None
        Truncated back-propagation: derivatives stay within segments of this many steps; None: they pass through all
        steps.
    carry : bool
        An update after each of these segments, from the state that the last segment left (stateful truncated
        back-propagation); needs batch_size.
    initializer, initial_scale : str, float
        The distribution of the initial weights, and a factor on them.
    initial_state : "zero" or "learned"
        The state before the first step.
    before : bool
        Outputs are read from the state before a step's input: the first one is predicted from the initial state.
    dtype : "float32" or "float64"
        The precision of the training.

    Raises
    ------
    ValueError, TypeError
        In one line, for values out of range.

    References
    ----------
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019. R. Pascanu, T. Mikolov and Y.
    Bengio, "On the difficulty of training recurrent neural networks", ICML 2013 (clipping).
    """

    optimizer: str = option("adam", "optimizer", lambda: tuple(optimizers()))
    learning_rate: float = 0.005
    optimizer_options: tuple = ()
    schedule: str = option("constant", "learning-rate schedule", lambda: (*SCHEDULES, PLATEAU))
    warmup: int = option(0, "epochs over which the learning rate rises linearly")
    plateau_factor: float = option(0.5, "factor on the learning rate at a plateau")
    plateau_patience: int = option(5, "evaluations without improvement before the rate is multiplied")
    epochs: int = option(2000, "maximum number of passes over the training sequences")
    batch_size: int | None = option(None, "sequences in an update (default: all)")
    evaluate_every: int = option(10, "epochs between two evaluations")
    patience: int | None = option(20, "evaluations without improvement before a model stops; or none")
    min_delta: float = option(0.0, "smallest decrease of the validation loss that counts as improvement")
    stop_after: int | None = None
    weight_decay: float = 0.0
    decay_on: tuple = MATRICES
    l1: float = 0.0
    l1_on: tuple = MATRICES
    activity: float = 0.0
    max_grad_norm: float | None = option(None, "clip the gradient norm to X (default: no clipping)")
    tbptt_steps: int | None = None
    carry: bool = False
    initializer: str = option("pytorch", choices=lambda: tuple(INITIALIZERS))
    initial_scale: float = 1.0
    initial_state: str = option("zero", "initial state", lambda: ("zero", "learned"))
    before: bool = False
    dtype: str = option("float32", "floating-point type", lambda: ("float32", "float64"))

    def __post_init__(self):
        set_checked(self, ["dtype"], as_dtype)
        set_choices(self)
        counts = ("epochs", "evaluate_every", "plateau_patience", "batch_size", "tbptt_steps")
        set_checked(self, (*counts, *(["patience"] * (self.patience is not None))), as_whole, 1)
        set_checked(self, ("warmup", "stop_after"), as_whole, 0)
        if self.epochs > MOST_EPOCHS:
            raise ValueError(f"epochs: got {self.epochs!s:.80}, expected at most {MOST_EPOCHS}, which float32 counts")
        set_checked(self, ("learning_rate", "max_grad_norm"), as_number, *POSITIVE)
        share = "a number above 0 and below 1"
        set_checked(self, ["plateau_factor"], as_number, share, np.nextafter(0, 1))
        if self.plateau_factor >= 1:
            raise ValueError(f"plateau_factor: got {self.plateau_factor:g}, expected {share}")
        set_checked(self, ("min_delta", "weight_decay", "l1", "activity", "initial_scale"), as_number)
        set_checked(self, ("before", "carry"), lambda name, value: bool(value))
        if self.carry and (self.tbptt_steps is None or self.batch_size is None):
            raise ValueError("carry: needs tbptt_steps, the length of a piece, and batch_size")
        set_checked(self, ("decay_on", "l1_on"), _names)
        options = checked_options(self.optimizer, self.optimizer_options, "optimizer_options", self.dtype)
        object.__setattr__(self, "optimizer_options", options)

    @property
    def terms(self):
        """The optional terms with which the kernels are compiled."""
        return Terms(
            self.weight_decay > 0 or self.l1 > 0,
            self.scheduled,
            self.max_grad_norm is not None,
            self.activity > 0,
            self.tbptt_steps is not None and not self.carry,
            self.carry,
            self.schedule == PLATEAU,
        )

    @property
    def scheduled(self):
        """Whether the learning rate depends on the epoch."""
        return self.warmup > 0 or self.schedule not in ("constant", PLATEAU)

    def factors(self, first, count):
        """Return the factors on the learning rate of some epochs, apart from those of plateaus.

        Parameters
        ----------
        first : int
            The first epoch.
        count : int
            The number of epochs.

        Returns
        -------
        float64 array (count,)
        """
        name = "constant" if self.schedule == PLATEAU else self.schedule
        return rates(name, 1.0, first, count, self.rounds, self.warmup)

    @property
    def every(self):
        """The number of epochs between two evaluations."""
        return min(self.evaluate_every, self.epochs)

    @property
    def rounds(self):
        """The number of epochs, in whole evaluations."""
        return self.epochs // self.every * self.every

    @property
    def limit(self):
        """The largest number of epochs of a model."""
        return self.rounds if self.stop_after is None else min(self.rounds, self.stop_after // self.every * self.every)

    def build_optimizer(self):
        """Return the optimizer with its options.

        Returns
        -------
        NamedTuple
        """
        return optimizers()[self.optimizer](**dict(self.optimizer_options))


def _names(name, value):
    """Return a tuple of names of weights, from one or several."""
    value = (value,) if isinstance(value, str) else value
    if not isinstance(value, (tuple, list)) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{name}: got {value!r:.80}, expected names of weights, for example {MATRICES!r}")
    return tuple(value)
