"""Neural Amp Modeler's .nam, version 0.5.4: an LSTM of one layer with one output.

    {"version": "0.5.4", "architecture": "LSTM",
     "config": {"input_size": I, "hidden_size": H, "num_layers": 1}, "weights": [...]}

weights, one after the other: (4 H, I + H), row by row, of [w_ih, w_hh] side by side in the order i f g o; b_ih + b_hh
(4 H,); the initial h and c (H,) each; w_ho (H,); b_o.
"""

import numpy as np

from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.coreaudioml import check_linear
from fastrnn.exchange.gates import assembled, known_weights
from fastrnn.exchange.json_text import Json, numbers

VERSION = "0.5.4"
# Minor versions in which weights of an LSTM lie in this order.
VERSIONS_READ = range(5, 8)


def to_nam(model):
    """Return the JSON object of a model, with an array in it; model: a Fit, a Model or a Network.

    Raises ValueError, in one line, for other cells than an LSTM, other heads than a linear one, more than one output,
    and outputs that are read before a step.
    """
    network = network_of(model)
    w = known_weights(network, "NAM", {LSTM: {}}, initial=True)
    check_linear(network.head, "NAM")
    if len(w["w_ho"]) != 1:
        raise ValueError(f"outputs: NAM has one, got {len(w['w_ho'])}")
    own = (
        np.concatenate([w["w_ih"], w["w_hh"]], 1),
        w["b_ih"] + w["b_hh"],
        w["initial_h"],
        w["initial_c"],
        w["w_ho"],
        w["b_o"],
    )
    sizes = {"input_size": w["w_ih"].shape[1], "hidden_size": network.cell.hidden_size, "num_layers": 1}
    weights = np.concatenate([array.ravel() for array in own])
    return {"version": VERSION, "architecture": "LSTM", "metadata": {}, "config": sizes, "weights": weights}


def from_nam(found):
    """Return the Network, in float32, of a JSON object.

    Raises ValueError, in one line, for anything but an LSTM of one layer.
    """
    config = found.get("config")
    if found.get("architecture") != "LSTM" or not isinstance(config, dict):
        raise ValueError(f"has the architecture {found.get('architecture')!s:.80}, expected LSTM")
    version = str(found.get("version"))
    if version.split(".")[:2] not in [["0", str(minor)] for minor in VERSIONS_READ]:
        raise ValueError(f"is of version {version:.80}, expected 0.{VERSIONS_READ[0]} to 0.{VERSIONS_READ[-1]}")
    sizes = [config.get(name) for name in ("input_size", "hidden_size", "num_layers")]
    if not all(type(size) is int and size > 0 for size in sizes) or sizes[2] != 1:
        raise ValueError(f"has an LSTM of {sizes[2]!s:.80} layers and sizes {sizes[:2]!s:.80}, expected one layer")
    inputs, hidden, _ = sizes
    weights = numbers(found.get("weights"), "weights")
    lengths = (4 * hidden * (inputs + hidden), 4 * hidden, hidden, hidden, hidden, 1)
    if weights.shape != (sum(lengths),):
        raise ValueError(f"has weights of shape {weights.shape}, expected {sum(lengths)} for one output")
    joined, bias, h, c, w_o, b_o = np.split(weights, np.cumsum(lengths)[:-1])
    joined = joined.reshape(4 * hidden, inputs + hidden)
    parts = {"w_ih": joined[:, :inputs], "w_hh": joined[:, inputs:], "b_ih": bias, "w_ho": w_o[None], "b_o": b_o}
    # Without any, a network begins at 0, and they are not learned if training continues.
    if h.any() or c.any():
        parts |= {"initial_h": h, "initial_c": c}
    return assembled(LSTM, parts)


class NAM(Json, Format):
    """The JSON of this module as a format."""

    name = "nam"
    ending = ".nam"
    summary = "Neural Amp Modeler: LSTM with one output"
    to, of = staticmethod(to_nam), staticmethod(from_nam)
