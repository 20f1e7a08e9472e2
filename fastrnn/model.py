"""A trained network: its weights, and methods that run, save and export it."""

import os
from collections.abc import Mapping

import numpy as np

from fastrnn import summaries
from fastrnn.answers import Answers
from fastrnn.arguments import as_array, check_object, shown
from fastrnn.bits.stream import flops_of_step, in_parts
from fastrnn.caching import cached_property
from fastrnn.cells.base import Cell
from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.exchange.base import network_of
from fastrnn.exchange.entry import read_network
from fastrnn.exchange.torch import state_of, to_torch
from fastrnn.kernels.recurrent.layout import Sizes, weights_table
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import check_weights, places_of, weights_that_learn
from fastrnn.runner import Runner
from fastrnn.tasks.base import Task

# Tensors named training.* and the metadata of this name belong to an unfinished run: see fastrnn.training.tasks.resume.
TRAINING_PREFIX = "training"


class Model(Answers):
    """A network of a cell whose outputs are bits: h_t = cell(x_t, h_(t-1)), z_t = W_ho h_t + b_o, o_t = sigmoid(z_t).

    Parameters
    ----------
    cell : Cell
        A cell of G gates and H units.
    weights : dict
        {name: array}, all float32 or all float64, in PyTorch's shapes: w_ih (G H, I), w_hh (G H, H), w_ho (O, H); if
        the cell has biases, b_ih (G H), b_hh (G H), b_o (O); and (H,) for each of the cell's vectors. Arrays are
        copied.
    task : Task or None
        What the network was trained on.
    metadata : dict or None
        Values that JSON can hold; they are saved with the model.

    Raises
    ------
    ValueError
        For a wrong name, shape or dtype, or weights that are not finite.
    """

    def __init__(self, cell, weights, task=None, metadata=None):
        check_object("cell", cell, Cell, "a Cell, for example GRU(2)")
        check_weights(cell, weights)
        self.cell, self.task, self.metadata = cell, task, dict(metadata or {})
        self.weights = {name: np.array(weights[name], order="C") for name in weights_that_learn(cell)}
        self.dtype = self.weights["w_hh"].dtype
        self.input_size = self.weights["w_ih"].shape[1]
        self.output_size = self.weights["w_ho"].shape[0]
        if isinstance(task, Task) and (task.input_size, task.output_size) != (self.input_size, self.output_size):
            raise ValueError(f"task: {task.name} has {task.input_size} inputs and {task.output_size} outputs, "
                             f"the weights have {self.input_size} and {self.output_size}")

    __repr__, _repr_html_ = summaries.model, summaries.model_html

    @property
    def hidden_size(self):
        """The number of hidden units, H."""
        return self.cell.hidden_size

    @cached_property
    def theta(self):
        """The weights in the kernels' order, an array (R,)."""
        places = places_of(self.cell, self.input_size, self.output_size)
        theta = aligned_zeros(weights_table(self.cell.traced(), self._sizes, self.cell.bias).count, self.dtype)
        for name, weight in self.weights.items():
            theta[places[name]] = weight
        return theta

    @property
    def _sizes(self):
        return Sizes(self.input_size, self.hidden_size, self.output_size)

    def predict(self, x, threads=None):
        """Return the outputs o = sigmoid(z).

        Parameters
        ----------
        x : array (batch, time, inputs)
            Inputs of any real dtype; they are converted to the model's.
        threads : int or None
            The number of threads at most; None: all cores.

        Returns
        -------
        array (batch, time, outputs)

        Raises
        ------
        ValueError
            For another shape.
        """
        return sigmoid(self._run(x, False, threads)[0])

    def forward(self, x, threads=None):
        """Return outputs and hidden states.

        Parameters
        ----------
        x : array (batch, time, inputs)
            Inputs of any real dtype; they are converted to the model's.
        threads : int or None
            The number of threads at most; None: all cores.

        Returns
        -------
        (array (batch, time, outputs), array (batch, time, hidden))
        """
        z, states = self._run(x, True, threads)
        return sigmoid(z), states

    def logits(self, x, threads=None, progress=None):
        """Return the outputs z before the sigmoid.

        Parameters
        ----------
        x : array (batch, time, inputs)
            Inputs of any real dtype; they are converted to the model's.
        threads : int or None
            The number of threads at most; None: all cores.
        progress : function or None
            progress(share done) is called some twenty times per second.

        Returns
        -------
        array (batch, time, outputs)
        """
        return self._run(x, False, threads, progress)[0]

    def _run(self, x, with_states, threads, progress=None):
        x = as_sequences("x", x, self.input_size, self.dtype)
        batch, steps = x.shape[:2]
        z = np.empty((batch, steps, self.output_size), self.dtype)
        states = np.empty((batch if with_states else 0, steps, self.hidden_size), self.dtype)
        runner = Runner(self.cell, self._sizes, str(self.dtype), self.theta, steps)
        flops = runner.size * steps * flops_of_step(self._sizes, len(self.cell.gates))
        in_parts(
            -(-batch // runner.size),
            threads,
            lambda first, last: runner.run(x, z, states, first, last),
            flops,
            progress,
        )
        return z, states

    def save(self, path, *, overwrite=True):
        """Write the model to one safetensors file, whole or not at all.

        Weights are stored by name, the rest as JSON metadata.

        Parameters
        ----------
        path : str or path
            The file.
        overwrite : bool
            Whether an existing file is replaced.

        Raises
        ------
        OSError
            Naming the path, if it cannot be written or is not a regular file; FileExistsError if it exists and is not
            to be overwritten.
        """
        write_checkpoint(
            path, self.weights, {"cell": self.cell, "task": self.task, **self.metadata}, overwrite=overwrite
        )

    def state_dict(self, rnn="rnn.", linear="lin."):
        """Return the weights as PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM with an nn.Linear, whose output is z.

        Parameters
        ----------
        rnn, linear : str
            Prefixes of the two modules.

        Returns
        -------
        dict
            {name: array}.

        Raises
        ------
        ValueError
            For cells without a module in PyTorch.
        """
        return state_of(network_of(self), rnn, linear)

    @classmethod
    def from_state_dict(cls, source, task=None, *, activation=None):
        """Make the Model of a state_dict of PyTorch: one recurrent layer in one direction, and an nn.Linear after it.

        Parameters
        ----------
        source : dict, str or path
            {name: array or tensor}, or a file of safetensors, or one of torch.save that contains only tensors, which
            PyTorch reads with weights_only. The two modules may have any names.
        task : Task or None
            What the network was trained on.
        activation : "tanh", "relu" or None
            That of nn.RNN; None: PyTorch's default, tanh.

        Returns
        -------
        Model

        Raises
        ------
        ValueError
            In one line, for anything else.
        OSError
            If a file cannot be read.
        """
        network = read_network(source, None if isinstance(source, Mapping) else "torch", activation=activation)
        return cls(network.cell, network.weights, task)

    def to_torch(self, rnn="rnn", linear="lin"):
        """Return the network as a torch.nn.Module: module(x (batch, time, inputs), state=None) gives (z, state).

        Parameters
        ----------
        rnn, linear : str
            Names of the two modules.

        Returns
        -------
        torch.nn.Module
            z (batch, time, outputs) is before the sigmoid; state continues the sequences.

        Raises
        ------
        ValueError
            For cells without a module in PyTorch.
        ImportError
            Without PyTorch.
        """
        return to_torch(self, rnn, linear)

    @classmethod
    def load(cls, path, cell=None, task=None) -> "Model":
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file.
        cell, task : type or None
            The class of a cell, or of a task, that is not one of fastrnn's. Without that of the task the model
            predicts; what needs the task raises CheckpointError.

        Returns
        -------
        Model

        Raises
        ------
        CheckpointError
            In one line, for any other file.
        """
        tensors, metadata = read_checkpoint(path, cell, task)
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"{TRAINING_PREFIX}.")}
        metadata.pop(TRAINING_PREFIX, None)
        try:
            return cls(metadata.pop("cell"), weights, metadata.pop("task"), metadata)
        except ValueError as error:
            raise CheckpointError(f"{os.fspath(path)}: {error}; save the model again") from error


def sigmoid(z):
    """Return 1 / (1 + exp(-z)), without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def as_sequences(name, x, features, dtype):
    """Return x as a C-contiguous (batch, time, features) array of dtype; copied only where needed."""
    array = as_array(name, x)
    if array.ndim != 3 or array.shape[2] != features or array.shape[0] < 1 or array.shape[1] < 1:
        raise ValueError(
            f"{name}: got shape {array.shape}, expected (batch, time, {features}) with batch and time of at least 1"
        )
    return np.ascontiguousarray(array, dtype)


def check_model(name, model):
    """Raise TypeError, naming the argument, unless the value is a Model."""
    if isinstance(model, Model):
        return
    instead = f"{name}.model" if isinstance(getattr(model, "model", None), Model) else "Model.load(path)"
    raise TypeError(f"{name}: got {shown(model)}, expected a Model, for example {instead}")
