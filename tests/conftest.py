"""What tests have in common: how the program is called, cores, and signals."""

import os
import signal
import sys
from pathlib import Path

import pytest

from fastrnn import cores
from fastrnn.cli import main


def pytest_configure(config):
    # As in an activated environment, where the commands that are printed are spelled `fastrnn` and `python`.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


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
