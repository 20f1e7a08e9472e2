"""Commands that use a model: verify and add; and original, the tutorial's program."""

import io
import random
import re
import select
import subprocess
import sys

import pytest
from cli_runs import COMMAND, environment
from test_original import TRANSCRIPT

import fastrnn
from fastrnn.cli import add
from fastrnn.cli.text import long_numbers
from fastrnn.model import Model

# ---- verify


def test_verify_counts_all_pairs(call, files):
    status, out, err = call("verify", files / "exact.safetensors", "--bits", 9)
    assert (status, err) == (0, "")
    assert out.startswith("addition, 9 bits\nexact on all 65,536 pairs\nsmallest |logit| ")


def test_verify_lists_families_where_all_are_too_many(call, files):
    status, out, _ = call(
        "verify", files / "exact.safetensors", "--bits", 200, "--samples", 1000, "--seed", 3, "--threads", 1
    )
    assert status == 0
    assert re.search(r"\n  carry chain +7 +0\n(.*\n)+  random +1,000 +0\n", out)
    assert "\nexact on 1,030 pairs, random and hard ones\n" in out


@pytest.mark.parametrize("bits", [8, 64, 3000])
def test_verify_shows_wrong_sums_within_80_columns(call, files, bits):
    status, out, _ = call("verify", files / "wrong.safetensors", "--bits", bits, "--samples", 100)
    assert status == 1
    assert re.search(r"\nnot exact: [\d,]+ wrong of ", out)
    shown = out.partition("first wrong answers:\n")[2].splitlines()[:-1]
    assert len(shown) == 5 and max(map(len, out.splitlines())) <= 80
    for line in shown if bits == 8 else ():
        a, b, answer, truth = map(int, re.fullmatch(r"  (\d+) \+ (\d+) = (\d+), not (\d+)", line).groups())
        assert a + b == truth != answer
    network = Model.load(files / "wrong.safetensors")
    assert status == (not fastrnn.verify(network, bits, 100).exact)


# ---- add


def test_add(call, files):
    assert call("add", files / "exact.safetensors", 123456789, 987654321) == (0, "1111111110\n", "")
    assert call("add", files / "exact.safetensors", "0", "000") == (0, "0\n", "")


def test_add_has_no_limit_of_digits(call, files):
    with long_numbers():
        a, b = 10**6000 + 7, 3**9000
        assert call("add", files / "exact.safetensors", a, b) == (0, f"{a + b}\n", "")
    assert sys.get_int_max_str_digits() == 4300


def test_add_from_standard_input(call, files, feed, monkeypatch):
    draw = random.Random(1)
    # Of any length in any order, more than one word of them, the last without its line's end.
    with long_numbers():
        pairs = [(draw.randrange(10**digits), draw.randrange(10**digits)) for digits in [5000, 1, 40, 5000, 3] * 30]
        text = "\n".join(f"{a} \t{b}" for a, b in pairs)
        expected = "".join(f"{a + b}\n" for a, b in pairs)
    for groups in (add.GROUP_BITS, 64):
        monkeypatch.setattr(add, "GROUP_BITS", groups)
        for arguments in ((), ("-",)):
            feed(text.encode())
            assert call("add", files / "exact.safetensors", *arguments) == (0, expected, "")


def test_groups_are_cut_where_many_sums_meet_a_long_one(monkeypatch):
    monkeypatch.setattr(add, "GROUP_BITS", 1000)
    lines = [b"1 1"] * 100 + [b"1 " + b"9" * 30] + [b"1 1"] * 100
    sizes = [len(group) for group in add._groups(io.BytesIO(b"\n".join(lines)), 2)]
    # The last line, without an end, arrives by itself.
    assert sizes == [100, 64, 36, 1]


def test_add_skips_empty_lines_and_takes_no_input_at_all(call, files, feed):
    feed(b"\n 1 2 \n\n\r\n30 40\r\n")
    assert call("add", files / "exact.safetensors") == (0, "3\n70\n", "")
    feed(b"")
    assert call("add", files / "exact.safetensors") == (0, "", "")


@pytest.mark.parametrize(("line", "message"), [
    (b"5 -3", "line 3: got '-3', expected a non-negative integer"), (b"5", "line 3: got 1 number, this network adds 2"),
    (b"1 2 3", "line 3: got 3 numbers, this network adds 2"), (b"1 two", "line 3: got 'two', expected"),
    (b"1 \xff", "line 3: got '\ufffd', expected"), (b"1 1_0", "line 3: got '1_0', expected"),
    (b"1 x" + b"9" * 9000, "line 3: got 'x999999999...9999999999', expected")])
def test_a_bad_line_ends_the_sums_after_those_before_it(call, files, feed, line, message):
    feed(b"1 2\n3 4\n" + line + b"\n5 6\n")
    status, out, err = call("add", files / "exact.safetensors")
    assert (status, out) == (2, "3\n7\n")
    assert err.startswith(f"fastrnn: {message}") and err.count("\n") == 1


def test_a_wrong_answer_is_printed_with_the_true_sum_beside_it(call, files, feed):
    network = Model.load(files / "wrong.safetensors")
    pairs = [(a, b) for a in range(100, 110) for b in range(10)]
    wrong = [(i, a, b) for i, (a, b) in enumerate(pairs) if network.add(a, b) != a + b]
    assert len(wrong) > 5
    _, a, b = wrong[0]
    expected = f"fastrnn: the network's answer is wrong: the sum is {a + b}\n"
    assert call("add", files / "wrong.safetensors", a, b) == (1, f"{network.add(a, b)}\n", expected)
    feed("\n".join(f"{a} {b}" for a, b in pairs).encode())
    status, out, err = call("add", files / "wrong.safetensors")
    assert status == 1
    # A sum is asked for as many steps as its own group needs.
    assert out.splitlines() == [str(answer) for answer in network.add_many(pairs)]
    *warnings, count = err.splitlines()
    assert len(warnings) == 5 and re.fullmatch(
        r"fastrnn: line \d+: the network's answer is wrong: the sum is \d+", warnings[0]
    )
    assert re.fullmatch(r"fastrnn: \d+ of 100 answers are wrong", count)


def test_add_answers_a_sum_before_the_next_one_comes(files):
    process = subprocess.Popen(
        [*COMMAND, "add", str(files / "exact.safetensors")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        for a in (1, 2**70):
            process.stdin.write(b"%d %d\n" % (a, a))
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 60)[0], "no answer"
            assert process.stdout.readline() == b"%d\n" % (2 * a)
    finally:
        process.stdin.close()
        process.stdin = None
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and b"Traceback" not in err


# ---- original and tasks


@pytest.mark.parametrize("engine", ["scalar", "compiled"])
def test_original_prints_the_tutorial(call, engine):
    # The scalar engine, which is the default, is slow: three of the ten blocks.
    arguments, samples, lines = ((), "10,000", 50) if engine == "compiled" else (("--samples", 2001), "2,001", 15)
    status, out, err = call("original", *(["--engine", engine] if engine == "compiled" else []), *arguments)
    assert (status, out) == (0, "".join(TRANSCRIPT.splitlines(keepends=True)[:lines]))
    assert re.fullmatch(rf"{samples} samples in [\d.]+ m?s: [\d,]+ samples/s \({engine}\)", err.splitlines()[-1])


@pytest.mark.parametrize("option, more", [("--hidden", ()), ("--hidden", ("--runs", 2)), ("--runs", ())])
def test_original_refuses_more_than_there_are_addresses(call, option, more):
    for number in (2**62, 2**80, 2**63):
        status, out, err = call("original", option, number, *more)
        assert (status, out) == (2, "") and (f"{option}: got {number}" in err or "memory" in err), err


def test_original_takes_its_options(call):
    _, out, _ = call(
        "original",
        "--engine",
        "compiled",
        "--samples",
        6,
        "--seed",
        1,
        "--hidden",
        3,
        "--alpha",
        0.2,
        "--bits",
        5,
        "--report-every",
        2,
    )
    assert out.count("Error:") == 3 and re.search(r"\nPred:\[[01]( [01]){4}\]\n", out)
    assert (
        out
        != call("original", "--engine", "compiled", "--samples", 6, "--hidden", 3, "--bits", 5, "--report-every", 2)[1]
    )
