"""`fastrnn.debug.compare` finds nothing in right loops, and names the first number that a wrong one computes."""

from types import SimpleNamespace

import numpy as np
import pytest

import fastrnn
from fastrnn import debug
from fastrnn.heads.linear import Linear
from fastrnn.heads.softmax import Softmax
from fastrnn.kernels.recurrent import backward, forward

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(70, 6, 3)), RNG.integers(0, 2, (70, 6))
MASK = (RNG.random((70, 6)) < 0.8) * 1.5


def fitted(cell, **options):
    data = fastrnn.Sequences(X, CLASSES, kind="classes", classes=2)
    return fastrnn.train(cell, data, epochs=2, patience=None, **options)


FITS = {
    "elman": (fastrnn.Elman(4, "relu"), {}),
    "lstm": (fastrnn.LSTM(3), {"initial_state": "learned"}),
    "peepholes": (fastrnn.PeepholeLSTM(2), {}),
    "an operand": (fastrnn.GRU(3, reset="before"), {}),
    "without biases": (fastrnn.GRU(3, bias=False), {"dtype": "float64"}),
    "before": (fastrnn.GRU(2), {"before": True}),
}


@pytest.mark.parametrize("path", debug.PATHS)
@pytest.mark.parametrize("name", FITS)
def test_loops_agree_with_formulas(name, path):
    cell, options = FITS[name]
    found = debug.compare(fitted(cell, **options), X, CLASSES, MASK, path=path)
    assert found.agrees, found
    assert [row.name for row in found.rows][: len(cell.state)] == list(cell.state)
    assert {row.name for row in found.rows} >= {"outputs", "d_outputs", "w_hh", "w_ho"}


def test_a_model_has_outputs_that_are_bits_unless_another_head_is_given():
    cell, y = fastrnn.Elman(3, "tanh"), RNG.integers(0, 2, (70, 6, 2))
    model = fastrnn.Model(cell, fitted(cell).weights)
    for head in (None, Linear()):
        found = debug.compare(model, X, y, MASK, head=head, dtype="float64")
        assert found.agrees, found


@pytest.mark.parametrize("path", debug.PATHS)
def test_a_wrong_derivative_is_the_first_difference(monkeypatch, path):
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    fit, right = network(), backward._through_weights

    def wrong(m, net, frame, slot, *rest):
        right(m, net, frame, slot, *rest)
        if slot == 2:
            m.store(frame.d_state, m.integer(0), m.load(frame.d_state, m.integer(0)) * 1.01)

    monkeypatch.setattr(backward, "_through_weights", wrong)
    found = debug.compare(fit, X[:5], CLASSES[:5], path=path)
    differ = [row for row in found.rows if row.first]
    # The derivative by the state before step 2 reaches pre-activations of step 1 first; states and outputs are right.
    assert {row.name for row in differ} >= {"d_r", "w_hh"} and not {"h", "outputs", "d_outputs"} & {
        row.name for row in differ}
    first = next(row.first for row in differ if row.name == "d_r")
    assert first.place[1:] == (1, 0) and first.compiled == pytest.approx(first.float64, rel=0.1)
    assert first.compiled != pytest.approx(first.float64, rel=1e-5)
    assert found.rows[0].first is not None and "none" in repr(found)


def test_a_wrong_state_is_the_first_difference(monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    fit, right = network(), forward._cells

    def wrong(m, net, frame, t, u, *rest):
        right(m, net, frame, t, u, *rest)
        if (t, u) == (3, 1):
            m.store(frame.state, net.place(u, len(net.step.new), t + 1, 0, 0), m.constant(np.nan))

    monkeypatch.setattr(forward, "_cells", wrong)
    found = debug.compare(fit, X[:5], CLASSES[:5], path="models")
    assert found.rows[0].name == "h" and found.rows[0].first.place == (0, 3, 1)
    assert np.isnan(found.rows[0].first.compiled) and not found.agrees


def network():
    """Return what has a cell, a head and weights."""
    shapes = {"w_ih": (6, 3), "w_hh": (6, 2), "b_ih": (6,), "b_hh": (6,), "w_ho": (2, 2), "b_o": (2,)}
    weights = {name: RNG.normal(size=shape) for name, shape in shapes.items()}
    return SimpleNamespace(cell=fastrnn.GRU(2), head=Softmax(), weights=weights)


@pytest.mark.parametrize("wrong, message", [
    ({"path": "units"}, "path: got 'units', expected 'sequences' or 'models'"),
    ({"x": X[..., :2]}, "x: got shape (2,), expected (3,)"),
    ({"mask": MASK[:3]}, "mask: got shape (3, 6), expected (70, 6)"),
    ({"y": RNG.integers(0, 2, (70, 6, 2))}, "y: got shape (2,), expected (1,)"),
    ({"head": Linear("esr")}, "head: got linear with emphasis"),
])
def test_what_does_not_fit_is_named(wrong, message):
    given = {"x": X, "y": CLASSES, "mask": MASK} | wrong
    with pytest.raises(ValueError) as raised:
        debug.compare(network(), given.pop("x"), given.pop("y"), given.pop("mask"), **given)
    assert message in str(raised.value)
