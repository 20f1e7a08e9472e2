"""One model that was fitted to Sequences: the result of `train`, and of Fits indexed by a number."""

from typing import Any, ClassVar

from fastrnn import summaries
from fastrnn.errors import CheckpointError
from fastrnn.exchange.torch import to_torch
from fastrnn.training.sequences.job import ENDS, IMPORTED, Roles


class Fit:
    """One fitted model, as `fastrnn.train` returns it for Sequences.

    The weights are those of the epoch with the smallest validation loss, or training loss if no sequence validates.

    Parameters
    ----------
    fits : Fits
        The same as Fits of one model.
    """

    several: ClassVar[Any]  # Fits, which stands above this file

    def __init__(self, fits):
        self.fits = fits

    def __repr__(self):
        units = f"{self.hidden_size} unit{'s' if self.hidden_size != 1 else ''}"
        name = self.cell.name or type(self.cell).__name__
        if self.stopped == IMPORTED:
            return f"Fit({name} of {units}; imported)"
        role = "training" if self.loss.validation != self.loss.validation else "validation"
        loss = self.loss.train if role == "training" else self.loss.validation
        end = f"all {self.epochs}" if self.stopped == "epochs" else f"{ENDS[self.stopped]} after {self.epochs}"
        return f"Fit({name} of {units}; {end} epochs; {role} loss {loss:.4g})"

    _repr_html_ = summaries.fit_html

    @property
    def cell(self):
        """The Cell."""
        return self.fits.cell

    @property
    def head(self):
        """The Head."""
        return self.fits.head

    @property
    def config(self):
        """The FitConfig."""
        return self.fits.config

    @property
    def seed(self):
        """The seed of the initial weights."""
        return int(self.fits.seeds[0])

    @property
    def hidden_size(self):
        """The number of hidden units."""
        return int(self.fits.hidden_size[0])

    @property
    def options(self):
        """The learning rate and all other options that may differ between models, {name: number}."""
        return {name: float(values[0]) for name, values in self.fits.options.items()}

    @property
    def stopped(self):
        """Why training ended: "patience", "epochs", "diverged", "callback", "interrupted", or "imported"."""
        return self.fits.stopped[0]

    @property
    def epochs(self):
        """The number of epochs of training."""
        return int(self.fits.epochs[0])

    @property
    def best_epoch(self):
        """The epoch from which the weights are."""
        return int(self.fits.best_epoch[0])

    @property
    def loss(self):
        """The mean loss of the counted steps of training, validation and test sequences: Roles, a NamedTuple."""
        return Roles(*self.fits.loss[0].tolist())

    @property
    def accuracy(self):
        """The share of counted steps that are predicted right: Roles, a NamedTuple."""
        return Roles(*self.fits.accuracy[0].tolist())

    @property
    def seconds(self):
        """The time of the training in seconds."""
        return self.fits.seconds

    @property
    def arithmetic(self):
        """The arithmetic of the processor, on which the bytes depend."""
        return self.fits.arithmetic

    @property
    def data_name(self):
        """The name of the Sequences that it was fitted to, or ""."""
        return self.fits.data_name

    @property
    def weights(self):
        """The weights, {name: array} in PyTorch's shapes."""
        return self.fits.weights(0)

    @property
    def history(self):
        """The evaluations, {"epoch": (E,), "loss": (E, 3), "accuracy": (E, 3)}, for training, validation and test."""
        return self.fits.history(0)

    def predict(self, data, *, initial=None, return_states=False):
        """Return the predictions for all steps: probabilities of classes or bits, or real values.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.
        initial : array (N, W) or None
            The states before the first step of each sequence; None: those of the data, or else the model's own.
        return_states : bool
            Whether the states after the last steps are returned, too, from which the sequences can be continued.

        Returns
        -------
        array (S, O), or (array (S, O), array (N, W))
            The predictions, and the states if asked for: see Fits.predict.
        """
        made = self.fits.predict(data, initial=initial, return_states=return_states)
        return (made[0][0], made[1][0]) if return_states else made[0]

    def outputs(self, data):
        """Return the outputs z before the head's link, for all steps.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        array (S, O)
        """
        return self.fits.outputs(data)[0]

    def classes(self, data):
        """Return the most probable class of each step, among those that are allowed.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        int64 array (S,)
            Class numbers.
        """
        return self.fits.classes(data)[0]

    def bits(self, data):
        """Return the more probable value of each bit: 1 where its probability is above 1/2.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        int64 array (S, O)
        """
        return self.fits.bits(data)[0]

    def states(self, data):
        """Return the states after each step, all states of the cell one after the other.

        Parameters
        ----------
        data : Sequences or a list of arrays (steps, inputs)
            The inputs.

        Returns
        -------
        array (S, W)
        """
        return self.fits.states(data)[0]

    def losses(self, data, per="step"):
        """Return the loss of each step, or its weighted mean over the counted steps of each sequence or of all.

        Parameters
        ----------
        data : Sequences
            Inputs and targets.
        per : "step", "sequence" or "model"
            What to average over.

        Returns
        -------
        float64 array (S,) or (N,), or float
            nan where no step counts.
        """
        return self.fits.losses(data, per)[0]

    def log_likelihood(self, data, per="model"):
        """Return the log-likelihood of the targets in nats, for heads of probabilities.

        Parameters
        ----------
        data : Sequences
            Inputs and targets.
        per : "model", "sequence" or "step"
            What to sum over.

        Returns
        -------
        float, or float64 array (N,) or (S,)
            The sum over all counted steps, those of each sequence, or each step.
        """
        return self.fits.log_likelihood(data, per)[0]

    def state_dict(self, rnn="rnn.", linear="lin."):
        """Return the weights as PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM with an nn.Linear.

        Parameters
        ----------
        rnn, linear : str
            Prefixes of the two modules.

        Returns
        -------
        dict
            {name: array}.
        """
        return self.fits.state_dict(0, rnn, linear)

    def to_torch(self, rnn="rnn", linear="lin"):
        """Return the network as a torch.nn.Module: module(x (batch, time, inputs), state=None) gives (z, state).

        Parameters
        ----------
        rnn, linear : str
            Names of the two modules.

        Returns
        -------
        torch.nn.Module
            z (batch, time, outputs) is before the head's link; state continues the sequences.
        """
        return to_torch(self, rnn, linear)

    def save(self, path, *, overwrite=False):
        """Write the model to a safetensors file, which Fit.load and Fits.load read.

        Parameters
        ----------
        path : str or path
            The file.
        overwrite : bool
            Whether an existing file is replaced.
        """
        self.fits.save(path, overwrite=overwrite)

    @classmethod
    def load(cls, path, cell=None, head=None) -> "Fit":
        """Read the model of a file of one, with its history and losses.

        Parameters
        ----------
        path : str or path
            The file.
        cell, head : type or None
            The class of a cell, or of a head, that is not one of fastrnn's.

        Returns
        -------
        Fit

        Raises
        ------
        CheckpointError
            In one line, for other files, and for those of several models, which Fits.load reads.
        """
        fits = cls.several.load(path, cell, head)
        if len(fits) > 1:
            raise CheckpointError(f"{path}: has {len(fits):,} models, expected one: Fits.load(path) reads several")
        return fits[0]


def as_fits(fits):
    """Fits of a Fit, or what they are already."""
    return fits.fits if isinstance(fits, Fit) else fits
