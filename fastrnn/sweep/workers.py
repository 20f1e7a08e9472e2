"""The workers that run units: any `concurrent.futures.Executor`, and two for this machine."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.connection import wait

# Units given at once to an executor that does not say how many workers it has.
SUBMITTED = 64


class Workers:
    """An executor, or a function that makes one and is called again when its workers are lost, and the function to run.

    run(unit, stopped=None) -> Done: see fastrnn.sweep.unit. It shuts down the executors that it made, whose running
    units then stop; a given executor is left running.
    """

    def __init__(self, executor, run):
        if not callable(executor) and not isinstance(executor, Executor):
            raise TypeError(
                f"executor: got {executor!r:.80}, expected a concurrent.futures.Executor, or a function that makes one"
            )
        self.run = run
        self.make = None if isinstance(executor, Executor) else executor
        self.executor = executor if self.make is None else self.make()

    @property
    def together(self):
        """How many units the executor is given at once."""
        return getattr(self.executor, "workers", SUBMITTED)

    def submit(self, unit):
        """Return a Future of the unit's Done."""
        return self.executor.submit(self.run, unit)

    def renew(self, broken):
        """Replace the executor `broken`, unless that is done; return False if there is no way to."""
        if self.make is None:
            return False
        if broken is self.executor:
            self.close()
            self.executor = self.make()
        return True

    def close(self):
        """Shut down an executor that was made here."""
        if self.make is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)


class Threads(ThreadPoolExecutor):
    """Threads of this process, in which the kernels run in parallel; a shutdown stops their units early."""

    def __init__(self, workers):
        super().__init__(workers, thread_name_prefix="fastrnn-sweep")
        self.workers = workers
        self._stopped = threading.Event()

    def submit(self, function, unit):
        return super().submit(function, unit, self._stopped.is_set)

    def shutdown(self, wait=True, *, cancel_futures=False):
        if cancel_futures:
            self._stopped.set()
        super().shutdown(wait=wait, cancel_futures=cancel_futures)


class Processes(ProcessPoolExecutor):
    """New processes of this machine; a shutdown stops their units early, and they end when the parent dies."""

    def __init__(self, workers):
        # A forked copy of a process with threads may inherit locks that nobody will open.
        context = multiprocessing.get_context("spawn")
        self._stopped = context.Event()
        super().__init__(workers, context, _begin_process, (self._stopped,))
        self.workers = workers

    def submit(self, function, unit):
        return super().submit(_in_process, function, unit)

    def shutdown(self, wait=True, *, cancel_futures=False):
        if cancel_futures:
            self._stopped.set()
        if self._broken:
            # The pool does not terminate a process that was just starting when another one was lost, and waits for it
            # for ever.
            for process in list((self._processes or {}).values()):
                process.kill()
        super().shutdown(wait=wait, cancel_futures=cancel_futures)


def _begin_process(stopped):
    # Ctrl-C reaches all processes of a terminal; the parent tells this one what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _in_process.stopped = stopped.is_set
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent():
    # A pool's processes wait for work for ever if their parent is killed.
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _in_process(function, unit):
    return function(unit, _in_process.stopped)
