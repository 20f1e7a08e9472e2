"""`fastrnn.debug.compare` finds nothing in right loops, and names the first number that a wrong one computes."""

from types import SimpleNamespace

import numpy as np
import pytest
from params import quick

import fastrnn
from fastrnn import debug
from fastrnn.heads.linear import Linear
from fastrnn.heads.softmax import Softmax
from fastrnn.kernels.recurrent import backward, forward, units
from fastrnn.kernels.recurrent.layout import WeightTable
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
# What the loops with units in the lanes do not take.
NOT_IN_UNITS = {"lstm": "learned initial states", "an operand": "gates with an operand",
                "before": "outputs before a step's input"}


@pytest.mark.parametrize("path", debug.PATHS)
@pytest.mark.parametrize("name", quick(NETWORKS, lambda name: name not in ("peepholes", "without biases")))
def test_loops_agree_with_formulas(name, path):
    model = NETWORKS[name]()
    if path == "units" and name in NOT_IN_UNITS:
        with pytest.raises(ValueError, match=f"whose loops have no {NOT_IN_UNITS[name]}"):
            debug.compare(model, X, CLASSES, MASK, path=path)
        return
    found = debug.compare(model, X, CLASSES, MASK, path=path)
    assert found.agrees, found
    assert [row.name for row in found.rows][: len(model.cell.state)] == list(model.cell.state)
    assert {row.name for row in found.rows} >= {"outputs", "d_outputs", "w_hh", "w_ho"}


@pytest.mark.parametrize("cell", [fastrnn.LSTM(20), fastrnn.Leaky(3, alpha=None)], ids=["lstm", "leaky"])
@pytest.mark.parametrize("sequences", [1, 6])
def test_loops_with_units_in_the_lanes_agree_with_formulas_for_any_number_of_sequences(cell, sequences):
    part = slice(0, sequences)
    found = debug.compare(network(cell, "float32"), X[part], CLASSES[part], MASK[part], path="units", dtype="float64")
    assert found.agrees, found


LAID = {"gru": fastrnn.GRU(3), "peepholes": fastrnn.PeepholeLSTM(2), "operand": fastrnn.GRU(2, reset="before")}


@pytest.mark.parametrize("name, path", [
    (name, path) for name in LAID for path in debug.PATHS if (name, path) != ("operand", "units")])
def test_the_place_of_every_weight_comes_from_the_table(monkeypatch, name, path):
    made = WeightTable.__init__
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    # In another order, behind a hole: where a kernel took a place from elsewhere, it would read another weight.
    monkeypatch.setattr(WeightTable, "__init__", lambda table, *arrays: made(table, ("hole", (16,)), *arrays[::-1]))
    found = debug.compare(network(LAID[name]), X[:3], CLASSES[:3], MASK[:3], path=path)
    assert found.agrees, found


def test_a_model_has_outputs_that_are_bits_unless_another_head_is_given():
    cell, y = fastrnn.Elman(3, "tanh"), RNG.integers(0, 2, (70, 6, 2))
    model = fastrnn.Model(cell, network(cell, "float32").weights)
    for head in (None, Linear()):
        found = debug.compare(model, X, y, MASK, head=head, dtype="float64")
        assert found.agrees, found


@pytest.mark.parametrize("path", debug.PATHS)
def test_a_wrong_derivative_is_the_first_difference(monkeypatch, path):
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    loops, name = (units, "_back_through_weights") if path == "units" else (backward, "_through_weights")
    fit, right = network(), getattr(loops, name)

    def wrong(m, net, frame, t, *rest):
        right(m, net, frame, t, *rest)
        if t == 2:
            m.store(frame.d_state, m.integer(0), m.load(frame.d_state, m.integer(0)) * 1.01)

    monkeypatch.setattr(loops, name, wrong)
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
    ({"path": "lanes"}, "path: got 'lanes', expected one of 'sequences', 'models', 'units'"),
    ({"x": X[..., :2]}, "x: got shape (70, 6, 2), expected (batch, time, 3) with batch and time of at least 1"),
    ({"x": X[:0]}, "x: got shape (0, 6, 3), expected (batch, time, 3)"),
    ({"mask": MASK[:3]}, "mask: got shape (3, 6), expected (70, 6)"),
    ({"y": RNG.integers(0, 2, (70, 6, 2))}, "y: got shape (2,), expected (1,)"),
    ({"head": Linear("esr")}, "head: got linear with emphasis"),
])
def test_what_does_not_fit_is_named(wrong, message):
    given = {"x": X, "y": CLASSES, "mask": MASK} | wrong
    with pytest.raises(ValueError) as raised:
        debug.compare(network(), given.pop("x"), given.pop("y"), given.pop("mask"), **given)
    assert message in str(raised.value)
