"""A process of this machine that runs units for a thread."""

import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait

# A forked copy of a process with threads may inherit locks that nobody will open.
_CONTEXT = multiprocessing.get_context("spawn")
# The thread looks so often whether the process is alive: a link whose end was copied by a fork does not tell.
ALIVE_SECONDS = 1.0


class ProcessLost(RuntimeError):
    """A process has ended while it ran a unit."""


class UnitProcess:
    """A process that is started for its first unit, and again for the next unit after it was lost.

    Call it, in one thread, to run a unit's function; any thread may kill it. As a context manager, it is killed at the
    end: it holds nothing that anybody needs.
    """

    def __init__(self):
        self._process = self._link = None
        self._killed = False

    def __call__(self, function, unit):
        """Return function(unit), or raise what it raises; ProcessLost if the process ends."""
        if self._process is None:
            self._start()
        try:
            self._link.send((function, unit))
            while not self._link.poll(ALIVE_SECONDS):
                if not self._process.is_alive() and not self._link.poll():
                    raise EOFError
            error, result = self._link.recv()
        except (EOFError, OSError):
            raise ProcessLost(f"a process has ended with exit code {self._end()}") from None
        if error is not None:
            raise error
        return result

    def kill(self):
        """Kill the process, if there is one, and whatever is started later."""
        self._killed = True
        if self._process is not None:
            self._process.kill()

    def _start(self):
        link, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        with _without_ctrl_c():
            process.start()
        theirs.close()
        self._process, self._link = process, link
        # `kill` may have come too early for this process.
        if self._killed:
            process.kill()

    def _end(self):
        """End the process, and return its exit code."""
        process, self._process = self._process, None
        # It closes the link a moment before it is gone.
        process.join(ALIVE_SECONDS)
        process.kill()
        process.join()
        self._link.close()
        return process.exitcode

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._process is not None:
            self._process.kill()
            self._end()


@contextlib.contextmanager
def _without_ctrl_c():
    """Let a process that this thread starts in the block never see Ctrl-C, which reaches all processes of a terminal.
    """
    if threading.current_thread() is threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    # Where a process would start it, it would end the blocking.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(link):
    """Run units in this process, until the parent closes the link or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    while True:
        try:
            function, unit = link.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # the function or the unit cannot be imported here
            answer = error, None
        else:
            answer = _answer(function, unit)
        try:
            link.send(answer)
        except OSError:
            return
        except Exception as error:  # what cannot be sent
            link.send((RuntimeError(f"{type(error).__name__}: {error}"), None))


def _follow_parent():
    # While a unit runs nobody looks at the link.
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _answer(function, unit):
    try:
        return None, function(unit)
    except Exception as error:
        return error, None
