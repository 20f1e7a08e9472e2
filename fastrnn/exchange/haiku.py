"""Haiku's VanillaRNN, GRU or LSTM followed by a Linear, as a tree of parameters.

    {"gru": {"w_i" (I, 3 H), "w_h" (H, 3 H), "b" (3 H,)}, "linear": {"w" (H, O), "b" (O,)}}
    {"lstm/linear": {"w" (I + H, 4 H), "b" (4 H,)}, "linear": ...}
    {"vanilla_rnn/linear": {"w" (I, H), "b"}, "vanilla_rnn/linear_1": {"w" (H, H), "b"}, "linear": ...}

Its GRU has the gates z r a, the reset gate before the product, and a z that is 1 - z of ours: that block changes its
sign. Its LSTM has the gates i g f o, and adds 1 to f beyond its bias. Its VanillaRNN is of relu. Nothing here imports
Haiku.
"""

import numpy as np

from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.gates import UPDATE_FIRST, assembled, known_weights, reordered
from fastrnn.exchange.trees import Npz, copied, flattened, modules, nothing_else, one_module

KNOWN = {Elman: {"activation": ("relu",)}, GRU: {"reset": ("before",)}, LSTM: {}}
# Ours i f g o as i g f o, in numbers of ours; the same numbers lead back.
MEMORY_SECOND = (0, 2, 1, 3)
FORGET = 1
LINEAR_PARAMETERS = {"Linear": [{"w", "b"}, {"w"}]}


def to_haiku(model):
    """Return the parameters of a model, with the names that Haiku gives to its first modules.

    model: a Fit, a Model or a Network. Raises ValueError, in one line, for cells that Haiku does not have, learned
    initial states, and outputs that are read before a step.
    """
    network = network_of(model)
    weights, kind = known_weights(network, "Haiku", KNOWN), type(network.cell)
    w, u, b, c = (weights[name] for name in ("w_ih", "w_hh", "b_ih", "b_hh"))
    if kind is GRU:
        w, u, b = (_update(reordered(array, UPDATE_FIRST)) for array in (w, u, b + c))
        own = {"gru": {"w_i": w.T, "w_h": u.T, "b": b}}
    elif kind is LSTM:
        joined = reordered(np.concatenate([w, u], 1), MEMORY_SECOND).T
        # In float64, where 1 and what was added to it part again.
        bias = reordered(b + (c.astype(float) - _forget(network.cell.hidden_size)), MEMORY_SECOND).astype(b.dtype)
        own = {"lstm/linear": {"w": joined, "b": bias}}
    else:
        own = {"vanilla_rnn/linear": {"w": w.T, "b": b}, "vanilla_rnn/linear_1": {"w": u.T, "b": c}}
    return copied({**own, "linear": {"w": weights["w_ho"].T, "b": weights["b_o"]}})


def from_haiku(tree, head=None):
    """Return the Network of a tree that contains one recurrent core and one Linear; head: a Head, None for a linear
    one.

    Raises ValueError, in one line, for anything else.
    """
    leaves = flattened(tree)
    linear = [path for names in LINEAR_PARAMETERS["Linear"] for path in modules(leaves, names)]
    if modules(leaves, {"w_i", "w_h", "b"}):
        kind, own = one_module(leaves, {GRU: [{"w_i", "w_h", "b"}]}, "Haiku")
        w, u, b = (_update(own[name].T) for name in ("w_i", "w_h", "b"))
        parts = {name: reordered(array, UPDATE_FIRST) for name, array in (("w_ih", w), ("w_hh", u), ("b_ih", b))}
    elif len(linear) == 2:
        kind, parts = LSTM, _lstm(leaves, linear)
    else:
        kind, parts = Elman, _vanilla(leaves, linear)
    _, last = one_module(leaves, LINEAR_PARAMETERS, "Haiku")
    nothing_else(leaves, "Haiku")
    parts |= {"w_ho": np.transpose(last["w"]), "b_o": last.get("b")}
    return assembled(kind, parts, head, reset="before", activation="relu")


def _update(array):
    """Return blocks z r a with the sign of z changed."""
    array = np.atleast_1d(array)
    if len(array) % 3:
        raise ValueError(f"has gates of {len(array)} rows, expected a multiple of 3")
    z, rest = np.split(array, [len(array) // 3])
    return np.concatenate([-z, rest])


def _forget(hidden):
    """Return (4 H,), in fastrnn's order: what Haiku adds to the forget gate."""
    return np.repeat([0.0, FORGET, 0.0, 0.0], hidden)


def _lstm(leaves, linear):
    """Return the parts of that one of two Linears, (I + H, 4 H), which the other one, (H, O), can follow."""
    for path, other in (linear, linear[::-1]):
        w, behind = leaves[f"{path}w"], leaves[f"{other}w"]
        if w.ndim == 2 and behind.ndim == 2 and w.shape[1] == 4 * len(behind) and len(w) > len(behind):
            inputs, hidden = len(w) - len(behind), len(behind)
            joined, bias = reordered(leaves.pop(f"{path}w").T, MEMORY_SECOND), leaves.pop(f"{path}b", None)
            bias = np.zeros(4 * hidden, w.dtype) if bias is None else bias
            if bias.shape != (4 * hidden,):
                raise ValueError(f"has a bias of shape {bias.shape}, expected ({4 * hidden},)")
            return {
                "w_ih": joined[:, :inputs],
                "w_hh": joined[:, inputs:],
                "b_ih": reordered(bias, MEMORY_SECOND),
                "b_hh": _forget(hidden).astype(bias.dtype),
            }
    shapes = " and ".join(str(leaves[f"{path}w"].shape) for path in linear)
    raise ValueError(f"has Linears of shapes {shapes}, expected (inputs + H, 4 H) of an LSTM and (H, outputs)")


def _vanilla(leaves, linear):
    """Return the parts of the two Linears of one module."""
    pairs = [(path, f"{path[:-1]}_1/") for path in linear if f"{path[:-1]}_1/" in linear]
    if len(pairs) != 1:
        places = ", ".join(sorted(leaves)) or "nothing"
        raise ValueError(f"has {places:.200}, expected one VanillaRNN, GRU or LSTM of Haiku and one Linear")
    (w, b), (u, c) = ((np.transpose(leaves.pop(f"{path}w")), leaves.pop(f"{path}b", None)) for path in pairs[0])
    return {"w_ih": w, "w_hh": u, "b_ih": b, "b_hh": c}


class Haiku(Npz, Format):
    """The tree of this module as a format."""

    name = "haiku"
    summary = "Haiku's parameters: Elman with relu, GRU with reset before, LSTM"
    to, of = staticmethod(to_haiku), staticmethod(from_haiku)
