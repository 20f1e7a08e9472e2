"""Flax's (linen) SimpleCell, GRUCell or LSTMCell followed by a Dense, as a tree of parameters.

    {"params": {"cell": {"ir": {"kernel" (I, H), "bias" (H,)}, ..., "hn": {"kernel" (H, H), "bias"}},
                "linear": {"kernel" (H, O), "bias" (O,)}}}

A gate g has two layers, ig of the input and hg of the state; only one of the two has a bias, except for n of the
GRU: of a SimpleCell i, of a GRUCell ir, iz, in and hn, of an LSTMCell those of the state. OptimizedLSTMCell has the
parameters of LSTMCell. Nothing here imports Flax.
"""

import numpy as np

from fastrnn.cells.base import ACTIVATIONS
from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.gates import assembled, known_weights
from fastrnn.exchange.trees import Npz, copied, parted

KNOWN = {Elman: {"activation": tuple(ACTIVATIONS)}, GRU: {"reset": ("after",)}, LSTM: {}}
# Gates as Flax calls them, in our order, and the layers that have a bias.
GATE_NAMES = {Elman: ("",), GRU: ("r", "z", "n"), LSTM: ("i", "f", "g", "o")}
BIASED = {Elman: ("i",), GRU: ("ir", "iz", "in", "hn"), LSTM: ("hi", "hf", "hg", "ho")}
ARRAY_NAMES = {
    kind: [{f"{side}{gate}/kernel" for side in "ih" for gate in gates} | {f"{name}/bias" for name in BIASED[kind]}]
    for kind, gates in GATE_NAMES.items()
}
OUTPUT_LAYERS = {"Dense": [{"kernel", "bias"}, {"kernel"}]}


def to_flax(model, cell="cell", linear="linear"):
    """Return the variables {"params": {cell: ..., linear: ...}} of a model; cell, linear: names of its two layers.

    model: a Fit, a Model or a Network. Raises ValueError, in one line, for cells that Flax does not have, learned
    initial states, and outputs that are read before a step.
    """
    network = network_of(model)
    weights, kind = known_weights(network, "Flax", KNOWN), type(network.cell)
    layers = {}
    for side, name in (("i", "w_ih"), ("h", "w_hh")):
        for gate, block in zip(GATE_NAMES[kind], np.split(weights[name], len(GATE_NAMES[kind]))):
            layers[f"{side}{gate}"] = {"kernel": block.T}
    own, inner = (np.split(weights[name], len(GATE_NAMES[kind])) for name in ("b_ih", "b_hh"))
    for name in BIASED[kind]:
        n, apart = GATE_NAMES[kind].index(name[1:]), kind is GRU and name.endswith("n")
        layers[name]["bias"] = (own if name == "in" else inner)[n] if apart else own[n] + inner[n]
    return copied({"params": {cell: layers, linear: {"kernel": weights["w_ho"].T, "bias": weights["b_o"]}}})


def from_flax(tree, activation=None, head=None):
    """Return the Network of a tree that contains one cell and one Dense, anywhere.

    activation: of a SimpleCell, "tanh" if it is not given; head: a Head, None for a linear one. Raises ValueError, in
    one line, for anything else.
    """
    kind, own, dense = parted(tree, ARRAY_NAMES, OUTPUT_LAYERS, "Flax")
    parts = {"w_ho": np.transpose(dense["kernel"]), "b_o": dense.get("bias")}
    for side, name in (("i", "w_ih"), ("h", "w_hh")):
        parts[name] = _stacked(own[f"{side}{gate}/kernel"].T for gate in GATE_NAMES[kind])
    biases = [own[f"{name}/bias"] for name in BIASED[kind]]
    if kind is GRU:
        parts["b_hh"] = _stacked([np.zeros_like(biases[0]), np.zeros_like(biases[1]), biases.pop()])
    parts["b_ih"] = _stacked(biases)
    return assembled(kind, parts, head, activation=activation or "tanh")


def _stacked(blocks):
    blocks = list(blocks)
    shapes = {block.shape for block in blocks}
    if len(shapes) > 1 or 0 in blocks[0].shape or not blocks[0].ndim:
        raise ValueError(f"has gates of shapes {', '.join(map(str, sorted(shapes)))}, expected one shape")
    return np.concatenate(blocks)


class Flax(Npz, Format):
    """The tree of this module as a format."""

    name = "flax"
    summary = "Flax's parameters (linen): Elman, GRU, LSTM"
    asks = ("activation", "head")
    to, of = staticmethod(to_flax), staticmethod(from_flax)
