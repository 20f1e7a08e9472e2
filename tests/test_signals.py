"""Signals come neither too late, so that nobody sees them, nor where they would leave something behind."""

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from llvmlite.binding import ffi
from pressing import Pressing

import fastrnn
from fastrnn.cli import main
from fastrnn.files import locked
from fastrnn.interrupt import checked_interrupt, deferred_interrupt, prompt_interrupt
from fastrnn.machine.lock import _LOCK, compiler_lock
from fastrnn.simd.host import target
from fastrnn.sweeps import Grid, run, unit
from fastrnn.sweeps.journal import Journal
from fastrnn.threads import on_threads
from fastrnn.training.sequences import kept
from fastrnn.training.tasks import many_driver, one
from fastrnn.training.tasks.autosave import Autosave

pytestmark = pytest.mark.usefixtures("ctrl_c")

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_comes_too_late_for_the_inner_block_is_that_of_the_outer_one(number):
    with deferred_interrupt() as outer:
        with deferred_interrupt() as inner:
            assert not inner()
            signal.raise_signal(number)
            assert inner() and outer()
        with deferred_interrupt() as inner:
            assert inner() and not inner.repeated
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            assert inner.repeated and outer.repeated
    with deferred_interrupt() as other:
        # What training itself stops is none of the others' affair.
        with deferred_interrupt() as inner:
            inner.set()
        assert not other()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_prompt_signal_is_raised_at_once_and_seen_by_the_block_around_it(number):
    with deferred_interrupt() as outer:
        with pytest.raises(KeyboardInterrupt), prompt_interrupt():
            signal.raise_signal(number)
        assert outer() and not outer.repeated
    with prompt_interrupt():
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("command", [["train"], ["repeat"], ["sweep", "--hidden", "2", "--seeds", "2"]])
def test_ctrl_c_while_kernels_are_made_ready_waits_for_no_other_one(monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    reached = []
    for module in (one, many_driver):
        monkeypatch.setattr(module, "warm_up", lambda model: (signal.raise_signal(signal.SIGINT), reached.append(1)))
    assert main(command) == 130 and not reached


@pytest.mark.parametrize("number", SIGNALS)
def test_a_checked_block_is_left_where_it_is_checked_and_at_its_end(number):
    reached = []
    with pytest.raises(KeyboardInterrupt), checked_interrupt() as interrupt:
        interrupt.check()
        signal.raise_signal(number)
        reached.append("next")
        interrupt.check()
        reached.append("too far")
    with pytest.raises(KeyboardInterrupt), checked_interrupt():
        signal.raise_signal(number)
        reached.append("end")
    assert reached == ["next", "end"]


def test_a_signal_between_the_two_handlers_that_are_restored_leaves_none_behind(monkeypatch):
    real, calls = signal.signal, []

    def pressing(number, handler):
        before = real(number, handler)
        calls.append(number)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return before

    monkeypatch.setattr(signal, "signal", pressing)
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_signal_just_before_the_handlers_of_an_inner_block_is_seen_in_it(monkeypatch):
    real, pressed = signal.signal, []

    def pressing(number, handler):
        if not pressed:
            pressed.append(signal.raise_signal(signal.SIGINT))
        return real(number, handler)

    with deferred_interrupt():
        monkeypatch.setattr(signal, "signal", pressing)
        with deferred_interrupt() as inner:
            assert inner()


def test_a_signal_as_the_handlers_are_restored_is_not_lost(monkeypatch):
    real, calls = signal.signal, []

    def pressing(number, handler):
        calls.append(number)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return real(number, handler)

    monkeypatch.setattr(signal, "signal", pressing)
    with pytest.raises(KeyboardInterrupt), checked_interrupt():
        pass


def locks_are_free():
    """Whether another thread can take the compiler's locks."""
    free = []

    def look():
        for lock in (_LOCK, ffi.lib._lock._lock):
            free.append(lock.acquire(timeout=0))
            if free[-1]:
                lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return all(free)


def compiler_locked():
    with compiler_lock():
        pass


def fork():
    if process := os.fork():
        os.waitpid(process, 0)
    else:
        os._exit(0)


LLVMLITE = {path.name for path in Path(ffi.__file__).parent.glob("*.py")}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize(
    "work, files",
    [
        (compiler_locked, {"lock.py", "interrupt.py", "contextlib.py"}),
        (fork, {"lock.py", "interrupt.py"}),
        (target.__wrapped__, LLVMLITE),
    ],
)
def test_ctrl_c_at_any_step_leaves_the_compiler_s_locks_free_for_other_threads(work, files):
    tried, pressing = 0, Pressing(lambda path: path.name in files)
    while True:
        with contextlib.suppress(KeyboardInterrupt), pressing:
            work()
        if not pressing.pressed:
            break
        tried += 1
        assert gc.isenabled() and locks_are_free()
    assert tried > 5


def checkpoint(path):
    """The file of a training is opened, replaced and closed."""
    with Autosave(path) as autosave:
        autosave.write(lambda: b"whole")


def journal(path):
    """The file of a sweep is opened, appended to and closed."""
    kept = Journal(path, Grid(hidden_size=2, seeds=1), replace=True)
    kept.finish()
    kept.close()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("work", [checkpoint, journal])
def test_ctrl_c_at_any_step_leaves_no_lock_on_a_file(tmp_path, work):
    path, tried = tmp_path / "file", 0
    pressing = Pressing(lambda path: path.name in ("autosave.py", "journal.py", "files.py"))
    while True:
        path.write_bytes(b"")
        with contextlib.suppress(KeyboardInterrupt), pressing:
            work(path)
        if not pressing.pressed:
            break
        tried += 1
        with contextlib.closing(locked(path)) as file:
            assert file
    assert tried > 20


def test_where_ctrl_c_ends_the_waiting_for_a_thread_that_writes_that_thread_releases_the_file(tmp_path):
    path, writing, go = tmp_path / "run.safetensors", threading.Event(), threading.Event()

    def content():
        writing.set()
        assert go.wait(30)
        return b"whole"

    kept = Autosave(path)
    thread = threading.Thread(target=kept.write, args=(content,))
    thread.start()
    assert writing.wait(30)
    pressed = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        pressed.start()
        kept.close()
    go.set()
    thread.join()
    with contextlib.closing(locked(path)) as file:
        assert file
    kept.write(lambda: b"too late")
    assert path.read_bytes() == b"whole"


class PressedTwice:
    """Ctrl-C comes while it is taken away, and again as the first one is put off."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_another_ctrl_c_while_one_in_a_finalizer_is_put_off_does_no_harm(monkeypatch, capsys):
    real, waited = _thread.start_new_thread, []

    def start(*arguments):
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    def run(args):
        monkeypatch.setattr(_thread, "start_new_thread", start)
        PressedTwice()
        waited.append(threading.Event().wait(20))

    with monkeypatch.context() as patch:
        patch.setattr("fastrnn.cli.tasks.run", run)
        assert main(["tasks"]) == 130 and not waited
    assert capsys.readouterr().err == "fastrnn: interrupted\n"


def late(real):
    """`real`, at whose first end Ctrl-C comes: too late for what it did."""
    pressed = []

    def called(*arguments, **options):
        with deferred_interrupt():
            result = real(*arguments, **options)
            if not pressed:
                pressed.append(signal.raise_signal(signal.SIGINT))
        return result

    return called


def test_ctrl_c_while_a_sweep_loads_its_kernels_ends_it(monkeypatch):
    loaded, train_many = [], late(unit.train_many)
    monkeypatch.setattr(unit, "train_many", lambda *point, **options: loaded.append(train_many(*point, **options)))
    monkeypatch.setattr(run, "run_unit", None)
    with pytest.raises(KeyboardInterrupt):
        fastrnn.sweep(
            hidden_size=2, activation=("sigmoid", "tanh"), seeds=2, max_samples=1 << 40, until="samples", workers=1
        )
    assert len(loaded) == 1


def test_ctrl_c_at_the_end_of_a_training_stops_the_next_one(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(one, "_run", late(one._run))
        run = fastrnn.train(until="certified")
        assert run.stopped == "interrupted" and run.exact
        patch.undo()
        patch.setattr(one, "_run", late(one._run))
        assert main(["repeat", "--seeds", "3", "--until", "samples", "--max-samples", "160"]) == 130
    assert "fastrnn: interrupted after 1 of 3 seeds, kept in" in capsys.readouterr().err


def test_ctrl_c_at_the_end_of_fits_ends_the_whole(monkeypatch):
    fits, data = [], fastrnn.Sequences([np.ones((4, 1))] * 8, [np.arange(4) % 2] * 8)
    monkeypatch.setattr(kept, "fit_sequences", late(lambda *_, **options: fits.append(kept.Fits) or fits[0]))
    monkeypatch.setattr(kept.Fits, "stopped", (), raising=False)
    with pytest.raises(KeyboardInterrupt):
        fastrnn.cross_validate(fastrnn.GRU(1), data, outer=2, inner=2, seeds=1)
    assert len(fits) == 1


def test_ctrl_c_that_does_not_end_the_waiting_for_threads_is_seen_all_the_same():
    # As where it comes just before the main thread waits for a lock: it goes to another thread.
    pressed, seen = threading.Event(), set()

    def work(thread, threads):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)
        seen.add(pressed.wait(20))

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        on_threads(2, work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert seen == {True}


@pytest.mark.parametrize("again", [False, True])
def test_once_the_command_of_the_process_is_done_ctrl_c_ends_it_without_a_word(monkeypatch, capsys, again):
    def fail(message, status):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["fastrnn", "tasks"])
    monkeypatch.setattr("fastrnn.cli.tasks.run", lambda args: signal.raise_signal(signal.SIGINT) if again else 0)
    if again:
        monkeypatch.setattr("fastrnn.cli._fail", fail)
    assert main() == (130 if again else 0)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert capsys.readouterr() == ("", "")
