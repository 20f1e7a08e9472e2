"""Sends units to the workers, collects results as they arrive, and repeats units that were lost."""

import math
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait

from fastrnn.errors import one_line
from fastrnn.interrupt import checked_interrupt
from fastrnn.simd.host import arithmetic
from fastrnn.sweeps.unit import code_version

# The duration of a unit, about: short enough that little is lost with it, long enough that submitting it, and a last
# model that keeps a lane busy, cost little.
UNIT_SECONDS = 5.0
# Models of the first unit, before any time is known; all later units are multiples of it: models train side by side.
UNIT_MODELS = 16
# A unit that has failed this many times is not tried again.
UNIT_ATTEMPTS = 3
REFRESH_SECONDS = 0.25


class UnitFailed(RuntimeError):
    """A unit has failed repeatedly, or there are no workers left; the message has one line."""


class Driver:
    """Completes Results, unit by unit, and appends each unit to the journal (or None).

    results: done, missing(point), add(point, first, rows), as those of a sweep; workers: Workers; unit_of(point, first,
    last): what they run for the models first, ..., last - 1 of a point; note_of(unit, rows): what progress says of it;
    together: how many units they are given at once, if not as many as they say; unit: models of a unit, if not as many
    as take some seconds; progress(done, total, note): called at each unit, and some four times per second.
    """

    def __init__(
        self, results, workers, unit_of, note_of, *, journal=None, together=None, unit=None, progress=None
    ):
        self.results, self.workers, self.journal = results, workers, journal
        self.unit_of, self.note_of = unit_of, note_of
        self.together, self.unit, self.progress = together or workers.together, unit, progress
        self.pace, self.attempts, self.total, self.note = {}, {}, 0, ""

    def complete(self, points):
        """Run the missing models of the points, given by their numbers. Raises UnitFailed; KeyboardInterrupt after
        Ctrl-C."""
        waiting = deque((point, first, last) for point in points for first, last in self.results.missing(point))
        running = {}
        self.total = self.results.done + sum(last - first for _, first, last in waiting)
        with checked_interrupt() as interrupt:
            try:
                self._tell()
                while waiting or running:
                    while waiting and len(running) < self.together:
                        self._submit(self._cut(waiting), waiting, running)
                        interrupt.check()
                    done, _ = wait(running, timeout=REFRESH_SECONDS, return_when=FIRST_COMPLETED)
                    # What was lost now is not to be repeated: the signal may have ended other processes, too.
                    interrupt.check()
                    for future in done:
                        self._collect(future, *running.pop(future), waiting)
                    if not done:
                        self._tell()
            except BaseException:
                for future in running:
                    future.cancel()
                # An executor that works in this thread fails where Ctrl-C has ended its work.
                interrupt.check()
                raise

    def _cut(self, waiting):
        """Remove the next unit, (point, first, last), from the waiting work, and return it."""
        left = sum(last - first for _, first, last in waiting)
        point, first, last = waiting.popleft()
        end = min(last, first + self._size(point, left))
        if end < last:
            waiting.appendleft((point, end, last))
        return point, first, end

    def _size(self, point, left):
        """Return the number of models in the next unit of a point; left: the waiting models of all points."""
        if self.unit:
            return self.unit
        groups = UNIT_SECONDS / self.pace[point] / UNIT_MODELS if point in self.pace else 1
        # Towards the end smaller ones, so that all workers end together.
        return math.ceil(min(groups, left / self.together / UNIT_MODELS)) * UNIT_MODELS

    def _submit(self, work, waiting, running):
        unit, executor = self.unit_of(*work), self.workers.executor
        try:
            running[self.workers.submit(unit)] = (work, unit, executor)
        except BrokenExecutor as error:
            self._lost(error, work, unit, executor, waiting)
        except Exception as error:  # a cluster that is gone for good
            raise UnitFailed(f"the executor takes no more work ({_reason(error)})") from error

    def _collect(self, future, work, unit, executor, waiting):
        point, first, _ = work
        try:
            done = future.result()
        # Cancelled, killed with its worker, out of memory, ...: wherever it ran, it may succeed at another try.
        except Exception as error:
            self._lost(error, work, unit, executor, waiting)
            return
        if done.version != code_version():
            raise UnitFailed(
                f"{unit}: a worker has another version of fastrnn or llvmlite than this process; "
                "install the same on all"
            )
        if done.arithmetic != arithmetic():
            raise UnitFailed(
                f"{unit}: a worker computes in {done.arithmetic} arithmetic, this process in {arithmetic()}: their "
                "rows would differ in the last digits; use machines of one kind"
            )
        if self.journal:
            self.journal.append(point, first, done.rows)
        self.results.add(point, first, done.rows)
        self.pace[point] = max(done.seconds, 1e-6) / len(done.rows)
        self._tell(self.note_of(unit, done.rows))

    def _lost(self, error, work, unit, executor, waiting):
        """Put a lost unit back into the waiting work."""
        if isinstance(error, BrokenExecutor) and not self.workers.renew(executor):
            raise UnitFailed(f"the executor has lost its workers ({_reason(error)})") from error
        self.attempts[work] = self.attempts.get(work, 0) + 1
        if self.attempts[work] == UNIT_ATTEMPTS:
            raise UnitFailed(f"{unit}: failed {UNIT_ATTEMPTS} times, the last time with {_reason(error)}") from error
        waiting.appendleft(work)

    def _tell(self, note=None):
        self.note = note or self.note
        if self.progress:
            self.progress(self.results.done, self.total, self.note)


def _reason(error):
    return f"{type(error).__name__}: {one_line(error)}"
