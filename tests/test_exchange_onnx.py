"""ONNX files, checked by onnx, run by its reference evaluator, compared with an independent network and the kernels."""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_rnn import RNN_14

from fastrnn import GRU, LSTM, MGU, Elman, FitConfig, Sequences
from fastrnn.exchange.base import Network
from fastrnn.exchange.onnx import to_onnx
from fastrnn.exchange.protobuf import message
from fastrnn.heads.base import Head
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from fastrnn.training.sequences.outputs import outputs_of
from fastrnn.training.sequences.recipe import FitRecipe
from tests.numpy_network import gru, keras_gru, lstm, outputs, sigmoid


class RNN(RNN_14):
    """onnx's own knows tanh alone."""

    op_domain = ""

    def choose_act(self, name, alpha, beta):
        return {"Tanh": np.tanh, "Sigmoid": lambda a: 1 / (1 + np.exp(-a)), "Relu": lambda a: np.maximum(a, 0)}[name]


GATES = {Elman: 1, GRU: 3, LSTM: 4}


def elman_of(function):
    return lambda w, x, h: (function(w["w_ih"] @ x + w["b_ih"] + w["w_hh"] @ h[0] + w["b_hh"]),)


CELLS = {
    "elman, tanh": (Elman(4, "tanh"), elman_of(np.tanh)),
    "elman, sigmoid": (Elman(4, "sigmoid"), elman_of(sigmoid)),
    "elman, relu": (Elman(4, "relu"), elman_of(lambda a: np.maximum(a, 0))),
    "gru": (GRU(5), gru),
    "gru, one unit": (GRU(1), gru),
    "gru, reset before": (GRU(5, reset="before"), keras_gru),
    "lstm": (LSTM(3), lstm),
}


def weights_of(cell, inputs=2, targets=3, dtype=np.float32):
    """Random weights in PyTorch's shapes; initial states, too."""
    rng, rows, hidden = np.random.default_rng(0), GATES[type(cell)] * cell.hidden_size, cell.hidden_size
    shapes = {"w_ih": (rows, inputs), "w_hh": (rows, hidden), "b_ih": (rows,), "b_hh": (rows,)}
    shapes |= {"w_ho": (targets, hidden), "b_o": (targets,)} | {f"initial_{name}": (hidden,) for name in cell.state}
    return {name: (0.5 * rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()}


def evaluator(cell, weights, head=Softmax(), before=False):
    """The file as onnx runs it, after its own checks."""
    model = onnx.load_from_string(to_onnx(Network(cell, head, weights, before), "test"))
    onnx.checker.check_model(model, full_check=True)
    return ReferenceEvaluator(model, new_ops=[RNN])


def run(session, **given):
    return dict(zip(session.output_names, session.run(None, given)))


def wide(weights):
    return {name: values.astype(float) for name, values in weights.items()}


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_an_independent_network_gives_the_same_numbers(name, before):
    cell, step = CELLS[name]
    weights, x = weights_of(cell), np.random.default_rng(1).normal(size=(2, 7, 2)).astype(np.float32)
    made = run(evaluator(cell, weights, before=before), x=x)
    expected = np.stack([oracle(step, cell, wide(weights), each, before) for each in x.astype(float)])
    np.testing.assert_allclose(made["z"], expected, atol=2e-6)
    np.testing.assert_allclose(made["y"], softmax(expected), atol=1e-6)
    assert made["z"].dtype == np.float32 and made["h_n"].shape == (2, cell.hidden_size)


def oracle(step, cell, w, x, before=False):
    """z (T, O) of one sequence, for cells with any number of states."""
    state, z = tuple(w[f"initial_{name}"] for name in cell.state), []
    for row in x:
        old, state = state, step(w, row, state)
        z.append(w["w_ho"] @ (old if before else state)[0] + w["b_o"])
    return np.array(z)


@pytest.mark.parametrize("name", ["elman, tanh", "gru", "gru, reset before", "lstm"])
def test_the_kernels_give_the_same_numbers_over_a_thousand_steps(name):
    cell, _ = CELLS[name]
    weights, x = weights_of(cell), np.random.default_rng(2).normal(size=(2, 1000, 2)).astype(np.float32)
    recipe = FitRecipe(cell, Softmax(), 3, FitConfig(initial_state="learned"), 2)
    ours, states, last = outputs_of(recipe, recipe.vector(weights)[None], Sequences(x), True)
    made = run(evaluator(cell, weights), x=x)
    np.testing.assert_allclose(made["z"].reshape(-1, 3), ours[0], rtol=1e-6, atol=1e-6)
    ends = np.concatenate([made[f"{state}_n"] for state in cell.state], 1)
    np.testing.assert_allclose(ends, last[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["elman, relu", "gru", "lstm"])
def test_pieces_go_on_from_the_last_states(name):
    cell, _ = CELLS[name]
    session = evaluator(cell, weights_of(cell))
    x = np.random.default_rng(3).normal(size=(4, 9, 2)).astype(np.float32)
    whole, first = run(session, x=x), run(session, x=x[:, :4])
    states = {f"{state}_0": first[f"{state}_n"] for state in cell.state}
    second = run(session, x=x[:, 4:], **states)
    np.testing.assert_array_equal(np.concatenate([first["z"], second["z"]], 1), whole["z"])
    assert all((second[f"{state}_n"] == whole[f"{state}_n"]).all() for state in cell.state)
    # One row of states is that of the whole batch.
    row = {f"{state}_0": np.full((1, cell.hidden_size), 0.3, np.float32) for state in cell.state}
    rows = {key: np.repeat(values, 4, 0) for key, values in row.items()}
    assert (run(session, x=x, **row)["z"] == run(session, x=x, **rows)["z"]).all()
    assert (run(session, x=x, **row)["z"] != whole["z"]).any()


def test_heads_and_biases():
    x = np.random.default_rng(4).normal(size=(3, 5, 2)).astype(np.float32)
    w = weights_of(GRU(5))
    for head, link in ((Linear(), lambda z: z), (Sigmoid(), sigmoid), (Softmax(), softmax)):
        made = run(evaluator(GRU(5), w, head), x=x)
        np.testing.assert_allclose(made["y"], link(made["z"].astype(float)), atol=1e-6)
    allowed = np.random.default_rng(5).random((3, 5, 3)) < 0.6
    allowed[..., 0] = True
    made = run(evaluator(GRU(5), w, Softmax(masked=True)), x=x, allowed=allowed)
    np.testing.assert_allclose(made["y"], Softmax().link(made["z"], allowed), atol=1e-6)
    assert (made["y"][~allowed] == 0).all()
    plain = {name: values for name, values in w.items() if name.startswith("w_")}
    zero = {name: values if name.startswith("w_") else np.zeros_like(values) for name, values in w.items()}
    made = run(evaluator(GRU(5, bias=False), plain), x=x)
    assert (made["z"] == run(evaluator(GRU(5), zero), x=x)["z"]).all()
    double = run(evaluator(LSTM(3), weights_of(LSTM(3), dtype=np.float64)), x=x.astype(float))["z"]
    expected = [outputs(lstm, weights_of(LSTM(3), dtype=np.float64), each.astype(float)) for each in x]
    np.testing.assert_allclose(double, expected, rtol=1e-13)


class Odd(Head):
    name = "odd"


def test_what_onnx_has_no_operator_for_is_refused():
    with pytest.raises(ValueError, match=r"weights: got w_ih of shape \(6, 2\), expected \(4, 2\)"):
        to_onnx(Network(MGU(2), Softmax(), weights_of(GRU(2))))
    with pytest.raises(ValueError, match="head: ONNX has no operator for odd, expected one of softmax,"):
        to_onnx(Network(GRU(2), Odd(), weights_of(GRU(2))))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -300])
def test_integers_of_any_size_come_back(number):
    tensor = onnx.TensorProto.FromString(message([(1, number), (8, "ä" * 100)]))
    assert list(tensor.dims) == [number] and tensor.name == "ä" * 100
