"""ONNX: a network with its head; Elman, GRU and LSTM are the standard operators, other cells a Scan of their formula.

    inputs     x (batch, time, inputs); h_0 (batch or 1, hidden), and c_0 of an LSTM, which may be left out: the
               network's own initial states; allowed (batch, time, classes), bool, where the head needs to know
    outputs    z (batch, time, outputs), before the head's link; y, the predictions; h_n (batch, hidden), and c_n

batch and time are free. h_n is the next call's h_0. Weights keep their bytes and dtype; gates are
reordered: GRU r z n -> z r h, LSTM i f g o -> i o f c. The operators get time first, since onnxruntime does not know
their attribute `layout`. Nothing here imports onnx.
"""

import numpy as np

from fastrnn.exchange.base import Format
from fastrnn.exchange.gates import reordered
from fastrnn.exchange.onnx_graph import LINKS, OPERATOR_OF_CELL
from fastrnn.exchange.onnx_read import network_in
from fastrnn.exchange.onnx_scan import scanned
from fastrnn.exchange.protobuf import message
from fastrnn.heads.softmax import FORBIDDEN_LOGIT

IR_VERSION, OPSET = 8, 17
FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11
ONNX_TYPES = {"float32": FLOAT, "float64": DOUBLE, "int64": INT64}


class ONNX(Format):
    """Files of ONNX as a format."""

    name = "onnx"
    ending = ".onnx"
    summary = "ONNX: any cell"

    def encode(self, network, name):
        """Return the bytes of a ModelProto.

        Raises ValueError for heads that have no standard operator.
        """
        return to_onnx(network, name)

    def decode(self, content):
        """Return the Network of a file."""
        return network_in(content)


def to_onnx(network, name="network"):
    """Return the bytes of a ModelProto of a fastrnn.exchange.base.Network; name: the graph's."""
    cell, head, weights = network.cell, network.head, network.weights
    if head.name not in LINKS:
        raise ValueError(f"head: ONNX has no operator for {head.name}, expected one of {', '.join(LINKS)}")
    graph = _Graph(weights["w_hh"].dtype)
    inputs, hidden, outputs = weights["w_ih"].shape[1], cell.hidden_size, len(weights["w_ho"])
    x = graph.declare("input", "x", ("batch", "time", inputs))
    shape = graph.node("Concat", graph.node("Shape", x, start=0, end=1), graph.constant([hidden]), axis=0)
    first = []
    for state in cell.state:
        # A value that a caller may replace, and one row of it does for the whole batch.
        graph.declare("input", f"{state}_0", (f"batch_of_{state}_0", hidden))
        graph.store(f"{state}_0", np.reshape(weights.get(f"initial_{state}", np.zeros(hidden)), (1, hidden)))
        first.append(graph.node("Expand", f"{state}_0", shape))
    recurrent = _operator if type(cell) in OPERATOR_OF_CELL else scanned
    states, last = recurrent(graph, cell, weights, graph.node("Transpose", x, perm=[1, 0, 2]), first)
    if network.before:
        all_states = graph.node("Concat", graph.node("Unsqueeze", first[0], graph.constant([0])), states, axis=0)
        states = graph.node("Slice", all_states, graph.constant([0]), graph.constant([-1]), graph.constant([0]))
    z = graph.node("MatMul", graph.node("Transpose", states, perm=[1, 0, 2]), graph.store("w_ho", weights["w_ho"].T))
    bias = graph.store("b_o", weights.get("b_o", np.zeros(outputs)))
    graph.declare("output", graph.node("Add", z, bias, to="z"), ("batch", "time", outputs))
    z = "z"
    if getattr(head, "masked", False):
        allowed = graph.declare("input", "allowed", ("batch", "time", outputs), BOOL)
        z = graph.node("Where", allowed, z, graph.store("least", np.array(FORBIDDEN_LOGIT)))
    options = {"axis": -1} if head.name == "softmax" else {}
    graph.declare("output", graph.node(LINKS[head.name], z, to="y", **options), ("batch", "time", outputs))
    for state, value in zip(cell.state, last):
        graph.declare("output", graph.node("Identity", value, to=f"{state}_n"), ("batch", hidden))
    return message([(1, IR_VERSION), (2, "fastrnn"), (7, graph.fields(name)), (8, [(1, ""), (2, OPSET)])])


def _operator(graph, cell, weights, x, first):
    """Return the names of the states (time, batch, hidden), and of the last ones (batch, hidden)."""
    operator, order = OPERATOR_OF_CELL[type(cell)]

    bias = ""
    if "b_ih" in weights:
        bias = graph.store("B", np.concatenate([reordered(weights[name], order) for name in ("b_ih", "b_hh")])[None])
    w, r = (graph.store(name, reordered(weights[own], order)[None]) for name, own in (("W", "w_ih"), ("R", "w_hh")))
    options = {"hidden_size": cell.hidden_size}
    if operator == "RNN":
        options["activations"] = [cell.activation.capitalize()]
    if operator == "GRU":
        options["linear_before_reset"] = int(cell.reset == "after")
    # The operators have an axis of directions; there is one direction here.
    first = [graph.node("Unsqueeze", each, graph.constant([0])) for each in first]
    # No lengths of sequences: all of a batch are equally long.
    states, *last = graph.nodes(operator, 1 + len(first), x, w, r, bias, "", *first, **options)
    last = [graph.node("Squeeze", each, graph.constant([0])) for each in last]
    return graph.node("Squeeze", states, graph.constant([1])), last


class _Graph:
    """Collects the parts of a GraphProto."""

    def __init__(self, dtype, prefix=""):
        self.dtype, self.prefix = dtype, prefix
        self.parts = {"node": [], "initializer": [], "input": [], "output": []}
        self.count = 0

    def within(self, prefix):
        """Return a graph of the same dtype for an attribute of a node; its names begin with a prefix."""
        return _Graph(self.dtype, prefix)

    def fields(self, name):
        """Return the fields of the GraphProto."""
        numbers = {"node": 1, "initializer": 5, "input": 11, "output": 12}
        return [(2, name), *((numbers[kind], each) for kind, parts in self.parts.items() for each in parts)]

    def declare(self, part, name, shape, kind=None):
        """Declare a value as an "input" or "output" of the graph, and return its name."""
        dims = [(1, [(1, each)] if isinstance(each, int) else [(2, each)]) for each in shape]
        tensor = [(1, kind or ONNX_TYPES[self.dtype.name]), (2, dims)]
        self.parts[part].append([(1, name), (2, [(1, tensor)])])
        return name

    def store(self, name, values):
        """Store an array under a name, in the weights' dtype unless it contains integers, and return the name."""
        values = np.asarray(values)
        dtype = np.dtype(np.int64) if values.dtype.kind == "i" else self.dtype
        raw, dims = values.astype(dtype.newbyteorder("<")).tobytes(), [(1, size) for size in values.shape]
        self.parts["initializer"].append([*dims, (2, ONNX_TYPES[dtype.name]), (8, name), (9, raw)])
        return name

    def constant(self, integers):
        """Store integers, and return their name."""
        self.count += 1
        return self.store(f"constant_{self.count}", np.array(integers, np.int64))

    def node(self, operator, *inputs, to=None, **options):
        """Add a node with one output, and return its name."""
        self.count += 1
        name = to or f"{self.prefix}{operator.lower()}_{self.count}"
        self._add(operator, inputs, [name], options)
        return name

    def nodes(self, operator, outputs, *inputs, **options):
        """Add a node with this many outputs, and return their names."""
        self.count += 1
        names = [f"{operator.lower()}_{self.count}_{n}" for n in range(outputs)]
        self._add(operator, inputs, names, options)
        return names

    def _add(self, operator, inputs, outputs, options):
        fields = [*((1, each) for each in inputs), *((2, each) for each in outputs), (3, outputs[0]), (4, operator)]
        self.parts["node"].append([*fields, *((5, _attribute(key, value)) for key, value in options.items())])


def _attribute(name, value):
    """Return an AttributeProto of an integer, of a list of integers or of text, or of a _Graph."""
    if isinstance(value, _Graph):
        return [(1, name), (6, value.fields(name)), (20, 5)]
    if isinstance(value, int):
        return [(1, name), (3, value), (20, 2)]
    number, kind = (9, 8) if isinstance(value[0], str) else (8, 7)
    return [(1, name), *((number, each) for each in value), (20, kind)]
