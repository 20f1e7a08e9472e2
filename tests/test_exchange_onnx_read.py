"""Networks from files of ONNX: ours, as the same bytes, those of other writers, and what is refused."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fastrnn import GRU, LSTM, Elman
from fastrnn.exchange.base import Network
from fastrnn.exchange.entry import read_network
from fastrnn.exchange.onnx import to_onnx
from fastrnn.exchange.onnx_read import network_in
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from tests.test_exchange_onnx import CELLS, weights_of


@pytest.mark.parametrize("head", [Softmax(), Softmax(masked=True), Sigmoid(), Linear()], ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_what_went_out_comes_back(name, head):
    for size in (1, 5, 64):
        cell = replace(CELLS[name][0], hidden_size=size)
        for before, dtype in ((False, np.float32), (True, np.float64)):
            network = Network(cell, head, weights_of(cell, dtype=dtype), before)
            back = network_in(to_onnx(network))
            assert (back.cell, back.head, back.before) == (cell, head, before)
            same(back.weights, network.weights)


def same(weights, others):
    assert weights.keys() == others.keys()
    assert all(weights[name].dtype == others[name].dtype for name in weights)
    assert all(weights[name].tobytes() == others[name].tobytes() for name in weights)


def test_without_biases_and_with_states_of_zero():
    plain = {name: values for name, values in weights_of(GRU(5)).items() if name.startswith("w_")}
    back = network_in(to_onnx(Network(GRU(5, bias=False), Linear(), plain)))
    assert back.cell == GRU(5, bias=False)
    same(back.weights, plain)


def written(operator, hidden, change=None, bias=True, **options):
    """The graph of another writer: batch first, Gemm on the last state, arrays as lists of numbers or as constants."""
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[operator]
    rng = np.random.default_rng(0)
    rows = gates * hidden
    shapes = {"W": (1, rows, 2), "R": (1, rows, hidden), "B": (1, 2 * rows), "w": (3, hidden), "b": (3,)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    inputs = ["x_t", "W", "R", "B" if bias else "", "", "zero"]
    nodes = [
        helper.make_node("Constant", [], ["W"], value=numpy_helper.from_array(arrays["W"])),
        helper.make_node("Transpose", ["x"], ["x_t"], perm=[1, 0, 2]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["zero"]),
        helper.make_node(operator, inputs, ["Y", "Y_h"], hidden_size=hidden, **options),
        helper.make_node("Squeeze", ["Y_h", "axis"], ["last"]),
        helper.make_node("Gemm", ["last", "w", "b"], ["z"], transB=1),
    ]
    stored = [helper.make_tensor(name, TensorProto.FLOAT, arrays[name].shape, arrays[name].ravel()) for name in "RBwb"]
    stored.append(helper.make_tensor("axis", TensorProto.INT64, [1], [0]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "t", 2])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "g", [x], [z], stored)
    if change:
        change(graph)
    return helper.make_model(graph).SerializeToString(), arrays


def test_a_gru_of_another_writer():
    content, arrays = written("GRU", 4, linear_before_reset=1)
    back = network_in(content)
    assert (back.cell, back.head, back.before) == (GRU(4), Linear(), False)
    z, r, h = np.split(arrays["W"][0], 3)
    assert (back.weights["w_ih"] == np.concatenate([r, z, h])).all()
    z, r, h = np.split(arrays["B"][0, 12:], 3)
    assert (back.weights["b_hh"] == np.concatenate([r, z, h])).all()
    assert (back.weights["w_ho"] == arrays["w"]).all() and (back.weights["b_o"] == arrays["b"]).all()
    assert network_in(written("GRU", 4)[0]).cell == GRU(4, reset="before")
    i, o, f, c = np.split((found := written("LSTM", 3))[1]["R"][0], 4)
    assert (network_in(found[0]).weights["w_hh"] == np.concatenate([i, f, c, o])).all()
    assert network_in(written("RNN", 3)[0]).cell == Elman(3, "tanh")
    without = network_in(written("LSTM", 3, bias=False)[0])
    assert without.cell == LSTM(3) and not without.weights["b_ih"].any() and without.weights["b_o"].any()


def renamed(index, operator):
    def change(graph):
        graph.node[index].op_type = operator

    return change


def doubled(graph):
    graph.node.append(graph.node[4])


def computed(graph):
    graph.node[0].op_type = "Neg"


def other_size(graph):
    graph.initializer[2].CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, [3, 5], [0.0] * 15))


def without_units(graph):
    """Weights of no units, and an initial state."""
    del graph.node[0]
    sizes = {"W": [1, 0, 2], "R": [1, 0, 0], "B": [1, 0], "zero": [1, 1, 2]}
    kept = [each for each in graph.initializer if each.name not in sizes]
    del graph.initializer[:], graph.node[2]
    graph.initializer.extend(kept)
    for name, shape in sizes.items():
        graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, shape, [0.0] * int(np.prod(shape))))


def scaled(graph):
    graph.node[6].attribute.append(helper.make_attribute("alpha", 2.0))


@pytest.mark.parametrize(
    "operator, change, options, message",
    [
        ("GRU", doubled, {}, "has 2 operators of RNN, GRU, LSTM, expected one, of one layer"),
        ("GRU", renamed(4, "Elman"), {}, "has 0 operators"),
        ("GRU", renamed(6, "Tanh"), {}, "has no linear layer"),
        ("GRU", renamed(3, "Exp"), {}, "computes its initial states by Exp"),
        ("GRU", computed, {}, "the weights of GRU are computed in the graph, expected constants"),
        ("GRU", other_size, {}, r"has w_ho of shape \(3, 5\), expected \(3, 4\)"),
        ("GRU", without_units, {}, r"has weights of shapes \(1, 0, 2\) and \(1, 0, 0\), expected those of one"),
        ("GRU", scaled, {}, "has Gemm with transA, alpha or beta"),
        ("GRU", None, {"direction": "reverse"}, "runs 'reverse', expected forward alone"),
        ("GRU", None, {"clip": 3.0}, "has GRU with a clip"),
        ("GRU", None, {"activations": ["Sigmoid", "Relu"]}, "has GRU with sigmoid, relu, expected sigmoid, tanh"),
        ("RNN", None, {"activations": ["Elu"]}, "has RNN with elu, expected one of tanh, sigmoid, relu"),
        ("LSTM", None, {"input_forget": 1}, "has LSTM with coupled gates"),
    ],
)
def test_what_is_something_else_is_named(here, operator, change, options, message):
    content, _ = written(operator, 4, change, **options)
    (here / "net.onnx").write_bytes(content)
    with pytest.raises(ValueError, match="net.onnx: " + message) as error:
        read_network("net.onnx")
    assert "\n" not in str(error.value)


GOOD = to_onnx(Network(GRU(3), Softmax(), weights_of(GRU(3))))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.booleans())
def test_a_damaged_file_gives_one_line_or_a_network(place, byte, cut):
    content = GOOD[:place] if cut else GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    try:
        assert isinstance(network_in(content), Network)
    except ValueError as error:
        assert "\n" not in str(error)


def test_files_of_others_are_refused(here):
    for content in (b"", b"no file of ONNX", bytes(100)):
        with pytest.raises(ValueError, match="is damaged, or not a file of this kind"):
            network_in(content)
    model = onnx.load_from_string(GOOD)
    model.graph.initializer[-1].data_location = TensorProto.EXTERNAL
    with pytest.raises(ValueError, match="lies in another file"):
        network_in(model.SerializeToString())
