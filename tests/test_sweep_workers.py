"""Workers of this machine: processes that are lost, killed, and never see Ctrl-C; threads that Ctrl-C leaves free."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from params import quick
from pressing import Pressing
from sweep_runs import ROOT

from fastrnn.interrupt import _interrupt_main
from fastrnn.simd.host import arithmetic
from fastrnn.sweeps import Processes, sweep
from fastrnn.sweeps.process import ProcessLost, UnitProcess
from fastrnn.sweeps.unit import Done, Measures, code_version

HOUR = 3600
# No step of a test takes longer.
LONG = 20.0


# ---- processes


def test_the_unit_of_a_process_that_ends_is_lost_and_the_next_one_runs():
    with Processes(1) as pool:
        assert pool.submit(abs, -3).result() == 3
        with pytest.raises(ProcessLost, match="^a process has ended with exit code -9$"):
            pool.submit(signal.raise_signal, signal.SIGKILL).result()
        assert pool.submit(abs, -3).result() == 3
    assert not multiprocessing.active_children()


def test_what_a_unit_raises_comes_back_and_what_cannot_be_sent_is_an_error():
    with Processes(1) as pool:
        with pytest.raises(ValueError, match="^invalid literal for int"):
            pool.submit(int, "x").result()
        with pytest.raises(RuntimeError, match="^TypeError: cannot pickle"):
            pool.submit(open, os.devnull).result()
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pool.submit(abs, lambda: None).result()
        assert pool.submit(abs, -3).result() == 3


@pytest.mark.parametrize("starting", [True, False])
def test_a_shutdown_that_cancels_futures_kills_processes_whatever_they_do(starting):
    pool = Processes(2)
    if not starting:
        assert [pool.submit(abs, unit).result() for unit in (-1, -2, -3)] == [1, 2, 3]
    futures = [pool.submit(time.sleep, HOUR) for _ in range(5)]
    pool.shutdown(cancel_futures=True)
    assert not multiprocessing.active_children()
    assert all(future.cancelled() or isinstance(future.exception(), ProcessLost) for future in futures)


def test_a_process_that_is_killed_before_it_is_there_is_killed_then():
    with UnitProcess() as place:
        place.kill()
        with pytest.raises(ProcessLost):
            place(time.sleep, HOUR)


PROGRAM = """
import multiprocessing, os, signal, time
from fastrnn.sweeps import Processes

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *arguments: None)
    with Processes(2) as pool:
        futures = [pool.submit(abs, -unit) for unit in range(3)]
        while len(multiprocessing.active_children()) < 2:
            time.sleep(0.001)
        while not all(future.done() for future in futures):
            os.killpg(0, signal.SIGINT)
            time.sleep(0.01)
        print([future.result() for future in futures])
"""


def test_processes_never_see_the_ctrl_c_of_a_terminal(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, tmp_path / "program.py"], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, start_new_session=True,
    )
    assert (ended.stdout, ended.stderr) == ("[0, 1, 2]\n", "")


# ---- Ctrl-C at every step of what this thread shares with others


def at_once(unit, stopped=None):
    """The Done of a unit of which nothing is trained."""
    return Done([Measures("samples", 1, 1, -1, 1.0, 0.0)] * unit.count, 0.01, code_version(), arithmetic())


def shared(path):
    """Whether a file has locks of Python's, or is of sweeps or of signals."""
    return path.name in ("threading.py", "interrupt.py") or path.parent.name in ("futures", "sweeps")


@pytest.mark.parametrize("times", quick([1, 2], lambda times: times == 1))
def test_ctrl_c_at_any_step_ends_a_sweep(ctrl_c, monkeypatch, times):
    monkeypatch.setattr(sys.modules["fastrnn.sweeps.run"], "run_unit", at_once)
    monkeypatch.setattr(sys.modules["fastrnn.sweeps.run"], "compile_points", lambda points: None)
    pressing, late = Pressing(shared, times), []
    while True:
        timer = threading.Timer(LONG, lambda: (late.append(True), _interrupt_main()))
        timer.start()
        try:
            with pressing:
                table = sweep(hidden_size=4, seeds=6, max_samples=16, until="samples", workers=2, unit=2)
        except KeyboardInterrupt:
            assert pressing.pressed
        else:
            # Each step was tried before, or the last one came when all was done.
            assert len(table) == 6 and not pressing.pressed
            break
        finally:
            timer.cancel()
        assert not late
        if times == 1:
            workers = [thread for thread in threading.enumerate() if thread.name.startswith("fastrnn-sweep")]
            for thread in workers:
                thread.join(LONG)
            assert not [thread for thread in workers if thread.is_alive()]
    folders = {Path(code.co_filename).parent.name for code, *_ in pressing.tried}
    assert {"sweeps", "fastrnn"} <= folders and len(pressing.tried) > 100
