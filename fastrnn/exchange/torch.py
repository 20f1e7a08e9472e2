"""PyTorch's state_dict of nn.RNN, nn.GRU or nn.LSTM followed by an nn.Linear, as NumPy arrays by its names.

    {"rnn.weight_ih_l0": w_ih, "rnn.weight_hh_l0": w_hh, "rnn.bias_ih_l0": b_ih, "rnn.bias_hh_l0": b_hh,
     "lin.weight": w_ho, "lin.bias": b_o}

One layer, one direction. Gates are stacked as PyTorch stacks them, so no number changes: GRU r z n, LSTM i f g o.
Nothing here imports PyTorch; torch.load gives tensors, which are taken as well.
"""

import io
import re

import numpy as np
from safetensors.numpy import load, save

from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.errors import one_line
from fastrnn.exchange.base import Format, Network, network_of
from fastrnn.exchange.gates import assembled, cell_of
from fastrnn.heads.linear import Linear
from fastrnn.program import install

# Names within the recurrent module, and within the linear one.
RECURRENT = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
LINEAR_NAMES = {"w_ho": "weight", "b_o": "bias"}
# How files of torch.save begin, of PyTorch 1.6 and later, and earlier.
TORCH_SAVE = b"PK", b"\x80\x02"
MODULE_NAMES = {Elman: "RNN", GRU: "GRU", LSTM: "LSTM"}


class StateDict(Format):
    """Files with a state_dict as a format."""

    name = "torch"
    ending = ".safetensors"
    summary = "PyTorch's state_dict: Elman with tanh or relu, GRU, LSTM"
    also = (".pt", ".pth")
    asks = ("activation", "head")

    def encode(self, network, name):
        """Return the bytes of a safetensors file of a state_dict, which safetensors.torch.load_file reads.

        Raises ValueError for cells that PyTorch has no module for, and for what a state_dict does not say.
        """
        return save(state_of(network), {"format": "pt"})

    def decode(self, content, activation=None, head=None):
        """Return the Network of a safetensors file, or of a file of torch.save that contains only tensors, which
        PyTorch reads.

        The two modules may have any names.
        """
        return network_of_state(_loaded(content), activation, head)


def to_state_dict(cell, weights, rnn="rnn.", linear="lin."):
    """Return the state_dict {name: array} of a cell's named weights; rnn, linear: prefixes of the two modules.

    Raises ValueError for cells that PyTorch has no module for, and for learned initial states, which it does not have.
    """
    torch_has = type(cell) in (GRU, LSTM) and getattr(cell, "reset", "after") == "after"
    torch_has |= type(cell) is Elman and cell.activation in ("tanh", "relu")
    if not torch_has:
        raise ValueError(f"cell: PyTorch has no module for {cell!r}, expected Elman with tanh or relu, GRU or LSTM")
    initial = [name for name in weights if name.startswith("initial_") and np.any(weights[name])]
    if initial:
        raise ValueError(
            f"{initial[0]}: PyTorch's modules have no weights for initial states; give them as h_0 when you run it"
        )
    names = {name: rnn + own for name, own in RECURRENT.items()}
    names |= {name: linear + own for name, own in LINEAR_NAMES.items()}
    return {names[name]: np.array(weights[name]) for name in names if name in weights}


def from_state_dict(state, activation=None, rnn="rnn.", linear="lin."):
    """Return (cell, {name: array}) of a state_dict; activation: of nn.RNN, "tanh" (PyTorch's default) or "relu".

    state: a mapping of names to arrays or tensors. Raises ValueError, naming what does not fit, for anything but one
    layer in one direction with a linear module after it. If some biases are missing, they are 0.
    """
    names = {rnn + own: name for name, own in RECURRENT.items()}
    names |= {linear + own: name for name, own in LINEAR_NAMES.items()}
    unknown = sorted(set(state) - set(names))
    if unknown:
        kinds = {"_l1": "more than one layer", "reverse": "two directions"}
        kind = next((kind for part, kind in kinds.items() if part in unknown[0]), "other modules")
        raise ValueError(f"state: {unknown[0]!r} belongs to {kind}; expected {', '.join(names)}")
    parts = {names[name]: _array_of(name, values) for name, values in state.items()}
    for name in ("w_ih", "w_hh", "w_ho"):
        if parts.get(name) is None:
            raise ValueError(f"state: {dict(zip(names.values(), names))[name]!r} is missing")
    shape = np.shape(parts["w_hh"])
    kind = cell_of(shape)
    if kind is None:
        raise ValueError(f"state: weight_hh_l0 has shape {shape}, expected 1, 3 or 4 times as many rows as columns")
    try:
        network = assembled(kind, parts, activation=activation or "tanh")
    except ValueError as error:
        raise ValueError(f"state: {error}") from error
    return network.cell, network.weights


def network_of_state(state, activation=None, head=None):
    """Return the Network of a state_dict whose two modules may have any names; head: a Head, None for a linear one.

    Errors are those of `from_state_dict`.
    """
    cell, weights = from_state_dict(state, activation, *prefixes_of(state))
    return Network(cell, head or Linear(), weights)


def _array_of(name, values):
    """Return a tensor as an array; an array is returned unchanged."""
    try:
        for method in ("detach", "cpu", "numpy"):
            values = getattr(values, method, lambda values=values: values)()
    except (TypeError, RuntimeError) as error:  # NumPy has no bfloat16
        raise ValueError(f"state: {name!r} does not become an array of NumPy ({one_line(error):.120})") from error
    return values


def to_torch(model, rnn="rnn", linear="lin"):
    """Return a torch.nn.Module of a model: module(x (batch, time, inputs), state=None) -> (z (batch, time, outputs),
    state).

    model: a Fit, a Model or a Network; rnn, linear: names of its two modules. z is before the head's link; a state goes
    on where the call before it ended, as nn.RNN, nn.GRU and nn.LSTM give it. Raises ValueError for cells that PyTorch
    has no module for, and for what a state_dict does not say; ImportError without PyTorch.
    """
    import torch

    network = network_of(model)
    state = state_of(network, f"{rnn}.", f"{linear}.")
    cell, inputs, bias = network.cell, network.weights["w_ih"].shape[1], network.cell.bias
    options = {"nonlinearity": cell.activation} if type(cell) is Elman else {}

    class Recurrent(torch.nn.Module):
        """One recurrent layer followed by a linear one."""

        def __init__(self):
            super().__init__()
            layer = getattr(torch.nn, MODULE_NAMES[type(cell)])
            setattr(self, rnn, layer(inputs, cell.hidden_size, bias=bias, batch_first=True, **options))
            setattr(self, linear, torch.nn.Linear(cell.hidden_size, len(network.weights["w_ho"]), bias=bias))

        def forward(self, x, state=None):
            states, state = getattr(self, rnn)(x, state)
            return getattr(self, linear)(states), state

    module = Recurrent()
    if network.weights["w_hh"].dtype == np.float64:
        module = module.double()
    module.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    return module


def state_of(network, rnn="rnn.", linear="lin."):
    """Return the state_dict of a Network. Raises ValueError for properties that a state_dict cannot store."""
    if network.before:
        raise ValueError("before: a state_dict does not say that outputs are read from the state before a step")
    return to_state_dict(network.cell, network.weights, rnn, linear)


def prefixes_of(state):
    """Return (prefix of the recurrent module, prefix of the linear one) in the names of a state_dict.

    Raises ValueError unless there is one of each.
    """
    first, last = RECURRENT["w_ih"], LINEAR_NAMES["w_ho"]
    own = [name.removesuffix(first) for name in state if name.endswith(first)]
    linear = [name.removesuffix(last) for name in state if name.endswith(last)]
    if len(own) != 1 or len(linear) != 1:
        names = ", ".join(sorted(state)) or "no tensors"
        raise ValueError(f"has {names:.200}, expected one {first} and one linear {last}")
    return own[0], linear[0]


def _loaded(content):
    """Return {name: array or tensor} of the bytes of a file."""
    try:
        if not content.startswith(TORCH_SAVE):
            return load(content)
        import torch

        state = torch.load(io.BytesIO(content), weights_only=True)
    except ImportError as error:
        raise ValueError(f"is a file of torch.save, which PyTorch reads: {error}: {install('torch')}") from error
    except Exception as error:  # whatever a damaged file makes of it
        # PyTorch writes some words in bold.
        said = one_line(re.sub(r"\x1b\[\d*m", "", str(error)))
        raise ValueError(f"is damaged, or holds something else than tensors by name ({said:.120})") from error
    tensors = hasattr(state, "items") and all(isinstance(name, str) and hasattr(state[name], "shape") for name in state)
    if not tensors:
        raise ValueError("is a file of torch.save that holds something else than tensors by name")
    return state
