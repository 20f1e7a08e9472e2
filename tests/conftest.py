"""What tests have in common: how the program is called, cores, and signals."""

import gc
import io
import os
import random
import signal
import sys
from pathlib import Path

import pytest

import fastrnn
from fastrnn import cores
from fastrnn.cli import main
from fastrnn.training.tasks.resume import save_run


def pytest_configure(config):
    # As in an activated environment, where the commands that are printed are spelled `fastrnn` and `python`.
    # Tests start hundreds of processes: without bytecode on disk each of them would compile the sources again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def pytest_collection_finish(session):
    # A million objects of modules and tests, none of which is garbage: to look at them takes a twentieth of the time.
    gc.collect()
    gc.freeze()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys, here):
    """call(*argv) -> (status, stdout, stderr), checked for tracebacks."""

    def call(*argv):
        capsys.readouterr()
        status = main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


@pytest.fixture
def many_cores(monkeypatch):
    """As if this process had 8 cores: more threads than there are cores do not run otherwise."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "_quota", lambda: float("inf"))
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)


@pytest.fixture
def ctrl_c():
    """Signals as a program in the foreground has them, for it and its children; in the background they are ignored."""
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
