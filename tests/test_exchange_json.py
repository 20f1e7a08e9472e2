"""RTNeural, CoreAudioML and .nam: an independent network of each, round trips, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrnn import GRU, LSTM, MGU, Elman
from fastrnn.exchange.base import formats
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from tests import foreign_networks
from tests.exchange_networks import AFTER, BEFORE, MEMORY, TANH, kernel_outputs, random_network, same

CASES = [
    *(("rtneural", cell) for cell in (AFTER, MEMORY)),
    *(("coreaudioml", cell) for cell in (TANH, AFTER, MEMORY)),
    ("nam", MEMORY),
]


def form(name):
    return formats()[name]()


def network_for(name, cell, **options):
    """A random Network that the format can hold: .nam keeps initial states and has one output."""
    if name != "nam":
        return random_network(cell, **options)
    return random_network(cell, outputs=1, initial=True, **options)


def object_of(name, network):
    return json.loads(form(name).encode(network, "net"))


@pytest.mark.parametrize("name, cell", CASES, ids=str)
def test_their_equations_give_what_the_kernels_give_over_a_thousand_steps(name, cell):
    network, x = random_network(cell, initial=name == "nam"), np.random.default_rng(1).normal(size=(1000, 2))
    x, outputs, given = x.astype(np.float32), slice(None), network
    if name == "nam":
        outputs = slice(1)
        given = network._replace(weights={**network.weights, "w_ho": network.weights["w_ho"][:1],
                                          "b_o": network.weights["b_o"][:1]})
    made = getattr(foreign_networks, name)(object_of(name, given), x)
    np.testing.assert_allclose(kernel_outputs(network, x)[:, outputs], made, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name, cell", CASES, ids=str)
def test_what_came_from_them_goes_back_as_the_same_bytes(name, cell):
    for size in (1, 2, 5, 64):
        first = form(name).encode(network_for(name, replace(cell, hidden_size=size)), "net")
        network = form(name).decode(first)
        assert network.cell == replace(cell, hidden_size=size) and type(network.head) is Linear
        assert form(name).encode(network, "net") == first
        if name == "coreaudioml" or cell is AFTER:  # which keep both biases
            same(network.weights, random_network(replace(cell, hidden_size=size)).weights)
        else:
            assert not network.weights["b_hh"].any()


@pytest.mark.parametrize("name, cell", CASES, ids=str)
def test_networks_without_biases_get_those_of_0(name, cell):
    network = network_for(name, replace(cell, bias=False))
    back = form(name).decode(form(name).encode(network, "net"))
    assert back.cell == cell and not any(back.weights[key].any() for key in ("b_ih", "b_hh", "b_o"))
    assert all(back.weights[key].tobytes() == values.tobytes() for key, values in network.weights.items())


def test_rtneural_applies_the_head():
    x = np.random.default_rng(1).normal(size=(20, 2)).astype(np.float32)
    for head in (Sigmoid(), Softmax()):
        network = random_network(AFTER, head=head)
        found = object_of("rtneural", network)
        np.testing.assert_allclose(
            foreign_networks.rtneural(found, x), head.link(kernel_outputs(network, x)), atol=1e-6
        )
        assert form("rtneural").decode(json.dumps(found)).head == head


def test_nam_without_initial_states_has_none_again():
    network = random_network(MEMORY, inputs=1, outputs=1)
    back = form("nam").decode(form("nam").encode(network, "net"))
    assert "initial_h" not in back.weights and back.weights["w_ho"].shape == (1, 3)


@pytest.mark.parametrize(
    "name, network, message",
    [
        ("rtneural", random_network(TANH), "cell: RTNeural has no layer for Elman.*, expected GRU with reset after"),
        ("rtneural", random_network(BEFORE), "cell: RTNeural has no layer for GRU"),
        ("rtneural", random_network(AFTER, head=Softmax(masked=True)), "head: RTNeural has no activation for Softmax"),
        ("rtneural", random_network(AFTER, initial=True), "initial_h: RTNeural keeps no initial states"),
        ("coreaudioml", random_network(Elman(2, "relu")), "expected Elman with activation tanh, GRU with reset after"),
        ("coreaudioml", random_network(AFTER, head=Sigmoid()), "head: CoreAudioML has outputs of real numbers only"),
        ("coreaudioml", random_network(AFTER)._replace(before=True), "before: CoreAudioML has no layer"),
        ("nam", random_network(GRU(2), outputs=1), "cell: NAM has no layer for GRU.*, expected LSTM"),
        ("nam", random_network(LSTM(2), outputs=2), "outputs: NAM has one, got 2"),
        ("nam", random_network(LSTM(2), outputs=1, head=Sigmoid()), "head: NAM has outputs of real numbers only"),
        ("nam", random_network(LSTM(2))._replace(cell=MGU(2)), "cell: NAM has no layer for MGU"),
    ],
)
def test_what_they_do_not_have_is_refused(name, network, message):
    with pytest.raises(ValueError, match=message):
        form(name).encode(network, "net")


GOOD = {name: object_of(name, network_for(name, LSTM(2))) for name in ("rtneural", "coreaudioml", "nam")}
DENSE, RECURRENT = ("layers", 1), ("layers", 0)


def changed(found, value, *path):
    """A copy with another value at a path; value: a function of the old one, or what takes its place."""
    found = json.loads(json.dumps(found))
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value(place[path[-1]]) if callable(value) else value
    return found


@pytest.mark.parametrize(
    "name, value, path, message",
    [
        ("rtneural", None, ("layers",), "has no layers of RTNeural"),
        ("rtneural", lambda layers: layers[:1], ("layers",), "has the layers lstm, expected gru or lstm, and dense"),
        ("rtneural", lambda layers: layers * 2, ("layers",), "has the layers lstm, dense, lstm, dense, expected"),
        ("rtneural", "conv1d", (*RECURRENT, "type"), "has the layers conv1d, dense"),
        ("rtneural", [], (*RECURRENT, "type"), r"has the layers \[\], dense"),
        ("rtneural", "gru", (*RECURRENT, "type"), "has a layer gru with weights of another one"),
        ("rtneural", lambda w: w[:2], (*RECURRENT, "weights"), "has a layer lstm without its 3 arrays of weights"),
        ("rtneural", [[1, 2], [3]], (*RECURRENT, "weights", 1), "has weights of lstm that are not lists of numbers"),
        ("rtneural", "tanh", (*DENSE, "activation"), "has a dense layer with the activation 'tanh'"),
        ("rtneural", {}, (*DENSE, "activation"), "has a dense layer with the activation {}"),
        ("rtneural", [None, None, 3], (*RECURRENT, "shape"), r"says the sizes 2, 3, 3, has weights of \[2, 2, 3\]"),
        ("rtneural", 1e300, (*DENSE, "weights", 1, 0), "has b_o with values that are not finite"),
        ("coreaudioml", None, ("state_dict",), "has no model_data and state_dict of CoreAudioML"),
        ("coreaudioml", "GatedConvNet", ("model_data", "model"), "has a GatedConvNet of LSTM, expected a SimpleRNN of"),
        ("coreaudioml", [], ("model_data", "unit_type"), r"has a SimpleRNN of \[\], expected a SimpleRNN of"),
        ("coreaudioml", 1, ("model_data", "skip"), "has skip 1, which adds the input to the output.*; set it to 0 in"),
        ("coreaudioml", "GRU", ("model_data", "unit_type"), "says GRU of sizes 2, 2, 3, has weights of LSTM"),
        ("coreaudioml", 7, ("model_data", "hidden_size"), "says LSTM of sizes 2, 7, 3"),
        ("coreaudioml", "x", ("state_dict", "lin.weight"), "has lin.weight that are not lists of numbers"),
        ("coreaudioml", float("nan"), ("state_dict", "lin.bias", 0), "has b_o with values that are not finite"),
        ("nam", "WaveNet", ("architecture",), "has the architecture WaveNet, expected LSTM"),
        ("nam", "0.4.9", ("version",), "is of version 0.4.9, expected 0.5 to 0.7"),
        ("nam", 2, ("config", "num_layers"), "has an LSTM of 2 layers"),
        ("nam", "3", ("config", "hidden_size"), r"and sizes \[2, '3'\], expected one layer"),
        ("nam", lambda weights: weights[:-1], ("weights",), r"has weights of shape \(46,\), expected 47 for one"),
        ("nam", None, ("weights",), "has weights that are not lists of numbers"),
    ],
)
def test_files_that_do_not_fit_are_named(name, value, path, message):
    with pytest.raises(ValueError, match=message) as error:
        form(name).decode(json.dumps(changed(GOOD[name], value, *path)))
    assert "\n" not in str(error.value)


def test_a_linear_layer_without_a_bias():
    found = changed(GOOD["coreaudioml"], False, "model_data", "bias_fl")
    del found["state_dict"]["lin.bias"]
    back = form("coreaudioml").decode(json.dumps(found))
    assert back.cell == LSTM(2) and not back.weights["b_o"].any() and back.weights["b_ih"].any()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.integers(0, 10**6), st.integers(0, 255), st.booleans())
def test_a_damaged_file_gives_one_line_or_a_network(name, place, byte, cut):
    good = json.dumps(GOOD[name]).encode()
    place %= len(good)
    content = good[:place] if cut else good[:place] + bytes([byte]) + good[place + 1 :]
    try:
        form(name).decode(content)
    except ValueError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", GOOD)
def test_files_of_others_are_refused(name):
    contents = {b"": "no JSON", b"\x89PNG": "no JSON", b"[1]": "holds a list of JSON", b"{}": "has "}
    for content, message in contents.items():
        with pytest.raises(ValueError, match=message):
            form(name).decode(content)
    for other in set(GOOD) - {name}:
        with pytest.raises(ValueError, match="has "):
            form(name).decode(json.dumps(GOOD[other]))
    with pytest.raises(ValueError, match="is damaged, or no JSON"):
        form(name).decode(b"[" * 100000)
