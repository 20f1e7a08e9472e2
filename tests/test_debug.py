"""`fastrnn.debug.compare` finds nothing in right loops, and names the first number that a wrong one computes."""

from types import SimpleNamespace

import numpy as np
import pytest

import fastrnn
from fastrnn import debug
from fastrnn.heads.linear import Linear
from fastrnn.heads.softmax import Softmax
from fastrnn.kernels.recurrent import backward, forward
from fastrnn.networks import shapes_of

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(70, 6, 3)), RNG.integers(0, 2, (70, 6))
GRU = fastrnn.GRU(2)
MASK = (RNG.random((70, 6)) < 0.8) * 1.5


def fitted(cell, **options):
    data = fastrnn.Sequences(X, CLASSES, kind="classes", classes=2)
    return fastrnn.train(cell, data, epochs=2, patience=None, **options)


def network(cell=GRU, dtype="float64"):
    """Return what has a cell, a head and weights."""
    shapes = shapes_of(cell, 3, 2)
    weights = {name: RNG.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
    return SimpleNamespace(cell=cell, head=Softmax(), weights=weights)


# Of a fit, the first states and the order of outputs count, too.
NETWORKS = {
    "elman": lambda: network(fastrnn.Elman(4, "relu"), "float32"),
    "lstm": lambda: fitted(fastrnn.LSTM(3), initial_state="learned"),
    "peepholes": lambda: network(fastrnn.PeepholeLSTM(2), "float32"),
    "an operand": lambda: network(fastrnn.GRU(3, reset="before"), "float32"),
    "without biases": lambda: network(fastrnn.GRU(3, bias=False)),
    "before": lambda: fitted(GRU, before=True),
}


@pytest.mark.parametrize("path", debug.PATHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_loops_agree_with_formulas(name, path):
    model = NETWORKS[name]()
    found = debug.compare(model, X, CLASSES, MASK, path=path)
    assert found.agrees, found
    assert [row.name for row in found.rows][: len(model.cell.state)] == list(model.cell.state)
    assert {row.name for row in found.rows} >= {"outputs", "d_outputs", "w_hh", "w_ho"}


def test_a_model_has_outputs_that_are_bits_unless_another_head_is_given():
    cell, y = fastrnn.Elman(3, "tanh"), RNG.integers(0, 2, (70, 6, 2))
    model = fastrnn.Model(cell, network(cell, "float32").weights)
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
