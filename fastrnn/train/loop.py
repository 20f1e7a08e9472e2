"""Training: chunks of updates in compiled code, with history, verification and stops in between."""

import os
import time

import numpy as np

from fastrnn.arguments import as_whole
from fastrnn.cells.elman import Elman
from fastrnn.certify import check_provable
from fastrnn.cores import cores
from fastrnn.interrupt import Interrupted, deferred_interrupt
from fastrnn.kernels.batches import CLEAN, DIVERGED
from fastrnn.model import Model
from fastrnn.schedules import rates
from fastrnn.simd.host import arithmetic
from fastrnn.tasks.addition import Addition
from fastrnn.train.checks import NO_BITS, Checks, first_wrong
from fastrnn.train.continuation import (
    arithmetics_of,
    check_processor,
    check_resumable,
    config_of,
    data_digest,
    identity_of,
    state_digest,
    weights_digest,
)
from fastrnn.train.curriculum import lessons
from fastrnn.train.data import as_arrays, holds_bits, training_data
from fastrnn.train.options import check_parts, checked_weights, configured
from fastrnn.train.resume import load_run
from fastrnn.train.run import Run
from fastrnn.train.run_autosave import RunAutosave
from fastrnn.train.engine import drawn_weights
from fastrnn.train.session import session_for
from fastrnn.train.state import run_from
from fastrnn.train.stretches import Stretches
from fastrnn.verify import verify, warm_up

# The duration of one call of the kernels: short enough for Ctrl-C and progress, long enough that Python's share is
# negligible. The first call lasts that long on slow kernels, and has at most this many updates.
CHUNK_SECONDS = 0.05
FIRST_CHUNK, SLOW_FLOPS = 64, 2e9

# In smaller batches, threads wait for each other longer than they work.
SAMPLES_A_THREAD = 64


def train(cell=None, task=None, config=None, *, data=None, weights=None, threads=None, progress=None, resume=None,
          checkpoint=None, other_processor=False, **options):
    """Train a network until it is right, and return the Run.

    cell: an Elman (default: Elman()); task: a Task (default: Addition()); config: a TrainConfig (default: the task's
    recipe, for most tasks TrainConfig()); options: fields of a TrainConfig, which override those of `config`.
    data: (x, y) or (x, y, mask) instead of a task, x (N, T, I), y (N, T, O) or (N, T) with values in [0, 1], mask
    (N, T) of weights of the loss, 0 where a step does not count; accuracies count each output whose mask is above 0;
    steps that are masked in a numpy.ma.MaskedArray do not count either. Batches are drawn with replacement, or are all
    N sequences if batch_size is N. For data, until is "samples" by default, and max_samples 100 N, at least 10,000.
    weights: initial weights by name instead of drawn ones. threads: at most this many; default: all cores where the
    batch is large enough. The result has the same bytes for any number.
    progress(samples, loss, exact_accuracy): called some twenty times per second.
    until: "exact" (the default for a task) stops when the network is right on all of its verification, or on all of its
    data, whose targets must then be 0 or 1: it is tested after `patience` samples without a mistake, twice as many
    after each failed test, and seldom enough to take a small share of the time. "certified" continues from there, by
    fastrnn.train.consolidate, until the network is proved right at every width; Run.certification is the proof.
    "samples" uses all max_samples. curriculum: a task is learned at small widths first (fastrnn.train.curriculum),
    unless until is "samples".
    resume: the Run of an unfinished training, or its file, to continue. Cell, task and config are by default those of
    the Run, and must be equal to them; only max_samples, until and patience may differ. other_processor: continue even
    if another kind of processor began (fastrnn.simd.host.arithmetic), which would have given other bytes.
    checkpoint: a file, such as "run.safetensors", in which a long training keeps its state, written about every half
    minute in at most 1 % of the time, and removed at its end. After a crash the same call continues from it, to the
    same bytes as without the crash.
    Ctrl-C or SIGTERM in the main thread ends training with Run.stopped == "interrupted", within a second or the time of
    one block of 16 sequences, whichever is longer (8,192 steps of 256 units: about 2 seconds); a second one raises
    KeyboardInterrupt. The checkpoint then stays.
    Raises ValueError or TypeError for arguments that make no sense, OSError if the checkpoint cannot be written.
    """
    if isinstance(resume, (str, os.PathLike)):
        resume = load_run(resume)[0]
    if resume is not None:
        if not isinstance(resume, Run):
            raise TypeError(f"resume: got {resume!r:.80}, expected a Run, or the file of one")
        if weights is not None:
            raise ValueError("weights: got some, but training continues with those of the resumed run; leave them out")
        cell, task = cell or resume.model.cell, task or (resume.model.task if data is None else None)
        config = config or (config_of(resume) if resume.state else None)
    cell = Elman() if cell is None else cell
    check_parts(cell, task, config, data, progress)
    task = Addition() if task is None and data is None else task
    data = None if data is None else training_data(data)
    config, weights = configured(config, options, task, data and data[0]), checked_weights(weights)
    if threads is not None:
        threads = as_whole("threads", threads, 1)
    if config.until == "certified":
        try:
            check_provable(cell, task)
        except ValueError as error:
            raise ValueError(
                f"until: got 'certified', but {str(error).removeprefix('certify: ')}; expected 'exact' or 'samples'"
            ) from error
    arrays = data and arrays_of(data, config)
    digest = data and data_digest(arrays)
    if resume is not None:
        check_resumable(resume, cell, task, config, digest)
        if not other_processor:
            check_processor(resume)
    if checkpoint is None or isinstance(checkpoint, RunAutosave):  # whose file the caller removes
        return _trained(cell, task, arrays, digest, config, weights, threads, progress, resume, checkpoint)
    identity = identity_of(
        cell, task, config, data=digest, weights=weights_digest(weights), resumed=state_digest(resume)
    )
    with RunAutosave(checkpoint, identity) as autosave:
        run = _trained(cell, task, arrays, digest, config, weights, threads, progress, autosave.state or resume, autosave)
        autosave.finish(run)
        return run


def _trained(cell, task, arrays, digest, config, weights, threads, progress, resume, autosave):
    """The Run of a training with checked arguments."""
    before = resume and resume.state
    if before and "consolidation" in before:
        run = resume
    else:
        training = training_of(
            cell, task, arrays, config, resume.model.weights if resume else weights, threads, before, progress
        )
        training.digest = digest
        if autosave:
            training.offer = lambda: autosave.offer(lambda: training.so_far("interrupted"))
        run = training.run()
    if config.until == "certified" and (run is resume or run.stopped == "exact"):
        # It trains, too.
        from fastrnn.train.consolidate import certified

        run = certified(run, config, threads, progress, autosave)
    run.model.metadata["arithmetic"] = arithmetics_of(resume)
    return run


def training_of(cell, task, arrays, config, weights, threads, before, progress=None):
    """A Training from these weights (None: the config's own), or from `before`, the state of another."""
    threads = threads or min(cores(), max(1, config.batch_size // SAMPLES_A_THREAD))
    return Training(cell, task, arrays, config, weights, threads, before, progress)


def first_chunk(flops, steps, samples):
    """Updates in the first call of the kernels, whose speed is not known yet.

    flops: of one step forward of a sample; samples: of an update.
    """
    return max(1, min(FIRST_CHUNK, int(CHUNK_SECONDS * SLOW_FLOPS / (3 * flops * steps * samples))))


def arrays_of(data, config):
    """Arrays of (x, y, mask) as `training_data` gives them; until="exact" needs targets that are bits."""
    arrays = as_arrays(*data, dtype=np.dtype(config.dtype), drawn=config.batch_size != len(data[0]))
    if config.until == "exact" and not holds_bits(arrays):
        raise ValueError(NO_BITS)
    return arrays


class Training:
    """One training, which `updates` runs to its end; limit: updates after which it stops in any case.

    offer(), if not None, is called whenever it could be interrupted; digest: of the arrays.
    """

    def __init__(self, cell, task, arrays, config, weights, threads, before, progress):
        self.cell, self.task, self.config, self.threads, self.offer, self.digest = (
            cell,
            task,
            config,
            threads,
            None,
            None,
        )
        self.progress, self.limit, self.told = progress, config.updates, (0, 0.0, 0.0)
        self.earlier = before.get("seconds", 0.0) if before else 0.0
        self.stretches = Stretches(config.batch_size, before and before.get("stretches"))
        self.verification = None
        # until="samples" means samples at the task's own width; and a proof covers every width, so that the first
        # lesson is enough.
        self.lessons = task and lessons(task, config.curriculum if config.until != "samples" else None)
        if config.until == "certified":
            self.lessons = self.lessons[:1]
        # Only targets that are bits are right or wrong.
        self.arrays, self.checks, numbers = arrays, None, before["numbers"] if before else {}
        if arrays and holds_bits(arrays):
            self.checks = Checks(len(arrays.x), config, numbers.get("failed", 0), numbers.get("looked_at", 0))
        self._begin(self._lesson(before), arrays, weights)
        if before:
            self.session.restore(before["arrays"], before["numbers"])

    def _lesson(self, before):
        """The first lesson, or the one in which `before` ended; None without a task."""
        return self.lessons and next(
            (lesson for lesson in self.lessons if before and lesson.bits == before["numbers"]["bits"]),
            self.lessons[-1 if before else 0],
        )

    def _begin(self, lesson, arrays, weights):
        """A Session with these weights (None: the config's own)."""
        cell, config, self.lesson = self.cell, self.config, lesson
        if lesson is None:
            source, sizes, steps = arrays, (arrays.x.shape[2], arrays.y.shape[2]), arrays.x.shape[1]
        else:
            source, sizes, steps = lesson.kernel, (lesson.input_size, lesson.output_size), lesson.bits
        if weights is None:
            weights = drawn_weights(cell, sizes, config, config.seed, config.initial_scale)
        # A Model checks names, shapes and values.
        dtype = np.dtype(config.dtype)
        weights = Model(cell, {name: np.asarray(weight, dtype) for name, weight in weights.items()}, self.task).weights
        self.session = session_for(cell, sizes, source, steps, config, self.threads, weights)

    def run(self):
        """Train, and return the Run."""
        self.warm_up()
        if self.task is not None:
            warm_up(self._model())
        with deferred_interrupt() as interrupt:
            stopped = self.updates(interrupt)
            if stopped == "samples" and self.task is not None:
                try:
                    self.verification = verify(
                        self._model(), self.task.bits, threads=self.threads, progress=interrupt.check
                    )
                except Interrupted:
                    stopped = "interrupted"
            right = stopped == "exact"
            if stopped == self.config.until == "samples" and self.checks is not None:
                try:
                    right = first_wrong(self._model(), self.arrays, self.threads, interrupt.check) is None
                except Interrupted:
                    stopped = "interrupted"
        run = self.so_far(stopped)
        run.right = right
        return run

    def so_far(self, stopped):
        """The Run of a training that stops here."""
        arrays, numbers = self.session.state()
        numbers |= self.checks.saved() if self.checks else {}
        state = {"arrays": arrays, "numbers": numbers, "stretches": self.stretches.saved(), "seconds": self.seconds(),
                 "config": self.config.as_dict(), "data": self.digest}
        run = run_from(self._model(), self.config, state, stopped, self.verification)
        run.model.metadata = metadata_of(run, self.config)
        return run

    def warm_up(self):
        """Compile the kernels, or load them from the cache, so that the seconds are those of training."""
        self.session.run(np.zeros(0), np.zeros(0), 0)

    def seconds(self):
        """Seconds of training so far."""
        return self.earlier + time.perf_counter() - self.started

    def updates(self, interrupt):
        """Train until there is a reason to stop, and return it."""
        self.started, self.interrupt = time.perf_counter(), interrupt
        self.told = self.session.step * self.config.batch_size, *self.told[1:]
        try:
            return self._updates()
        except Interrupted:
            return "interrupted"

    def _updates(self):
        config, session = self.config, self.session
        length = first_chunk(session.flops, session.steps, config.batch_size)
        patience = 0 if config.until == "samples" else config.patience
        # The earlier run may have been interrupted during a check.
        if (self._due() or self._last()) and self._checked(self._due()):
            return "exact"
        while self.session.step < self.limit:
            session = self.session
            count, made = min(length, self.limit - session.step), session.step
            if self.checks and config.until == "exact":
                # Calls end where checks begin; otherwise measured time would decide when the first check comes.
                early = self.checks.first_step - session.step
                count, patience = (min(count, early), 0) if early > 0 else (count, self.checks.patience)
            began = self.seconds()
            statistics, why = session.run(
                rates(config.schedule, config.rate, session.step, count, config.updates),
                np.full(count, config.saturation, np.float64),
                patience,
                self.interrupt.flag,
            )
            ended = self.seconds()
            self.stretches.add(statistics, np.linspace(began, ended, len(statistics) + 1)[1:])
            length = max(1, min(2 * length, int(count * CHUNK_SECONDS / max(ended - began, 1e-9))))
            if why == DIVERGED:
                if session.step < made:
                    self.stretches.drop_last()
                return "diverged"
            if self.progress and len(statistics):
                last = statistics[-1]
                self.told = (
                    session.step * config.batch_size,
                    last[0] / config.batch_size,
                    1 - last[3] / config.batch_size,
                )
                self.progress(*self.told)
            if why == CLEAN or self._last():
                if self._checked(why == CLEAN):
                    return "exact"
                # An update at a larger width takes longer.
                length = max(1, length * session.steps // self.session.steps)
            self.interrupt.check()
            if self.offer:
                self.offer()
        return "samples"

    def _due(self):
        """Whether there were enough samples without a mistake to check the network."""
        if self.config.until == "samples" or self.checks and self.session.step <= self.checks.first_step:
            return False
        return 0 < (self.checks or self.config).patience <= self.session.clean_samples

    def _last(self):
        """Whether enough updates were made to check the network."""
        return self.config.until != "samples" and self.session.step == self.config.updates

    def _checked(self, earned):
        """Whether the network is right; if it is not, samples without a mistake are counted from here on."""
        exact = self._exact(earned)
        if earned and not exact:
            self.session.clean(0)
        return exact

    def _exact(self, earned):
        """Whether the network is right in all tests there are; if only at the present width, a wider lesson begins.

        earned: whether samples without a mistake led here, or else the end of training, which another one may continue.
        """
        if self.task is None:
            if earned:
                return self.checks.passes(self._model(), self.arrays, self.threads, self.interrupt.check)
            return first_wrong(self._model(), self.arrays, self.threads, self.interrupt.check) is None
        if not self._right_at(self.lesson.bits):
            return False
        wider = self.lessons[self.lessons.index(self.lesson) + 1 :]
        if not wider or self._right_at(wider[-1].bits):
            return True
        lesson = next((lesson for lesson in wider[:-1] if not self._right_at(lesson.bits)), wider[-1])
        arrays, numbers = self.session.state()
        self._begin(lesson, None, self.session.weights())
        self.session.restore(arrays, numbers)
        return False

    def _right_at(self, bits):
        """Whether the network is right on all of its verification at this width."""
        def tell(done, total):
            self.interrupt.check()
            if self.offer:
                self.offer()
            if self.progress:
                self.progress(*self.told)

        found = verify(self._model(), bits, threads=self.threads, progress=tell, whole=False)
        self.verification = found if found.exact and bits == self.task.bits else None
        return found.exact

    def _model(self):
        return Model(self.cell, self.session.weights(), self.task)


def metadata_of(run, config):
    """Metadata of a model's Run, which are saved with the model."""
    summary = {"stopped": run.stopped, "steps": run.steps, "samples": run.samples, "seconds": run.seconds}
    if len(run.history.loss):
        summary |= {"loss": float(run.history.loss[-1]), "exact_accuracy": float(run.history.exact_accuracy[-1])}
    if run.certification:
        # It covers everything that a verification tests, and exists even if that was interrupted.
        summary |= {"proved_boxes": run.certification.graph.nodes, "proved_margin": run.certification.margin}
    elif run.verification:
        summary |= {"verified_samples": run.verification.samples, "verified_wrong": run.verification.wrong}
    return {"config": config.as_dict(), "history": summary, "arithmetic": arithmetic()}
