"""PyTorch's state_dict: names, shapes, what comes back, and what is refused; bench/peers compares with PyTorch."""

import numpy as np
import pytest

from fastrnn import GRU, LSTM, MGU, Elman
from fastrnn.exchange.torch import from_state_dict, to_state_dict

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
    assert again == cell and list(sorted(back)) == sorted(weights)
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
        (lambda s: {name: each for name, each in s.items() if name != "lin.bias"}, "all biases or none"),
        (lambda s: s | {"rnn.weight_hh_l0": s["rnn.weight_hh_l0"][:-1]}, "expected 1, 3 or 4 times"),
        (lambda s: s | {"rnn.weight_ih_l0": s["rnn.weight_ih_l0"][:-1]}, "does not fit 5 hidden units"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError) as error:
        from_state_dict(change(to_state_dict(GRU(5), weights_of(GRU(5)))))
    assert message in str(error.value)
