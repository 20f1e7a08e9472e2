"""Cells of any formula in ONNX, run by onnx's reference evaluator and compared with float64 and the kernels."""

import numpy as np
import pytest

from fastrnn import GRU, LSTM, MGU, FitConfig, Sequences
from fastrnn.cells.base import Cell, cells
from fastrnn.exchange import onnx as ours
from fastrnn.formula import exp, greater, log, relu, sigmoid, softplus, square_root, where
from fastrnn.heads.linear import Linear
from fastrnn.training.sequences.outputs import outputs_of
from fastrnn.training.sequences.recipe import FitRecipe
from tests.test_exchange_c import INPUTS, OUTPUTS, Swap, by_formula, random_weights
from tests.test_exchange_onnx import evaluator, run


class Numbers(Cell):
    """States that are a number or a vector, the same for all sequences, and an operand that is a number."""

    gates, operand_gates, vectors, state = ("a", "b"), ("b",), ("u",), ("h", "c", "d")

    def operand(self, pre, h, c, d):
        return 0.5 + 0 * h

    def step(self, pre, h, c, d):
        return pre.b * 0.1 + c, pre.u * 2, 0.25 + 0 * h


class Functions(Cell):
    """Every function that a formula may use."""

    gates = ("a",)

    def step(self, pre, h):
        positive = exp(-pre.a) + softplus(pre.a) / (1 + relu(h))
        return where(greater(h, 0.1), log(1 + positive), square_root(positive)) - sigmoid(h)


OTHERS = {name: kind for name, kind in cells().items() if kind not in ours.OPERATOR_OF_CELL}
OTHERS |= {kind.__name__: kind for kind in (Numbers, Functions, Swap)}


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("name", OTHERS)
def test_every_cell_gives_the_numbers_of_its_formula(name, before):
    cell = OTHERS[name](3)
    weights, x = random_weights(cell), np.random.default_rng(1).normal(size=(2, 20, INPUTS)).astype(np.float32)
    session = evaluator(cell, weights, Linear(), before)
    made = run(session, x=x)
    after = np.stack([by_formula(cell, weights, each) for each in x.astype(float)])
    first = np.stack([weights["w_ho"] @ weights["initial_h"] + weights["b_o"]] * 2)[:, None]
    expected = np.concatenate([first, after[:, :-1]], 1) if before else after
    np.testing.assert_allclose(made["y"], expected, rtol=1e-5, atol=2e-6)
    # Pieces continue from the last states.
    one = run(session, x=x[:, :7])
    two = run(session, x=x[:, 7:], **{f"{state}_0": one[f"{state}_n"] for state in cell.state})
    np.testing.assert_allclose(np.concatenate([one["z"], two["z"]], 1), made["z"], rtol=1e-6, atol=1e-6)
    assert all(made[f"{state}_n"].shape == (2, 3) for state in cell.state)


def test_the_kernels_give_the_same_numbers_over_a_thousand_steps():
    cell, x = MGU(3), np.random.default_rng(2).normal(size=(2, 1000, INPUTS)).astype(np.float32)
    weights = random_weights(cell)
    recipe = FitRecipe(cell, Linear(), OUTPUTS, FitConfig(initial_state="learned"), INPUTS)
    z, _, last = outputs_of(recipe, recipe.vector(weights)[None], Sequences(x), False)
    made = run(evaluator(cell, weights, Linear()), x=x)
    np.testing.assert_allclose(made["z"].reshape(-1, OUTPUTS), z[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(made["h_n"], last[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cell", [GRU(4), GRU(4, reset="before"), LSTM(3)], ids=str)
def test_a_scan_gives_what_the_operator_gives(cell, monkeypatch):
    weights, x = random_weights(cell), np.random.default_rng(1).normal(size=(2, 30, INPUTS)).astype(np.float32)
    by_operator = run(evaluator(cell, weights), x=x)
    monkeypatch.setattr(ours, "OPERATOR_OF_CELL", {})
    by_scan = run(evaluator(cell, weights), x=x)
    for name, values in by_operator.items():
        np.testing.assert_allclose(by_scan[name], values, rtol=1e-6, atol=1e-6)
