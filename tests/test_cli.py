"""The command line: what it prints, its exit status, and one clear line for everything a user can get wrong."""

import errno
import io
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_original import TRANSCRIPT

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.cli import COMMANDS, add, main
from fastrnn.cli.output import save_under_free_name
from fastrnn.cli.text import bit_row, equation, long_numbers, seconds, short
from fastrnn.model import Model
from fastrnn.program import program
from fastrnn.train.resume import load_run, save_run

ROOT = str(Path(__file__).resolve().parent.parent)
COMMAND = [sys.executable, "-m", "fastrnn"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files by kind: an exact adder, one that is wrong, an unfinished run, and what is no model at all."""
    folder = tmp_path_factory.mktemp("files")
    exact, unfinished = fastrnn.train(), fastrnn.train(max_samples=320)
    assert exact.exact and unfinished.stopped == "samples"
    exact.model.save(folder / "exact.safetensors")
    unfinished.model.save(folder / "wrong.safetensors")
    save_run(unfinished, folder / "unfinished.safetensors")
    fastrnn.train(task=fastrnn.tasks.Addition(8, operands=3), max_samples=16).model.save(folder / "three.safetensors")
    x = random.Random(0).choices([0.0, 1.0], k=64)
    data = ([[[a], [b]] for a, b in zip(x, x[1:])],) * 2
    arrays = fastrnn.train(data=data, max_samples=16, until="samples")
    arrays.model.save(folder / "arrays.safetensors")
    save_run(arrays, folder / "arrays-run.safetensors")
    whole = (folder / "exact.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "text.safetensors").write_text("no model\n" * 20)
    (folder / "folder").mkdir()
    return folder


@pytest.fixture
def feed(monkeypatch):
    """feed(bytes): standard input for what follows."""
    return lambda content: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def environment():
    return {**os.environ, "PYTHONPATH": ROOT}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_and_fits_the_terminal(call, command):
    status, out, err = call(command, "--help")
    assert status == 0 and not err
    assert "\nexamples:\n  fastrnn " in out
    assert max(map(len, out.splitlines())) <= 80
    _, everything, _ = call("--help")
    assert f"\n    {command} " in everything and max(map(len, everything.splitlines())) <= 80
    assert call()[1] == call("help")[1] == everything
    assert call("help", command) == (0, out, "")


def test_version(call):
    assert call("--version") == (0, f"fastrnn {fastrnn.__version__}\n", "")


def test_help_waits_for_no_heavy_import():
    code = """if True:
        import sys
        from fastrnn.cli import main
        assert main(["--help"]) == main(["--version"]) == main(["original", "--help"]) == 0
        print(sorted({"numpy", "numba", "safetensors", "tqdm", "matplotlib"} & set(sys.modules)))
    """
    result = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert result.stdout.endswith("\n[]\n")


def test_exports_are_what_they_were_before_they_were_lazy():
    code = """if True:
        import fastrnn.train.config, fastrnn.verify, fastrnn
        assert set(fastrnn.__all__) <= set(dir(fastrnn))
        import inspect
        assert inspect.isfunction(fastrnn.train) and inspect.isfunction(fastrnn.verify)
        from fastrnn import *
        import fastrnn.train.one
        assert train is fastrnn.train is fastrnn.train.__globals__["train"] and tasks.Addition(8).bits == 8
        assert {name for name in fastrnn.__all__ if name not in globals()} == set()
        assert not hasattr(fastrnn, "nothing")
        from fastrnn import verify, Elman
        print(verify.__module__, Elman.__module__)
    """
    result = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("fastrnn.verify fastrnn.cells.elman\n", "")


def test_options_of_train_cover_every_field(call):
    out = call("train", "--help")[1]
    for option in ("--task", "--bits", "--operands", "--hidden", "--activation", "--no-bias", "--threads", "--output"):
        assert f"  {option} " in out
    for name in fastrnn.TrainConfig.__dataclass_fields__:
        assert f"  --{name.replace('_', '-')} " in out


# ---- train


def test_train_prints_sums_proof_speed_and_where_the_model_is(call, here):
    status, out, err = call("train")
    assert (status, err) == (0, "")
    assert out.startswith("training: addition, 8 bits; elman, 16 hidden units\n")
    blocks = re.findall(
        r"^Pred:(\[[01 ]{15}\])\nTrue:(\[[01 ]{15}\])\n(\d+) \+ (\d+) = (\d+)\n-{12}\n", out, re.MULTILINE
    )
    assert len(blocks) == 3
    for pred, truth, a, b, answer in blocks:
        assert pred == truth == bit_row(int(a) + int(b), 8) and int(answer) == int(a) + int(b)
    assert re.search(r"\nexact on all 16,384 pairs \(checked in .*\)\nproved for every width: ", out)
    assert re.search(r"\n[\d,]+ samples in [\d.]+ m?s of training: [\d,]+ samples/s\n", out)
    assert "\nsaved runs/addition-8.safetensors\nsaved runs/addition-8-certificate.safetensors\n" \
           "try: fastrnn add runs/addition-8.safetensors 123 456\n" in out
    assert max(map(len, out.splitlines())) <= 80
    assert Model.load("runs/addition-8.safetensors").add(123, 456) == 579


def test_train_is_repeatable_and_never_overwrites(call, here):
    call("train", "--quiet")
    first = contents(here)
    assert "saved runs/addition-8-2.safetensors" in call("train")[1]
    weights = [Model.load(f"runs/addition-8{end}.safetensors").weights["w_hh"].tobytes() for end in ("", "-2")]
    assert weights[0] == weights[1]
    assert contents(here)["runs/addition-8.safetensors"] == first["runs/addition-8.safetensors"]


def test_train_takes_its_options(call, here):
    status, out, _ = call(
        "train",
        "--bits",
        12,
        "--operands",
        3,
        "--hidden",
        20,
        "--no-bias",
        "--seed",
        5,
        "--constants",
        "beta2=0.98",
        "epsilon=1e-7",
        "--max-samples",
        640,
        "--until",
        "samples",
        "--clip",
        1,
        "--batch-size",
        32,
        "--output",
        "a/b.safetensors",
        "--threads",
        1,
    )
    assert status == 0
    assert "\nsaved a/b.safetensors\n" in out and "12 bits, 3 operands; elman, 20 hidden units" in out
    run, config = load_run("a/b.safetensors")
    assert run.model.cell == fastrnn.Elman(20, bias=False)
    assert run.model.task == fastrnn.tasks.Addition(12, operands=3)
    assert config == fastrnn.TrainConfig(
        seed=5,
        constants=(("beta2", 0.98), ("epsilon", 1e-7)),
        max_samples=640,
        until="samples",
        clip=1.0,
        batch_size=32,
    )
    assert run.steps == 20


OPTIONS = {
    "hidden": ("cell", fastrnn.Elman(3)),
    "activation": ("cell", fastrnn.Elman(activation="tanh")),
    "no-bias": ("cell", fastrnn.Elman(bias=False)),
    "bits": ("task", fastrnn.tasks.Addition(9)),
    "operands": ("task", fastrnn.tasks.Addition(operands=3)),
    **{
        name: ("config", fastrnn.TrainConfig(**{name: value}))
        for name, value in {
            "loss": "cross-entropy",
            "optimizer": "momentum",
            "learning_rate": 0.25,
            "constants": (("beta1", 0.5),),
            "batch_size": 7,
            "max_samples": 99,
            "until": "samples",
            "patience": 5,
            "seed": 2**62,
            "initializer": "orthogonal",
            "schedule": "cosine",
            "clip": 0.5,
            "weight_decay": 0.25,
            "l1": 0.25,
            "initial_scale": 0.5,
            "truncate": 3,
            "curriculum": fastrnn.Curriculum(4, 3),
            "reduction": "sum",
            "dtype": "float64",
            "saturation": 0.125,
            "retention": 0.125,
        }.items()
    },
}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_of_train_arrives(call, monkeypatch, name):
    kind, expected = OPTIONS[name]
    # To a proof, where nothing else is asked for.
    expected = replace(expected, until="certified") if kind == "config" and name != "until" else expected
    defaults = {
        "cell": fastrnn.Elman(),
        "task": fastrnn.tasks.Addition(),
        "config": fastrnn.TrainConfig(until="certified"),
    }
    seen = []

    def stop(*parts, **options):
        seen.append(parts)
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["fastrnn.train"], "train", stop)
    value = getattr(expected, {"hidden": "hidden_size", "no-bias": "bias"}.get(name, name))
    words = [] if value is False else [f"{k}={v}" for k, v in value] if name == "constants" else [value]
    assert call("train", f"--{name.replace('_', '-')}", *words)[0] == 130
    assert seen == [tuple({**defaults, kind: expected}.values())] and expected != defaults[kind]


def test_every_option_is_tried():
    assert set(fastrnn.TrainConfig.__dataclass_fields__) <= set(OPTIONS)


def test_quiet_train_prints_nothing(call, here):
    assert call("train", "--quiet") == (0, "", "")
    assert sorted(contents(here)) == ["runs/addition-8-certificate.safetensors", "runs/addition-8.safetensors"]


def test_force_replaces_the_output(call, here):
    (here / "net").write_text("old")
    status, _, err = call("train", "--output", "net")
    assert (status, err) == (2, "fastrnn: net: exists; give --force to replace it\n")
    assert (here / "net").read_text() == "old"
    assert call("train", "--output", "net", "--force")[0] == 0
    assert Model.load("net").add(1, 2) == 3


def test_train_that_ends_without_being_exact_says_how_to_go_on(call, here):
    status, out, err = call("train", "--max-samples", 320)
    assert status == 1
    assert re.search(r"\nnot exact: [\d,]+ wrong of all 16,384 pairs ", out)
    go_on = "fastrnn train --resume runs/addition-8.safetensors --max-samples 640"
    assert err == f"fastrnn: not exact after 320 samples\ncontinue: {go_on}\n"
    status, out, err = call(*go_on.split()[1:-1], 1_000_000)
    assert (status, err) == (0, "")
    assert "saved runs/addition-8-2.safetensors" in out
    whole = fastrnn.train(until="certified")
    assert (
        Model.load("runs/addition-8-2.safetensors").weights["w_hh"].tobytes() == whole.model.weights["w_hh"].tobytes()
    )


def test_diverged_training_keeps_the_last_good_weights(call, here):
    status, out, err = call("train", "--learning-rate", "1e38")
    assert status == 1
    assert err.startswith("fastrnn: diverged: the loss was not finite after ") and "--learning-rate" in err
    assert "Pred:" not in out and "\nsaved runs/addition-8.safetensors\n" in out
    Model.load("runs/addition-8.safetensors")


def test_train_plots(call, here):
    status, out, _ = call("train", "--plot", "new/curve.png", "--output", "net")
    assert status == 0 and "\nplotted new/curve.png\n" in out
    assert (here / "new/curve.png").read_bytes().startswith(b"\x89PNG")
    assert "new/curve.png: exists" in call("train", "--plot", "new/curve.png")[2]


def test_without_matplotlib_nothing_is_trained(call, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, out, err = call("train", "--plot", "curve.png")
    assert (status, out) == (2, "") and err.count("\n") == 1 and "python -m pip install matplotlib" in err
    assert not contents(here)


def test_free_names(here):
    def save(name):
        # Another process may be faster.
        if name == "net-2.safetensors":
            open(name, "x").close()
        open(name, "x").close()

    names = [
        save_under_free_name(save, name)
        for name in ("net.safetensors", "net.safetensors", "net.safetensors", "net", "net")
    ]
    assert names == ["net.safetensors", "net-3.safetensors", "net-4.safetensors", "net", "net-2"]


def test_a_full_disk_names_the_file_and_leaves_nothing(call, here, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, err = call("train")
    assert status == 2 and err.endswith("fastrnn: runs/addition-8.safetensors: No space left on device\n")
    assert not contents(here)


def test_an_output_that_is_no_regular_file_is_refused_and_stays(call, here):
    os.mkfifo(here / "fifo")
    terminal = os.ttyname(pty.openpty()[1])
    for path, kind in (("fifo", "a FIFO"), (terminal, "a device"), ("/dev/null", "a device")):
        for command in (["train", "--output", path, "--force"], ["sweep", "--output", path, "--force"]):
            status, out, err = call(*command)
            assert (status, out) == (2, "") or command[0] == "sweep" and status == 2
            assert err == f"fastrnn: {path}: is {kind}, expected a regular file or a free name\n"
    assert [path.name for path in here.iterdir()] == ["fifo"] and (here / "fifo").is_fifo()


def test_samples_that_end_in_a_proof_are_saved_with_a_certificate_that_the_checker_accepts(call, here):
    status, out, _ = call("train", "--until", "samples", "--max-samples", 12_800, "--batch-size", 4)
    assert status == 0 and "proved" in out
    load_run("runs/addition-8.safetensors")
    tried = [line.removeprefix("try: fastrnn ").split() for line in out.splitlines() if line.startswith("try: ")]
    assert [command[0] for command in tried] == ["add", "check"]
    for command in tried:
        assert call(*command)[0] == 0


# ---- Ctrl-C


def read_terminal(screen):
    """What a program wrote to its terminal; nothing once it has ended."""
    try:
        return os.read(screen, 4096)
    except OSError:  # how Linux reports that the other side is closed
        return b""


def test_ctrl_c_saves_and_resume_goes_on_to_the_same_bytes(call, here, ctrl_c):
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "train", "--until", "samples", "--max-samples", "100000000"],
        cwd=here,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    # Compiling and loading are over once the bar is there.
    while b"%|" not in shown:
        assert select.select([screen], [], [], 120)[0], "no progress was shown"
        piece = read_terminal(screen)
        assert piece, "ended without a progress bar"
        shown += piece
    process.send_signal(signal.SIGINT)
    while piece := read_terminal(screen):
        shown += piece
    process.stdout.close()
    assert process.wait(60) == 130 and b"Traceback" not in shown
    err = re.split(r"\r(?!\n)", shown.decode())[-1].replace("\r\n", "\n")
    assert max(map(len, re.split(r"[\r\n]", shown.decode()))) <= 80
    path = "runs/addition-8.safetensors"
    said = re.search(r"^fastrnn: interrupted after ([\d,]+) samples\nsaved (.*)\ncontinue: (.*)\n\Z", err, re.MULTILINE)
    assert said and said[2] == path and said[3] == f"{program()} train --resume {path}"
    samples = int(said[1].replace(",", ""))
    assert 0 < samples < 100_000_000
    # Other options may be repeated, as long as they are the same.
    more = samples + 16_000
    status, out, err = call("train", "--resume", path, "--max-samples", more, "--seed", 0, "--output", "end")
    assert (status, err) == (0, "")
    assert f"\n{more:,} samples in " in out
    whole = fastrnn.train(until="samples", max_samples=more)
    for name, weight in load_run("end")[0].model.weights.items():
        assert weight.tobytes() == whole.model.weights[name].tobytes()


def test_ctrl_c_while_kernels_are_made_ready_leaves_nothing(call, here, monkeypatch, ctrl_c):
    monkeypatch.setattr(sys.modules["fastrnn.train.one"], "warm_up", lambda model: signal.raise_signal(signal.SIGINT))
    status, _, err = call("train")
    assert (status, err) == (130, "fastrnn: interrupted\n")
    assert not contents(here)


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


# ---- what a user can get wrong

EXACT, OF = "{files}/exact.safetensors", "{files}/"
WRONG_USE = {
    "unknown command": ("trian", "no command 'trian'; did you mean 'train'? see fastrnn --help"),
    "strange command": ("xyzzy", f"no command 'xyzzy'; commands: {', '.join(COMMANDS)}; see fastrnn --help"),
    "unknown command to help": ("help trian", "no command 'trian'; did you mean 'train'?"),
    "unknown option": ("train --colour 3", "no option --colour; see fastrnn train --help"),
    "abbreviated option": ("train --out x", "no option --out; did you mean --output? see fastrnn train --help"),
    "mistyped option": ("train --hiden=3", "no option --hiden; did you mean --hidden? see fastrnn train --help"),
    "another's option": ("train --lr 0.1", "no option --lr; did you mean --learning-rate? see fastrnn train --help"),
    "another task's option": (
        "train --factor 5",
        "no option --factor of the task addition; it belongs to --task multiplication; see",
    ),
    "another command's option": ("verify x --wxyz 3", "no option --wxyz; see fastrnn verify --help"),
    "one word too many": ("train 16", "got '16', which train does not take; see fastrnn train --help"),
    "unknown main option": (
        "--colour",
        "--colour: options follow the command, for example fastrnn COMMAND --colour; see fastrnn --help",
    ),
    "option before the command": (
        "--bits 16 train",
        "--bits: options follow the command, for example fastrnn train --bits; see fastrnn --help",
    ),
    "option without value": ("train --bits", "--bits: expected one argument; see fastrnn train --help"),
    "task without value": ("train --task", "--task: expected one argument"),
    "not an integer": ("train --bits eight", "--bits: got 'eight', expected an integer"),
    "not a number": ("train --learning-rate fast", "--learning-rate: got 'fast', expected a number"),
    "no bits": ("train --bits 0", "--bits: got 0, expected an integer of at least 1"),
    "too few bits": ("train --bits 1", "--bits: got 1, expected at least 2"),
    "no steps": ("train --truncate 0", "--truncate: got 0, expected an integer of at least 1"),
    "no first width": ("train --curriculum 0", "--curriculum: got a start of 0, expected at least 1"),
    "widths that stay": ("train --curriculum 8:1", "--curriculum: got a factor of 1, expected at least 2"),
    "no widths": ("train --curriculum wide", "--curriculum: got 'wide', expected START, START:FACTOR or none, for"),
    "one operand": ("train --operands 1", "--operands: got 1"),
    "no hidden units": ("train --hidden 0", "--hidden: got 0, expected an integer of at least 1"),
    "unknown activation": ("train --activation step", "--activation: got 'step', expected one of sigmoid"),
    "unknown task": ("train --task tea", "--task: got 'tea', expected one of addition"),
    "unknown cell": ("train --cell tea", "--cell: got 'tea', expected one of coupled-lstm, elman"),
    "unknown optimizer": ("train --optimizer tea", "--optimizer: got 'tea', expected one of adam"),
    "unknown until": ("train --until tea", "--until: got 'tea', expected one of exact, certified, samples"),
    "batch of 0": ("train --batch-size 0", "--batch-size: got 0"),
    "negative samples": ("train --max-samples -1", "--max-samples: got -1"),
    "negative rate": ("train --learning-rate -1", "--learning-rate: got -1.0, expected a positive number"),
    "infinite clip": ("train --clip inf", "--clip: got inf"),
    "negative seed": ("train --seed -1", "--seed: got -1"),
    "seed too large": ("train --seed 9223372036854775808", "--seed: got 9223372036854775808"),
    "no threads": ("train --threads 0", "--threads: got 0, expected an integer of at least 1"),
    "constant without value": ("train --constants beta2", "--constants: got 'beta2', expected NAME=VALUE"),
    "constant of text": ("train --constants beta2=x", "--constants: got 'x', expected a number"),
    "unknown constant": ("train --constants tea=1", "--constants: got tea=1.0, but adam has beta1"),
    "output is a folder": ("train --output {files}/folder", "folder: is a directory"),
    "output in a file": ("train --output {files}/text.safetensors/net", "net: cannot be written: "),
    "output nowhere": ("train --output /proc/none/net", "/proc/none/net: cannot be written: "),
    "plot of unknown kind": ("train --plot curve.xyz", "plot: got 'curve.xyz', expected an ending of"),
    "plot exists": ("train --plot {files}/text.safetensors", "text.safetensors: exists; give --force"),
    "plot is the output": ("train --plot a.png --output a.png", "a.png: cannot be both"),
    "resume of nothing": ("train --resume none", "none: no such file"),
    "resume of a finished model": (f"train --resume {EXACT}", "a finished model; expected a file of an unfinished run"),
    "resume of arrays": (f"train --resume {OF}arrays-run.safetensors", "was trained on arrays"),
    "resume of a used-up run": (
        f"train --resume {OF}unfinished.safetensors",
        "has had its 320 samples; give a larger --max-samples",
    ),
    "resume at another width": (f"train --resume {OF}unfinished.safetensors --bits 9", "--bits: got 9, but "),
    "resume at another seed": (
        f"train --resume {OF}unfinished.safetensors --max-samples 9999 --seed 4",
        "was begun with 0",
    ),
    "resume to nonsense": (f"train --resume {OF}unfinished.safetensors --max-samples 0", "--max-samples: got 0"),
    "verify nothing": ("verify", "the following arguments are required: MODEL; see fastrnn verify --help"),
    "verify a missing file": ("verify none", "none: no such file"),
    "verify a broken file": (f"verify {OF}cut.safetensors", "cut.safetensors: cannot be read"),
    "verify an empty file": (f"verify {OF}empty.safetensors", "empty.safetensors: is empty"),
    "verify a foreign file": (f"verify {OF}text.safetensors", "text.safetensors: cannot be read"),
    "verify a folder": (f"verify {OF}folder", "folder: is a directory"),
    "verify a model of arrays": (
        f"verify {OF}arrays.safetensors",
        "arrays.safetensors: this model was trained on arrays",
    ),
    "verify at no bits": (f"verify {EXACT} --bits 0", "--bits: got 0, expected an integer of at least 1"),
    "verify at too few bits": (f"verify {EXACT} --bits 1", "--bits: got 1, expected at least 2"),
    "verify no samples": (f"verify {EXACT} --samples 0", "--samples: got 0"),
    "verify a negative seed": (f"verify {EXACT} --seed -1", "--seed: got -1"),
    "verify an impossible seed": (f"verify {EXACT} --bits 64 --seed 18446744073709551616", "--seed: got"),
    "add with nothing": ("add", "the following arguments are required: MODEL"),
    "add to a missing file": ("add none 1 2", "none: no such file"),
    "add one number": (f"add {EXACT} 1", "add: got 1 number, this network adds 2"),
    "add three numbers": (f"add {EXACT} 1 2 3", "add: got 3 numbers, this network adds 2"),
    "add two to three": (f"add {OF}three.safetensors 1 2", "add: got 2 numbers, this network adds 3"),
    "add a negative number": (f"add {EXACT} 5 -3", "add: got '-3', expected a non-negative integer"),
    "add a fraction": (f"add {EXACT} 5 3.5", "add: got '3.5', expected a non-negative integer"),
    "add a word": (f"add {EXACT} 5 x", "add: got 'x', expected a non-negative integer"),
    "add a foreign digit": (f"add {EXACT} 5 ٣", "add: got '٣', expected a non-negative integer"),
    "add with arrays": (f"add {OF}arrays.safetensors 1 2", "arrays.safetensors: add: this model was trained on arrays"),
    "unknown engine": ("original --engine steam", "--engine: got 'steam', expected one of 'scalar', 'compiled'"),
    "original without samples": ("original --samples 0", "--samples: got 0, expected an integer >= 1"),
    "original too wide": ("original --bits 17", "--bits: got 17, expected an integer in [1, 16]"),
    "original without rate": ("original --alpha nan", "--alpha: got nan, expected a finite number"),
    "tasks with an argument": ("tasks all", "got 'all', which tasks does not take; see fastrnn tasks --help"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_one_line_and_status_2(call, files, here, case):
    argv, message = WRONG_USE[case]
    before = contents(files)
    status, out, err = call(*argv.format(files=files).split())
    assert (status, out) == (2, "")
    assert err.startswith("fastrnn: ") and err.endswith("\n") and err.count("\n") == 1
    assert message in err
    assert contents(files) == before and not contents(here)


@pytest.mark.parametrize("size", [10**12, 10**21])
def test_more_than_memory_holds_is_one_line(call, here, size):
    status, _, err = call("train", "--hidden", size)
    assert status == 2 and not contents(here)
    assert err.startswith("fastrnn: ") and err.count("\n") == 1


def test_a_folder_that_refuses_files_is_found_before_training(call, here, monkeypatch):
    import tempfile

    def refuse(**options):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert call("train") == (
        2,
        "",
        "fastrnn: runs/addition-8.safetensors: cannot be written: runs: Permission denied\n",
    )


def test_names_that_the_terminal_cannot_show(here):
    name = os.fsencode(here) + b"/\xff\n\xe9"
    result = subprocess.run(
        [*COMMAND, "verify", name], env={**environment(), "PYTHONIOENCODING": "ascii"}, capture_output=True
    )
    assert result.returncode == 2
    assert (
        result.stderr.startswith(b"fastrnn: ") and result.stderr.count(b"\n") == 1 and b"no such file" in result.stderr
    )


def test_a_closed_pipe_is_silent():
    process = subprocess.Popen([*COMMAND, "original", "--samples", "3000", "--report-every", "1"], env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"Error:[ 3.45638663]\n"
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == (b"", 141)


def test_closed_streams_are_no_traceback(files):
    for closed in (">&-", "<&-", "2>&-"):
        line = f'"$0" -m fastrnn add "$1" 1 2 {closed}'
        result = subprocess.run(["sh", "-c", line, sys.executable, str(files / "exact.safetensors")], env=environment(),
                                capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, ""), closed
        assert result.stdout == ("" if closed == ">&-" else "3\n")


def test_a_full_disk_under_standard_output_is_one_line(capsys, monkeypatch):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["tasks"]) == 2
    assert capsys.readouterr().err == "fastrnn: No space left on device\n"


# ---- how things are written


def test_numbers_and_sums_in_words():
    task = fastrnn.tasks.Addition(8)
    assert equation(task, (9, 60), 69) == "9 + 60 = 69"
    assert equation(task, (9, 60), 68, 69) == "9 + 60 = 68, not 69"
    assert short(10**30) == "1000000000...0000000000"
    for count in (2, 3, 4, 5, 32):
        with long_numbers():
            text = equation(task, (10**5000,) * count, 10**5000, 1)
        assert len(text) <= 77 and text.endswith(", not 1")
    assert equation(task, tuple(range(9)), 36) == "0 + 1 + ... + 8 = 36"
    assert bit_row(69, 8) == "[0 1 0 0 0 1 0 1]"
    assert len(f"Pred:{bit_row(2**4000, 4096)}") <= 80
    assert [seconds(value) for value in (0.00123, 0.5, 12.345, 1234)] == ["1.2 ms", "0.50 s", "12.35 s", "1,234 s"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_on_a_terminal_when_it_takes_long(monkeypatch):
    from fastrnn.cli.progress import Bar

    monkeypatch.setattr(sys, "stderr", Terminal())
    with Bar(100, delay=3600) as bar:
        bar(10)
    assert sys.stderr.getvalue() == ""
    with Bar(100, delay=0, enabled=False) as bar:
        bar(10)
    assert sys.stderr.getvalue() == ""
    with Bar(100, delay=0) as bar:
        bar(50, "loss 1")
    shown = sys.stderr.getvalue()
    assert " 50%|" in shown and "loss 1" in shown and max(map(len, re.split(r"[\r\n]", shown))) <= 80
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Bar(100, delay=0) as bar:
        bar(50)
    assert sys.stderr.getvalue() == ""


def test_compiling_is_announced_once_on_a_terminal_and_only_when_it_happens(monkeypatch):
    import numba

    from fastrnn.cli.progress import compiling_noted

    compiled = numba.njit(lambda x: x + 1)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with compiling_noted():
        compiled(1)
        compiled(1.0)
    assert sys.stderr.getvalue() == "compiling kernels (about 8 s, once for this kind of network)\n"
    with compiling_noted():
        compiled(1)
    with compiling_noted(enabled=False):
        compiled(1j)
    assert sys.stderr.getvalue().count("\n") == 1
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with compiling_noted():
        compiled(np.float32(1))
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_when_the_program_has_a_longer_name(command, monkeypatch, capsys):
    monkeypatch.setattr("fastrnn.cli.program", lambda: ".venv/bin/python -m fastrnn")
    assert main([*command.split(), "--help"]) == 0
    # The usage is argparse's, and one command has two large numbers and no option before which it could be broken.
    _, *rest = capsys.readouterr().out.split("\n\n")
    assert not [line for text in rest for line in text.splitlines() if len(line) > 80 and " add " not in line]


@pytest.mark.parametrize("cell", cells())
def test_options_of_cells_have_texts_of_their_own(cell, capsys):
    assert main(["fit", "--cell", cell, "--help"]) == 0
    section = capsys.readouterr().out.split(f"cell {cell}:\n")[1].split("\n\n")[0]
    options = re.findall(r"^  --(\S+)(?: [A-Z]+)? +(.*)$", section, re.MULTILINE)
    assert options and not [name for name, text in options if text.partition(" (default")[0] == name]
