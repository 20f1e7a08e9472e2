"""The result of `train_many` on Sequences: models, histories and how they ended."""

from dataclasses import dataclass, field, replace

import numpy as np

from fastrnn import summaries
from fastrnn.cells.base import Cell
from fastrnn.exchange.base import network_of
from fastrnn.exchange.torch import state_of
from fastrnn.heads.base import Head
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.job import ENDS, Roles
from fastrnn.training.sequences.one import Fit
from fastrnn.training.sequences.predictions import Predictions
from fastrnn.training.sequences.saved import ARRAYS, TUPLES, read_fits, write_fits

# Columns of the table of results, besides groups and options.
RESULT_COLUMNS = ("seed", "hidden_size", "stopped", "epochs", "best_epoch",
                  *(f"{name}_{number}" for number in ("loss", "accuracy") for name in Roles._fields))


@dataclass(frozen=True, eq=False, repr=False)
class Fits(Predictions):
    """M fitted models, in the order of their seeds.

    fits[i] is the Fit of model i; a slice or an index array gives Fits.

    Attributes
    ----------
    cell : Cell
        That of the first model, where sizes differ.
    head : Head
        The link and the loss.
    config : FitConfig
        The configuration of all models.
    seeds, hidden_size : int64 arrays (M,)
        Seed and number of hidden units of each model.
    options : dict
        {name: array (M,)} of the learning rate and all other options that may differ between models.
    stopped : tuple of M str
        Why training ended: "patience", "epochs" (all were trained), "diverged" (the training loss was not finite),
        "callback", "interrupted", or "imported" (from another library's file).
    epochs : int array (M,)
        Epochs of training.
    best_epoch : int array (M,)
        The epoch from which the weights are: that of the smallest validation loss, or training loss if no sequence
        validates; the last one that improved it by more than min_delta.
    loss : float array (M, 3)
        The mean loss of the counted steps of training, validation and test sequences at that epoch; nan where there are
        none.
    accuracy : float array (M, 3)
        The share of steps that were predicted right.
    seconds : float
        The time of all models together.
    arithmetic : str
        The arithmetic of the processor, on which the bytes depend (fastrnn.simd.host); "" if a file does not say it.
    groups : dict
        {name: array (M,)} of the group whose sequences each model was fitted to, if `each` was used.
    data_name : str
        The name of the Sequences that they were fitted to, or "".
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
    data_name: str = ""

    def __len__(self):
        return len(self.seeds)

    def __getitem__(self, index):
        """The Fit of one model (an integer), or Fits of several (a slice, integers or booleans)."""
        chosen = np.atleast_1d(np.arange(len(self))[index])
        if chosen.ndim > 1 or index is True or index is False:
            raise IndexError(f"index: got {index!r}, expected an integer, a slice, or one axis of integers or booleans")
        if not len(chosen):
            raise IndexError(f"index: got {index!r}, which chooses none of {len(self)} models")
        arrays = {name: getattr(self, name)[chosen] for name in ARRAYS}
        lists = {name: tuple(getattr(self, name)[i] for i in chosen) for name in TUPLES}
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
        """The number of the model with the smallest validation loss, or training loss if no sequence validates."""
        return int(np.argmin(self.selection_loss))

    @property
    def selection_loss(self):
        """The loss of each model (M,) by which the best is chosen: of validation, or of training if no sequence
        validates; infinite where a model diverged."""
        losses = np.where(np.isnan(self.loss[:, 1]), self.loss[:, 0], self.loss[:, 1])
        return np.where(np.isfinite(losses), losses, np.inf)

    @property
    def best(self) -> Fit:
        """The model `best_index`, a Fit."""
        return self[self.best_index]

    def __repr__(self):
        sizes = np.unique(self.hidden_size).tolist()
        sizes = f"{', '.join(map(str, sizes))} unit{'s' if sizes != [1] else ''}"
        ends = ", ".join(f"{ENDS[end]}: {self.stopped.count(end)}" for end in dict.fromkeys(self.stopped))
        count = f"{len(self):,} model{'s' if len(self) != 1 else ''}"
        best = self.selection_loss.min()
        kind = "validation" if not np.isnan(self.loss[:, 1]).all() else "training"
        lowest = "" if best == np.inf else f"; lowest {kind} loss {best:.4g}"
        return f"Fits({count}; {self.cell.name} of {sizes}; {ends}{lowest})"

    _repr_html_ = summaries.fits_html

    def save(self, path, *, overwrite=False):
        """Write all models to one safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file.
        overwrite : bool
            Whether an existing file is replaced.

        Raises
        ------
        OSError
            If the file cannot be written; FileExistsError if it exists and is not to be overwritten.
        """
        write_fits(path, self, overwrite)

    @classmethod
    def load(cls, path, cell=None, head=None):
        """Read the models of a file.

        Parameters
        ----------
        path : str or path
            The file.
        cell, head : type or None
            The class of a cell, or of a head, that is not one of fastrnn's.

        Returns
        -------
        Fits

        Raises
        ------
        CheckpointError
            For other files.
        """
        return cls(**read_fits(path, cell, head))

    def weights(self, i=0):
        """Return the weights of a model.

        Parameters
        ----------
        i : int
            The number of the model.

        Returns
        -------
        dict
            {name: array} in PyTorch's shapes.
        """
        return self._recipe(i).named(self._rows[i])

    def state_dict(self, i=0, rnn="rnn.", linear="lin."):
        """Return the weights of a model as PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM with an nn.Linear.

        Parameters
        ----------
        i : int
            The number of the model.
        rnn, linear : str
            Prefixes of the two modules.

        Returns
        -------
        dict
            {name: array}.
        """
        return state_of(network_of(self[int(i)]), rnn, linear)

    def history(self, i=0):
        """Return the evaluations of a model.

        Parameters
        ----------
        i : int
            The number of the model.

        Returns
        -------
        dict
            {"epoch": (E,), "loss": (E, 3), "accuracy": (E, 3)}, with columns of training, validation and test.
        """
        history = self._histories[i].copy()
        return {
            "epoch": np.arange(len(history)) * self.config.every,
            "loss": history[:, 0],
            "accuracy": history[:, 1],
        }

    def to_frame(self):
        """Return a table with a row for each model.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas

        losses, accuracies = self.loss.T, self.accuracy.T
        known = [self.seeds, self.hidden_size, self.stopped, self.epochs, self.best_epoch, *losses, *accuracies]
        columns = dict(zip(RESULT_COLUMNS, known))
        first = {name: columns.pop(name) for name in ("seed", "hidden_size")}
        return pandas.DataFrame({**self.groups, **first, **self.options, **columns})

    def _recipe(self, i):
        return self._recipes[int(self.hidden_size[i])]


Fit.several = Fits
