"""The graph of a file of ONNX: nodes with their attributes, and arrays by name."""

from typing import NamedTuple

import numpy as np

from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.protobuf import fields_of, integers

# Operator, and the order of the gates there, in numbers of ours.
OPERATOR_OF_CELL = {Elman: ("RNN", (0,)), GRU: ("GRU", (1, 0, 2)), LSTM: ("LSTM", (0, 3, 1, 2))}
LINKS = {"softmax": "Softmax", "sigmoid": "Sigmoid", "linear": "Identity"}
# TensorProto.DataType: dtype, and the field that holds the numbers where raw_data does not.
TENSOR_TYPES = {1: ("<f4", 4), 11: ("<f8", 10), 7: ("<i8", 7)}

# What brings an array into another form, without a change of its numbers.
FORMS = ("Squeeze", "Unsqueeze", "Transpose", "Reshape", "Identity", "Slice", "Gather", "Expand", "Cast")


class Node(NamedTuple):
    """A NodeProto; attributes: {name: number, bytes, array, or list of integers or bytes}, None for other types."""

    operator: str
    inputs: list
    outputs: list
    attributes: dict


class OnnxGraph:
    """The nodes in their order; arrays {name: array} of initializers and constants; names of the inputs that have no
    array."""

    def __init__(self, content):
        model = fields_of(content)
        if len(model.get(7, ())) != 1 or not isinstance(model[7][0], bytes):
            raise ValueError("is damaged, or not a file of this kind")
        graph = fields_of(model[7][0])
        self.nodes = [_node(fields_of(each)) for each in graph.get(1, ())]
        self.arrays = dict(_tensor(each) for each in graph.get(5, ()))
        for node in self.nodes:
            if node.operator == "Constant" and isinstance(node.attributes.get("value"), np.ndarray):
                self.arrays[node.outputs[0]] = node.attributes["value"]
        self.inputs = {_text(fields_of(each), 1) for each in graph.get(11, ())} - set(self.arrays)
        self.made_by = {name: node for node in self.nodes for name in node.outputs}

    def array(self, name, what):
        """Return the array with a name. Raises ValueError if it is computed."""
        if name not in self.arrays:
            raise ValueError(f"{what} are computed in the graph, expected constants")
        return self.arrays[name]

    def source(self, name):
        """Return the name of the value from which another was made by reshaping, transposing or casting."""
        for _ in self.nodes:
            if name in self.made_by and self.made_by[name].operator in FORMS:
                name = self.made_by[name].inputs[0]
        return name

    def readers(self, name):
        """Return the nodes that read a value."""
        return [node for node in self.nodes if name in node.inputs]


def _text(fields, number):
    value = fields.get(number, [b""])[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _node(fields):
    names = [[each.decode(errors="replace") for each in fields.get(number, ())] for number in (1, 2)]
    attributes = {}
    for each in map(fields_of, fields.get(5, ())):
        kind = each.get(20, [0])[0]
        if kind == 1:
            value = float(np.frombuffer(each[2][0], "<f4")[0])
        elif kind == 2:
            value = integers(each.get(3, [0]))[0]
        elif kind == 3:
            value = each.get(4, [b""])[0]
        elif kind == 4:
            value = _tensor(each[5][0])[1]
        elif kind == 7:
            value = integers(each.get(8, ()))
        elif kind == 8:
            value = each.get(9, [])
        else:
            value = None
        attributes[_text(each, 1)] = value
    return Node(_text(fields, 4), *names, attributes)


def _tensor(content):
    """Return (name, array) of a TensorProto; None for an array of a type that no weight has."""
    fields = fields_of(content)
    name, kind, dims = _text(fields, 8), fields.get(2, [0])[0], integers(fields.get(1, ()))
    if fields.get(14, [0])[0]:
        raise ValueError(f"{name!r:.80} lies in another file, expected all arrays in this one")
    if kind not in TENSOR_TYPES:
        return name, None
    dtype, number = TENSOR_TYPES[kind]
    if 9 in fields:
        values = np.frombuffer(fields[9][0], dtype)
    elif kind == 7:
        values = np.array(integers(fields.get(number, ())), dtype)
    else:
        values = np.frombuffer(b"".join(fields.get(number, ())), dtype)
    if values.size != np.prod(dims, dtype=object) or any(size < 0 for size in dims):
        raise ValueError(f"{name!r:.80} has {values.size} numbers, expected those of shape {dims}")
    return name, values.reshape(dims)
