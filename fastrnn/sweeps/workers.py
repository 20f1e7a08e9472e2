"""The workers that run units: any `concurrent.futures.Executor`, and two for this machine."""

import contextlib
import functools
import queue
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from fastrnn.sweeps.process import UnitProcess
from fastrnn.threads import TEND_SECONDS

# Units given at once to an executor that does not say how many workers it has.
SUBMITTED = 64


class Workers:
    """An executor, or a function that makes one and is called again when its workers are lost, and the function to run.

    run(unit, stopped=None) -> Done: see fastrnn.sweeps.unit. It shuts down the executors that it made; a given executor
    is left running. Units that run in threads of this process, or in Processes, stop when it is closed.
    """

    def __init__(self, executor, run):
        if not callable(executor) and not isinstance(executor, Executor):
            raise TypeError(
                f"executor: got {executor!r:.80}, expected a concurrent.futures.Executor, or a function that makes one"
            )
        self.run, self.closed = run, False
        self.make = None if isinstance(executor, Executor) else executor
        self.executor = executor if self.make is None else self.make()

    @property
    def together(self):
        """How many units the executor is given at once."""
        return getattr(self.executor, "workers", SUBMITTED)

    def submit(self, unit):
        """Return a Future of the unit's Done."""
        run = self.run
        if isinstance(self.executor, ThreadPoolExecutor) or type(self.executor) is Threads:
            run = functools.partial(run, stopped=lambda: self.closed)
        return self.executor.submit(run, unit)

    def renew(self, broken):
        """Replace the executor `broken`, unless that is done; return False if there is no way to."""
        if self.make is None:
            return False
        if broken is self.executor:
            # A pool of Python's waits for ever for a process that was just starting when another one was lost.
            broken.shutdown(wait=False, cancel_futures=True)
            self.executor = self.make()
        return True

    def close(self, wait=True):
        """Stop units, and shut down an executor that was made here; wait: until they have stopped."""
        self.closed = True
        if self.make is not None:
            self.executor.shutdown(wait=wait, cancel_futures=True)


class Threads(Executor):
    """Threads of this process, in which the kernels run in parallel.

    Unlike those of a ThreadPoolExecutor they share no lock with the caller which a KeyboardInterrupt could leave
    locked, and Python does not wait for them when it ends.
    """

    def __init__(self, workers):
        self.workers, self._started = workers, 0
        self._jobs, self._ended = queue.SimpleQueue(), queue.SimpleQueue()

    def submit(self, function, unit):
        future = Future()
        self._jobs.put((future, function, unit))
        if self._started < self.workers:
            try:
                threading.Thread(target=self._serve, name="fastrnn-sweep", daemon=True).start()
                self._started += 1
            except RuntimeError:
                # The system starts no more threads.
                if not self._started:
                    raise
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        if cancel_futures:
            with contextlib.suppress(queue.Empty):
                while True:
                    if job := self._jobs.get_nowait():
                        job[0].cancel()
            self._stop()
        for _ in range(self._started):
            self._jobs.put(None)
        while wait and self._started:
            with contextlib.suppress(queue.Empty):
                self._ended.get(timeout=TEND_SECONDS)
                self._started -= 1

    def _serve(self):
        try:
            with self._place() as call:
                while job := self._jobs.get():
                    _run(call, *job)
                    # What it holds is not kept while this thread is idle.
                    job = None
        finally:
            self._ended.put(None)

    def _place(self):
        """Return a context manager that gives what a thread calls a unit's function with."""
        return contextlib.nullcontext(lambda function, unit: function(unit))

    def _stop(self):
        """Stop running units; those of threads ask whether to stop."""


class Processes(Threads):
    """New processes of this machine, each led by a thread; a shutdown that cancels futures kills them, and they end
    when the parent dies."""

    def __init__(self, workers):
        super().__init__(workers)
        self._places, self._stopped = [], False

    def _place(self):
        place = UnitProcess()
        self._places.append(place)
        # `_stop` may have come before it was there.
        if self._stopped:
            place.kill()
        return place

    def _stop(self):
        self._stopped = True
        for place in list(self._places):
            place.kill()


def _run(call, future, function, unit):
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call(function, unit)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
