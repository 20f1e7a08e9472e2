"""A trained network: its weights, and what one can do with them."""

import os
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from fastrnn import summaries
from fastrnn.arguments import as_array, shown
from fastrnn.bits.planes import Digits
from fastrnn.bits.stream import Stream, flops_of_step, in_parts
from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.exchange.base import network_of
from fastrnn.exchange.entry import read_network
from fastrnn.exchange.torch import state_of, to_torch
from fastrnn.kernels.recurrent.layout import Sizes, weights_table
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import places_of, shapes_of, weights_that_learn
from fastrnn.runner import Runner

# Steps of time in one piece of a long sum, a multiple of 8: its bit planes stay in the second-level cache.
PIECE = 1 << 13

# Tensors named training.* and the metadata of this name belong to an unfinished run: see fastrnn.train.resume.
TRAINING = "training"


class Model:
    """A network of a cell whose outputs are bits: h_t = cell(x_t, h_(t-1)), z_t = W_ho h_t + b_o, o_t = sigmoid(z_t).

    cell: a Cell of G gates; task: a Task or None; weights: {name: array} in PyTorch's shapes, w_ih (G H, I),
    w_hh (G H, H), w_ho (O, H), b_ih (G H), b_hh (G H), b_o (O) if the cell has biases, and (H,) of each of the cell's
    vectors, all float32 or all float64;
    metadata: a dict that JSON can hold, saved with the model. Arrays are copied.
    Raises ValueError for a wrong name, shape or dtype, or weights that are not finite.
    """

    def __init__(self, cell, weights, task=None, metadata=None):
        check_weights(cell, weights)
        self.cell, self.task, self.metadata = cell, task, dict(metadata or {})
        self.weights = {name: np.array(weights[name], order="C") for name in weights_that_learn(cell)}
        self.dtype = self.weights["w_hh"].dtype
        self.input_size = self.weights["w_ih"].shape[1]
        self.output_size = self.weights["w_ho"].shape[0]
        if task is not None and (task.input_size, task.output_size) != (self.input_size, self.output_size):
            raise ValueError(f"task: {task.name} has {task.input_size} inputs and {task.output_size} outputs, "
                             f"the weights have {self.input_size} and {self.output_size}")

    __repr__, _repr_html_ = summaries.model, summaries.model_html

    @property
    def hidden_size(self):
        return self.cell.hidden_size

    @cached_property
    def theta(self):
        """(R,): the weights as the loops take them."""
        places = places_of(self.cell, self.input_size, self.output_size)
        theta = aligned_zeros(weights_table(self.cell.traced(), self._sizes, self.cell.bias).count, self.dtype)
        for name, weight in self.weights.items():
            theta[places[name]] = weight
        return theta

    @property
    def _sizes(self):
        return Sizes(self.input_size, self.hidden_size, self.output_size)

    def predict(self, x, threads=None):
        """Outputs o = sigmoid(z), (batch, time, output), for x (batch, time, input).

        x may have any real dtype; it is computed in the model's. Raises ValueError for a wrong shape.
        """
        return sigmoid(self._run(x, False, threads)[0])

    def forward(self, x, threads=None):
        """(outputs, states): as `predict`, and the hidden states h (batch, time, hidden)."""
        z, states = self._run(x, True, threads)
        return sigmoid(z), states

    def logits(self, x, threads=None, progress=None):
        """z (batch, time, output), before the sigmoid. progress(share done): called some twenty times per second."""
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

    def stream(self, samples, threads=None):
        """A Stream of this many samples, which runs on bit planes piece by piece in time."""
        return Stream(self, samples, threads)

    def run_bits(self, words, samples, threads=None, last_only=False):
        """(outputs, margins) for bit planes: words (W, T, I), uint64, of which sample i is bit i % 64 of word i // 64.

        Outputs (W, T, O), uint64; margins (samples,): the smallest |z| of each over steps (or of the last one) and
        outputs.
        Memory does not grow with T beyond the arrays themselves.
        """
        stream = self.stream(samples, threads)
        return stream.run(words, words.shape[1] - 1 if last_only else 0), stream.margins

    def add(self, *operands):
        """The network's answer to the sum of non-negative ints of any size, as an int.

        It runs for as many steps as the true sum has bits, at least one; memory is that of the numbers themselves.
        Raises TypeError for anything but ints, ValueError for negative ones or a wrong number of them.
        """
        return self.add_many([operands])[0]

    def add_many(self, sums):
        """[add(*operands) for operands in sums], side by side."""
        if self.task is None or self.task.name != "addition":
            other = f"{self.task.name}, not on addition; `run` answers it" if self.task else "arrays, not on addition"
            raise ValueError(f"add: this model was trained on {other}")
        sums = [tuple(operands) for operands in sums]
        for operands in sums:
            check_operands(operands, self.input_size, "adds")
        if not sums:
            return []
        # NumPy's integers would overflow.
        sums = [tuple(map(int, operands)) for operands in sums]
        steps = [max(1, sum(operands).bit_length()) for operands in sums]
        # What a short sum's network says after its last step is no part of the answer.
        return [answer & ((1 << own) - 1) for answer, own in zip(self._answers(sums, max(steps)), steps)]

    def run(self, *operands, bits=None):
        """The network's answer to its task on non-negative ints, as an int: what the task's oracle should say.

        bits: the width, default the task's own, or wider if the operands need it; memory is that of the numbers.
        Raises TypeError for anything but ints, ValueError for negative ones, ones too large for `bits`, a wrong number
        of them, or a model without a task.
        """
        if self.task is None:
            raise ValueError("run: this model was trained on arrays, so there is no task to run")
        check_operands(operands, self.input_size, "takes")
        operands = tuple(map(int, operands))
        task = self.task.at(self.task.width(operands) if bits is None else bits)
        longest = max(operand.bit_length() for operand in operands)
        if longest > task.free_bits:
            raise ValueError(
                f"operand: got one of {longest} bits, expected at most {task.free_bits} in a width of {task.bits}"
            )
        (answer,) = self._answers([operands], task.bits)
        return answer >> task.bits - 1 if task.last_only else answer

    def _answers(self, samples, width):
        """The outputs after `width` steps on tuples of ints, as ints."""
        stream = self.stream(len(samples))
        given, answers = Digits.of(samples, width), Digits(len(samples), 1, width)
        for start in range(0, width, PIECE):
            answers.put(start, stream.run(given.planes(start, min(width, start + PIECE))))
        return [answer for answer, in answers.ints()]

    def save(self, path, *, overwrite=True):
        """Write the model to one safetensors file: weights by name, the rest as JSON metadata.

        A reader, or a crash, finds the old file or the new one. Raises OSError, naming the path, if it cannot be
        written or is no regular file; FileExistsError if it exists and is not to be overwritten.
        """
        write_checkpoint(
            path, self.weights, {"cell": self.cell, "task": self.task, **self.metadata}, overwrite=overwrite
        )

    def state_dict(self, rnn="rnn.", linear="lin."):
        """{name: array}: PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM with an nn.Linear, whose output is z.

        rnn, linear: prefixes of the two modules. Raises ValueError for cells that PyTorch has no module for.
        """
        return state_of(network_of(self), rnn, linear)

    @classmethod
    def from_state_dict(cls, source, task=None, *, activation=None):
        """The Model of a state_dict of PyTorch, of one layer in one direction with an nn.Linear behind it.

        source: {name: array or tensor}, or a file of safetensors, or one of torch.save with nothing but tensors, which
        PyTorch reads with weights_only; the two modules may have any names. activation: of nn.RNN, "tanh" (PyTorch's
        default) or "relu". Raises ValueError, in one line, for anything else; OSError if a file cannot be read.
        """
        network = read_network(source, None if isinstance(source, Mapping) else "torch", activation=activation)
        return cls(network.cell, network.weights, task)

    def to_torch(self, rnn="rnn", linear="lin"):
        """A torch.nn.Module, whose call on x (batch, time, inputs) gives (z, state): see fastrnn.exchange.torch."""
        return to_torch(self, rnn, linear)

    @classmethod
    def load(cls, path) -> "Model":
        """Read what `save` wrote. Raises CheckpointError, in one line, for anything else."""
        tensors, metadata = read_checkpoint(path)
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"{TRAINING}.")}
        metadata.pop(TRAINING, None)
        try:
            return cls(metadata.pop("cell"), weights, metadata.pop("task"), metadata)
        except ValueError as error:
            raise CheckpointError(f"{os.fspath(path)}: {error}; save the model again") from error


def sigmoid(z):
    """1 / (1 + exp(-z)), without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def as_sequences(name, x, features, dtype):
    """x as a C-contiguous (batch, time, features) array of dtype; a copy only where needed."""
    array = as_array(name, x)
    if array.ndim != 3 or array.shape[2] != features or array.shape[0] < 1 or array.shape[1] < 1:
        raise ValueError(
            f"{name}: got shape {array.shape}, expected (batch, time, {features}) with batch and time of at least 1"
        )
    return np.ascontiguousarray(array, dtype)


def check_weights(cell, weights):
    """Raise ValueError unless `weights` are what the cell needs."""
    names = weights_that_learn(cell)
    if set(weights) != set(names):
        raise ValueError(f"weights: got {', '.join(sorted(weights)) or 'none'}, expected {', '.join(names)}")
    dtypes = {np.asarray(weight).dtype for weight in weights.values()}
    if len(dtypes) != 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError(f"weights: got {', '.join(sorted(map(str, dtypes)))}, expected all float32 or all float64")
    w_ih, w_ho = np.asarray(weights["w_ih"]), np.asarray(weights["w_ho"])
    if w_ih.ndim != 2 or w_ho.ndim != 2:
        raise ValueError(
            f"weights: got w_ih {w_ih.shape} and w_ho {w_ho.shape}, expected (gates x hidden, input) "
            "and (output, hidden)"
        )
    shapes = shapes_of(cell, w_ih.shape[1], w_ho.shape[0])
    for name, weight in weights.items():
        if np.shape(weight) != shapes[name]:
            raise ValueError(f"{name}: got shape {np.shape(weight)}, expected {shapes[name]}")
        if not np.isfinite(weight).all():
            raise ValueError(f"{name}: holds values that are not finite")


def check_model(name, model):
    """Raise TypeError, naming the argument, unless this is a Model."""
    if isinstance(model, Model):
        return
    instead = f"{name}.model" if isinstance(getattr(model, "model", None), Model) else "Model.load(path)"
    raise TypeError(f"{name}: got {shown(model)}, expected a Model, for example {instead}")


def check_operands(operands, count, does):
    """Raise unless `operands` are `count` non-negative Python ints; `does` says what the model does with them."""
    if len(operands) != count:
        raise ValueError(f"operands: got {len(operands)}, this model {does} {count}")
    for operand in operands:
        if not isinstance(operand, (int, np.integer)) or isinstance(operand, bool):
            raise TypeError(f"operand: got {operand!r}, expected a non-negative int")
        if operand < 0:
            raise ValueError(f"operand: got {operand}, expected a non-negative int")
