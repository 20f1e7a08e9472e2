"""One model that was fitted to Sequences: the result of `train`, and of Fits indexed by a number."""

from typing import NamedTuple

from fastrnn import summaries
from fastrnn.exchange.torch import to_torch
from fastrnn.training.job import ENDS, IMPORTED


class Roles(NamedTuple):
    """A number for training, validation and test sequences each; nan where there are none."""

    train: float
    validation: float
    test: float


class Fit:
    """One fitted model, as `fastrnn.train` returns it for Sequences.

    The weights are those of the epoch with the least validation loss, or the least training loss where no sequence
    validates. fits: the same as Fits of one model.
    """

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
        """The seed of its initial weights."""
        return int(self.fits.seeds[0])

    @property
    def hidden_size(self):
        """Hidden units."""
        return int(self.fits.hidden_size[0])

    @property
    def options(self):
        """{name: number} of the learning rate and all that may differ between models."""
        return {name: float(values[0]) for name, values in self.fits.options.items()}

    @property
    def stopped(self):
        """Why training ended: "patience", "epochs", "diverged", "callback", "interrupted", or "imported"."""
        return self.fits.stopped[0]

    @property
    def epochs(self):
        """Epochs that were made."""
        return int(self.fits.epochs[0])

    @property
    def best_epoch(self):
        """The epoch after which the weights were taken."""
        return int(self.fits.best_epoch[0])

    @property
    def loss(self):
        """Roles: the mean loss of a counted step of training, validation and test sequences."""
        return Roles(*self.fits.loss[0].tolist())

    @property
    def accuracy(self):
        """Roles: the share of correct steps."""
        return Roles(*self.fits.accuracy[0].tolist())

    @property
    def seconds(self):
        """Seconds of training."""
        return self.fits.seconds

    @property
    def arithmetic(self):
        """That of the processor, on which its bytes depend."""
        return self.fits.arithmetic

    @property
    def weights(self):
        """{name: array} in PyTorch's shapes."""
        return self.fits.weights(0)

    @property
    def history(self):
        """{"epoch": (E,), "loss": (E, 3), "accuracy": (E, 3)}, at each evaluation: training, validation, test."""
        return self.fits.history(0)

    def predict(self, data, *, initial=None, return_states=False):
        """The head's predictions (S, O) for all steps of Sequences: probabilities of classes or bits, or real values.

        initial: (N, W), the states before the first step of each sequence; return_states: also return those after the
        last steps, (N, W): see Fits.predict.
        """
        made = self.fits.predict(data, initial=initial, return_states=return_states)
        return (made[0][0], made[1][0]) if return_states else made[0]

    def outputs(self, data):
        """z (S, O) before the head's link, for all steps of Sequences (or of a list of arrays)."""
        return self.fits.outputs(data)[0]

    def states(self, data):
        """States (S, states * H) after each step, all states of the cell one after the other."""
        return self.fits.states(data)[0]

    def losses(self, data):
        """Loss (S,) of each step, nan where it does not count."""
        return self.fits.losses(data)[0]

    def log_likelihood(self, data, per="model"):
        """The log-likelihood in nats: a number per "model", (N,) per "sequence", (S,) per "step"."""
        return self.fits.log_likelihood(data, per)[0]

    def state_dict(self, rnn="rnn.", linear="lin."):
        """PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM with an nn.Linear: see fastrnn.exchange.torch."""
        return self.fits.state_dict(0, rnn, linear)

    def to_torch(self, rnn="rnn", linear="lin"):
        """A torch.nn.Module, whose call on x (batch, time, inputs) gives (z, state): see fastrnn.exchange.torch."""
        return to_torch(self, rnn, linear)

    def save(self, path, *, overwrite=False):
        """Write the model to a file, which Fits.load reads: see Fits.save."""
        self.fits.save(path, overwrite=overwrite)


def as_fits(fits):
    """Fits of a Fit, or what they are already."""
    return fits.fits if isinstance(fits, Fit) else fits
