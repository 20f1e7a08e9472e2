"""Trains one network: calls of the kernels, with history, tests and stops in between."""

import time

import numpy as np

from fastrnn.cores import cores
from fastrnn.initializers import drawn_weights
from fastrnn.interrupt import Interrupted
from fastrnn.kernels.batches import DIVERGED
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.training.tasks.checks import Checks, first_wrong
from fastrnn.training.tasks.curriculum import stages
from fastrnn.training.tasks.data import holds_bits, source_of
from fastrnn.training.tasks.history_bins import HistoryBins
from fastrnn.training.tasks.pace import Pace
from fastrnn.training.tasks.session import session_for
from fastrnn.verification import verify

# In smaller batches, threads wait for each other longer than they work.
SAMPLES_A_THREAD = 64


class Training:
    """One training, which `updates` runs to its end.

    task: a Task, or None for arrays (kernels.arrays.Arrays); weights: initial ones by name, None: the config's own;
    before: the state of a training to continue (fastrnn.training.tasks.state), None, or, for a training that begins,
    the stretches and seconds that it adds to.
    """

    def __init__(self, cell, task, arrays, config, *, threads=None, weights=None, before=None):
        self.cell, self.task, self.arrays, self.config = cell, task, arrays, config
        self.threads = threads or min(cores(), max(1, config.batch_size // SAMPLES_A_THREAD))
        before = before or {}
        self.earlier, self.bins = before.get("seconds", 0.0), HistoryBins(config.batch_size, before.get("stretches"))
        self.verification = self.checks = self.stage = None
        numbers = before.get("numbers", {})
        if task is not None:
            # until="samples" means samples at the task's own width; and a proof covers every width, so that the first
            # stage is enough.
            self.stages = stages(task, config.curriculum if config.until != "samples" else None)
            if config.until == "certified":
                self.stages = self.stages[:1]
            self.stage = next(
                (stage for stage in self.stages if stage.bits == numbers.get("bits")), self.stages[-1 if numbers else 0]
            )
        elif holds_bits(arrays):
            # Only targets that are bits are right or wrong.
            self.checks = Checks(len(arrays.x), config, numbers.get("failed", 0), numbers.get("looked_at", 0))
        self.session = self._session(weights)
        if numbers:
            self.session.restore(before["arrays"], numbers)

    def _session(self, weights):
        """Return a Session of the present stage with these weights."""
        cell, config, (source, sizes, steps) = self.cell, self.config, source_of(self.stage, self.arrays)
        if weights is None:
            weights = drawn_weights(cell, shapes_of(cell, *sizes), config, config.seed)
        # A Model checks names, shapes and values.
        dtype = np.dtype(config.dtype)
        weights = Model(cell, {name: np.asarray(weight, dtype) for name, weight in weights.items()}, self.task).weights
        return session_for(cell, sizes, source, steps, config, self.threads, weights)

    def warm_up(self):
        """Compile the kernels, or load them from the cache, so that the seconds are those of training."""
        self.session.run(0)

    @property
    def step(self):
        """The number of updates so far."""
        return self.session.step

    def model(self):
        """The Model with the present weights."""
        return Model(self.cell, self.session.weights(), self.task)

    def state(self):
        """Return the state (fastrnn.training.tasks.state), without config and data."""
        arrays, numbers = self.session.state()
        numbers |= self.checks.saved() if self.checks else {}
        return {"arrays": arrays, "numbers": numbers, "stretches": self.bins.saved(), "seconds": self.seconds()}

    def seconds(self):
        """The seconds of training so far."""
        return self.earlier + time.perf_counter() - self.started

    def updates(self, interrupt, *, limit=None, progress=None, offer=None):
        """Train until there is a reason to stop, and return it: "exact", "samples", "diverged" or "interrupted".

        limit: updates after which it stops in any case; progress(samples, loss, exact_accuracy); offer(): called
        whenever the training could be interrupted.
        """
        self.started, self.interrupt = time.perf_counter(), interrupt
        self.progress, self.offer = progress, offer
        self.shown = self.session.step * self.config.batch_size, 0.0, 0.0
        try:
            return self._updates(self.config.updates if limit is None else limit)
        except Interrupted:
            return "interrupted"

    def _updates(self, limit):
        pace = Pace.of_network(self.session.flops, self.session.steps, self.config.batch_size)
        while True:
            # At first, too: the earlier run may have been interrupted during a test.
            earned, steps = self._earned(), self.session.steps
            if (earned or self._last()) and self._passes(earned):
                return "exact"
            pace.lengthened(steps, self.session.steps)
            self.interrupt.check()
            if self.offer:
                self.offer()
            session = self.session
            if session.step >= limit:
                return "samples"
            patience, end = self._ahead(limit)
            count, made, began = min(pace.updates, end - session.step), session.step, self.seconds()
            statistics, why = session.run(count, patience, self.interrupt.flag)
            ended = self.seconds()
            self.bins.add(statistics, np.linspace(began, ended, len(statistics) + 1)[1:])
            pace.measured(count, ended - began)
            if why == DIVERGED:
                if session.step < made:
                    self.bins.drop_last()
                return "diverged"
            self._tell(statistics)

    def _ahead(self, limit):
        """Return (samples without a mistake, updates in all) of which either ends the next calls."""
        if self.config.until == "samples":
            return 0, limit
        # Otherwise measured time would decide when the first check of own data comes.
        return self.checks.ahead(self.session.step, limit) if self.checks else (self.config.verify_after, limit)

    def _tell(self, statistics):
        """Report the last update of a call to the user's progress function."""
        if self.progress and len(statistics):
            batch, (loss, _, _, wrong) = self.config.batch_size, statistics[-1]
            self.shown = self.session.step * batch, loss / batch, 1 - wrong / batch
            self.progress(*self.shown)

    def _earned(self):
        """Return whether there were enough samples without a mistake to test the network."""
        if self.config.until == "samples" or self.checks and self.session.step <= self.checks.first_step:
            return False
        patience = self.checks.patience if self.checks else self.config.verify_after
        return 0 < patience <= self.session.clean_samples

    def _last(self):
        """Return whether enough updates were made to test the network."""
        return self.config.until != "samples" and self.session.step == self.config.updates

    def _passes(self, earned):
        """Return whether the network passes all tests; if not, the count of samples without a mistake starts again.

        earned: whether samples without a mistake led here, or else the end of training, which another one may continue.
        """
        if self.task is not None:
            exact = self._right_on_task()
        elif earned:
            exact = self.checks.passes(self.model(), self.arrays, self.threads, self.interrupt.check)
        else:
            exact = self.right_on_arrays()
        if earned and not exact:
            self.session.clean(0)
        return exact

    def right_on_arrays(self):
        """Return whether the network is right on all of its arrays."""
        return first_wrong(self.model(), self.arrays, self.threads, self.interrupt.check) is None

    def _right_on_task(self):
        """Return whether the network is right on all of the task; if only at the present width, start a wider stage."""
        if not self._right_at(self.stage.bits):
            return False
        wider = self.stages[self.stages.index(self.stage) + 1 :]
        if not wider or self._right_at(wider[-1].bits):
            return True
        self.stage = next((stage for stage in wider[:-1] if not self._right_at(stage.bits)), wider[-1])
        arrays, numbers = self.session.state()
        self.session = self._session(self.session.weights())
        self.session.restore(arrays, numbers)
        return False

    def _right_at(self, bits):
        """Return whether the network is right on all samples that are verified at this width."""

        def tell(done, total):
            self.interrupt.check()
            if self.offer:
                self.offer()
            if self.progress:
                self.progress(*self.shown)

        found = verify(self.model(), bits, threads=self.threads, progress=tell, whole=False)
        self.verification = found if found.exact and bits == self.task.bits else None
        return found.exact
