"""One running call of `fit_sequences`: threads and models of each size, Ctrl-C, progress, callback, checkpoint."""

import math
import queue
import threading
import time

import numpy as np

from fastrnn.interrupt import deferred_interrupt
from fastrnn.kernels.recurrent.decide import ROLE_SUMS
from fastrnn.threads import on_threads
from fastrnn.training.sequences.fit_state import FitState
from fastrnn.training.sequences.lanes import left_behind
from fastrnn.training.tasks.deposits import Deposits

# With a callback for one model, the caller waits this long for its next evaluation before it looks at other events.
WAIT_SECONDS = 0.05


class Fitting:
    """Trains Manys on at most `threads` threads; `run` returns all models in their order.

    Threads go on to the models of the next size as soon as no model of a size waits, large ones first: so only few
    wait at the end. Where models are fewer than threads that can share the work of one, each size has all threads.
    progress(done, models, loss), callback(FitState): functions or None; autosave: a FitAutosave or None; stepwise:
    whether a single model waits after each evaluation until the callback has returned.
    """

    def __init__(self, manys, threads, progress, callback, autosave):
        self.manys, self.threads = sorted(manys, key=lambda many: -many.recipe.rows), threads
        self.progress, self.callback, self.autosave = progress, callback, autosave
        self.models = sum(len(many.jobs) for many in manys)
        self.stepwise = callback is not None and self.models == 1
        self.reason, self.reported, self.shown = "interrupted", 0, (0.0, math.inf)
        self.lock = threading.Lock()
        self.deposits = Deposits(autosave, self._size, self._save, self.lock)
        self.events, self.answers = queue.SimpleQueue(), queue.SimpleQueue()
        self.earlier = autosave.take_up(manys) if autosave else 0.0

    def run(self):
        """Return [FitResult] of all models, in the order of their numbers."""
        self.began, self.caller = time.perf_counter(), threading.get_ident()
        with deferred_interrupt() as self.interrupt:
            self.flag = self.interrupt.flag
            groups = sum(many.full_groups for many in self.manys)
            shared = groups < self.threads and not self.manys[0].recipe.net.own_weights
            for manys in [[many] for many in self.manys] if shared else [self.manys]:
                self._train(manys)
            if not self.flag[0]:
                self.tend()
            if self.autosave:
                if self.done < self.models and self.reason == "interrupted":
                    self._save([])
                else:
                    self.autosave.finish()
        return self._all()

    def _train(self, manys):
        """Train the models of Manys, on the same threads."""
        threads = min(self.threads, sum(many.full_groups for many in manys))
        for many in manys:
            if self.flag[0]:
                return
            many.begin(self, threads, self.threads // threads)
        on_threads(threads, lambda *_: self._work(manys), self.tend)

    def _work(self, manys):
        try:
            with self.interrupt.set_by_errors():
                for many in manys:
                    many.work()
        finally:
            # The caller waits for the next evaluation of a single model.
            if self.stepwise:
                self.events.put(False)

    @property
    def seconds(self):
        """The seconds of training so far."""
        return self.earlier + time.perf_counter() - self.began

    @property
    def done(self):
        """The number of finished models."""
        return sum(len(many.taken) for many in self.manys)

    @property
    def least(self):
        """The lowest validation loss of the finished models."""
        return min((many.least for many in self.manys), default=math.inf)

    def _all(self):
        taken = {}
        for many in self.manys:
            lanes = {job.model: lane for _, group in many.held for _, job, lane in group}
            for job in many.jobs:
                own = many.taken.get(job.model)
                taken[job.model] = own or left_behind(job, lanes.get(job.model), self.reason)
        return [taken[model] for model in sorted(taken)]

    # -------------------------------------------------------------------------------------- in the caller's thread

    def tend(self):
        """Call progress and callback, if there is news; their exceptions end training."""
        with self.interrupt.set_by_errors():
            if self.progress:
                self.progress(*self.so_far())
            if self.stepwise:
                self._step()
            elif self.callback and (evaluated := sum(many.evaluated for many in self.manys)) != self.reported:
                self.reported = evaluated
                self._call()

    def so_far(self):
        """Return how many models are done, those in training by the share of their epochs; of how many; and the lowest
        loss so far."""
        done, least = float(self.done), self.least
        for many in self.manys:
            for group in many.groups:
                busy = [slot for slot, seen in enumerate(list(group.seen)) if seen is not None]
                done += float(group.updates[busy].sum()) / max(many.recipe.config.limit, 1)
                least = min(least, *map(group.best_loss, busy)) if busy else least
        # Models that just end are in neither count, or in both.
        self.shown = min(max(self.shown[0], done), self.models), min(self.shown[1], least)
        return round(self.shown[0], 2), self.models, self.shown[1]

    def _step(self):
        """Call the callback for a single model, until it is finished or its next evaluation takes longer."""
        try:
            while self.events.get(timeout=WAIT_SECONDS):
                try:
                    self._call()
                finally:
                    self.answers.put(None)
        except queue.Empty:
            pass

    def _call(self):
        asked = self.callback(FitState(self))
        if isinstance(asked, (bool, np.bool_)) and asked and not self.flag[0]:
            self.reason = "callback"
            self.interrupt.set()

    # ------------------------------------------------------------------------------------------ in threads that work

    def pause(self, evaluated):
        """Let a single model wait for the callback, after a call of the kernels with `evaluated` evaluations."""
        if not self.stepwise or not evaluated:
            return
        if threading.get_ident() == self.caller:  # the system starts no more threads
            return self._call()
        self.events.put(True)
        while not self.flag[0]:
            try:
                return self.answers.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                pass

    def _size(self):
        """Return the approximate number of bytes of a checkpoint."""
        sizes = ((many.recipe.rows * len(many.jobs), ROLE_SUMS * many.evaluations) for many in self.manys)
        return self.manys[0].recipe.dtype.itemsize * sum(map(sum, sizes))

    def _save(self, deposits):
        """Write the checkpoint: finished models, those that wait to be continued, and the lanes that threads left."""
        held = {many: list(many.held) for many in self.manys}
        for many, lanes in (each for deposit in deposits for each in deposit):
            held[many].append(lanes)
        self.autosave.save(held, self.seconds)
