"""ONNX files run by onnxruntime, compared with independent networks in float64 over 1,000 steps, and in pieces."""

import numpy as np
import onnxruntime
import pytest

from fastrnn.exchange.base import Network
from fastrnn.exchange.onnx import to_onnx
from fastrnn.heads.linear import Linear
from fastrnn.heads.softmax import Softmax
from tests.test_exchange_c import INPUTS, by_formula, random_weights
from tests.test_exchange_onnx import CELLS, oracle, run, softmax, weights_of, wide
from tests.test_exchange_onnx_scan import OTHERS


class Session:
    """A file as onnxruntime runs it, with the face of onnx's own evaluator."""

    def __init__(self, network):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # it warns of h_0, an input with a default
        options.intra_op_num_threads = 1
        content = to_onnx(network, "test")
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.output_names = [each.name for each in self.session.get_outputs()]

    def run(self, names, given):
        return self.session.run(names, given)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_standard_operators_give_an_independent_network_s_numbers_over_a_thousand_steps(name, before):
    cell, step = CELLS[name]
    weights, x = weights_of(cell), np.random.default_rng(2).normal(size=(2, 1000, 2)).astype(np.float32)
    session = Session(Network(cell, Softmax(), weights, before))
    made = run(session, x=x)
    expected = np.stack([oracle(step, cell, wide(weights), each, before) for each in x.astype(float)])
    np.testing.assert_allclose(made["z"], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(made["y"], softmax(expected), atol=1e-6)
    # Any batch, in pieces of any length, each from the last states.
    first = run(session, x=x[:1, :400])
    second = run(session, x=x[:1, 400:], **{f"{state}_0": first[f"{state}_n"] for state in cell.state})
    pieces = np.concatenate([first["z"], second["z"]], 1)
    np.testing.assert_allclose(pieces, made["z"][:1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_a_scan_gives_the_numbers_of_its_formula(name):
    cell = OTHERS[name](3)
    weights, x = random_weights(cell), np.random.default_rng(1).normal(size=(2, 20, INPUTS)).astype(np.float32)
    made = run(Session(Network(cell, Linear(), weights)), x=x)
    expected = np.stack([by_formula(cell, weights, each) for each in x.astype(float)])
    np.testing.assert_allclose(made["y"], expected, rtol=1e-5, atol=2e-6)
    assert all(made[f"{state}_n"].shape == (2, 3) for state in cell.state)


def test_a_mask_of_classes():
    network = Network(CELLS["gru"][0], Softmax(masked=True), weights_of(CELLS["gru"][0]))
    x = np.random.default_rng(4).normal(size=(3, 5, 2)).astype(np.float32)
    allowed = np.random.default_rng(5).random((3, 5, 3)) < 0.6
    allowed[..., 0] = True
    made = run(Session(network), x=x, allowed=allowed)
    np.testing.assert_allclose(made["y"], Softmax().link(made["z"], allowed), atol=1e-6)
    assert (made["y"][~allowed] == 0).all()
