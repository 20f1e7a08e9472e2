"""RTNeural's JSON: a GRU or LSTM followed by a Dense, for real-time audio in C++.

    {"in_shape": [null, null, I],
     "layers": [{"type": "gru", "activation": "", "shape": [null, null, H], "weights": [kernel, recurrent, bias]},
                {"type": "dense", "activation": "", "shape": [null, null, O], "weights": [kernel (H, O), bias (O,)]}]}

The arrays are those of Keras' layers, always with biases: its gates, and a GRU whose reset gate acts after the product.
RTNeural applies the Dense's activation, "sigmoid" or "softmax" of the heads of these names.
"""

from dataclasses import replace

from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.gates import known_weights
from fastrnn.exchange.json_text import Json, numbers
from fastrnn.exchange.keras import from_keras, to_keras
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax

KNOWN = {GRU: {"reset": ("after",)}, LSTM: {}}
CELL_OF_LAYER = {"gru": GRU, "lstm": LSTM}
HEAD_OF_ACTIVATION = {"": Linear, "sigmoid": Sigmoid, "softmax": Softmax}
DENSE_LAYERS = ("dense", "time-distributed-dense")


def to_rtneural(model):
    """Return the JSON object of a model, with arrays in it; model: a Fit, a Model or a Network.

    Raises ValueError, in one line, for cells and heads that RTNeural does not have, learned initial states, and outputs
    that are read before a step.
    """
    network = network_of(model)
    weights, cell = known_weights(network, "RTNeural", KNOWN), network.cell
    activation = next((name for name, kind in HEAD_OF_ACTIVATION.items() if type(network.head) is kind), None)
    if activation is None or getattr(network.head, "masked", False):
        raise ValueError(f"head: RTNeural has no activation for {network.head!r}, expected linear, sigmoid or softmax")
    *own, w_o, b_o = to_keras(network._replace(cell=replace(cell, bias=True), weights=weights))
    name = next(name for name, kind in CELL_OF_LAYER.items() if type(cell) is kind)
    return {
        "in_shape": [None, None, weights["w_ih"].shape[1]],
        "layers": [
            {"type": name, "activation": "", "shape": [None, None, cell.hidden_size], "weights": own},
            {"type": "dense", "activation": activation, "shape": [None, None, len(b_o)], "weights": [w_o, b_o]},
        ],
    }


def from_rtneural(found):
    """Return the Network, in float32, of a JSON object.

    Raises ValueError, in one line, for anything but a GRU or LSTM and a Dense.
    """
    layers = found.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("has no layers of RTNeural")
    kinds = [layer.get("type") for layer in layers]
    if len(kinds) != 2 or kinds[0] not in list(CELL_OF_LAYER) or kinds[1] not in DENSE_LAYERS:
        names = ", ".join(map(str, kinds)) or "of none"
        raise ValueError(f"has the layers {names:.200}, expected gru or lstm, and dense")
    arrays = []
    for layer, count in zip(layers, (3, 2)):
        weights = layer.get("weights")
        if not isinstance(weights, list) or len(weights) != count:
            raise ValueError(f"has a layer {layer['type']} without its {count} arrays of weights")
        arrays += [numbers(each, f"weights of {layer['type']}") for each in weights]
    activation = layers[1].get("activation", "")
    if activation not in list(HEAD_OF_ACTIVATION):
        raise ValueError(f"has a dense layer with the activation {activation!r:.80}, expected none, sigmoid or softmax")
    network = from_keras(arrays, head=HEAD_OF_ACTIVATION[activation]())
    if type(network.cell) is not CELL_OF_LAYER[kinds[0]] or getattr(network.cell, "reset", "after") != "after":
        raise ValueError(f"has a layer {kinds[0]} with weights of another one, or a bias of one axis")
    shapes = [found.get("in_shape"), *(layer.get("shape") for layer in layers)]
    sizes = [shape[-1] if isinstance(shape, list) and shape else shape for shape in shapes]
    expected = [network.weights["w_ih"].shape[1], network.cell.hidden_size, len(network.weights["w_ho"])]
    if sizes != expected:
        raise ValueError(f"says the sizes {', '.join(map(str, sizes)):.80}, has weights of {expected}")
    return network


class RTNeural(Json, Format):
    """The JSON of this module as a format."""

    name = "rtneural"
    summary = "RTNeural: GRU, LSTM"
    to, of = staticmethod(to_rtneural), staticmethod(from_rtneural)
