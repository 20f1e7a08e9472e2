"""CoreAudioML's JSON, which plugins for guitar amplifiers load: PyTorch's state_dict as lists.

    {"model_data": {"model": "SimpleRNN", "input_size": I, "skip": 0, "output_size": O, "unit_type": "GRU",
                    "num_layers": 1, "hidden_size": H, "bias_fl": true},
     "state_dict": {"rec.weight_ih_l0": ..., ..., "lin.weight": ..., "lin.bias": ...}}

unit_type is RNN (of tanh), GRU or LSTM. The recurrent layer always has biases; bias_fl says it of the linear one alone.
With a skip the input is added to the output.
"""

from dataclasses import replace

from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, Network, network_of
from fastrnn.exchange.gates import known_weights
from fastrnn.exchange.json_text import Json, numbers
from fastrnn.exchange.torch import from_state_dict, to_state_dict
from fastrnn.heads.linear import Linear

KNOWN = {Elman: {"activation": ("tanh",)}, GRU: {"reset": ("after",)}, LSTM: {}}
UNITS = {"RNN": Elman, "GRU": GRU, "LSTM": LSTM}
PREFIXES = {"rnn": "rec.", "linear": "lin."}


def to_coreaudioml(model):
    """Return the JSON object of a model, with arrays in it; model: a Fit, a Model or a Network.

    Raises ValueError, in one line, for cells and heads that CoreAudioML does not have, learned initial states, and
    outputs that are read before a step.
    """
    network = network_of(model)
    weights, cell = known_weights(network, "CoreAudioML", KNOWN), network.cell
    check_linear(network.head, "CoreAudioML")
    sizes = {
        "model": "SimpleRNN",
        "input_size": weights["w_ih"].shape[1],
        "skip": 0,
        "output_size": len(weights["w_ho"]),
        "unit_type": next(name for name, kind in UNITS.items() if type(cell) is kind),
        "num_layers": 1,
        "hidden_size": cell.hidden_size,
        "bias_fl": True,
    }
    return {"model_data": sizes, "state_dict": to_state_dict(replace(cell, bias=True), weights, **PREFIXES)}


def check_linear(head, library):
    """Raise ValueError, in one line, unless the outputs are real numbers."""
    if type(head) is not Linear:
        raise ValueError(f"head: {library} has outputs of real numbers only, got {head!r}")


def from_coreaudioml(found):
    """Return the Network, in float32, of a JSON object. Raises ValueError, in one line, for anything but a SimpleRNN.
    """
    said, state = found.get("model_data"), found.get("state_dict")
    if not isinstance(said, dict) or not isinstance(state, dict):
        raise ValueError("has no model_data and state_dict of CoreAudioML")
    kind, unit = said.get("model"), said.get("unit_type")
    if kind != "SimpleRNN" or unit not in list(UNITS):
        raise ValueError(f"has a {kind!s:.80} of {unit!s:.80}, expected a SimpleRNN of {', '.join(UNITS)}")
    if said.get("skip", 1):
        raise ValueError(
            f"has skip {said.get('skip', 1)!r:.80}, which adds the input to the output, as no network here "
            "does; set it to 0 in the file, and add the input to the predictions"
        )
    state = {name: numbers(values, name) for name, values in state.items()}
    cell, weights = from_state_dict(state, **PREFIXES)
    sizes = [said.get(name) for name in ("input_size", "hidden_size", "output_size")]
    expected = [weights["w_ih"].shape[1], cell.hidden_size, len(weights["w_ho"])]
    if type(cell) is not UNITS[unit] or sizes != expected:
        raise ValueError(f"says {unit} of sizes {', '.join(map(str, sizes)):.80}, has weights of "
                         f"{type(cell).__name__} of {expected}")
    return Network(cell, Linear(), weights)


class CoreAudioML(Json, Format):
    """The JSON of this module as a format."""

    name = "coreaudioml"
    summary = "CoreAudioML: Elman with tanh, GRU, LSTM"
    to, of = staticmethod(to_coreaudioml), staticmethod(from_coreaudioml)
