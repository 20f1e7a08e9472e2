"""`generalize` and its command: counts at ever larger widths, against Python's int."""

import json
import random
import re

import numpy as np
import pytest
from certified_models import WRONG, proved

import fastrnn
from fastrnn import Elman, Model
from fastrnn.cli import main
from fastrnn.evaluate import Tally
from fastrnn.generalization import widths
from fastrnn.plots import plot_generalization
from fastrnn.tasks import Addition


@pytest.fixture(scope="module")
def wrong():
    """A network that is exact on all pairs of 8 bits and wrong at some larger width."""
    return Model.load(next(path for path in WRONG if "16-sigmoid" in path.name))


@pytest.fixture(scope="module")
def far(wrong):
    return fastrnn.generalize(wrong, 1024, samples=20, seed=3)


@pytest.fixture
def files(tmp_path, wrong):
    wrong.save(tmp_path / "wrong.safetensors")
    proved().model.save(tmp_path / "right.safetensors")
    Model(Elman(16), wrong.weights).save(tmp_path / "bare.safetensors")
    return tmp_path


def test_widths_double_and_leave_out_those_that_are_too_narrow():
    assert widths(Addition(), 100) == [8, 16, 32, 64] and widths(Addition(8, operands=32), 7) == []
    assert widths(Addition(16, operands=32), 64) == [8, 16, 32, 64]


@pytest.mark.parametrize("name, value", [("most", np.inf), ("most", "64"), ("most", 64.5), ("threads", 0)])
def test_impossible_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=f"^{name}: got .*, expected an integer of at least 1$"):
        fastrnn.generalize(proved().model, **{name: value})


def test_tallies_of_hard_families_are_those_that_python_counts(wrong, far):
    assert list(far.tallies) == [8, 16, 32, 64, 128, 256, 512, 1024] and far.families[0] == "random"
    for bits in (8, 256, 1024):
        hard = Addition(bits).hard_cases()
        assert list(far.tallies[bits]) == list(dict.fromkeys(["random", *(name for name, _ in hard)]))
        assert far.tallies[bits]["random"].samples == 20
        for family in far.families[1:]:
            pairs = [operands for name, operands in hard if name == family]
            # A set bit above both makes every sum run for as many steps.
            answers = [answer % 2**bits for answer in wrong.add_many([(a, b + 2**bits) for a, b in pairs])]
            differing = [answer ^ (a + b) for answer, (a, b) in zip(answers, pairs)]
            tally = far.tallies[bits][family]
            assert (tally.samples, tally.bits) == (len(pairs), len(pairs) * bits)
            assert (tally.wrong, tally.wrong_bits) == (sum(map(bool, differing)), sum(map(int.bit_count, differing)))


def test_sums_over_widths_and_families(far):
    assert far.first_wrong("all ones") == far.first_wrong() == 256 and far.first_wrong("zero") is None and not far.exact
    everything = Tally()
    for bits in far.tallies:
        everything.add(far.total(bits))
    assert everything == far.total()
    assert far.total(1024, "equal") == far.tallies[1024]["equal"]
    assert far.total(1024).margin == min(tally.margin for tally in far.tallies[1024].values())
    assert 0 < far.total(1024).exact_accuracy < far.total(8).exact_accuracy == 1 == far.total(8).bit_accuracy


def test_a_proved_network_is_right_as_far_as_one_looks():
    found = fastrnn.generalize(proved().model, 1 << 15, samples=5)
    assert found.exact and found.first_wrong() is None and found.total().wrong_bits == 0
    assert found.total().margin >= proved().margin


def test_chains_of_every_length_are_in_the_hard_cases():
    bits = 300
    pairs = [operands for family, operands in Addition(bits).hard_cases() if family == "every length"]
    seen = {"made": set(), "ended": set()}
    for a, b in pairs:
        before, length = None, 0
        for t in range(bits - 1):
            bit = (a >> t & 1, b >> t & 1)
            if bit[0] != bit[1]:
                length += 1
                continue
            if before and length:
                seen[before].add(length)
            before, length = "made" if bit == (1, 1) else "ended", 0
    longest = max(seen["made"])
    assert longest >= 20 and seen["made"] == set(range(1, longest + 1)) and seen["ended"] >= set(range(1, longest))


def test_the_file_holds_every_count(far, tmp_path):
    far.save(tmp_path / "far.json")
    content = json.loads((tmp_path / "far.json").read_text())
    assert content["task"] == "addition" and content["trained_bits"] == 8
    assert len(content["rows"]) == 8 * len(far.families)
    row = next(row for row in content["rows"] if row["bits"] == 1024 and row["family"] == "all ones")
    tally = far.tallies[1024]["all ones"]
    assert (
        row["wrong"] == tally.wrong > 0
        and row["bit_accuracy"] == 1 - tally.wrong_bits / tally.bits
        and row["margin"] == tally.margin
    )


def test_the_picture_is_drawn(far, tmp_path):
    plot_generalization(far, tmp_path / "far.svg")
    text = (tmp_path / "far.svg").read_text()
    assert "<svg" in text and all(f"{family}" in text for family in far.families)


def test_the_command_prints_tables_that_fit_and_writes_what_was_asked_for(files, capsys):
    plot, counts = files / "far.png", files / "far.json"
    assert (
        main(
            [
                "generalize",
                str(files / "right.safetensors"),
                "--max-bits",
                "64",
                "--plot",
                str(plot),
                "--json",
                str(counts),
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert re.search(r"^no mistake in \d+ samples up to 64 bits \(", out, re.M) and "every length" in out
    assert max(len(line) for line in out.splitlines() if str(files) not in line) < 80
    assert plot.read_bytes()[:4] == b"\x89PNG" and json.loads(counts.read_text())["rows"]
    assert main(["generalize", str(files / "wrong.safetensors"), "--max-bits", "1024", "--samples", "9"]) == 1
    out = capsys.readouterr().out
    assert (
        re.search(r"^first mistake at 256 bits, of [\d,]+ samples up to 1,024 bits \(", out, re.M)
        and max(map(len, out.splitlines())) < 80
    )


@pytest.mark.parametrize("words, message", [
    (["bare.safetensors"], "this model was trained on arrays, so there is no task to test it on"),
    (["right.safetensors", "--max-bits", "4"], "--max-bits: got 4, expected at least 8"),
    (["right.safetensors", "--max-bits", "0"], "--max-bits: got 0, expected an integer of at least 1"),
    (["right.safetensors", "--json", "right.safetensors"], "exists; give --force to replace it"),
    (["right.safetensors", "--plot", "a.png", "--json", "a.png"], "cannot be both the --plot and the --json"),
    (["right.safetensors", "--plot", "a.docx"], "expected an ending of"), (["none.safetensors"], "none.safetensors")])
def test_wrong_use_is_one_line_and_status_2(files, monkeypatch, capsys, words, message):
    monkeypatch.chdir(files)
    assert main(["generalize", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_share_of_nearly_all_is_not_all():
    from fastrnn.cli.generalize import share

    assert (
        share(0, 10**9, 2) == "100 %"
        and share(1, 10**9, 2) == "<100.00 %"
        and share(1, 8, 2) == "87.50 %"
        and share(8, 8, 2) == "0.00 %"
    )


@pytest.mark.slow
def test_a_million_bits():
    draw = random.Random(0)
    pairs = [(draw.getrandbits(10**6), draw.getrandbits(10**6)) for _ in range(64)]
    assert proved().model.add_many(pairs) == [a + b for a, b in pairs]
    found = fastrnn.generalize(proved().model, 1 << 20, samples=16)
    assert found.exact and np.isfinite(found.total().margin) and list(found.tallies)[-1] == 1 << 20
