"""The checker accepts complete certificates for exactly these weights, and refuses everything else."""

import time

import numpy as np
import pytest
from certified_models import FIXTURES, WRONG, double, proved
from check_runs import Files, accepted, automaton_in_file, files, small  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrnn
from fastrnn.check import Refused, check
from fastrnn.model import Model
from fastrnn.proofs import certify


def test_certificates_of_every_kind_are_accepted(tmp_path):
    for name, found in (
        ("sigmoid", proved()),
        ("tanh", proved(16, "tanh")),
        ("float64", double()),
        ("small", proved(8)),
        ("without biases", proved(bias=False)),
    ):
        (tmp_path / name).mkdir()
        claim = accepted(tmp_path / name, found)
        assert claim["task"] == {"name": "addition", "operands": 2}, "a proof has no width"


@pytest.mark.slow
def test_a_certificate_for_sums_of_three_is_accepted(tmp_path):
    found = proved(16, operands=3)
    assert accepted(tmp_path, certify(found.model, k=found.k))["task"]["operands"] == 3


def test_the_smallest_adder_has_two_hidden_units_and_is_proved(tmp_path):
    model = Model.load(FIXTURES / "smallest-adder.safetensors")
    assert model.hidden_size == 2
    found = certify(model)
    assert found.proved and found.k == 4 and found.margin > 1
    accepted(tmp_path, found)
    assert model.add(3**2000, 7**1500) == 3**2000 + 7**1500


def test_checking_three_symbols_at_hidden_16_takes_less_than_30_seconds(tmp_path):
    found = certify(proved().model, k=3)
    began = time.perf_counter()
    accepted(tmp_path, found)
    assert time.perf_counter() - began < 30


# ---- what must be refused

FIELDS = {
    "format": lambda claim: claim.update(format=1),
    "format as a float": lambda claim: claim.update(format=2.0),
    "task name": lambda claim: claim["task"].update(name="subtraction"),
    "task operands": lambda claim: claim["task"].update(operands=3),
    "task operands as a float": lambda claim: claim["task"].update(operands=2.0),
    "task, a width": lambda claim: claim["task"].update(bits=8),
    "task missing": lambda claim: claim.update(task=None),
    "cell name": lambda claim: claim["cell"].update(name="gru"),
    "cell size": lambda claim: claim["cell"].update(hidden_size=15),
    "cell activation": lambda claim: claim["cell"].update(activation="tanh"),
    "cell bias": lambda claim: claim["cell"].update(bias=False),
    "dtype": lambda claim: claim.update(dtype="float64"),
    "dtype unknown": lambda claim: claim.update(dtype="float16"),
    "weights": lambda claim: claim.update(weights="0" * 64),
    "margin larger": lambda claim: claim.update(margin=claim["margin"] * 1.000001),
    "margin smaller": lambda claim: claim.update(margin=claim["margin"] * 0.9999),
    "margin, no number": lambda claim: claim.update(margin=float("nan")),
    "margin, a string": lambda claim: claim.update(margin=str(claim["margin"])),
    "format of Elman networks": lambda claim: claim.update(format=2),
    "formula missing": lambda claim: claim.pop("formula"),
    "formula, another": lambda claim: claim.update(formula=claim["formula"].replace("sigmoid", "tanh")),
    "formula that means the same": lambda claim: claim.update(formula=claim["formula"].replace("v0", "v1")),
    "formula, no text": lambda claim: claim.update(formula=None),
    "head": lambda claim: claim.update(head="softmax"),
    "head missing": lambda claim: claim.pop("head"),
    "a field missing": lambda claim: claim.pop("margin"),
    "a field too many": lambda claim: claim.update(note="trust me"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_tampered_with_is_refused(files, field):
    files.refuses(lambda boxes, claim: FIELDS[field](claim))


# What certificates of format 2 said of rounding errors.
ROUNDING = {
    **{
        f"rounding {name} {what}": lambda claim, name=name, factor=factor: claim["rounding"].update(
            {name: claim["rounding"][name] * factor}
        )
        for name in ("gamma_pre", "gamma_out", "underflow", "activation")
        for what, factor in (("less", 0.999), ("more", 1.001))
    },
    "rounding missing": lambda claim: claim["rounding"].pop("underflow"),
    "rounding, no numbers": lambda claim: claim.update(rounding=None),
    "format": lambda claim: claim.update(format=3),
    "a field too many": lambda claim: claim.update(head="sigmoid"),
}


@pytest.mark.parametrize("field", ROUNDING)
def test_a_certificate_of_format_2_is_accepted_and_refused_once_tampered_with(tmp_path, field):
    old = Files.of(tmp_path, FIXTURES / "adder-8-certificate.safetensors", FIXTURES / "adder-8.safetensors")
    assert check(old.certificate, old.model)["format"] == 2
    old.refuses(lambda boxes, claim: ROUNDING[field](claim))


def shrink(boxes, share):
    centre, radius = (boxes["low"] + boxes["high"]) / 2, (boxes["high"] - boxes["low"]) / 2
    boxes["low"], boxes["high"] = centre - radius * (1 - share), centre + radius * (1 - share)


def one_end(name, node, unit, by):
    def change(boxes, claim):
        boxes[name][node, unit] += by * (boxes["high"] - boxes["low"])[node, unit]

    return change


BOXES = {
    "all shrunk by one part in a million": lambda boxes, claim: shrink(boxes, 1e-6),
    "all shrunk by half": lambda boxes, claim: shrink(boxes, 0.5),
    "all points": lambda boxes, claim: shrink(boxes, 1.0),
    "all doubled": lambda boxes, claim: shrink(boxes, -1.0),
    "everything": lambda boxes, claim: (boxes["low"].fill(-1.0), boxes["high"].fill(2.0)),
    "turned over": lambda boxes, claim: boxes.update(low=boxes["high"], high=boxes["low"]),
    "low of one moved": one_end("low", 5, 3, 1e-6),
    "high of one moved": one_end("high", 9, 0, -1e-6),
    "two nodes exchanged": lambda boxes, claim: [
        boxes[name].__setitem__([1, 2], boxes[name][[2, 1]]) for name in boxes
    ],
    "the first node's box moved": lambda boxes, claim: (
        boxes["low"].__setitem__(0, 1e-9),
        boxes["high"].__setitem__(0, 1e-9),
    ),
    "what follows on two symbols exchanged": lambda boxes, claim: boxes["following"].__setitem__(
        (3, [0, 1]), boxes["following"][3, [1, 0]]
    ),
    "all nodes follow otherwise": lambda boxes, claim: boxes.update(following=boxes["following"][:, ::-1]),
    "everything leads to one node": lambda boxes, claim: boxes["following"].fill(1),
    "a node that nothing leads to": lambda boxes, claim: boxes.update(
        {name: np.concatenate([array, array[-1:]]) for name, array in boxes.items()}
    ),
    "a node that is not there": lambda boxes, claim: boxes["following"].__setitem__((2, 1), len(boxes["low"])),
    "a negative node": lambda boxes, claim: boxes["following"].__setitem__((2, 1), -1),
    "nodes as floats": lambda boxes, claim: boxes.update(following=boxes["following"].astype(float)),
    "a symbol missing": lambda boxes, claim: boxes.update(following=boxes["following"][:, :-1]),
    "no nodes": lambda boxes, claim: boxes.update({name: array[:0] for name, array in boxes.items()}),
    "two units exchanged": lambda boxes, claim: [
        boxes[name].__setitem__((slice(None), [0, 1]), boxes[name][:, [1, 0]]) for name in ("low", "high")
    ],
    "not a number": lambda boxes, claim: boxes["low"].__setitem__((0, 0), np.nan),
    "infinite": lambda boxes, claim: boxes["high"].__setitem__((0, 0), np.inf),
    "a node missing": lambda boxes, claim: boxes.update({name: array[:-1] for name, array in boxes.items()}),
    "a unit missing": lambda boxes, claim: boxes.update(low=boxes["low"][:, 1:], high=boxes["high"][:, 1:]),
    "in float32": lambda boxes, claim: boxes.update(low=boxes["low"].astype(np.float32)),
    "an array missing": lambda boxes, claim: boxes.pop("following"),
    "an array too many": lambda boxes, claim: boxes.update(more=np.zeros(1)),
}


@pytest.mark.parametrize("case", BOXES)
def test_boxes_tampered_with_are_refused(files, case):
    files.refuses(BOXES[case])


@pytest.mark.parametrize(
    "make", [proved, lambda: proved(16, "tanh"), lambda: proved(8)], ids=["sigmoid", "tanh", "small"]
)
def test_boxes_shrunk_by_one_part_in_a_million_are_refused_for_every_network(tmp_path, make):
    assert "leaves its box" in Files(tmp_path, make()).refuses(lambda boxes, claim: shrink(boxes, 1e-6))


def test_other_weights_are_refused(files):
    def flip(name):
        return lambda weights, header: weights.update({name: weights[name] * np.float32(1 + 2**-23)})

    for name in ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o"):
        assert "other weights" in files.refuses(change_model=flip(name))
    with pytest.raises(Refused, match="other weights"):
        check(files.certificate, WRONG[0])
    exchanged = files.refuses(
        change_model=lambda weights, header: weights.update(b_ih=weights["b_hh"] + 1, b_hh=weights["b_ih"] - 1)
    )
    assert "other weights" in exchanged


def test_other_weights_with_their_right_hash_are_refused_by_their_boxes(files):
    def change(weights, header):
        weights["w_hh"] = weights["w_hh"] * np.float32(0.99)

    assert "leaves its box" in files.refuses(change_model=change, rehash=True)


@pytest.mark.parametrize("path", [path for path in WRONG if "-16-sigmoid" in path.stem], ids=lambda path: path.stem)
def test_a_wrong_network_with_a_forged_certificate_is_refused(files, path):
    wrong = Model.load(path)
    assert "leaves its box" in files.refuses(
        change_model=lambda weights, header: weights.update(wrong.weights), rehash=True
    )


def both(change):
    """The same lie in the certificate and in the model."""
    return {"change": lambda boxes, claim: change(claim["task"], claim["cell"]),
            "change_model": lambda weights, header: change(header["task"], header["cell"])}


def test_a_lie_told_twice_is_refused_by_what_it_is_about(files):
    assert "task: got" in files.refuses(**both(lambda task, cell: task.update(name="subtraction")))
    assert "automaton: got 2 states and 4 symbols, expected 8" in files.refuses(
        **both(lambda task, cell: task.update(operands=3))
    )
    assert "leaves its box" in files.refuses(**both(lambda task, cell: cell.update(activation="tanh"))) \
        or "formula" in files.refuses(**both(lambda task, cell: cell.update(activation="tanh")))
    assert "the shape" in files.refuses(**both(lambda task, cell: cell.update(hidden_size=8)))
    assert "cell: got" in files.refuses(**both(lambda task, cell: cell.update(name="gru")))


def test_a_network_without_memory_is_no_adder_whatever_its_graph(tmp_path):
    # Its boxes hold and its first outputs are right; only that one node would have to mean two carries gives it away.
    weights = {
        "w_ih": [[20, 20], [20, 20]],
        "w_hh": [[0, 0], [0, 0]],
        "b_ih": [-10, -30],
        "b_hh": [0, 0],
        "w_ho": [[20, -20]],
        "b_o": [-10],
    }
    model = Model(
        fastrnn.Elman(2),
        {name: np.array(weight, np.float32) for name, weight in weights.items()},
        fastrnn.tasks.Xor(8, delay=0),
    )
    files = Files(tmp_path, certify(model, k=1))
    assert check(files.certificate, files.model)["task"] == {"name": "xor", "delay": 0}

    def rename(boxes, claim):
        claim["task"] = {"name": "addition", "operands": 2}
        claim["automaton"] = automaton_in_file(claim["task"])

    said = files.refuses(
        rename, lambda weights, header: header.update(task={"name": "addition", "operands": 2, "bits": 8})
    )
    assert "two ways to it mean different things" in said


def test_a_model_without_a_task_is_refused(files):
    assert "no task" in files.refuses(change_model=lambda weights, header: header.update(task=None))


@pytest.mark.parametrize("content", [b"", b"\0" * 4, b"no certificate at all", b"\xff" * 64,
                                     (2).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"[{}]"])
def test_files_that_are_no_certificates_are_refused(files, tmp_path, content):
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(Refused, match="cannot be read"):
        check(path, files.model)
    with pytest.raises(Refused, match="cannot be read"):
        check(files.certificate, path)
    with pytest.raises(Refused, match="cannot be read"):
        check(tmp_path / "none", files.model)
    with pytest.raises(Refused):
        check(files.model, files.certificate)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_byte_changed_anywhere_is_refused_or_changes_no_statement(small, place, change):
    content = bytearray(small.certificate.read_bytes())
    content[place % len(content)] ^= change
    path = small.folder / "byte.safetensors"
    path.write_bytes(content)
    try:
        claim = check(path, small.model)
    except Refused:
        return
    # What is left are changes in the last digits of a box or a margin: still a proof, and of the same.
    before = small.load(small.certificate, "certificate")[1]
    assert abs(claim.pop("margin") - before.pop("margin")) < 1e-5
    assert claim == before
