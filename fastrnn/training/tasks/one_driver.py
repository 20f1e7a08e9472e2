"""Trains one network: its stages, history and tests."""

import time

import numpy as np

from fastrnn.cores import cores
from fastrnn.initializers import drawn_weights
from fastrnn.kernels.events import CLEAN
from fastrnn.kernels.recurrent.tally import Statistics
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.training.tasks.checks import Checks, first_wrong
from fastrnn.training.tasks.curriculum import stages
from fastrnn.training.tasks.data import holds_bits, source_of
from fastrnn.training.tasks.driver import Job, TrainingLoop
from fastrnn.training.tasks.history_bins import HistoryBins
from fastrnn.training.tasks.pace import Pace
from fastrnn.training.tasks.small_session import session_for
from fastrnn.verification import verify

# In smaller batches, threads wait for each other longer than they work.
SAMPLES_A_THREAD = 64


class Training(TrainingLoop):
    """One training, which `updates` runs to its end.

    task: a Task, or None for arrays (kernels.arrays.Arrays); weights: initial ones by name, None: the config's own;
    before: the state of a training to continue (fastrnn.training.tasks.resume), None, or, for a training that begins,
    the stretches and seconds that it adds to.
    """

    def __init__(self, cell, task, arrays, config, *, threads=None, weights=None, before=None):
        self.cell, self.task, self.arrays, self.config = cell, task, arrays, config
        self.threads = threads or min(cores(), max(1, config.batch_size // SAMPLES_A_THREAD))
        before = before or {}
        self.earlier, self.bins = before.get("seconds", 0.0), HistoryBins(config.batch_size, before.get("stretches"))
        self.verification = self.stage = None
        self.known, self.judged = Job(config.updates), config.until != "samples"
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
            self.known.checks = Checks(len(arrays.x), config, numbers.get("failed", 0), numbers.get("looked_at", 0))
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
        """Return the state (fastrnn.training.tasks.resume), without config and data."""
        arrays, numbers = self.session.state()
        numbers |= self.known.checks.saved() if self.known.checks else {}
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
        self.progress, self.offered = progress, offer
        self.shown, self.stopped = (self.session.step * self.config.batch_size, 0.0, 0.0), None
        if limit is not None:
            self.known.limit = limit
        session, checks = self.session, self.known.checks
        self.expect(session, 0)
        # It may have been interrupted during the test.
        if 0 < session.patience <= session.clean_samples and not (checks and session.step <= checks.first_step):
            session.event = CLEAN
        pace = Pace.of_network(session.flops, session.steps, self.config.batch_size)
        self.drive(session, pace, interrupt)
        while session is not self.session and self.stopped is None and not interrupt():
            pace.lengthened(session.steps, self.session.steps)
            session = self.session
            self.expect(session, 0)
            self.drive(session, pace, interrupt)
        return self.stopped or "interrupted"

    def job(self, session, place):
        """Return the Job."""
        return self.known

    def fill(self, session):
        """Return whether the network is in training in this session."""
        return self.stopped is None and session is self.session

    def collect(self, session, made, began, ended):
        """Add to the history, and report the last update to the user's progress function."""
        statistics, batch = session.statistics, self.config.batch_size
        self.bins.add(statistics, np.linspace(began, ended, len(statistics) + 1)[1:])
        if made < 0:
            self.bins.drop_last()
        if self.progress and len(statistics):
            last = Statistics(*statistics[-1])
            self.shown = session.step * batch, last.loss / batch, 1 - last.wrong_samples / batch
            self.progress(*self.shown)

    def offer(self, session):
        """Call the user's `offer` while the network is in training."""
        if self.offered and self.stopped is None:
            self.offered()

    def found_exact(self, session, place):
        """Return False: training ends where the network is exact."""
        return False

    def is_exact(self, session, place, earned):
        """Return whether the network is right on all of its task or arrays."""
        if self.task is not None:
            return self._right_on_task(earned)
        if earned:
            return self.known.checks.passes(self.model(), self.arrays, self.threads, self.interrupt.check)
        # Another training may continue this one.
        return self.right_on_arrays()

    def end(self, session, place, stopped, exact):
        """Record why training ends."""
        self.stopped = stopped

    def right_on_arrays(self):
        """Return whether the network is right on all of its arrays."""
        return first_wrong(self.model(), self.arrays, self.threads, self.interrupt.check) is None

    def _right_on_task(self, earned):
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
        if earned:
            self.session.forget(0)
        return False

    def _right_at(self, bits):
        """Return whether the network is right on all samples that are verified at this width."""

        def tell(done, total):
            self.interrupt.check()
            self.offer(self.session)
            if self.progress:
                self.progress(*self.shown)

        found = verify(self.model(), bits, threads=self.threads, progress=tell, whole=False)
        self.verification = found if found.exact and bits == self.task.bits else None
        return found.exact
