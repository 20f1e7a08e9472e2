"""What tests of threads and of signals have in common."""

import os
import signal

import pytest

from fastrnn import cores


@pytest.fixture
def many_cores(monkeypatch):
    """As if this process had 8 cores: more threads than there are cores do not run otherwise."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "_quota", lambda: float("inf"))
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)


@pytest.fixture
def ctrl_c():
    """Signals as a program in the foreground has them, for it and its children; in the background they are ignored from the start."""
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
