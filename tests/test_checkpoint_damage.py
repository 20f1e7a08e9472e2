"""Files of models that are damaged, or something else: one clear line, or the same model."""

import json
import os
import sys

import numpy as np
import pytest
from checkpoint_files import content, fault_of, header_of, model, path, saved  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from fastrnn.cells.elman import Elman
from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.model import Model


def test_a_missing_file(path):
    assert fault_of(path) == "no such file; expected a checkpoint that Model.save wrote"


def test_a_path_that_no_file_can_have():
    with pytest.raises(CheckpointError, match=r"^a\\x00b: no such file; "):
        Model.load("a\0b")


def test_a_directory(tmp_path):
    assert fault_of(tmp_path) == "is a directory; expected a checkpoint that Model.save wrote"


def test_a_device():
    assert fault_of(os.devnull).startswith("is not a regular file")


def test_an_empty_file(path):
    path.write_bytes(b"")
    assert fault_of(path) == "is empty; expected a checkpoint that Model.save wrote"


@pytest.mark.parametrize(
    "raw",
    [b"x", b"not safetensors", b"\x80\x04\x95pickle" * 50, b"\xff" * 100, b"\0" * 8, b"\x02" + b"\0" * 7 + b"{}"[:1]],
)
def test_another_kind_of_file(path, raw):
    path.write_bytes(raw)
    assert fault_of(path).startswith("cannot be read (")
    assert fault_of(path).endswith(
        "truncated, damaged, or not a safetensors file; expected a checkpoint that Model.save wrote"
    )


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_safetensors_file_of_another_program(path, metadata):
    path.write_bytes(save({"weight": np.zeros(3)}, metadata))
    assert fault_of(path) == "a safetensors file, but not one of fastrnn's; expected a checkpoint that Model.save wrote"


def test_a_dtype_that_numpy_lacks(path):
    metadata = json.dumps(
        {"__metadata__": {"fastrnn": "{}"}, "w_ih": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    ).encode()
    path.write_bytes(len(metadata).to_bytes(8, "little") + metadata + bytes(4))
    # Where ml_dtypes was imported, NumPy has it, and what follows is looked at.
    known = "ml_dtypes" in sys.modules
    assert fault_of(path).startswith("fastrnn's metadata are damaged" if known else "cannot be read (")


def test_truncated_anywhere(saved):
    whole = content(saved)
    for size in range(1, len(whole), 50):
        saved.write_bytes(whole[:size])
        assert fault_of(saved).startswith("cannot be read (")
    saved.write_bytes(whole[:-1])
    assert fault_of(saved).startswith("cannot be read (")
    saved.write_bytes(whole + b"\0")
    assert fault_of(saved).startswith("cannot be read (")


# Files of ours whose metadata are wrong: each as (change of the header, message).

def entry(*keys, value):
    def change(header):
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value
    return change


def without(key):
    return lambda header: header.pop(key)


WRONG = {
    "future": (entry("format", value=2), "got format 2, written by fastrnn "),
    "format 0": (entry("format", value=0), "got format 0, "),
    "format true": (entry("format", value=True), "fastrnn's metadata are damaged: no format or versions"),
    "format text": (entry("format", value="1"), "fastrnn's metadata are damaged: no format or versions"),
    "no format": (without("format"), "fastrnn's metadata are damaged: no format or versions"),
    "no versions": (without("versions"), "fastrnn's metadata are damaged: no format or versions"),
    "no task": (without("task"), "fastrnn's metadata are damaged: no task or metadata"),
    "no metadata": (without("metadata"), "fastrnn's metadata are damaged: no task or metadata"),
    "metadata list": (entry("metadata", value=[]), "fastrnn's metadata are damaged: no task or metadata"),
    "no cell": (without("cell"), "cell: got None, expected its name and fields"),
    "cell null": (entry("cell", value=None), "cell: got None, expected its name and fields"),
    "cell text": (entry("cell", value="elman"), "cell: got 'elman', expected its name and fields"),
    "cell unknown": (
        entry("cell", "name", value="hopfield"),
        "cell: got 'hopfield', this fastrnn has coupled-lstm, elman",
    ),
    "cell unnamed": (entry("cell", "name", value=None), "cell: got None, this fastrnn has coupled-lstm, elman"),
    "cell name list": (
        entry("cell", "name", value=["elman"]),
        "cell: got ['elman'], this fastrnn has coupled-lstm, elman",
    ),
    "task unnamed": (entry("task", "name", value=3), "task: got 3, this fastrnn has addition"),
    "task list": (entry("task", value=[]), "task: got [], expected its name and fields"),
    "task false": (entry("task", value=False), "task: got False, expected its name and fields"),
    "size text": (entry("cell", "hidden_size", value="5"), "cell elman: hidden_size: got '5', expected int"),
    "size float": (entry("cell", "hidden_size", value=5.0), "cell elman: hidden_size: got 5.0, expected int"),
    "size true": (entry("cell", "hidden_size", value=True), "cell elman: hidden_size: got True, expected int"),
    "size 0": (
        entry("cell", "hidden_size", value=0),
        "cell elman: hidden_size: got 0, expected an integer of at least 1",
    ),
    "bias 1": (entry("cell", "bias", value=1), "cell elman: bias: got 1, expected bool"),
    "activation list": (entry("cell", "activation", value=[]), "cell elman: activation: got [], expected str"),
    "activation unknown": (
        entry("cell", "activation", value="sine"),
        "cell elman: activation: got 'sine', expected one of sigmoid",
    ),
    "field unknown": (
        entry("cell", "gates", value=3),
        "cell elman: got 'gates', expected activation, bias, hidden_size: update fastrnn",
    ),
    "bits null": (entry("task", "bits", value=None), "task addition: bits: got None, expected int"),
    "bits -1": (entry("task", "bits", value=-1), "task addition: bits: got -1, expected an integer of at least 1"),
    # What only the weights can tell.
    "size other": (entry("cell", "hidden_size", value=6), "b_hh: got shape (5,), expected (6,)"),
    "size huge": (entry("cell", "hidden_size", value=10**30), "cell elman: hidden_size: got 1000000"),
    "no biases": (
        entry("cell", "bias", value=False),
        "weights: got b_hh, b_ih, b_o, w_hh, w_ho, w_ih, expected w_ih, w_hh, w_ho",
    ),
    "task other": (
        entry("task", "operands", value=3),
        "task: addition has 3 inputs and 1 outputs, the weights have 2 and 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_metadata(saved, case):
    change, message = WRONG[case]
    weights, header = load(content(saved)), header_of(saved)
    del header["digest"]
    change(header)
    saved.write_bytes(save(weights, {"fastrnn": json.dumps(header)}))
    assert fault_of(saved).startswith(message)


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, '{"format": ' + "9" * 5000 + "}"])
def test_metadata_that_are_no_json(saved, text):
    saved.write_bytes(save(load(content(saved)), {"fastrnn": text}))
    assert fault_of(saved).startswith("fastrnn's metadata are not JSON (")


@pytest.mark.parametrize("text", ["null", "[]", "1", '"format"'])
def test_metadata_that_are_no_object(saved, text):
    saved.write_bytes(save(load(content(saved)), {"fastrnn": text}))
    assert fault_of(saved).startswith("fastrnn's metadata are damaged")


def test_a_field_the_file_lacks_takes_its_default(saved):
    weights, header = load(content(saved)), header_of(saved)
    del header["cell"]["bias"], header["digest"]
    saved.write_bytes(save(weights, {"fastrnn": json.dumps(header)}))
    assert Model.load(saved).cell == Elman(5)


WRONG_WEIGHTS = {
    "missing": (lambda weights: weights.pop("b_o"), "weights: got b_hh, b_ih, w_hh, w_ho, w_ih, expected w_ih,"),
    "one more": (lambda weights: weights.update(extra=np.zeros(1, np.float32)), "weights: got b_hh, b_ih, b_o, extra,"),
    "shape": (
        lambda weights: weights.update(w_hh=np.zeros((5, 4), np.float32)),
        "w_hh: got shape (5, 4), expected (5, 5)",
    ),
    "flat": (
        lambda weights: weights.update(w_ih=np.zeros(10, np.float32)),
        "weights: got w_ih (10,) and w_ho (1, 5), expected",
    ),
    "dtype": (
        lambda weights: weights.update(b_o=np.zeros(1, np.int32)),
        "weights: got float32, int32, expected all float32",
    ),
    "nan": (
        lambda weights: weights.update(b_o=np.full(1, np.nan, np.float32)),
        "b_o: holds values that are not finite",
    ),
    "infinite": (
        lambda weights: weights.update(b_o=np.full(1, np.inf, np.float32)),
        "b_o: holds values that are not finite",
    ),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_wrong_weights(saved, case):
    change, message = WRONG_WEIGHTS[case]
    weights, metadata = read_checkpoint(saved)
    change(weights)
    write_checkpoint(saved, weights, metadata)
    assert fault_of(saved).startswith(message)


def test_a_failed_load_leaves_the_file_alone(saved):
    raw = content(saved)[:-1]
    saved.write_bytes(raw)
    fault_of(saved)
    assert content(saved) == raw
    assert os.listdir(saved.parent) == [saved.name]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """(a path to write to, the bytes of a good file)."""
    path = tmp_path_factory.mktemp("damage") / "net"
    model().save(path)
    return path, content(path)


def load_or_fault(path, raw):
    """Loading ends in a Model of the same bytes as the good file's, if that has a digest, or in a CheckpointError."""
    path.write_bytes(raw)
    try:
        loaded = Model.load(path)
        if "digest" in header_of(path):
            good = model()
            assert (loaded.cell, loaded.task, loaded.metadata) == (good.cell, good.task, good.metadata)
            assert {name: array.tobytes() for name, array in loaded.weights.items()} == {
                name: array.tobytes() for name, array in good.weights.items()}
    except CheckpointError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_bytes_changed_anywhere_load_as_no_other_model(scratch, data):
    path, raw = scratch
    # Mostly in the header, which is where bytes mean something.
    header = 8 + int.from_bytes(raw[:8], "little")
    at = st.one_of(
        st.integers(0, 7), st.integers(8, header - 1), st.integers(8, header - 1), st.integers(header, len(raw) - 1)
    )
    value = st.one_of(st.integers(0, 255), st.sampled_from(b'{}[]",:0129-\\enuF'))
    changed = bytearray(raw)
    for position, byte in data.draw(st.dictionaries(at, value, min_size=1, max_size=4)).items():
        changed[position] = byte
    load_or_fault(path, bytes(changed))


def test_every_byte_counts(scratch):
    path, raw = scratch
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1 << position % 8
        load_or_fault(path, bytes(changed))


def test_a_file_without_a_digest_loads_but_not_one_with_the_digest_of_another(saved):
    weights, header = load(content(saved)), header_of(saved)
    digest = header.pop("digest")
    saved.write_bytes(save(weights, {"fastrnn": json.dumps(header)}))
    assert Model.load(saved).weights["w_hh"].tobytes() == weights["w_hh"].tobytes()
    weights["w_hh"][0, 0] += 1
    saved.write_bytes(save(weights, {"fastrnn": json.dumps({**header, "digest": digest})}))
    assert fault_of(saved).startswith("is damaged: ")
    # Where the name of the digest is what is damaged.
    saved.write_bytes(save(weights, {"fastrnn": json.dumps({**header, "digesu": digest})}))
    assert fault_of(saved).startswith("fastrnn's metadata are damaged: got 'digesu'")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["elman", "addition", "sigmoid"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    value=json_values,
    keys=st.sampled_from(
        [
            (),
            ("cell",),
            ("task",),
            ("cell", "name"),
            ("cell", "hidden_size"),
            ("cell", "activation"),
            ("cell", "bias"),
            ("task", "bits"),
            ("task", "operands"),
            ("task", "name"),
            ("format",),
            ("versions",),
            ("metadata",),
            ("versions", "fastrnn"),
        ]
    ),
)
def test_any_json_anywhere_in_the_metadata_raises_nothing_else(scratch, value, keys):
    path, raw = scratch
    path.write_bytes(raw)
    weights, header = load(raw), header_of(path)
    # As forgers do it; whatever else changed is refused for its digest.
    del header["digest"]
    if keys:
        entry(*keys, value=value)(header)
    load_or_fault(path, save(weights, {"fastrnn": json.dumps(header if keys else value)}))
