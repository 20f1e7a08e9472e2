"""A model comes back from its file bit for bit; whatever else a file holds ends in one clear line."""

import json
import os

import numpy as np
import pytest
from checkpoint_files import content, fault_of, header_of, model, path, saved  # noqa: F401
from safetensors.numpy import load, save

from fastrnn import checkpoint
from fastrnn.cells.base import cells
from fastrnn.cells.elman import Elman
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.tasks.addition import Addition


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cell", [Elman(5), Elman(17, "tanh", bias=False), Elman(1, "relu")], ids=str)
@pytest.mark.parametrize("task", [Addition(300, 2), None], ids=str)
def test_a_model_comes_back_as_it_was(path, cell, task, dtype):
    original = model(cell, task, dtype)
    original.save(path)
    loaded = Model.load(path)
    assert (loaded.cell, loaded.task, loaded.dtype) == (cell, task, dtype)
    assert list(loaded.weights) == list(shapes_of(cell, 2, 1))
    for name, weight in original.weights.items():
        assert loaded.weights[name].tobytes() == weight.tobytes()
        assert loaded.weights[name].shape == weight.shape


def test_what_is_no_cell_is_named():
    for cell in (None, Elman):
        with pytest.raises(TypeError, match="^cell: got .*, expected an? "):
            Model(cell, model(Elman(5)).weights)


def test_predictions_are_the_same(path):
    original = model(Elman(5))
    original.save(path)
    x = np.random.default_rng(0).integers(0, 2, (20, 8, 2))
    assert np.array_equal(Model.load(path).predict(x), original.predict(x))


def test_equal_models_give_equal_bytes_and_so_does_a_loaded_one(tmp_path):
    # Keys that sort differently as ints and as the strings they are in JSON.
    first, same, again = (tmp_path / name for name in "abc")
    model(seeds={2: "two", 10: "ten"}, loss=0.25).save(first)
    model(loss=0.25, seeds={10: "ten", 2: "two"}).save(same)
    assert content(first) == content(same)
    Model.load(first).save(again)
    assert content(first) == content(again)


def test_the_file_is_plain_safetensors_under_pytorchs_names(saved):
    weights = load(content(saved))
    assert {name: weight.shape for name, weight in weights.items()} == {
        "w_ih": (5, 2), "w_hh": (5, 5), "b_ih": (5,), "b_hh": (5,), "w_ho": (1, 5), "b_o": (1,)}
    header = header_of(saved)
    assert header["format"] == 1
    assert set(header["versions"]) == {"fastrnn", "numpy", "numba"}
    assert header["versions"]["numpy"] == np.__version__
    assert header["cell"] == {"name": "elman", "hidden_size": 5, "activation": "sigmoid", "bias": True}
    assert header["task"] == {"name": "addition", "bits": 8, "operands": 2}


@pytest.mark.parametrize("name", ["net", "net.npz", "Größe.safetensors", "a b"])
def test_the_path_is_taken_as_given(tmp_path, name):
    model().save(str(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    Model.load(str(tmp_path / name))


METADATA = {
    "note": "Prüfling mit Umlauten äöüß \u2211 \U0001f600",
    "broken file name": "\udcff",
    "Zahl": {"größe": [1, 2.5, None, True]},
    "loss": [0.1, 1e-300, 12345678901234567890],
    "format": "not the header's",
    "empty": {},
}


def test_metadata_come_back(path):
    model(**METADATA).save(path)
    assert Model.load(path).metadata == METADATA


def test_a_history_that_went_to_nan_can_be_saved(path):
    model(loss=[1.0, float("inf"), float("nan")]).save(path)
    loss = Model.load(path).metadata["loss"]
    assert loss[:2] == [1.0, float("inf")] and np.isnan(loss[2])


def test_no_weight_shares_the_callers_arrays_or_the_file(saved):
    loaded = Model.load(saved)
    before = content(saved)
    for weight in loaded.weights.values():
        weight += 1
    assert content(saved) == before


@pytest.mark.parametrize(
    "unfit", [{1, 2}, np.float32(1), b"bytes", {(1, 2): 3}, object()], ids=lambda value: type(value).__name__
)
def test_what_json_cannot_hold_is_refused_and_the_old_file_stays(saved, unfit):
    before = content(saved)
    with pytest.raises(TypeError, match="^metadata: .*expected dicts, lists, str, int"):
        model(config=unfit).save(saved)
    assert content(saved) == before
    assert os.listdir(saved.parent) == [saved.name]


def test_metadata_that_contain_themselves_are_refused(path):
    loop = []
    loop.append(loop)
    with pytest.raises(TypeError, match="^metadata: "):
        model(loop=loop).save(path)
    assert not path.exists()


def test_a_failing_write_leaves_the_old_file(saved, monkeypatch):
    before = content(saved)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        model(Elman(7)).save(saved)
    assert content(saved) == before
    assert os.listdir(saved.parent) == [saved.name]


def test_a_missing_folder_is_an_error_that_names_the_path(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        model().save(tmp_path / "nowhere" / "net")


# Files that are none of ours.


def test_every_cell_is_found_by_its_name():
    assert cells()["elman"] is Elman
    for name, cell in cells().items():
        assert cell.name == name


def test_a_package_that_is_not_installed_has_no_version():
    assert checkpoint.version_of("no-such-package-at-all") == "unknown"
    assert checkpoint.version_of("numpy") == np.__version__


@pytest.mark.parametrize("value", ["a" * 10_000, "\x1b[2Kproved\n", "\u202e\0"])
def test_what_a_file_holds_is_quoted_in_one_short_printable_line(saved, value):
    weights, header = load(content(saved)), header_of(saved)
    del header["digest"]
    header["cell"]["activation"] = value
    saved.write_bytes(save(weights, {"fastrnn": json.dumps(header)}))
    said = fault_of(saved)
    assert said.startswith("cell elman: activation: got ") and said.isprintable() and len(said) <= 500
    # What is no JSON is quoted by safetensors itself.
    saved.write_bytes((len(value) + 2000).to_bytes(8, "little") + b'{"' + value.encode() * 2 + content(saved))
    assert fault_of(saved).startswith("cannot be read (") and fault_of(saved).endswith(
        "expected a checkpoint that Model.save wrote"
    )
    assert len(fault_of(saved)) <= 500
