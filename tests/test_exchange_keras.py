"""Keras' weights, as lists of arrays and as files: an independent network, round trips, and what is refused."""

import io
from dataclasses import replace

import h5py
import numpy as np
import pytest

from fastrnn import GRU, LSTM, MGU, Elman
from fastrnn.exchange.base import formats
from fastrnn.exchange.keras import from_keras, to_keras
from tests.exchange_networks import AFTER, BEFORE, MEMORY, TANH, kernel_outputs, random_network, same
from tests.foreign_networks import keras

CELLS = [TANH, AFTER, BEFORE, MEMORY]
FORMAT = formats()["keras"]()


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_keras_equations_give_what_the_kernels_give_over_a_thousand_steps(cell):
    network, x = random_network(cell), np.random.default_rng(1).normal(size=(1000, 2)).astype(np.float32)
    made = keras(to_keras(network), x, getattr(cell, "reset", None))
    np.testing.assert_allclose(kernel_outputs(network, x), made, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_came_from_keras_goes_back_as_the_same_bytes(cell, dtype):
    for size in (1, 2, 5, 64):
        first = to_keras(random_network(replace(cell, hidden_size=size), dtype=dtype))
        network = from_keras(first, activation=getattr(cell, "activation", None))
        assert network.cell == replace(cell, hidden_size=size)
        again = to_keras(network)
        assert [a.tobytes() for a in first] == [a.tobytes() for a in again]
        back = FORMAT.decode(FORMAT.encode(network, "net"), activation=getattr(cell, "activation", None))
        assert back.cell == network.cell
        same(back.weights, network.weights)
        # A GRU with the reset gate after the product keeps both of its biases; others, their sum.
        if cell is AFTER:
            same(network.weights, random_network(replace(cell, hidden_size=size), dtype=dtype).weights)
        else:
            assert not network.weights["b_hh"].any()


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_without_biases(cell):
    network = random_network(replace(cell, bias=False))
    arrays = to_keras(network)
    assert len(arrays) == 3
    options = {name: getattr(cell, name) for name in ("activation", "reset") if hasattr(cell, name)}
    back = from_keras(arrays, **options)
    assert back.cell == network.cell
    same(back.weights, network.weights)
    # A bias of the Dense alone, or of the layer alone.
    whole = to_keras(random_network(cell))
    for without, kept in ((whole[:2] + whole[3:], "b_o"), (whole[:4], "b_ih")):
        back = from_keras(without, **options)
        assert back.cell == cell and back.weights[kept].any()
        assert not back.weights["b_ih" if kept == "b_o" else "b_o"].any()


def test_a_file_has_the_places_that_keras_looks_for():
    with h5py.File(io.BytesIO(FORMAT.encode(random_network(AFTER), "net"))) as file:
        shapes = {}
        file.visititems(lambda name, item: shapes.update({name: getattr(item, "shape", None)}))
    assert shapes["layers/gru/cell/vars/2"] == (2, 15) and shapes["layers/dense/vars/0"] == (5, 3)
    assert {"vars", "layers/gru/vars"} <= set(shapes)


def test_a_file_of_another_model(here):
    """With layers that have names of their own, an optimizer, and a layer's random numbers."""
    arrays = to_keras(random_network(MEMORY))
    with h5py.File("model.weights.h5", "w") as file:
        for place, own in (
            ("rnn/cell", arrays[:3]),
            ("head", arrays[3:]),
            ("optimizer", arrays[:1]),
            ("rnn/cell/seed_generator", [np.zeros(2, np.uint32)]),
        ):
            for n, array in enumerate(own):
                file[f"{place}/vars/{n}"] = array
    back = FORMAT.decode((here / "model.weights.h5").read_bytes())
    assert back.cell == MEMORY and [a.tobytes() for a in to_keras(back)] == [a.tobytes() for a in arrays]


def test_what_keras_does_not_have_is_refused():
    with pytest.raises(ValueError, match="cell: Keras has no layer for MGU.*, expected Elman .*, GRU .*, LSTM"):
        to_keras(random_network(GRU(2))._replace(cell=MGU(2)))
    with pytest.raises(ValueError, match="initial_h: Keras keeps no initial states"):
        to_keras(random_network(GRU(2), initial=True))
    with pytest.raises(ValueError, match="before: Keras has no layer whose outputs"):
        to_keras(random_network(GRU(2))._replace(before=True))


@pytest.mark.parametrize(
    "cell, change, message",
    [
        (LSTM(3), lambda a: a[:2], "has 2 arrays of shapes"),
        (LSTM(3), lambda a: a + a[:1], "has 6 arrays of shapes"),
        (LSTM(3), lambda a: a[:4] + a[3:4], "has 5 arrays of shapes"),
        (Elman(3), lambda a: a[:3], "has 3 arrays of shapes"),
        (LSTM(3), lambda a: [a[0][:, :-1], *a[1:]], "has kernels of shapes"),
        (LSTM(3), lambda a: [a[0], a[1][:-1], *a[2:]], "expected those of a SimpleRNN, GRU or LSTM"),
        (LSTM(3), lambda a: [*a[:2], a[2][:-1], *a[3:]], r"has a bias of shape \(11,\), expected \(12,\)"),
        (GRU(3), lambda a: [*a[:2], a[2][:, :-1], *a[3:]], r"bias of shape \(2, 8\), expected \(9,\) or \(2, 9\)"),
        (GRU(3), lambda a: [*a[:3], a[3][:-1], a[4]], r"has w_ho of shape \(3, 2\), expected \(3, 3\)"),
        (GRU(3), lambda a: [a[0] * np.nan, *a[1:]], "has w_ih with values that are not finite"),
        (Elman(3), lambda a: [a[0].astype(str), *a[1:]], "has w_ih of <U.*, expected an array of float32"),
    ],
)
def test_arrays_that_do_not_fit_are_named(cell, change, message):
    with pytest.raises(ValueError, match=message) as error:
        from_keras(change(to_keras(random_network(cell))))
    assert "\n" not in str(error.value)


def test_options_that_the_arrays_contradict():
    with pytest.raises(ValueError, match="says reset 'after', got 'before'"):
        from_keras(to_keras(random_network(AFTER)), reset="before")


def test_files_of_something_else_are_refused():
    good = FORMAT.encode(random_network(AFTER), "net")
    for content in (b"", b"no file", good[: len(good) // 2], bytes(200)):
        with pytest.raises(ValueError, match="is damaged, or not a file of this kind"):
            FORMAT.decode(content)
    stored = io.BytesIO()
    with h5py.File(stored, "w") as file:
        for layer in ("layers/gru/cell", "layers/gru_1/cell", "layers/dense"):
            file[f"{layer}/vars/0"] = np.zeros((2, 2))
    with pytest.raises(ValueError, match="has weights of layers/dense, layers/gru/cell, layers/gru_1/cell, expected"):
        FORMAT.decode(stored.getvalue())


def test_without_h5py_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ValueError, match="format: h5py is missing .* pip install h5py"):
        FORMAT.encode(random_network(AFTER), "net")
