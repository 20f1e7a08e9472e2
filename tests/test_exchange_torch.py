"""PyTorch's state_dict: names, shapes, what comes back, and what is refused; bench/peers compares with PyTorch."""

import sys
import types

import numpy as np
import pytest

from fastrnn import GRU, LSTM, MGU, Elman, Model
from fastrnn.exchange.base import Network
from fastrnn.exchange.torch import from_state_dict, to_state_dict, to_torch
from fastrnn.heads.linear import Linear
from fastrnn.training.sequences.imported import fit_of

GATES = {"Elman": 1, "GRU": 3, "LSTM": 4}


def weights_of(cell, inputs=3, outputs=2):
    rng, rows = np.random.default_rng(0), GATES[type(cell).__name__] * cell.hidden_size
    shapes = {
        "w_ih": (rows, inputs),
        "w_hh": (rows, cell.hidden_size),
        "b_ih": (rows,),
        "b_hh": (rows,),
        "w_ho": (outputs, cell.hidden_size),
        "b_o": (outputs,),
    }
    return {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
        if cell.bias or name.startswith("w")
    }


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", [Elman(4, "tanh"), GRU(1), GRU(5), LSTM(7)], ids=str)
def test_weights_go_out_and_come_back(cell, bias):
    cell = type(cell)(cell.hidden_size, bias=bias, **({"activation": "tanh"} if isinstance(cell, Elman) else {}))
    weights = weights_of(cell)
    state = to_state_dict(cell, weights, rnn="rec.", linear="fc.")
    assert state["rec.weight_hh_l0"].shape == (GATES[type(cell).__name__] * cell.hidden_size, cell.hidden_size)
    assert ("fc.bias" in state) == bias
    again, back = from_state_dict(state, rnn="rec.", linear="fc.")
    assert again == cell and sorted(back) == sorted(weights)
    assert all(back[name].tobytes() == values.tobytes() for name, values in weights.items())


def test_what_pytorch_has_no_module_for_is_refused():
    for cell in (Elman(2, "sigmoid"), MGU(2)):
        with pytest.raises(ValueError, match="PyTorch has no module for"):
            to_state_dict(cell, {})
    with pytest.raises(ValueError, match="no weights for initial states"):
        to_state_dict(GRU(2), {**weights_of(GRU(2)), "initial_h": np.ones(2)})


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s | {"rnn.weight_ih_l1": s["rnn.weight_ih_l0"]}, "more than one layer"),
        (lambda s: s | {"rnn.weight_ih_l0_reverse": s["rnn.weight_ih_l0"]}, "two directions"),
        (lambda s: s | {"conv.weight": s["lin.weight"]}, "other modules"),
        (lambda s: {name: each for name, each in s.items() if name != "lin.weight"}, "'lin.weight' is missing"),
        (lambda s: s | {"lin.weight": None}, "'lin.weight' is missing"),
        (lambda s: s | {"lin.bias": s["lin.bias"] * np.nan}, "has b_o with values that are not finite"),
        (lambda s: s | {"rnn.weight_hh_l0": s["rnn.weight_hh_l0"][0]}, "has shape (5,), expected 1, 3 or 4 times"),
        (lambda s: s | {"rnn.weight_hh_l0": s["rnn.weight_hh_l0"][:-1]}, "expected 1, 3 or 4 times"),
        (lambda s: s | {"rnn.weight_ih_l0": s["rnn.weight_ih_l0"][:-1]}, "has w_ih of shape (14, 3), expected (15, 3)"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError) as error:
        from_state_dict(change(to_state_dict(GRU(5), weights_of(GRU(5)))))
    assert message in str(error.value)


def test_a_bias_that_is_missing_is_0():
    state = to_state_dict(GRU(5), weights_of(GRU(5)))
    for name in ("lin.bias", "rnn.bias_ih_l0"):
        cell, weights = from_state_dict({each: array for each, array in state.items() if each != name})
        assert cell == GRU(5) and not weights[{"lin.bias": "b_o"}.get(name, "b_ih")].any() and weights["b_hh"].any()


class Layer:
    """What stands for PyTorch's modules: it keeps how it was made."""

    def __init__(self, *sizes, **options):
        self.made = sizes, options

    def double(self):
        self.is_double = True
        return self

    def load_state_dict(self, state):
        self.state = state


def test_a_module_is_made_of_pytorchs_own(monkeypatch):
    """bench/peers compares the outputs of PyTorch's modules."""
    names = ("Module", "RNN", "GRU", "LSTM", "Linear")
    nn = types.SimpleNamespace(**{name: type(name, (Layer,), {}) for name in names})
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(nn=nn, tensor=np.array))
    network = Network(GRU(5), Linear(), weights_of(GRU(5)))
    module = to_torch(network, rnn="rec", linear="fc")
    assert type(module.rec) is nn.GRU and module.rec.made == ((3, 5), {"bias": True, "batch_first": True})
    assert module.fc.made == ((5, 2), {"bias": True}) and not hasattr(module, "is_double")
    assert (module.state["rec.weight_hh_l0"] == network.weights["w_hh"]).all() and len(module.state) == 6
    wide = Network(Elman(4, "relu"), Linear(), {n: w.astype(float) for n, w in weights_of(Elman(4, "relu")).items()})
    module = to_torch(wide)
    assert module.rnn.made[1]["nonlinearity"] == "relu" and module.is_double
    assert type(fit_of(network).to_torch(linear="head").head) is nn.Linear
    bits = Model(network.cell, network.weights)
    assert (bits.to_torch().state["lin.bias"] == network.weights["b_o"]).all()
    with pytest.raises(ValueError, match="before: a state_dict does not say"):
        to_torch(network._replace(before=True))
