"""`fastrnn.import_network` and `fastrnn import`: files of every format come in as a Fit, or say in one line why not."""

import pickle
import re
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, save_file

import fastrnn
from fastrnn import Fits, Model, Sequences
from fastrnn.exchange.base import Format, formats
from fastrnn.exchange.keras import from_keras, to_keras
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from fastrnn.training.sequences.imported import fit_of
from tests.exchange_networks import AFTER, BEFORE, MEMORY, RELU, TANH, random_network, same

X = np.random.default_rng(0).normal(size=(4, 20, 2)).astype(np.float32)
# Formats that are read, with a network that each can hold.
NETWORKS = {
    "coreaudioml": random_network(AFTER),
    "equinox": random_network(AFTER),
    "flax": random_network(MEMORY),
    "haiku": random_network(BEFORE),
    "keras": random_network(AFTER),
    "nam": random_network(MEMORY, outputs=1),
    "nnx": random_network(TANH),
    "onnx": random_network(AFTER, head=Softmax(), initial=True)._replace(before=True),
    "rtneural": random_network(AFTER, head=Sigmoid()),
    "torch": random_network(TANH),
}


def ending_of(name):
    return formats()[name].ending


def test_every_format_that_reads_is_tested():
    assert set(NETWORKS) == {name for name, kind in formats().items() if kind.decode is not Format.decode}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fit_goes_out_and_comes_in(name, here):
    fit = fit_of(NETWORKS[name])
    assert repr(fit) == f"Fit({fit.cell.name} of {fit.hidden_size} units; imported)" and fit.best_epoch == 0
    path = f"net{ending_of(name)}"
    fastrnn.export(fit, path, format=name)
    back = fastrnn.import_network(path, format=name)
    assert (back.cell, back.head, back.config.before) == (fit.cell, fit.head, fit.config.before)
    for weight in ("w_ih", "w_hh", "w_ho"):
        assert back.weights[weight].tobytes() == fit.weights[weight].tobytes()
    # As a file of fastrnn it keeps everything.
    back.save("net.fits")
    again = Fits.load("net.fits")[0]
    same(again.weights, back.weights)
    assert repr(again) == repr(back) and (again.head, again.config) == (back.head, back.config)


# The cells that each of them has.
CELLS = {
    "coreaudioml": (TANH, AFTER, MEMORY),
    "equinox": (AFTER, MEMORY),
    "flax": (TANH, AFTER, MEMORY),
    "haiku": (RELU, BEFORE, MEMORY),
    "keras": (TANH, AFTER, BEFORE, MEMORY),
    "nam": (MEMORY,),
    "nnx": (TANH, replace(AFTER, bias=False), MEMORY),
    "onnx": (TANH, RELU, AFTER, BEFORE, MEMORY),
    "rtneural": (AFTER, MEMORY),
    "torch": (TANH, RELU, AFTER, MEMORY),
}


# Sizes on both sides of those that fill vectors; the slow tests take all.
SIZES = [(1, 2, 3, 7, 8, 9, 16, 17, 64), pytest.param(range(1, 65), marks=pytest.mark.slow)]


@pytest.mark.parametrize("sizes", SIZES, ids=["some", "all"])
@pytest.mark.parametrize("name, cell", [(name, cell) for name in NETWORKS for cell in CELLS[name]], ids=str)
def test_files_of_every_size_go_through_as_the_same_bytes(name, cell, sizes):
    form, given = formats()[name](), NETWORKS[name]
    outputs, initial = len(given.weights["w_ho"]), "initial_h" in given.weights
    asked = {"activation": cell.activation} if "activation" in form.asks and type(cell) is fastrnn.Elman else {}
    for size in sizes:
        own = replace(cell, hidden_size=size)
        network = random_network(own, outputs=outputs, head=given.head, initial=initial)._replace(before=given.before)
        content = form.encode(network, "net")
        back = form.decode(content, **asked)
        assert form.encode(back, "net") == content
        for weight in ("w_ih", "w_hh", "w_ho"):
            assert back.weights[weight].tobytes() == network.weights[weight].tobytes()


def test_a_network_of_arrays_becomes_a_fit():
    network = from_keras(to_keras(NETWORKS["keras"]), head=Softmax())
    fit = fastrnn.import_network(network)
    assert fit.head == Softmax() and fit.cell == AFTER
    same(fit.weights, network.weights)


def test_it_predicts(here):
    fit = fit_of(random_network(AFTER, head=Softmax(), initial=True))
    fastrnn.export(fit, "net.onnx")
    made = fastrnn.import_network("net.onnx").predict(Sequences(X))
    assert (made == fit.predict(Sequences(X))).all() and np.allclose(made.sum(1), 1)


def test_what_a_file_does_not_say_is_asked_for(here):
    weights = random_network(RELU)
    fastrnn.export(fit_of(weights), "net.safetensors")
    fit = fastrnn.import_network("net.safetensors", activation="relu", head="softmax")
    assert fit.cell == RELU and fit.head == Softmax()
    assert fastrnn.import_network("net.safetensors", head=Sigmoid()).head == Sigmoid()
    fastrnn.export(fit_of(random_network(replace(BEFORE, bias=False))), "net.weights.h5")
    assert fastrnn.import_network("net.weights.h5").cell == replace(AFTER, bias=False)
    assert fastrnn.import_network("net.weights.h5", reset="before").cell == replace(BEFORE, bias=False)
    fastrnn.export(fit_of(NETWORKS["onnx"]), "net.onnx")
    for path, options, message in (
        ("net.onnx", {"head": "linear"}, "head: files of onnx say it themselves, or have none; expected nothing"),
        ("net.safetensors", {"reset": "after"}, "reset: files of torch say it themselves.*; expected activation, head"),
        ("net.safetensors", {"head": "tanh"}, "head: got 'tanh', expected one of linear, sigmoid, softmax"),
        ("net.safetensors", {"activation": "elu"}, "activation: got 'elu', expected one of sigmoid, tanh, relu"),
        ("net.h", {}, "path: got the ending '.h', expected one of .json"),
        ("net.h", {"format": "c"}, "format: got 'c', expected one of coreaudioml, equinox, "),
        ("net.npz", {}, "path: .npz is the ending of several formats, name one: equinox, flax, haiku"),
    ):
        with pytest.raises(ValueError, match=message):
            fastrnn.import_network(path, **options)


def test_training_goes_on_from_it(here):
    fastrnn.export(fit_of(random_network(AFTER, head=Linear())), "net.safetensors")
    fit = fastrnn.import_network("net.safetensors", head="softmax")
    data = Sequences(X, (X[..., 0] > 0).astype(int), kind="classes", classes=3)
    trained = fastrnn.train(fit.cell, data, weights=fit.weights, roles=[0] * 4, epochs=10, evaluate_every=10)
    assert np.isclose(trained.history["loss"][0, 0], np.nanmean(fit.losses(data)), rtol=1e-5)


def test_state_dicts_of_any_module_and_of_torch_save(here, monkeypatch):
    state = load(formats()["torch"]().encode(random_network(AFTER), "net"))
    names = {"rnn.": "encoder.gru.", "lin.": "encoder.out."}
    other = {re.sub(r"^(rnn|lin)\.", lambda found: names[found[0]], name): array for name, array in state.items()}
    save_file(other, "net.safetensors")
    same(fastrnn.import_network("net.safetensors").weights, random_network(AFTER).weights)
    save_file(other | {"encoder.norm.weight": np.ones(3, np.float32)}, "other.safetensors")
    with pytest.raises(ValueError, match="other.safetensors: has encoder.gru.bias_hh_l0.*, expected one weight_ih_l0"):
        fastrnn.import_network("other.safetensors")

    def loaded(file, weights_only):
        assert weights_only and file.read(4) == b"PK\3\4"
        return state

    (here / "net.pt").write_bytes(b"PK\3\4 of torch.save")
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=loaded))
    same(fastrnn.import_network("net.pt").weights, random_network(AFTER).weights)
    for other in ([1], {"a": 1}, {1: np.ones(2)}):
        monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=lambda file, weights_only: other))
        with pytest.raises(ValueError, match="net.pt: is a file of torch.save that holds something else than tensors"):
            fastrnn.import_network("net.pt")

    def bold(file, weights_only):
        raise RuntimeError("Weights only load failed,\n\x1b[1mdo those steps\x1b[0m")

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=bold))
    with pytest.raises(ValueError, match=r"by name \(Weights only load failed, do those steps\)$"):
        fastrnn.import_network("net.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match="net.pt: is a file of torch.save, which PyTorch reads: .* pip install torch"):
        fastrnn.import_network("net.pt")


def test_a_state_dict_comes_in_as_it_is():
    network = random_network(AFTER)
    state = fit_of(network).state_dict(rnn="encoder.", linear="head.")
    assert set(state) == {f"encoder.{kind}_{which}_l0" for kind in ("weight", "bias") for which in ("ih", "hh")} | {
        "head.weight", "head.bias"
    }
    fit = fastrnn.import_network(state, head="softmax")
    assert fit.head == Softmax()
    same(fit.weights, network.weights)
    with pytest.raises(ValueError, match="^state_dict: has encoder.bias_hh_l0.*, expected one weight_ih_l0 and one"):
        fastrnn.import_network({name: array for name, array in state.items() if not name.startswith("head")})
    with pytest.raises(ValueError, match="^reset: files of torch say it themselves"):
        fastrnn.import_network(state, reset="after")
    with pytest.raises(ValueError, match="^before: a state_dict does not say"):
        fit_of(network._replace(before=True)).state_dict()


class Tensor:
    """What stands for PyTorch's tensors, which NumPy may not have the type of."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        if self.array is None:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


def test_a_model_of_bits_comes_from_a_state_dict_and_goes_back(here):
    network = random_network(TANH, outputs=1)
    state = Model(network.cell, network.weights).state_dict()
    task = fastrnn.tasks.Addition(bits=4)
    model = Model.from_state_dict({name: Tensor(array) for name, array in state.items()}, task)
    assert model.task == task and model.cell == TANH
    same(model.weights, network.weights)
    save_file(state, "net.bin")
    same(Model.from_state_dict("net.bin").weights, network.weights)
    assert Model.from_state_dict(state, activation="relu").cell == RELU
    (here / "half.safetensors").write_bytes((here / "net.bin").read_bytes()[:-4])
    for source, message in (
        ("half.safetensors", "^half.safetensors: is damaged, or holds something else than tensors by name"),
        (state | {"lin.bias": Tensor(None)}, "^state_dict: 'lin.bias' does not become an array of NumPy .*BFloat16"),
        (state | {"rnn.weight_ih_l1": state["rnn.weight_ih_l0"]}, "^state_dict: 'rnn.weight_ih_l1' belongs to more"),
        ({}, "^state_dict: has no tensors, expected one weight_ih_l0"),
    ):
        with pytest.raises(ValueError, match=message):
            Model.from_state_dict(source)
    for source in (3, [state], None):
        for read in (Model.from_state_dict, fastrnn.import_network):
            with pytest.raises(TypeError, match="^source: got (int|list|NoneType), expected a file, or a state_dict"):
                read(source)
    with pytest.raises(ValueError, match="cell: PyTorch has no module for Elman"):
        Model(fastrnn.Elman(4), network.weights).state_dict()


def test_no_format_runs_a_pickle(here):
    class Trap:
        def __reduce__(self):
            return print, ("sprung",)

    (here / "net.pth").write_bytes(pickle.dumps({"a": Trap()}))
    np.savez("net.npz", a=np.array([Trap()], object))
    for path, form in (("net.pth", None), ("net.npz", "flax")):
        with pytest.raises(ValueError, match=f"{path}: is damaged, or"):
            fastrnn.import_network(path, format=form)


def test_the_command(call, here):
    fastrnn.export(fit_of(NETWORKS["rtneural"]), "net.json", format="rtneural")
    status, out, _ = call("import", "net.json", "net.safetensors", "--format", "rtneural")
    assert status == 0
    said = f"saved net.safetensors: {AFTER!r}, 2 inputs, 3 outputs, head sigmoid\n"
    assert out.replace("\n  ", " ") == said
    fastrnn.export(fit_of(NETWORKS["nam"]), "net.nam")
    out = call("import", "net.nam", "audio.safetensors")[1]
    assert "2 inputs, 1 output, head" in out.replace("\n  ", " ") and max(map(len, out.splitlines())) <= 80
    assert call("export", "net.safetensors", "net.h")[0] == 0
    for words, message in (
        (["net.json", "b"], "net.json: .json is the ending of several formats, name one: coreaudioml, rtneural"),
        (["net.json", "b", "--format", "coreaudioml"], "net.json: has no model_data and state_dict of CoreAudioML"),
        (["net.json", "b", "--format", "caffe"], "--format: got 'caffe', expected one of coreaudioml, "),
        (["net.json", "b", "--format", "rtneural", "--head", "linear"], "--head: files of rtneural say it themselves"),
        (["net.json", "net.safetensors", "--format", "rtneural"], "net.safetensors: exists; give --force"),
        (["none.onnx", "b"], "none.onnx: No such file"),
        (["net.h", "b"], "net.h: got the ending '.h', expected one of "),
        (["net.safetensors", "b"], "net.safetensors: has "),
        (["net.json", "b", "--bits", "8"], "--bits: is the width of a task; give --task, too"),
        (["net.json", "b", "--format", "rtneural", "--task", "sorting"], "--task: got 'sorting', expected one of"),
        (["net.json", "b", "--format", "rtneural", "--task", "addition"], "--task: addition has 2 inputs and 1 out"),
    ):
        status, out, err = call("import", *words)
        assert status == 2 and err.startswith(f"fastrnn: {message}") and err.count("\n") == 1, (words, err)
    status, out, err = call("import", "net.json", "a/b", "--format", "rtneural")
    assert status == 2 and err == "fastrnn: a/b: no folder a; make it, or name another\n"
    assert not (here / "b").exists()
    for name in NETWORKS:
        path = f"damaged{ending_of(name)}"
        (here / path).write_bytes(formats()[name]().encode(NETWORKS[name], "net")[:-40])
        status, out, err = call("import", path, "b", "--format", name)
        assert status == 2 and err.startswith(f"fastrnn: {path}: ") and err.count("\n") == 1, (name, err)


def test_a_network_of_a_task(call):
    network = random_network(fastrnn.Elman(3), outputs=1, head=Sigmoid())
    Model(network.cell, network.weights).save("adder.safetensors")
    assert call("export", "adder.safetensors", "adder.onnx")[0] == 0
    assert call("import", "adder.onnx", "again.safetensors", "--task", "addition", "--bits", "4")[0] == 0
    again = Model.load("again.safetensors")
    assert again.task == fastrnn.tasks.Addition(bits=4)
    same(again.weights, network.weights)
    status, _, err = call("import", "adder.onnx", "b", "--task", "addition", "--bits", "0")
    assert status == 2 and err.startswith("fastrnn: --bits: ")
    status, _, err = call("import", "adder.onnx", "b", "--task", "increment")
    assert status == 2 and err.startswith("fastrnn: --task: increment has 1 input")
