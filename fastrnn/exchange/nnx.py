"""Flax's (nnx) SimpleCell, GRUCell, OptimizedLSTMCell or LSTMCell followed by a Linear, as a tree of parameters.

    {"cell": {"dense_i": {"kernel" (I, G H), "bias" (G H,)}, "dense_h": {"kernel" (H, G H)}},
     "linear": {"kernel" (H, O), "bias" (O,)}}

Gates are stacked as ours; an OptimizedLSTMCell has the bias in dense_h. An LSTMCell has two layers for each gate, as in
linen, with the name if_ for if; it is read, too. A GRUCell has no bias within the product with its reset gate. The tree
is that of `nnx.to_pure_dict(nnx.state(module, nnx.Param))`. Nothing here imports Flax.
"""

from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.flax import ARRAY_NAMES, KNOWN, OUTPUT_LAYERS, from_flax
from fastrnn.exchange.gates import assembled, cell_of, known_weights
from fastrnn.exchange.trees import Npz, copied, parted

KERNELS = {"dense_i/kernel", "dense_h/kernel"}
NNX_MODULES = {
    "SimpleCell or GRUCell": [KERNELS | {"dense_i/bias"}],
    "OptimizedLSTMCell": [KERNELS | {"dense_h/bias"}],
    "LSTMCell": [{name.replace("if/", "if_/") for name in names} for names in ARRAY_NAMES[LSTM]],
}


def to_nnx(model, cell="cell", linear="linear"):
    """Return the parameters {cell: ..., linear: ...} of a model; cell, linear: names of its two layers.

    model: a Fit, a Model or a Network. An LSTM becomes an OptimizedLSTMCell. Raises ValueError, in one line, for cells
    that nnx does not have, a GRU whose b_hh of n is not 0, learned initial states, and outputs that are read before a
    step.
    """
    network = network_of(model)
    weights, kind = known_weights(network, "nnx", KNOWN), type(network.cell)
    if kind is GRU and weights["b_hh"][2 * network.cell.hidden_size :].any():
        raise ValueError("b_hh: nnx's GRUCell has no bias within the product with its reset gate, expected 0 for n, as "
                         "of a GRU without biases; format flax (linen) has it")
    layers = {side: {"kernel": weights[name].T} for side, name in (("dense_i", "w_ih"), ("dense_h", "w_hh"))}
    layers["dense_h" if kind is LSTM else "dense_i"]["bias"] = weights["b_ih"] + weights["b_hh"]
    return copied({cell: layers, linear: {"kernel": weights["w_ho"].T, "bias": weights["b_o"]}})


def from_nnx(tree, activation=None, head=None):
    """Return the Network of a tree that contains one cell and one Linear, anywhere.

    activation: of a SimpleCell, "tanh" if it is not given; head: a Head, None for a linear one. Raises ValueError, in
    one line, for anything else.
    """
    name, own, dense = parted(tree, NNX_MODULES, OUTPUT_LAYERS, "nnx")
    if name == "LSTMCell":
        return from_flax({"cell": {place.replace("if_/", "if/"): each for place, each in own.items()}, "linear": dense},
                         head=head)
    shape = own["dense_h/kernel"].shape
    kind = cell_of(shape[::-1])
    if kind is None or (kind is LSTM) != (name == "OptimizedLSTMCell"):
        names = ", ".join(sorted(own))
        raise ValueError(f"has a kernel of shape {shape} in dense_h, and {names}, expected those of one cell of nnx")
    parts = {"w_ih": own["dense_i/kernel"].T, "w_hh": own["dense_h/kernel"].T, "w_ho": dense["kernel"].T}
    parts |= {"b_ih": own.get("dense_i/bias", own.get("dense_h/bias")), "b_o": dense.get("bias")}
    return assembled(kind, parts, head, activation=activation or "tanh")


class NNX(Npz, Format):
    """The tree of this module as a format."""

    name = "nnx"
    summary = "Flax's parameters (nnx): Elman, GRU without an inner bias, LSTM"
    asks = ("activation", "head")
    to, of = staticmethod(to_nnx), staticmethod(from_nnx)
