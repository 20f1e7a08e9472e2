"""Many models that are killed together continue from their checkpoint, each to the bytes of an uninterrupted one."""

import os
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from many_runs import same
from params import quick
from test_autosave import Crash, eager  # noqa: F401
from test_task_cells import Mixed

import fastrnn
from fastrnn import Elman, threads
from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.tasks import Addition
from fastrnn.training.tasks import autosave, pace
from fastrnn.training.tasks.group import LaneCounts, LaneState
from fastrnn.training.tasks.many_results import ModelResults
from fastrnn.training.tasks.many_state import LANES, Held, ManyAutosave, models_in, state_arrays

pytestmark = pytest.mark.usefixtures("ctrl_c")

SMALL = dict(optimizer="sgd", learning_rate=0.1, batch_size=1, reduction="sum")
DOUBLE = dict(optimizer="adam", dtype="float64", until="samples")
X = np.random.default_rng(0).integers(0, 2, (12, 5, 6, 2)).astype(float)
# Kinds of kernels that other tests compile, too.
CASES = {
    "until samples": {**SMALL, "until": "samples", "max_samples": 30_000},
    "until exact": {
        "cell": Elman(8, bias=False),
        "task": Addition(bits=4),
        **SMALL,
        "learning_rate": 0.3,
        "max_samples": 20_000,
    },
    "a falling rate, clipped": {
        "cell": Elman(16),
        **DOUBLE,
        "batch_size": 6,
        "schedule": "drop",
        "max_grad_norm": 0.05,
        "tbptt_steps": 3,
        "max_samples": 12_000,
    },
    "a cell of one's own": {"cell": Mixed(4), **DOUBLE, "batch_size": 6, "max_samples": 12_000},
    "some diverge": {
        "cell": Elman(9),
        **DOUBLE,
        "batch_size": 4,
        "weight_decay": 0.1,
        "l1": 0.03,
        "max_samples": 12_000,
        "learning_rate": np.where(np.arange(12) % 3, 0.01, 1e300),
    },
    "arrays of one's own": {
        "cell": Elman(8),
        **SMALL,
        "learning_rate": 0.05,
        "data": (X, X[..., :1]),
        "until": "exact",
        "verify_after": 100,
        "max_samples": 40_000,
    },
}


@pytest.fixture
def often(eager, monkeypatch):  # noqa: F811
    """Calls of the kernels that last a fraction of a millisecond, and a checkpoint after some of them."""
    monkeypatch.setattr(autosave, "SECONDS", 0.003)
    monkeypatch.setattr(pace, "CHUNK_SECONDS", 0.0005)
    monkeypatch.setattr(threads, "TEND_SECONDS", 0.0005)
    # Waiting for the disk is tested elsewhere.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "many.safetensors"


def press_once():
    """A progress callback that presses Ctrl-C the first time."""
    seen = []
    return lambda *state: seen.append(state) or len(seen) == 1 and signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("count", quick([1, 2], lambda count: count == 2))
@pytest.mark.parametrize("case", CASES)
def test_the_same_call_goes_on_to_the_same_bytes(often, path, case, count, monkeypatch):
    options = {"cell": Elman(16, bias=False), "seeds": np.random.default_rng(1).permutation(12), **CASES[case]}
    whole, saves, save = fastrnn.train_many(threads=count, **options), [], ManyAutosave.save

    def crashing(*arguments):
        save(*arguments)
        saves.append(path.stat().st_size)
        if len(saves) == 9:
            monkeypatch.setattr(autosave, "SECONDS", 0.1)
        if len(saves) in (3, 5, 9):
            raise Crash

    # After every call up to the last crash, whatever else the machine does.
    monkeypatch.setattr(autosave, "SECONDS", 0)
    monkeypatch.setattr(ManyAutosave, "save", crashing)
    for own in (count, 1, count, count):
        try:
            run = fastrnn.train_many(threads=own, checkpoint=path, **options)
            break
        except Crash:
            assert path.exists()
    assert len(saves) > 3 and not path.exists()
    assert all(same(run, i, whole, i) for i in range(12))
    for name in ("exact", "loss", "exact_accuracy", "samples"):
        assert np.array_equal(getattr(run, name), getattr(whole, name)), name
    assert "diverged" in whole.stopped if case == "some diverge" else set(whole.stopped) <= {"exact", "samples"}


def test_a_checkpoint_holds_finished_models_and_those_in_lanes(often, path, monkeypatch):
    monkeypatch.setattr(autosave, "SECONDS", 0)
    options = {
        "cell": Elman(8, bias=False),
        "task": Addition(bits=4),
        **SMALL,
        "learning_rate": 0.3,
        "max_samples": 20_000,
    }
    whole, seen = fastrnn.train_many(seeds=range(24), threads=1, **options), []

    def progress(done, total):
        if done >= 10:
            raise Crash

    with pytest.raises(Crash):
        fastrnn.train_many(seeds=range(24), threads=1, checkpoint=path, progress=progress, **options)
    tensors, _ = read_checkpoint(path)
    assert len(tensors["finished"]) >= 10 and len(tensors["lanes"])
    # Weights and the optimizer's slots: SGD has none.
    assert tensors["lanes.vectors"].shape[1:] == (1, len(tensors["finished.weights"][0]))
    run = fastrnn.train_many(
        seeds=range(24), threads=1, checkpoint=path, progress=lambda done, total: seen.append(done), **options
    )
    # What was finished is not trained once more.
    assert seen[0] >= 10 and all(same(run, i, whole, i) for i in range(24))


def test_ctrl_c_leaves_all_that_was_done_in_the_checkpoint(path):
    options = {
        "cell": Elman(16, bias=False),
        "seeds": range(30),
        **SMALL,
        "until": "samples",
        "max_samples": 40_000,
        "threads": 1,
    }
    whole = fastrnn.train_many(**options)
    run = fastrnn.train_many(checkpoint=path, progress=press_once(), **options)
    assert "interrupted" in run.stopped
    tensors, _ = read_checkpoint(path)
    steps = dict(zip(tensors["lanes"][:, 0].tolist(), tensors["lanes"][:, LANES.index("step")].tolist()))
    assert steps == {i: run.steps[i] for i in range(30) if run.stopped[i] == "interrupted" and run.steps[i]}
    # Those that no lane took up before the next Ctrl-C are reported as they are in the file.
    again = fastrnn.train_many(checkpoint=path, progress=press_once(), **options)
    assert (again.steps >= run.steps).all()
    run = fastrnn.train_many(checkpoint=path, **options)
    assert all(same(run, i, whole, i) for i in range(30)) and not path.exists()


LONG = """
import sys, fastrnn
from fastrnn.training.tasks import autosave
autosave.SECONDS, autosave.TIME_SHARE = 0, float("inf")
options = dict(optimizer="sgd", batch_size=1, reduction="sum", until="samples", max_samples=100_000_000, threads=1)
options |= dict(checkpoint=sys.argv[1], progress=lambda *state: print(flush=True))
fastrnn.train_many(fastrnn.Elman(16, bias=False), seeds=range(3), **options)
"""


def test_a_killed_process_leaves_a_whole_checkpoint(path):
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(fastrnn.__file__))}
    process = subprocess.Popen([sys.executable, "-c", LONG, path], env=environment, stdout=subprocess.PIPE)
    for _ in range(3):
        process.stdout.readline()
    process.kill()
    process.communicate()
    tensors, metadata = read_checkpoint(path)
    assert (tensors["lanes"][:, LANES.index("step")] > 0).all() and len(tensors["lanes"]) == 3
    options = dict(optimizer="sgd", batch_size=1, reduction="sum", until="samples", max_samples=100_000_000)
    with pytest.raises(ValueError, match="belongs to another training: seeds is"):
        fastrnn.train_many(Elman(16, bias=False), seeds=range(4), checkpoint=path, **options)
    with pytest.raises(ValueError, match="belongs to another training: varied is"):
        fastrnn.train_many(Elman(16, bias=False), seeds=range(3), checkpoint=path, **options, l1=np.zeros(3))
    with pytest.raises(CheckpointError, match="weights: got "):
        fastrnn.train(checkpoint=path)


DAMAGE = {
    "no lanes": lambda tensors: tensors.pop("lanes"),
    "other type": lambda tensors: tensors.update(finished=tensors["finished"].astype(np.int32)),
    "other width": lambda tensors: tensors.update({"lanes.vectors": tensors["lanes.vectors"][:, :, 1:]}),
    "long history": lambda tensors: tensors.update({"lanes.history": np.zeros((999, 4))}),
    "no such model": lambda tensors: tensors["lanes"].__setitem__((0, 0), 30),
    "the same model twice": lambda tensors: tensors["lanes"].__setitem__((0, 0), tensors["lanes"][1, 0]),
    "a number for a table": lambda tensors: tensors.update(again=np.int64(3)),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_state_is_one_clear_line(path, case):
    options = {
        "cell": Elman(16, bias=False),
        "seeds": range(30),
        **SMALL,
        "until": "samples",
        "max_samples": 100_000,
        "threads": 1,
    }
    fastrnn.train_many(checkpoint=path, progress=press_once(), **options)
    tensors, metadata = read_checkpoint(path)
    DAMAGE[case](tensors)
    write_checkpoint(path, tensors, metadata)
    with pytest.raises(CheckpointError) as caught:
        fastrnn.train_many(checkpoint=path, **options)
    assert str(caught.value).startswith(f"{path}: is damaged: ") and "\n" not in str(caught.value)


def test_models_that_wait_and_all_that_belongs_to_a_lane_come_back():
    optimizer = types.SimpleNamespace(running=("q1", "rest1", "q2", "rest2"))
    recipe = types.SimpleNamespace(vectors=3, optimizer=optimizer)
    before, after = (ModelResults(5, 3, np.float32, 16) for _ in range(2))
    before.began[1] = 0.5
    vectors, running = np.full((3, 3), 7, np.float32), np.ones(4, np.float32)
    counts, opened = LaneCounts(9, 0, 30, 3, 7, 14, 16), np.array([0.5, 1, 1, 1, 0.5, 0, 0])
    before.end(1, LaneState(counts, opened, vectors, running, np.ones((1, 4))), "diverged", False, 1.5)
    state = LaneState(LaneCounts(9, 0, 5, 3, 7, 2, 16), np.arange(7.0), vectors, running, np.ones((1, 4)))
    lanes = [Held((0, 9, 0, -1, -1, 2, 3), 0.25, state), Held((4, 9, 3, -1, 64, 0, 0), 0.5, state)]
    job = [3, 10, 4, 12]
    training = types.SimpleNamespace(results=before, recipe=recipe, again=[3], row=lambda model: job)
    arrays = state_arrays(training, lanes)
    known, held, waiting_again = models_in(arrays, 5, np.dtype(np.float32), 3, recipe)
    assert sorted(known) == [0, 1, 3, 4] and waiting_again == [job]
    for one, other in zip(held, lanes, strict=True):
        assert one[:-1] == other[:-1] and one.state.counts == state.counts
        assert all(map(np.array_equal, one.state[1:], state[1:]))
    after.restore(arrays)
    assert after.done == 1 and after.stopped() == before.stopped()
    assert list(after.finished) == [False, True, *[False] * 3]
    assert np.array_equal(after.weights[1], before.weights[1]) and after.steps[1] == 30
    assert np.array_equal(after.loss, before.loss, equal_nan=True) and after.loss[1] == 2 / (30 * 16)
    histories = after.histories()
    assert np.array_equal(histories.of(1), np.ones((2, 4))) and len(histories.of(0)) == 0
    assert (histories.length[1], histories.began[1], histories.ended[1]) == (16, 0.5, 1.5)
