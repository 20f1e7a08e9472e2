"""The result of `train_many` on Sequences: models, histories and how they ended."""

from dataclasses import dataclass, field, replace

import numpy as np

from fastrnn import summaries
from fastrnn.cells.base import Cell
from fastrnn.data.sequences import Sequences
from fastrnn.exchange.base import network_of
from fastrnn.exchange.torch import state_of
from fastrnn.formula.evaluate import on_numpy
from fastrnn.heads.base import Head, traced
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.simd.host import arithmetic
from fastrnn.training.config import FitConfig
from fastrnn.training.job import ENDS
from fastrnn.training.one import Fit
from fastrnn.training.outputs import check_inputs, check_targets, outputs_of, states_of_sequences
from fastrnn.training.relative import emphasised, loss_weights
from fastrnn.training.saved import read_fits, write_fits

NAMES = ("train", "validation", "test")


@dataclass(frozen=True, eq=False, repr=False)
class Fits:
    """M fitted models, in the order of their seeds.

    cell: the Cell (of the first model, where sizes differ); head; config; seeds, hidden_size (M,) int64; options:
    {name: (M,)} of learning rates and all that may differ; stopped: M times "patience", "epochs" (all were made),
    "diverged" (the training loss was no finite number), "callback", "interrupted", or "imported" (from another
    library's file); epochs (M,): updates made;
    best_epoch (M,): after which the model's weights were taken: those of the least validation loss, or of the least
    training loss where a model has no validation sequences, of the last one that improved it by more than min_delta;
    loss (M, 3): mean loss of a counted step of training, validation and test sequences at that epoch (nan where there
    are none); accuracy (M, 3): share of correct steps; seconds: of all models together; arithmetic: that of the
    processor, on which their bytes depend (fastrnn.simd.host), "" where a file does not say; groups: {name: (M,)
    values} of the group whose sequences each model was fitted to, with `each`.
    """

    cell: Cell
    head: Head
    config: FitConfig
    seeds: np.ndarray
    hidden_size: np.ndarray
    options: dict
    stopped: tuple
    epochs: np.ndarray
    best_epoch: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    seconds: float
    arithmetic: str
    _rows: tuple
    _histories: tuple
    _recipes: dict
    groups: dict = field(default_factory=dict)

    @classmethod
    def of(cls, cell, head, data, config, seeds, sizes, options, taken, recipes, seconds):
        """Put together the models that left the lanes."""
        weight, steps = loss_weights(head, data), data.counted.astype(float)
        histories, loss, accuracy = [], [], []
        for each in taken:
            # In the precision of the sums: histories take most of the memory of many models.
            histories.append(each.job.means(each.history, weight, steps).astype(config.dtype))
            at = each.best_round // config.every
            last = histories[-1][at] if len(histories[-1]) else np.full((2, ROLES), np.nan)
            loss.append(last[0])
            accuracy.append(last[1])
        return cls(
            cell,
            head,
            config,
            seeds,
            sizes,
            {names.get(name, name): values for name, values in options.items()},
            tuple(each.stopped for each in taken),
            np.array([each.rounds for each in taken]),
            np.array([each.best_round for each in taken]),
            np.array(loss),
            np.array(accuracy),
            seconds,
            arithmetic(),
            tuple(each.best for each in taken),
            tuple(histories),
            recipes,
        )

    def __len__(self):
        return len(self.seeds)

    def __getitem__(self, index):
        """The Fit of one model (an integer), or Fits of several (a slice, integers or booleans)."""
        chosen = np.atleast_1d(np.arange(len(self))[index])
        if chosen.ndim > 1 or index is True or index is False:
            raise IndexError(f"index: got {index!r}, expected an integer, a slice, or one axis of integers or booleans")
        if not len(chosen):
            raise IndexError(f"index: got {index!r}, which chooses none of {len(self)} models")
        arrays = {
            name: getattr(self, name)[chosen]
            for name in ("seeds", "hidden_size", "epochs", "best_epoch", "loss", "accuracy")
        }
        lists = {name: tuple(getattr(self, name)[i] for i in chosen) for name in ("stopped", "_rows", "_histories")}
        options, groups = (
            {name: values[chosen] for name, values in columns.items()} for columns in (self.options, self.groups)
        )
        cell = replace(self.cell, hidden_size=int(arrays["hidden_size"][0]))
        fits = replace(self, cell=cell, options=options, groups=groups, **arrays, **lists)
        return Fit(fits) if np.ndim(index) == 0 and not isinstance(index, slice) else fits

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    @property
    def best_index(self):
        """The number of the model with the least validation loss, or training loss where none validates."""
        losses = np.where(np.isnan(self.loss[:, 1]), self.loss[:, 0], self.loss[:, 1])
        return int(np.nanargmin(losses)) if np.isfinite(losses).any() else 0

    @property
    def best(self) -> Fit:
        """The Fit of the model `best_index`."""
        return self[self.best_index]

    def __repr__(self):
        sizes = np.unique(self.hidden_size).tolist()
        sizes = f"{', '.join(map(str, sizes))} unit{'s' if sizes != [1] else ''}"
        ends = ", ".join(f"{ENDS[end]}: {self.stopped.count(end)}" for end in dict.fromkeys(self.stopped))
        count = f"{len(self):,} model{'s' if len(self) != 1 else ''}"
        losses = np.where(np.isnan(self.loss[:, 1]), self.loss[:, 0], self.loss[:, 1])
        best = losses.min(where=~np.isnan(losses), initial=np.inf)
        kind = "validation" if not np.isnan(self.loss[:, 1]).all() else "training"
        least = "" if np.isnan(losses).all() else f"; least {kind} loss {best:.4g}"
        return f"Fits({count}; {self.cell.name} of {sizes}; {ends}{least})"

    _repr_html_ = summaries.fits_html

    def save(self, path, *, overwrite=False):
        """Write all models to one safetensors file, whole or not at all.

        Raises OSError if it cannot be written, FileExistsError if it exists and is not to be overwritten.
        """
        write_fits(path, self, overwrite)

    @classmethod
    def load(cls, path, cell=None):
        """The Fits of a file; cell: the class of a cell that is not one of fastrnn's.

        Raises CheckpointError for other files.
        """
        return cls(**read_fits(path, cell))

    def weights(self, i=0):
        """{name: array} of model i, in PyTorch's shapes."""
        return self._recipe(i).named(self._rows[i])

    def state_dict(self, i=0, rnn="rnn.", linear="lin."):
        """Model i as PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM with nn.Linear: see fastrnn.exchange.torch."""
        return state_of(network_of(self[int(i)]), rnn, linear)

    def history(self, i=0):
        """{"epoch": (E,), "loss": (E, 3), "accuracy": (E, 3)} of model i, at each evaluation."""
        history = self._histories[i].copy()
        return {
            "epoch": np.arange(len(history)) * self.config.every,
            "loss": history[:, 0],
            "accuracy": history[:, 1],
        }

    def outputs(self, data):
        """z (M, S, O) before the head's link, for all steps of Sequences (or of a list of arrays)."""
        return self._run(data)[0]

    def predict(self, data, *, initial=None, return_states=False):
        """The head's predictions (M, S, O) for all steps: probabilities of classes or bits, or real values.

        initial: (N, W) or (M, N, W), the states before the first step of each of the N sequences, all states of the
        cell one after the other; None: those of the data, or else the models' own. return_states: also return the
        states (M, N, W) after the last steps, from which the next pieces of the sequences continue, to the same bytes.
        Raises ValueError for states of another shape, and where models of different sizes have different ones.
        """
        data = _sequences(data)
        z, _, last = self._run(data, initial=initial)
        p = self.head.link(z) if data.allowed is None else self.head.link(z, data.allowed)
        return (p, self._stacked(last)) if return_states else p

    def states(self, data):
        """States (M, S, W) after each step, all states of the cell one after the other; models must have one size."""
        return self._stacked(self._run(data, states=True)[1])

    def losses(self, data):
        """Loss (M, S) of each step, nan where it does not count.

        Its weighted mean is the loss of the data, that of "esr" included.
        """
        data = _sequences(data)
        check_targets(data, self.head, self._recipe(0).net.sizes.outputs)
        z = self.outputs(data).astype(float)
        formulas = traced(self.head.suited(data.allowed is not None), z.shape[2])
        if self.head.relative:
            z = data.y + emphasised(z - data.y, data, self.head.emphasis)
        values = dict(zip(formulas.seen, np.moveaxis(z, -1, 0)))
        values |= dict(zip(formulas.y, data.target_rows(slice(None)).T))
        losses = on_numpy([formulas.loss], values)[0]
        if self.head.relative:
            losses = losses * (data.weight.sum() / loss_weights(self.head, data).sum())
        return np.where(data.weight > 0, losses, np.nan)

    def log_likelihood(self, data, per="model"):
        """Log-likelihoods in nats, sums over counted steps: (M,) per "model", (M, N) per "sequence", (M, S) per "step".

        For heads of probabilities (softmax, sigmoid with cross-entropy). Steps that do not count are 0.
        """
        if self.head.targets == "reals" or getattr(self.head, "measure", "cross-entropy") != "cross-entropy":
            raise ValueError(f"log_likelihood: the head {self.head.name} has none; `losses` gives its loss")
        data = _sequences(data)
        steps = -np.nan_to_num(self.losses(data))
        if per == "step":
            return steps
        if per == "sequence":
            return np.add.reduceat(steps, data.offsets[:-1], axis=1)
        if per != "model":
            raise ValueError(f"per: got {per!r}, expected model, sequence or step")
        return steps.sum(1)

    def to_frame(self):
        """A pandas table with a row for each model."""
        import pandas

        columns = {
            **self.groups,
            "seed": self.seeds,
            "hidden_size": self.hidden_size,
            **self.options,
            "stopped": self.stopped,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
        }
        columns |= {f"{name}_loss": self.loss[:, n] for n, name in enumerate(NAMES)}
        columns |= {f"{name}_accuracy": self.accuracy[:, n] for n, name in enumerate(NAMES)}
        return pandas.DataFrame(columns)

    def _recipe(self, i):
        return self._recipes[int(self.hidden_size[i])]

    def _run(self, data, states=False, initial=None):
        """z (M, S, O), and for each model its states (S, W), or None, and the last ones (N, W)."""
        data = _sequences(data)
        if initial is None:
            initial = data.initial
        else:
            initial = states_of_sequences(initial, len(self), len(data))
        parts = [None] * len(self)
        for size in np.unique(self.hidden_size):
            chosen, recipe = np.flatnonzero(self.hidden_size == size), self._recipes[int(size)]
            check_inputs(data, recipe, initial)
            own = None if initial is None else np.broadcast_to(initial, (len(self), *initial.shape[-2:]))[chosen]
            weights = np.stack([self._rows[i] for i in chosen])
            z, kept, last = outputs_of(recipe, weights, data, states, own)
            for row, i in enumerate(chosen):
                parts[i] = z[row], kept[row] if states else None, last[row]
        z, kept, last = zip(*parts)
        return np.stack(z), kept, last

    def _stacked(self, states):
        if len(np.unique(self.hidden_size)) > 1:
            raise ValueError(
                "states: the models have different sizes; choose those of one, for example fits[fits.hidden_size == 4]"
            )
        return np.stack(states)


# Names, for users, of options of the kernels.
names = {"rate": "learning_rate", "decay": "weight_decay"}


def _sequences(data):
    return data if isinstance(data, Sequences) else Sequences(data)
