"""The command `fastrnn train`: what it prints and saves, its options, and Ctrl-C."""

import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from cli_runs import COMMAND, contents, environment

import fastrnn
from fastrnn.cli.output import save_under_free_name
from fastrnn.cli.text import bit_row
from fastrnn.model import Model
from fastrnn.program import program
from fastrnn.training.tasks.resume import load_run

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
        "--optimizer-options",
        "beta2=0.98",
        "epsilon=1e-7",
        "--max-samples",
        640,
        "--until",
        "samples",
        "--max-grad-norm",
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
        optimizer_options=(("beta2", 0.98), ("epsilon", 1e-7)),
        max_samples=640,
        until="samples",
        max_grad_norm=1.0,
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
            "optimizer_options": (("beta1", 0.5),),
            "batch_size": 7,
            "max_samples": 99,
            "until": "samples",
            "verify_after": 5,
            "seed": 2**62,
            "initializer": "orthogonal",
            "schedule": "cosine",
            "max_grad_norm": 0.5,
            "weight_decay": 0.25,
            "l1": 0.25,
            "initial_scale": 0.5,
            "tbptt_steps": 3,
            "curriculum": fastrnn.Curriculum(4, 3),
            "reduction": "sum",
            "dtype": "float64",
            "saturation_penalty": 0.125,
            "retention_penalty": 0.125,
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

    monkeypatch.setattr(sys.modules["fastrnn.training.tasks"], "train", stop)
    value = getattr(expected, {"hidden": "hidden_size", "no-bias": "bias"}.get(name, name))
    words = [] if value is False else [f"{k}={v}" for k, v in value] if name == "optimizer_options" else [value]
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
    driver = sys.modules["fastrnn.training.tasks.one"]
    monkeypatch.setattr(driver, "warm_up", lambda model: signal.raise_signal(signal.SIGINT))
    status, _, err = call("train")
    assert (status, err) == (130, "fastrnn: interrupted\n")
    assert not contents(here)
