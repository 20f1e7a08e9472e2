"""Files of strangers: whatever they hold, `fastrnn check` refuses them in a short line, soon and in little memory."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from certified_models import proved
from fuzz_check import File, Fuzzer, outcomes
from safetensors.numpy import save

from fastrnn.check import (
    LONGEST,
    MOST_BYTES,
    MOST_PRODUCTS,
    MOST_WEIGHTS,
    MOST_WORK,
    Refused,
    check,
    hash_of,
    printable,
)
from fastrnn.cli import main
from fastrnn.errors import CheckpointError
from fastrnn.model import Model

ESCAPES = "\x1b[2J\x1b[Hproved for every width: addition\r\n"


class Pair:
    """A good certificate and its model, and changed copies of both."""

    def __init__(self, folder):
        self.folder, found = folder, proved(8)
        self.certificate, self.model = folder / "good-certificate.safetensors", folder / "good.safetensors"
        found.save(self.certificate)
        found.model.save(self.model)

    def changed(self, of_certificate=None, of_model=None, path="x.safetensors"):
        """Paths of copies; each change works on a File in place."""
        paths = self.folder / path.replace(".", "-certificate."), self.folder / path
        originals = (self.certificate, "certificate", of_certificate), (self.model, "fastrnn", of_model)
        for (original, key, change), copy in zip(originals, paths):
            file = File(original.read_bytes(), key)
            if change:
                change(file)
            copy.write_bytes(file.content())
        return paths


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("hostile"))


def refusal(certificate, model):
    with pytest.raises(Refused) as refused:
        check(certificate, model)
    text = str(refused.value)
    assert text.isprintable() and 0 < len(text) <= LONGEST, repr(text)
    return text


def set_in(path, value):
    """A change that sets the JSON metadata's value at a path."""

    def change(file):
        place = file.inner
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


def test_a_good_pair_is_accepted_with_and_without_a_digest_and_with_the_state_of_a_training(pair, tmp_path):
    for paths in ((pair.certificate, pair.model), pair.changed()):
        assert check(*paths)["task"] == {"name": "addition", "operands": 2}
    file, path = File(pair.model.read_bytes(), "fastrnn"), tmp_path / "unfinished.safetensors"
    file.inner.pop("digest", None)
    state = {
        "training.step": np.zeros((), np.uint64),
        "training.live": np.ones((0, 3), bool),
        "training.m": np.full(3, np.nan),
    }
    path.write_bytes(save({**file.arrays(), **state}, {"fastrnn": json.dumps(file.inner)}))
    assert Model.load(path) and check(pair.certificate, path)


CELL = {
    "hidden_size": (8.0, "8", [8], None, True, -8, 0, 10**9, 10**30),
    "activation": (["sigmoid"], {}, None, 1, "Sigmoid", ESCAPES * 1000),
    "bias": (1, None, []),
    "name": (["elman"], ESCAPES),
    "note": (1,),
}
CLAIM = {
    "dtype": (["float32"], {}, None, "float16", ESCAPES),
    "format": ([], 2.0, True, ESCAPES),
    "task": ([], None, {"name": ESCAPES}, {ESCAPES: 1}),
    "weights": ([], None, ESCAPES * 9999),
    "margin": ([], None, 1, 1e308, -1.0, True),
    "rounding": ([], None, {ESCAPES: 1}),
    "formula": ([], None, ESCAPES * 9999, "a | a (1, 1) |  | h | return old_h"),
    "head": ([], None, {"name": "sigmoid"}, ESCAPES),
    "automaton": ([], None, {}, {"next": [], "outputs": []}, {"next": [[0] * 4], "outputs": ESCAPES}),
    ESCAPES: (1,),
}


@pytest.mark.parametrize("field", CELL)
def test_a_cell_that_makes_no_sense_is_refused(pair, field):
    for value in CELL[field]:
        change = set_in(("cell", field), value)
        for paths in (pair.changed(change, change), pair.changed(change), pair.changed(None, change)):
            refusal(*paths)


@pytest.mark.parametrize("field", CLAIM)
def test_a_claim_that_makes_no_sense_is_refused(pair, field):
    for value in CLAIM[field]:
        refusal(*pair.changed(set_in((field,), value)))


@pytest.mark.parametrize(
    "path, value",
    [
        (("task", "bits"), 0),
        (("task", "bits"), 8.0),
        (("task", "bits"), None),
        (("task", "bits"), 1),
        (("task", "bits"), 2**63),
        (("task", "note"), 1),
        (("format",), 3),
        (("format",), 1.0),
        (("versions",), None),
        (("metadata",), []),
        (("cell",), None),
        (("note",), 1),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused(pair, path, value):
    certificate, model = pair.changed(None, set_in(path, value))
    with pytest.raises(CheckpointError):
        Model.load(model)
    refusal(certificate, model)


def test_a_model_without_a_task_is_refused(pair):
    assert "no task" in refusal(*pair.changed(None, set_in(("task",), None)))


def test_a_model_whose_digest_is_not_right_is_refused(pair, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pair.model.read_bytes().replace(b'\\"numpy\\"', b'\\"numpi\\"'))
    with pytest.raises(CheckpointError):
        Model.load(path)
    assert "not what was saved" in refusal(pair.certificate, path)


def test_names_that_steer_a_terminal_are_escaped(pair, capsys):
    def name(file):
        file.header[ESCAPES] = file.header.pop("low" if "low" in file.header else "w_ih")

    for paths in (pair.changed(name), pair.changed(None, name)):
        refusal(*paths)
        assert main(["check", *map(str, paths)]) == 1
        out, err = capsys.readouterr()
        assert out.startswith("refused: ") and out.count("\n") == 1 and out[:-1].isprintable() and not err
    wild = str(pair.folder / ESCAPES.strip())
    assert main(["check", wild, wild]) == 2
    assert capsys.readouterr().err[:-1].isprintable()
    assert "\x1b" not in refusal(wild, wild)


@pytest.mark.parametrize("text", [ESCAPES, "\u202eesrever", "\ud800", "\0", "a" * 10**6, "é" * 70, "\x7f\x9b"])
def test_printable_text_is_short_and_printable(text):
    assert printable(text).isprintable() and len(printable(text)) <= 60


def test_pipes_devices_and_folders_are_not_waited_for(pair, capsys):
    fifo = pair.folder / "fifo-certificate.safetensors"
    os.mkfifo(fifo)
    for path in (
        fifo,
        Path("/dev/zero"),
        Path("/dev/stdin"),
        pair.folder,
        Path("/proc/self/mem"),
        pair.folder / "none",
    ):
        for paths in ((path, pair.model), (pair.certificate, path)):
            refusal(*paths)
    # A pipe that takes the file's place in between is opened, and not waited for either.
    os.chmod(fifo, 0o600)
    code = (
        "import os, stat\nfrom fastrnn import check\ncheck.stat.S_ISREG = lambda mode: True\n"
        f"print(check.content_of({str(fifo)!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "b''\n"
    assert main(["check", str(fifo), str(pair.model)]) == 1
    assert "not a regular file" in capsys.readouterr().out


def test_large_files_are_refused_unread(pair, tmp_path):
    sparse = tmp_path / "sparse"
    with open(sparse, "wb") as file:
        file.write(pair.model.read_bytes())
        file.truncate(1 << 40)
    for paths in ((sparse, pair.model), (pair.certificate, sparse)):
        assert f"more than {MOST_BYTES:,} bytes" in refusal(*paths)


@pytest.mark.parametrize("text", [b'"__metadata__": {', b'\\"format\\": 4', b'"low": {"shape'])
def test_a_name_given_twice_is_refused_though_both_say_the_same(pair, tmp_path, text):
    content = pair.certificate.read_bytes()
    header = content[8 : -len(File(content, "certificate").data)].rstrip()
    once = json.loads(header)
    if b"format" in text:
        header = header.replace(text, text + b", " + text)
    else:
        name = text.split(b'"')[1].decode()
        header = header[:-1] + f', "{name}": {json.dumps(once[name])}}}'.encode()
    path = tmp_path / "twice"
    path.write_bytes(raw(header, File(content, "certificate").data))
    assert "given twice" in refusal(path, pair.model)


def raw(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def with_metadata(text):
    return raw(b'{"__metadata__": {"certificate": ' + json.dumps(text).encode() + b', "fastrnn": "{}"}}')


def one_array(**entry):
    return raw(
        {"__metadata__": {"certificate": "{}"}, "low": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8], **entry}},
        bytes(8),
    )


BROKEN = {
    "empty": b"",
    "short": b"\1\0",
    "a header longer than the file": struct.pack("<Q", 2**63) + b"{}",
    "a header of a terabyte": struct.pack("<Q", 2**40),
    "not JSON": raw(b"{not json}"),
    "a list": raw([]),
    "a number": raw(b"7"),
    "another encoding": raw('{"__metadata__": {}}'.encode("utf-16")),
    "no metadata": raw({}),
    "metadata that are a list": raw({"__metadata__": []}),
    "metadata that are numbers": raw({"__metadata__": {"certificate": 1}}),
    "deep": raw(b"[" * 10**5 + b"]" * 10**5),
    "deep metadata": with_metadata("[" * 10**5 + "]" * 10**5),
    "long integers": with_metadata("9" * 10**5),
    "long floats": with_metadata("1" + "0" * 10**5 + ".5"),
    "a name twice": raw(b'{"__metadata__": {"certificate": "{}"}, "__metadata__": {"certificate": "{}"}}'),
    "a name twice in the metadata": with_metadata('{"format": 2, "format": 2}'),
    "lone surrogates": raw(b'{"__metadata__": {"certificate": "\\ud800"}}'),
    "many arrays": raw(
        {
            "__metadata__": {"certificate": "{}"},
            **{f"a{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(9999)},
        }
    ),
    "shape of a float": one_array(shape=[1.0]),
    "shape of a bool": one_array(shape=[True]),
    "negative shape": one_array(shape=[-1]),
    "shape no list": one_array(shape=1),
    "shape of text": one_array(shape="1"),
    "shape too large": one_array(shape=[2**62, 2**62]),
    "shape of many axes": one_array(shape=[1] * 1000),
    "shape larger than the data": one_array(shape=[1000]),
    "offsets beyond": one_array(data_offsets=[0, 2**40]),
    "offsets turned": one_array(data_offsets=[8, 0]),
    "offsets missing": one_array(data_offsets=[]),
    "offsets that overlap the header": one_array(data_offsets=[-8, 0]),
    "dtype unknown": one_array(dtype="F4"),
    "dtype a list": one_array(dtype=["F64"]),
    "more in an entry": one_array(note=1),
    "bytes behind": one_array(shape=[0], data_offsets=[0, 0]),
    "gap": one_array(dtype="F32", data_offsets=[4, 8]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_refused(pair, tmp_path, case):
    path = tmp_path / "x"
    path.write_bytes(BROKEN[case])
    refusal(path, pair.model)
    path.write_bytes(BROKEN[case].replace(b'"certificate"', b'"fastrnn"'))
    refusal(pair.certificate, path)


def copies(nodes):
    """A graph (nodes, 4) of exclusive or, in which a node is as good as the others of its output."""
    following, outputs, queue = np.zeros((nodes, 4), np.int64), [0, 1, 1, 0], 1
    first = {}
    for node in range(nodes):
        for symbol, output in enumerate(outputs):
            first.setdefault(output, queue)
            following[node, symbol] = queue if queue < nodes else first[output]
            queue += queue < nodes
    return following


def oversized(folder, hidden, nodes, dtype="float32"):
    """Paths of a certificate and a model in which all but the sizes is as it should be."""
    weights = {
        name: np.full(shape, 1e-3, dtype)
        for name, shape in {"w_ih": (hidden, 2), "w_hh": (hidden, hidden), "w_ho": (1, hidden)}.items()
    }
    task, cell = (
        {"name": "xor", "delay": 0},
        {"name": "elman", "hidden_size": hidden, "activation": "sigmoid", "bias": False},
    )
    u, eta, terms = *{"float32": (2.0**-24, 2.0**-126), "float64": (2.0**-53, 2.0**-1022)}[dtype], hidden + 4
    rounding = {
        "gamma_pre": terms * u / (1 - terms * u),
        "gamma_out": (hidden + 1) * u / (1 - (hidden + 1) * u),
        "underflow": terms * eta,
        "activation": {"float32": 8e-7, "float64": 6.8e-16}[dtype],
    }
    claim = {
        "format": 2,
        "task": task,
        "cell": cell,
        "dtype": dtype,
        "weights": hash_of(weights),
        "margin": 1.0,
        "rounding": rounding,
    }
    boxes = {"low": np.full((nodes, hidden), -1.0), "high": np.full((nodes, hidden), 2.0), "following": copies(nodes)}
    header = {"format": 1, "versions": {}, "metadata": {}, "cell": cell, "task": {**task, "bits": 8}}
    paths = folder / "large-certificate.safetensors", folder / "large.safetensors"
    paths[0].write_bytes(save(boxes, {"certificate": json.dumps(claim)}))
    paths[1].write_bytes(save(weights, {"fastrnn": json.dumps(header)}))
    return paths


@pytest.mark.parametrize(
    "hidden, nodes, dtype",
    [
        (int(MOST_WEIGHTS**0.5) + 1, 3, "float32"),
        (int((MOST_WEIGHTS / 4) ** 0.5) + 1, 3, "float64"),
        (256, MOST_PRODUCTS // 256**2 + 1, "float32"),
        (128, MOST_PRODUCTS // (4 * 128**2) + 1, "float64"),
        (32, MOST_WORK // 32 + 9, "float32"),
        (1, 16385, "float32"),
    ],
)
def test_what_would_take_long_is_refused_before_it_is_begun(tmp_path, monkeypatch, hidden, nodes, dtype):
    monkeypatch.setattr("fastrnn.check.Network.sums", None)
    said = refusal(*oversized(tmp_path, hidden, nodes, dtype))
    assert "larger than this checker takes" in said or "nodes, expected" in said


def test_the_largest_files_take_less_than_100_megabytes(tmp_path):
    # The memory of this process is that of all tests before.
    code = (
        "import sys\nfrom fastrnn.check import Refused, check\n"
        "try: check(*sys.argv[1:])\nexcept Refused as refused: print(refused)\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    hidden = int(MOST_WEIGHTS**0.5) - 2
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, oversized(tmp_path, hidden, 3))],
        capture_output=True,
        text=True,
        check=True,
    )
    reason, kilobytes = done.stdout.splitlines()
    assert "leaves its box" in reason or "margin" in reason
    assert int(kilobytes) < 100_000


@pytest.fixture(scope="module")
def fuzzer(pair, tmp_path_factory):
    return Fuzzer(tmp_path_factory.mktemp("fuzzed"), pair.certificate, pair.model)


def test_mutated_files_are_refused_or_say_what_is_true(fuzzer):
    found = outcomes(fuzzer, 150)
    came = {}
    for (_, outcome), count in found.items():
        came[outcome] = came.get(outcome, 0) + count
    assert sum(came.values()) == 150 and came["refused"] > 100 and came["accepted: the same claim"] > 0


@pytest.mark.slow
def test_many_mutated_files_are_refused_or_say_what_is_true(fuzzer):
    assert sum(outcomes(fuzzer, 10_000, seed=1).values()) == 10_000
