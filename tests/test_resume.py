"""An interrupted run, saved and taken up again, ends in the same bytes as one that was left alone."""

import json
import signal
from typing import NamedTuple

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import fastrnn
from fastrnn.errors import CheckpointError
from fastrnn.model import Model
from fastrnn.optimizers.base import optimizers
from fastrnn.registry import _known
from fastrnn.training.tasks import history_bins
from fastrnn.training.tasks.resume import load_run, save_run

pytestmark = pytest.mark.usefixtures("ctrl_c")


def press_after(calls):
    """A progress callback that presses Ctrl-C at its call number `calls`."""
    seen = []

    def progress(samples, loss, exact):
        seen.append(samples)
        if len(seen) == calls:
            signal.raise_signal(signal.SIGINT)

    return progress


def assert_same(run, other):
    assert (run.stopped, run.steps, run.samples) == (other.stopped, other.steps, other.samples)
    for name, weight in other.model.weights.items():
        assert run.model.weights[name].tobytes() == weight.tobytes(), name
    for name in set(run.history._fields) - {"seconds"}:
        assert getattr(run.history, name).tobytes() == getattr(other.history, name).tobytes(), name
    assert run.state["numbers"] == other.state["numbers"]
    for name, array in other.state["arrays"].items():
        assert run.state["arrays"][name].tobytes() == array.tobytes(), name


CASES = {
    "adam": {},
    "adam, the rate falling, gradients clipped": {"schedule": "linear", "max_grad_norm": 0.5},
    "adam, batches no multiple of a block": {"batch_size": 23},
    "adam, one thread": {"batch_size": 128, "threads": 1},
    "adam, two threads": {"batch_size": 128, "threads": 2},
    "momentum": {"optimizer": "momentum"},
    "momentum, two threads": {"optimizer": "momentum", "batch_size": 128, "threads": 2},
    "one sample an update": {"batch_size": 1, "max_samples": 3000},
}


@pytest.mark.parametrize("case", CASES)
def test_resumed_run_ends_in_the_same_bytes(tmp_path, case):
    options = {"until": "samples", "max_samples": 100_000, "seed": 3, **CASES[case]}
    threads = options.pop("threads", None)
    whole = fastrnn.train(threads=threads, **options)
    run = fastrnn.train(threads=threads, progress=press_after(1), **options)
    assert run.stopped == "interrupted" and 0 < run.steps < whole.steps
    # Twice, so that what was resumed can be resumed.
    for calls in (1, 0):
        save_run(run, tmp_path / "run.safetensors")
        loaded, config = load_run(tmp_path / "run.safetensors")
        assert_same(loaded, run)
        assert loaded.history.seconds.tobytes() == run.history.seconds.tobytes()
        run = fastrnn.train(
            loaded.model.cell, loaded.model.task, config, resume=loaded, threads=threads, progress=press_after(calls)
        )
        assert run.seconds > loaded.seconds
    assert_same(run, whole)


def test_run_until_exact_stops_at_the_same_update(tmp_path):
    # So patient that the interruption comes between the last mistake and the end.
    options = {"verify_after": 50_000}
    whole = fastrnn.train(**options)
    run = fastrnn.train(
        progress=lambda samples, *_: samples >= 10_000 and signal.raise_signal(signal.SIGINT), **options
    )
    assert run.stopped == "interrupted" and run.state["numbers"]["clean"] > 0
    save_run(run, tmp_path / "run")
    loaded, config = load_run(tmp_path / "run")
    run = fastrnn.train(loaded.model.cell, loaded.model.task, config, resume=loaded)
    assert run.stopped == "exact"
    assert_same(run, whole)


def test_joined_entries_of_the_history_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr(history_bins, "MOST_STRETCHES", 8)
    options = {"until": "samples", "max_samples": 20_000}
    whole = fastrnn.train(**options)
    run = fastrnn.train(progress=press_after(2), **options)
    assert run.stopped == "interrupted" and run.state["stretches"]["length"] > 16
    save_run(run, tmp_path / "run")
    loaded, config = load_run(tmp_path / "run")
    assert_same(fastrnn.train(config=config, resume=loaded), whole)


def test_other_cell_task_and_configuration_come_back(tmp_path):
    cell, task = fastrnn.Elman(5, bias=False), fastrnn.tasks.Addition(12, operands=3)
    options = {"until": "samples", "max_samples": 160, "learning_rate": 0.01}
    config = fastrnn.TrainConfig(optimizer_options=(("beta2", 0.95),), **options)
    run = fastrnn.train(cell, task, config)
    save_run(run, tmp_path / "run")
    loaded, loaded_config = load_run(tmp_path / "run")
    assert (loaded.model.cell, loaded.model.task, loaded_config) == (cell, task, config)
    assert_same(loaded, run)


@pytest.fixture
def path(tmp_path):
    """An unfinished run of 160 samples on disk."""
    path = tmp_path / "run.safetensors"
    save_run(fastrnn.train(max_samples=160, until="samples"), path)
    return path


def test_the_model_of_an_unfinished_run_is_like_any_other(path, tmp_path):
    loaded, _ = load_run(path)
    model = Model.load(path)
    assert {name: w.tobytes() for name, w in model.weights.items()} == {
        name: w.tobytes() for name, w in loaded.model.weights.items()
    }
    model.save(tmp_path / "model")
    assert b"training" not in (tmp_path / "model").read_bytes()
    with pytest.raises(CheckpointError, match="a finished model"):
        load_run(tmp_path / "model")


def test_saving_leaves_the_old_file_when_it_fails(path):
    before = path.read_bytes()
    run = fastrnn.train(max_samples=16, until="samples")
    run.model.metadata["note"] = object()
    with pytest.raises(TypeError):
        save_run(run, path)
    assert path.read_bytes() == before
    run.state = None
    with pytest.raises(ValueError, match="run: has no training state"):
        save_run(run, path)


def drop(name):
    return lambda tensors, header: tensors.pop(name)


def change(name, convert):
    return lambda tensors, header: tensors.update({name: convert(tensors[name])})


def set_header(*keys, value):
    def edit(tensors, header):
        for key in keys[:-1]:
            header = header[key]
        header[keys[-1]] = value

    return edit


DAMAGE = {
    "no memory": (drop("training.slot.m.w_hh"), "slot.m.w_hh is missing"),
    "no history": (drop("training.history"), "history is missing"),
    "wrong shape": (change("training.slot.v.w_ih", lambda a: a[:3].copy()), "slot.v.w_ih: got float32 (3, 2)"),
    "wrong dtype": (change("training.slot.m.w_ih", np.float64), "slot.m.w_ih: got float64"),
    "not finite": (change("training.slot.v.w_ho", lambda a: a * np.float32(np.nan)), "expected finite"),
    "history of other width": (change("training.history", lambda a: a[:, :5].copy()), "history: got float64"),
    "history too short": (change("training.history", lambda a: a[1:].copy()), "history: covers"),
    "no counters": (set_header("metadata", "training", value={}), "numbers is missing"),
    "no object": (set_header("metadata", "training", value=None), "damaged"),
    "negative step": (set_header("metadata", "training", "numbers", "step", value=-1), "step: got -1"),
    "step of many digits": (set_header("metadata", "training", "numbers", "clean", value=10**30), "clean: got 1000000"),
    "step of text": (set_header("metadata", "training", "numbers", "clean", value="3"), "clean: got '3'"),
    "length 0": (set_header("metadata", "training", "length", value=0), "length: got 0"),
    "seconds of text": (set_header("metadata", "training", "seconds", value="3"), "seconds"),
    "no configuration": (set_header("metadata", "config", value=None), "damaged"),
    "unknown option": (set_header("metadata", "config", "colour", value=1), "colour"),
    "bad option": (set_header("metadata", "config", "batch_size", value=0), "batch_size: got 0"),
    "data of a number": (set_header("metadata", "training", "data", value=3), "data: got 3"),
    "identity of text": (set_header("metadata", "training", "identity", value="x"), "identity: got 'x'"),
    "other dtype": (set_header("metadata", "config", "dtype", value="float64"), "dtype: got float64"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_state_is_one_clear_line(path, case):
    edit, message = DAMAGE[case]
    with safe_open(path, "np") as file:
        tensors, header = {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["fastrnn"])
    # As a forger does it; another change is refused for the digest.
    del header["digest"]
    edit(tensors, header)
    save_file(tensors, path, {"fastrnn": json.dumps(header)})
    with pytest.raises(CheckpointError) as caught:
        load_run(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and message in text and "\n" not in text


class Filtered(NamedTuple):
    """The sum of five running means of the gradient, each slower than the one before."""

    is_optimizer = True
    name = "filtered"
    learning_rate = 0.01
    slots = ("a", "b", "c", "weights", "history")
    running = ()

    advance = staticmethod(lambda options, running: ())

    @staticmethod
    def formula(w, g, slots, rate, options, running):
        kept = [old + (g - old) * 0.5**n for n, old in enumerate(vars(slots).values(), 1)]
        return w - rate * sum(kept), *kept


def test_an_optimizer_has_any_slots_of_its_own_names(tmp_path, monkeypatch):
    assert "filtered" not in optimizers()
    monkeypatch.setitem(_known["fastrnn.optimizers", "is_optimizer"][1], "filtered", Filtered)
    options = dict(optimizer="filtered", learning_rate=3.0, until="samples")
    whole, part = (fastrnn.train(max_samples=samples, **options) for samples in (1600, 800))
    save_run(part, path := tmp_path / "run.safetensors")
    again = fastrnn.train(resume=path, max_samples=1600)
    assert_same(again, whole)
    kept = [np.abs(again.state["arrays"][f"slot.{slot}.w_hh"]).max() for slot in Filtered.slots]
    assert len(set(kept)) == 5 and min(kept) > 0
