"""`fastrnn.export` and `fastrnn export`: formats by ending, what is refused, files as a whole."""

import os

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import load_file

import fastrnn
from fastrnn import GRU, Elman, Fits, Model, Sequences, train_many
from fastrnn.exchange.base import Format, Network, formats, identifier_of
from fastrnn.exchange.c import to_c
from fastrnn.exchange.torch import from_state_dict


@pytest.fixture(scope="module")
def fits():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (20, 12, 2))
    return train_many(GRU(2), Sequences(x, x[:, :, 0] ^ x[:, :, 1], kind="classes", classes=2), seeds=[0, 1], epochs=20)


def model(cell=None):
    cell, rng = cell or Elman(3, "tanh"), np.random.default_rng(0)
    shapes = {"w_ih": (3, 2), "w_hh": (3, 3), "b_ih": (3,), "b_hh": (3,), "w_ho": (1, 3), "b_o": (1,)}
    return Model(cell, {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


def test_formats_are_found_by_themselves():
    assert {"c", "onnx", "torch", "keras", "flax", "rtneural", "nam"} <= set(formats())
    assert all(kind.ending.startswith(".") and kind.summary and issubclass(kind, Format) for kind in formats().values())


def test_a_fit_goes_out_in_every_format(fits, here):
    x = np.random.default_rng(1).integers(0, 2, (3, 9, 2))
    for name in ("net.onnx", "net.h", "net.safetensors"):
        fastrnn.export(fits[1], name)
    made = ReferenceEvaluator(onnx.load("net.onnx")).run(["y"], {"x": x.astype(np.float32)})[0]
    np.testing.assert_allclose(made.reshape(-1, 2), fits[1].predict(x), atol=1e-6)
    assert (here / "net.h").read_text() == to_c(GRU(2), fits.weights(1), "net")
    cell, weights = from_state_dict(load_file("net.safetensors"))
    assert cell == GRU(2)
    assert all(values.tobytes() == weights[name].tobytes() for name, values in fits.weights(1).items())


def test_a_model_of_bits_has_the_sigmoid(here):
    x = np.random.default_rng(1).integers(0, 2, (3, 9, 2)).astype(np.float32)
    fastrnn.export(model(), "net.bin", format="onnx")
    made = ReferenceEvaluator(onnx.load("net.bin")).run(["y", "h_n"], {"x": x})
    outputs, states = model().forward(x)
    np.testing.assert_allclose(made[0], outputs, atol=1e-6)
    np.testing.assert_allclose(made[1], states[:, -1], atol=1e-6)


def test_what_cannot_be_written_is_refused_and_leaves_no_file(fits, here):
    for call, error, message in (
        (lambda: fastrnn.export(fits, "a.onnx"), TypeError, "model: got several models, expected one, for example f"),
        (lambda: fastrnn.export(GRU(2), "a.onnx"), TypeError, "model: got GRU, expected a Fit or a Model"),
        (lambda: fastrnn.export(fits[0], "a.pkl"), ValueError,
         r"path: got the ending '.pkl', expected one of .h \(C99"),
        (lambda: fastrnn.export(fits[0], "a.pt"), ValueError,
         "^path: files .pt are only read; torch is written as .safetensors$"),
        (lambda: fastrnn.export(fits[0], "a.onnx", format="caffe"), ValueError, "format: got 'caffe', expected"),
        (lambda: fastrnn.export(fits[0], "a.json"), ValueError, "path: .json is the ending of several formats, name"),
        (lambda: fastrnn.export(model(Elman(3)), "a.safetensors"), ValueError, "PyTorch has no module for Elman"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert not list(here.iterdir())
    fastrnn.export(fits[0], "a.h")
    with pytest.raises(FileExistsError):
        fastrnn.export(fits[0], "a.h")
    fastrnn.export(fits[1], "a.h", overwrite=True)
    before = Network(GRU(2), fits.head, fits.weights(0), before=True)
    with pytest.raises(ValueError, match="before: a state_dict does not say"):
        formats()["torch"]().encode(before, "net")


@pytest.mark.parametrize("path, name", [("a/my net-2.h", "my_net_2"), ("8-bit.h", "network_8_bit"), ("ä.h", "_")])
def test_names_in_c_are_made_of_the_file_s(path, name):
    assert identifier_of(path) == name


def test_the_command(call, fits):
    fits.save("fits.safetensors")
    model(Elman(3)).save("adder.safetensors")
    status, out, _ = call("export", "fits.safetensors", "one.h", "--model", "1")
    assert status == 0 and out.startswith("saved one.h: GRU(hidden_size=2")
    with open("one.h") as file:
        assert file.read() == to_c(GRU(2), Fits.load("fits.safetensors").weights(1), "one")
    assert call("export", "fits.safetensors", "best.onnx")[0] == 0
    assert call("export", "adder.safetensors", "adder.onnx")[0] == 0
    onnx.checker.check_model(onnx.load("adder.onnx"), full_check=True)
    os.mkfifo("fifo")
    for words, message in (
        (["adder.safetensors", "adder.onnx"], "adder.onnx: exists; give --force to replace it"),
        (["adder.safetensors", "a.pkl"], "a.pkl: got the ending '.pkl', expected one of .h (C99: any cell, in float)"),
        (["adder.safetensors", "a.pth"], "a.pth: files .pth are only read; torch is written as .safetensors"),
        (["adder.safetensors", "a"], "a: got the ending '', expected one of"),
        (["adder.safetensors", "a.h", "--format", "caffe"], "--format: got 'caffe', expected one of c, coreaudioml, "),
        (["adder.safetensors", "a.npz"], "a.npz: .npz is the ending of several formats, name one: equinox, "),
        (["adder.safetensors", "a.safetensors"], "adder.safetensors: cell: PyTorch has no module for Elman"),
        (["adder.safetensors", "a.h", "--model", "1"], "--model: adder.safetensors holds one network, not fits"),
        (["fits.safetensors", "a.h", "--model", "2"], "--model: got '2', expected best or a number from 0 to 1"),
        (["nothing", "a.h"], "nothing: no such file"),
        (["adder.onnx", "a.h"], "adder.onnx: "),
        (["fifo", "a.h"], "fifo: is not a regular file"),
    ):
        status, out, err = call("export", *words)
        assert status == 2 and err.startswith(f"fastrnn: {message}") and err.count("\n") == 1, (words, err)
