"""Equinox' GRUCell or LSTMCell followed by a Linear, as a tree of their arrays by the names of their attributes.

    {"cell": {"weight_ih" (G H, I), "weight_hh" (G H, H), "bias" (G H,), "bias_n" (H,)},
     "linear": {"weight" (O, H), "bias" (O,)}}

Gates are stacked as ours. bias_n, of a GRUCell, is inside of what the reset gate multiplies; without biases (use_bias)
both are missing. Nothing here imports Equinox.
"""

import numpy as np

from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.gates import assembled, cell_of, known_weights
from fastrnn.exchange.trees import Npz, copied, parted

KNOWN = {GRU: {"reset": ("after",)}, LSTM: {}}
MATRIX_NAMES = {"weight_ih", "weight_hh"}
CELL_MODULES = {
    "GRUCell": [MATRIX_NAMES | {"bias", "bias_n"}],
    "LSTMCell": [MATRIX_NAMES | {"bias"}],
    "cell": [MATRIX_NAMES],
}
LINEAR_MODULE = {"Linear": [{"weight", "bias"}, {"weight"}]}


def to_equinox(model, cell="cell", linear="linear"):
    """Return the arrays {cell: {...}, linear: {...}} of a model; cell, linear: names of its two layers.

    model: a Fit, a Model or a Network. Raises ValueError, in one line, for cells that Equinox does not have, learned
    initial states, and outputs that are read before a step.
    """
    network = network_of(model)
    weights = known_weights(network, "Equinox", KNOWN)
    own = {"weight_ih": weights["w_ih"], "weight_hh": weights["w_hh"]}
    last = {"weight": weights["w_ho"]}
    if network.cell.bias:
        own["bias"], last["bias"] = weights["b_ih"] + weights["b_hh"], weights["b_o"]
        if type(network.cell) is GRU:
            n = slice(2 * network.cell.hidden_size, None)
            own["bias"][n], own["bias_n"] = weights["b_ih"][n], weights["b_hh"][n]
    return copied({cell: own, linear: last})


def from_equinox(tree, head=None):
    """Return the Network of a tree that contains one cell and one Linear, anywhere; head: None for a linear one.

    Raises ValueError, in one line, for anything else.
    """
    _, own, linear = parted(tree, CELL_MODULES, LINEAR_MODULE, "Equinox")
    shape = own["weight_hh"].shape
    kind, inner = cell_of(shape), own.get("bias_n")
    if kind not in KNOWN or "bias" in own and (inner is not None) != (kind is GRU):
        raise ValueError(f"has weight_hh of shape {shape} and {', '.join(sorted(own))}, expected "
                         "those of a GRUCell or an LSTMCell")
    if inner is not None:
        inner = np.concatenate([np.zeros(2 * shape[1], inner.dtype), inner.reshape(-1)])
    parts = {"w_ih": own["weight_ih"], "w_hh": own["weight_hh"], "b_ih": own.get("bias"), "b_hh": inner}
    return assembled(kind, parts | {"w_ho": linear["weight"], "b_o": linear.get("bias")}, head)


class Equinox(Npz, Format):
    """The tree of this module as a format."""

    name = "equinox"
    summary = "Equinox' arrays: GRU, LSTM"
    to, of = staticmethod(to_equinox), staticmethod(from_equinox)
