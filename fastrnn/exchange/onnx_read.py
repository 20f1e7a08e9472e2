"""Reads networks from ONNX files: one RNN, GRU or LSTM operator in one direction, followed by a linear layer."""

import numpy as np

from fastrnn.exchange.gates import assembled, reordered
from fastrnn.exchange.onnx_graph import FORMS, LINKS, OPERATOR_OF_CELL, OnnxGraph
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax

ORDERS = {operator: (cell, np.argsort(order)) for cell, (operator, order) in OPERATOR_OF_CELL.items()}
DEFAULT_ACTIVATIONS = {"GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"]}
HEAD_OF_OPERATOR = {LINKS[head.name]: head for head in (Softmax, Sigmoid, Linear)}


def network_in(content):
    """Return the Network in the bytes of an ONNX file. Raises ValueError, without a file name before it."""
    try:
        return _network(OnnxGraph(content))
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise ValueError("is damaged, or not a file of this kind") from error


def _network(graph):
    found = [node for node in graph.nodes if node.operator in ORDERS]
    if len(found) != 1:
        raise ValueError(f"has {len(found)} operators of {', '.join(ORDERS)}, expected one, of one layer")
    (node,) = found
    kind, order = ORDERS[node.operator]
    inputs = node.inputs + [""] * (8 - len(node.inputs))
    w, r = (graph.array(name, f"the weights of {node.operator}") for name in inputs[1:3])
    if w.ndim != 3 or r.ndim != 3 or len(w) != 1 or not w.shape[1] == len(order) * r.shape[2] > 0:
        raise ValueError(f"has weights of shapes {w.shape} and {r.shape}, expected those of one direction")
    options, hidden = _options(node, inputs), r.shape[2]

    weights = {"w_ih": reordered(w[0], order), "w_hh": reordered(r[0], order)}
    if inputs[3]:
        halves = np.split(graph.array(inputs[3], f"the biases of {node.operator}")[0], 2)
        weights |= {name: reordered(half, order) for name, half in zip(("b_ih", "b_hh"), halves)}
    first = [_initial(graph, name, hidden) for name in inputs[5 : 5 + len(kind.state)]]
    weights["w_ho"], bias, z, before = _linear(graph, node.outputs[:2], inputs[5])
    if "b_ih" in weights or bias is not None and bias.any():
        weights["b_o"] = bias
    if any(values.any() for values in first):
        weights |= {f"initial_{state}": values.astype(w.dtype) for state, values in zip(kind.state, first)}
    weights = {name: values if values is None else np.array(values) for name, values in weights.items()}
    return assembled(kind, weights, _head(graph, z), **options)._replace(before=before)


def _options(node, inputs):
    """Return the options of the cell. Raises ValueError for attributes that no cell of fastrnn has."""
    given, operator = node.attributes, node.operator
    if given.get("direction", b"forward") != b"forward":
        raise ValueError(f"runs {given['direction'].decode(errors='replace')!r:.80}, expected forward alone")
    for there, what in (
        (operator == "LSTM" and inputs[7], "peepholes"),
        (given.get("input_forget"), "coupled gates"),
        ("clip" in given, "a clip"),
        ("activation_alpha" in given or "activation_beta" in given, "parameters of activations"),
    ):
        if there:
            raise ValueError(f"has {operator} with {what}, expected one without")
    named = [each.decode(errors="replace").lower() for each in given.get("activations", ())]
    known = DEFAULT_ACTIVATIONS.get(operator, named[:1])
    if named != known and named or operator == "RNN" and not set(named) <= {"tanh", "sigmoid", "relu"}:
        expected = ", ".join(DEFAULT_ACTIVATIONS.get(operator, ["one of tanh", "sigmoid", "relu"]))
        raise ValueError(f"has {operator} with {', '.join(named):.80}, expected {expected}")
    if operator == "RNN":
        return {"activation": named[0] if named else "tanh"}
    return {"reset": "after" if given.get("linear_before_reset") else "before"} if operator == "GRU" else {}


def _initial(graph, name, hidden):
    """Return (H,): the initial state, 0 where the caller gives it."""
    name = graph.source(name)
    made, values = graph.made_by.get(name), graph.arrays.get(name)
    if made is not None and made.operator == "ConstantOfShape":
        values = made.attributes.get("value", np.zeros(1))
    if values is None:
        if made is not None:
            raise ValueError(f"computes its initial states by {made.operator:.80}, expected constants or inputs")
        return np.zeros(hidden)
    if values.size != 1 and (values.size == 0 or values.size % hidden):
        raise ValueError(f"has initial states of shape {values.shape}, expected {hidden} numbers")
    rows = np.broadcast_to(values, (1, hidden)) if values.size == 1 else values.reshape(-1, hidden)
    if (rows != rows[:1]).any():
        raise ValueError("has an initial state for each sequence of a batch, expected one for all")
    return rows[0]


def _linear(graph, states, initial):
    """Return (w_ho (O, H), b_o (O,) or None, name of z, whether it reads the states before a step's input)."""
    waiting, seen = [(name, False) for name in states], set()
    while waiting:
        name, before = waiting.pop(0)
        for node in graph.readers(name) if name else ():
            if node.operator in ("MatMul", "Gemm"):
                return *_weights(graph, node, name), before
            # The initial state, and then those after each step.
            first = node.operator == "Concat" and node.inputs[1:] == [name]
            first = first and graph.source(node.inputs[0]) == graph.source(initial)
            if (first or node.operator in FORMS) and node.outputs[0] not in seen:
                seen.add(node.outputs[0])
                waiting.append((node.outputs[0], before or first))
    raise ValueError("has no linear layer, MatMul or Gemm, behind its states")


def _weights(graph, node, states):
    """Return (w_ho (O, H), b_o (O,) or None, name of z) of a node that multiplies the states."""
    if node.inputs[0] != states:
        raise ValueError("has a linear layer that multiplies states from the left, expected from the right")
    w, z, given = graph.array(node.inputs[1], "the weights of the linear layer"), node.outputs[0], node.attributes
    if w.ndim != 2:
        raise ValueError(f"has a linear layer of shape {w.shape}, expected two axes")
    if node.operator == "Gemm":
        if given.get("transA") or given.get("alpha", 1.0) != 1 or given.get("beta", 1.0) != 1:
            raise ValueError("has Gemm with transA, alpha or beta, expected none of them")
        bias = graph.array(node.inputs[2], "the biases of the linear layer") if len(node.inputs) > 2 else None
        return w if given.get("transB") else w.T, bias, z
    for add in graph.readers(z):
        bias = next((graph.arrays.get(each) for each in add.inputs if each != z), None)
        if add.operator == "Add" and bias is not None and bias.shape == (w.shape[1],):
            return w.T, bias, add.outputs[0]
    return w.T, None, z


def _head(graph, z):
    """Return the head that follows z, linear where there is none."""
    masked = False
    for _ in graph.nodes:
        readers = [node for node in graph.readers(z) if node.operator in (*HEAD_OF_OPERATOR, "Where", *FORMS)]
        link = next((node for node in readers if node.operator in HEAD_OF_OPERATOR), None)
        if link is not None:
            return Softmax(masked=masked) if link.operator == "Softmax" else HEAD_OF_OPERATOR[link.operator]()
        if not readers:
            break
        masked |= readers[0].operator == "Where"
        z = readers[0].outputs[0]
    return Linear()
