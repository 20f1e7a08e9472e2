"""A training that is killed continues from its checkpoint to the bytes of an uninterrupted one."""

import contextlib
import errno
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from test_resume import assert_same, press_after
from test_task_cells import Mixed

import fastrnn
from fastrnn.cli import main
from fastrnn.errors import CheckpointError
from fastrnn.files import Replacement
from fastrnn.simd.host import arithmetic
from fastrnn.training.tasks import autosave
from fastrnn.training.tasks.autosave import Autosave
from fastrnn.training.tasks.resume import load_run, save_run

pytestmark = pytest.mark.usefixtures("ctrl_c")


class Crash(BaseException):
    """As sudden as a process can end without ending this one."""


def crash_after(calls):
    """A progress callback that raises at its call number `calls`."""
    seen = []

    def progress(*state):
        seen.append(state)
        if len(seen) == calls:
            raise Crash

    return progress


@pytest.fixture
def eager(monkeypatch):
    """Checkpoints after every call of the kernels."""
    monkeypatch.setattr(autosave, "SECONDS", 0)
    monkeypatch.setattr(autosave, "TIME_SHARE", np.inf)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


X = np.random.default_rng(0).random((40, 6, 2)).round(2)
CASES = {
    "adam": {"until": "samples", "max_samples": 50_000},
    "a falling rate": {"until": "samples", "max_samples": 50_000, "schedule": "linear", "max_grad_norm": 0.5},
    "one sample an update": {"until": "samples", "max_samples": 3000, "batch_size": 1},
    "momentum, two threads": {
        "until": "samples",
        "max_samples": 50_000,
        "optimizer": "momentum",
        "batch_size": 128,
        "threads": 2,
    },
    "arrays and given weights": {"until": "samples", "max_samples": 20_000, "data": (X, X[:, :, :1])},
    "until exact": {"verify_after": 50_000},
    "a cell of one's own": {"cell": Mixed(4), "until": "samples", "max_samples": 20_000},
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_call_goes_on_to_the_same_bytes(eager, path, case):
    options = {"seed": 3, **CASES[case]}
    whole, crashes = fastrnn.train(**options), 0
    # Also within what was taken up from a checkpoint.
    for calls in (2, 2, 3):
        try:
            run = fastrnn.train(checkpoint=path, progress=crash_after(calls), **options)
            break
        except Crash:
            crashes += 1
            held = load_run(path, Mixed)[0]
            assert 0 < held.samples < whole.samples
    else:
        run = fastrnn.train(checkpoint=path, **options)
    assert crashes and run.samples > held.samples
    assert_same(run, whole)
    assert not path.exists()


def test_attempts_at_a_proof_go_on_too(eager, path):
    options = {"until": "certified", "seed": 1}
    whole, exact = fastrnn.train(**options), fastrnn.train(seed=1)
    for share in (0.3, 0.6):

        def progress(samples, *rest):
            if samples > exact.samples + share * (whole.samples - exact.samples):
                raise Crash

        with pytest.raises(Crash):
            fastrnn.train(checkpoint=path, progress=progress, **options)
        held = load_run(path)[0]
        assert exact.samples < held.samples < whole.samples and held.state["finetune"]["partial"]
    assert_same(fastrnn.train(checkpoint=path, **options), whole)
    assert not path.exists()


# Trains with a checkpoint after each call, until it is killed.
LONG = """
import sys, fastrnn
from fastrnn.training.tasks import autosave
autosave.SECONDS, autosave.TIME_SHARE = 0, float("inf")
options = dict(until="samples", max_samples=10_000_000, progress=lambda *state: print(flush=True))
fastrnn.train(checkpoint=sys.argv[1], **options)
"""


def test_a_killed_process_loses_what_came_after_its_checkpoint(path):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(fastrnn.__file__))}
    process = subprocess.Popen([sys.executable, "-c", LONG, path], env=environment, stdout=subprocess.PIPE)
    for _ in range(3):
        process.stdout.readline()
    with pytest.raises(ValueError, match="is being written by another process"):
        fastrnn.train(checkpoint=path)
    process.kill()
    process.communicate()
    samples = load_run(path)[0].samples
    assert samples > 0
    options = {"until": "samples", "max_samples": 10_000_000}
    with pytest.raises(ValueError, match="belongs to another training: max_samples is 10000000 there, 9999999 here"):
        fastrnn.train(checkpoint=path, until="samples", max_samples=9_999_999)
    seen = []
    run = fastrnn.train(
        checkpoint=path, progress=lambda *state: seen.append(state) or press_after(1)(*state), **options
    )
    assert run.stopped == "interrupted" and seen[0][0] > samples
    whole = fastrnn.train(until="samples", max_samples=run.samples)
    assert {name: weight.tobytes() for name, weight in run.model.weights.items()} == {
        name: weight.tobytes() for name, weight in whole.model.weights.items()
    }


def test_ctrl_c_leaves_all_that_was_done_in_the_checkpoint(path):
    options = {"until": "samples", "max_samples": 100_000}
    run = fastrnn.train(checkpoint=path, progress=press_after(1), **options)
    assert run.stopped == "interrupted"
    assert_same(load_run(path)[0], run)
    assert_same(fastrnn.train(checkpoint=path, **options), fastrnn.train(**options))
    assert not path.exists()


OTHERS = {
    "seed": ({"seed": 1}, "seed is 0 there, 1 here"),
    "cell": ({"cell": fastrnn.Elman(8)}, "hidden_size is 16 there, 8 here"),
    "samples": ({"max_samples": 200_000}, "max_samples is 100000 there, 200000 here"),
    "arrays": ({"data": (X, X[:, :, :1])}, "task is addition there, None here"),
    "given weights": ({"weights": fastrnn.train(max_samples=16).model.weights}, "weights is None there"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_the_checkpoint_of_another_training_is_refused_and_stays(path, case):
    options, difference = OTHERS[case]
    fastrnn.train(checkpoint=path, progress=press_after(1), until="samples", max_samples=100_000)
    before = path.read_bytes()
    with pytest.raises(ValueError) as caught:
        fastrnn.train(checkpoint=path, **{"until": "samples", "max_samples": 100_000, **options})
    assert f"{path} belongs to another training: {difference}" in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_what_is_no_checkpoint_is_refused_and_stays(path):
    run = fastrnn.train(max_samples=160, until="samples")
    run.model.save(path)
    with pytest.raises(CheckpointError, match="a finished model"):
        fastrnn.train(checkpoint=path)
    save_run(run, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="is a saved run, not a checkpoint"):
        fastrnn.train(checkpoint=path)
    assert path.read_bytes() == before
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="is a FIFO"):
        fastrnn.train(checkpoint=path)


def test_saving_takes_its_share_of_the_time_and_no_more(path, monkeypatch):
    now, writes = [0.0], []
    monkeypatch.setattr(autosave.time, "perf_counter", lambda: now[0])

    def content():
        now[0] += cost
        writes.append(now[0])
        return b"content"

    for cost, seconds in ((0.01, 30.0), (0.3, 30.0), (2.0, 200.0)):
        now[0], writes[:] = 0.0, []
        with Autosave(path) as saver:
            spent = 0.0
            while now[0] < 2000:
                now[0] += 0.05
                if saver.due(1000):
                    saver.write(content)
                    spent += cost
                    # The first cost is not known before.
                    assert spent <= 0.01 * now[0] or len(writes) == 1
            gaps = np.diff(writes)[1:]
            assert len(gaps) > 5 and (abs(gaps - seconds) < cost + 0.2).all()
            saver.remove()


def test_a_large_state_waits_before_its_first_write(path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(autosave.time, "perf_counter", lambda: now[0])
    saver = Autosave(path)
    now[0] = 31.0
    assert saver.due(10**6) and not saver.due(10**9)


def test_a_disk_that_is_full_does_not_end_the_training(eager, path, monkeypatch):
    whole = fastrnn.train(until="samples", max_samples=50_000)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        run = fastrnn.train(until="samples", max_samples=50_000, checkpoint=path)
    assert [str(each.message) for each in noted] == [
        f"{path}: no checkpoint could be saved: No space left on device; training continues without one"
    ]
    assert_same(run, whole)
    assert not list(path.parent.iterdir())


def test_a_file_that_another_process_made_meanwhile_is_left_alone(path):
    noted = []
    with Autosave(path, noted.append) as saver, contextlib.closing(Replacement(path, b"theirs")):
        saver.write(lambda: b"mine")
        assert path.read_bytes() == b"theirs" and "is being written by another process" in noted[0]
        saver.remove()
    assert path.read_bytes() == b"theirs"


# ---- the command line


@pytest.fixture
def killed(eager, tmp_path, monkeypatch, capsys):
    """killed(*options): the checkpoint of a `fastrnn train` that ends before it has saved anything else."""
    monkeypatch.chdir(tmp_path)

    def call(*options):
        def die(*arguments):
            raise KeyboardInterrupt

        before = set(tmp_path.glob("**/*.partial"))
        with monkeypatch.context() as patch:
            patch.setattr("fastrnn.cli.train.report_run", die)
            assert main(["train", *options]) == 130
        (path,) = set(tmp_path.glob("**/*.partial")) - before
        capsys.readouterr()
        return str(path.relative_to(tmp_path))

    return call


def names(folder):
    return sorted(os.listdir(folder))


def test_the_same_command_goes_on_from_its_checkpoint(killed, capsys):
    options = ("--until", "samples", "--max-samples", "50000", "--batch-size", "4")
    path = killed(*options)
    samples = load_run(path)[0].samples
    assert main(["train", *options]) == 0
    assert f"\ncontinuing from {path}, after {samples:,} samples\n" in capsys.readouterr().out
    assert not os.path.exists(path)
    whole = fastrnn.train(until="samples", max_samples=50_000, batch_size=4)
    assert_same(load_run("runs/addition-8.safetensors")[0], whole)


@pytest.mark.parametrize("seed, stays", [("0", False), ("1", True)])
def test_a_kill_after_the_network_was_saved_leaves_no_checkpoint_for_good(killed, tmp_path, capsys, seed, stays):
    options = ("--until", "samples", "--max-samples", "50000", "--output", "net.safetensors")
    path = killed(*options)
    checkpoint, content = tmp_path / path, (tmp_path / path).read_bytes()
    assert main(["train", *options, "--force", "--seed", seed]) == 0
    checkpoint.write_bytes(content)
    capsys.readouterr()
    assert main(["train", *options]) == 2
    assert capsys.readouterr().err == "fastrnn: net.safetensors: exists; give --force to replace it\n"
    assert checkpoint.exists() == stays


def test_another_command_tells_of_the_checkpoint_that_resume_goes_on_from(killed, capsys):
    options = ("--until", "samples", "--max-samples", "50000")
    path = killed(*options, "--seed", "3")
    assert main(["train", *options]) == 0
    go_on = f"fastrnn train --resume {path}"
    assert f"\n{path} is left of another unfinished training; continue it: {go_on}\n" in capsys.readouterr().out
    # With other options it is a run like any other, and stays.
    assert main([*go_on.split()[1:], "--max-samples", "60000", "--output", "other"]) == 0
    assert os.path.exists(path)
    assert main([*go_on.split()[1:], "--output", "end"]) == 0
    assert f"continuing from {path}, after " in capsys.readouterr().out
    assert not os.path.exists(path)
    assert_same(load_run("end")[0], fastrnn.train(until="samples", max_samples=50_000, seed=3))
    assert [name for name in names("runs") + names(".") if "partial" in name or "tmp" in name] == []


def test_a_command_that_runs_already_keeps_its_checkpoint(killed, capsys):
    options = ("--until", "samples", "--max-samples", "50000")
    path = killed(*options)
    with Autosave(path):
        assert main(["train", *options]) == 0
        assert (
            f"\nanother process trains the same and keeps {path}; this one keeps no checkpoint\n"
            in capsys.readouterr().out
        )
        assert main(["train", "--quiet", "--seed", "1", *options]) == 0
        assert capsys.readouterr() == ("", "")
    assert os.path.exists(path) and names("runs")[0] == "addition-8-2.safetensors"


def test_a_damaged_checkpoint_is_one_line(killed, capsys):
    options = ("--until", "samples", "--max-samples", "50000")
    path = killed(*options)
    content = bytearray(open(path, "rb").read())
    content[-1] ^= 1
    open(path, "wb").write(content)
    assert main(["train", *options]) == 2
    err = capsys.readouterr().err
    assert (
        err.startswith(f"fastrnn: {path}: is damaged: ")
        and err.endswith("; delete it to start over\n")
        and err.count("\n") == 1
    )


def test_repeat_goes_on_from_its_checkpoint(eager, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["repeat", "--seeds", "4", "--max-samples", "50000", "--until", "samples"]
    assert main(command) == 0
    whole = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("milliseconds")]
    assert names(".") == ["runs"] and names("runs") == []
    begun, train = [], fastrnn.train

    def dying(cell, task, config, **options):
        begun.append(options["seed"])
        if options["seed"] == 2 and begun[0] == 0:
            return train(cell, task, config, progress=crash_after(2), **options)
        return train(cell, task, config, **options)

    monkeypatch.setattr(sys.modules["fastrnn.training.tasks"], "train", dying)
    with pytest.raises(Crash):
        main(command)
    (path,) = names("runs")
    assert path.startswith("repeat-addition-8.") and load_run(f"runs/{path}")[0].state["config"]["seed"] == 2
    begun.clear()
    assert main(command) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"continuing from runs/{path}, after 2 seeds" and begun == [2, 3]
    assert [line for line in out[1:] if not line.startswith("milliseconds")] == whole
    assert names("runs") == []


def test_repeat_keeps_what_is_done_at_ctrl_c(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command, train = ["repeat", "--seeds", "3", "--max-samples", "50000", "--until", "samples"], fastrnn.train
    monkeypatch.setattr(
        sys.modules["fastrnn.training.tasks"],
        "train",
        lambda *parts, seed, **options: train(*parts, seed=seed, progress=press_after(1) if seed else None, **options),
    )
    assert main(command) == 130
    (path,) = names("runs")
    assert capsys.readouterr().err == (
        f"fastrnn: interrupted after 1 of 3 seeds, kept in runs/{path}\nto continue, run the same command again\n"
    )
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"continuing from runs/{path}, after 1 seeds\n") and names("runs") == []


def test_a_checkpoint_names_the_processors_of_the_run_that_it_continues(eager, path):
    run = fastrnn.train(until="samples", max_samples=3200)
    run.model.metadata["arithmetic"] = "vax"
    options = dict(resume=run, other_processor=True, max_samples=100_000, checkpoint=path)
    with pytest.raises(Crash):
        fastrnn.train(progress=crash_after(3), **options)
    kept = load_run(path)[0].model.metadata["arithmetic"]
    assert kept == fastrnn.train(**options).model.metadata["arithmetic"] == f"vax, then {arithmetic()}"
