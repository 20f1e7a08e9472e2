"""Trains many networks: one group of lanes for each thread, kept filled until no model waits."""

import threading
import time

import numpy as np

from fastrnn.arguments import as_number
from fastrnn.cores import cores
from fastrnn.interrupt import Interrupted, deferred_interrupt, prompt_interrupt
from fastrnn.kernels.model_lanes import CLEAN, DIVERGED
from fastrnn.kernels.model_queue import CALLER, NOBODY, WALK
from fastrnn.model import Model
from fastrnn.networks import named, shapes_of
from fastrnn.threads import on_threads
from fastrnn.training.tasks.checks import Checks
from fastrnn.training.tasks.data import holds_bits, source_of
from fastrnn.training.tasks.deposits import Deposits
from fastrnn.training.tasks.group import RunGroup, RunJob
from fastrnn.training.tasks.many_checker import DataChecker, TaskChecker
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.many_results import ModelResults
from fastrnn.training.tasks.many_run import ManyRun
from fastrnn.training.tasks.many_start import InitialWeights
from fastrnn.training.tasks.many_state import Held, models_in
from fastrnn.training.tasks.pace import Pace
from fastrnn.verification import enumerable, exactness, warm_up


class ManyTraining:
    """One training of a model for each seed, which `run` runs to its end.

    arrays: ModelArrays, where there is no task; varied: {option: float64 (models,)} of those that differ; weights:
    initial ones by name, None: drawn; threads: at most this many, None: all cores.
    """

    def __init__(self, cell, task, arrays, config, varied, seeds, *, weights=None, threads=None):
        self.cell, self.task, self.config, self.varied, self.seeds = cell, task, config, varied, seeds
        count, (source, sizes, steps) = len(seeds), source_of(task, arrays)
        self.dtype, self.shapes = np.dtype(config.dtype), shapes_of(cell, *sizes)
        self.initial = InitialWeights(cell, task, self.shapes, config, seeds, weights, varied.get("initial_scale"))
        self.threads = min(threads or cores(), count, cores())
        self.recipe = RunRecipe(cell, sizes, source, steps, config, count, varied, self.threads)
        self.results = ModelResults(count, len(self.recipe.rows), self.dtype, config.batch_size)
        # Only targets that are bits are right or wrong.
        bits = task is not None or holds_bits(arrays)
        self.checks = [Checks(arrays.x.shape[1], config) for _ in range(count)] if task is None else None
        self.checker = self._checker if bits else lambda: None
        self.verification = None
        self.lock, self.again = threading.Lock(), []
        self.queue = self._queue(bits)
        # Models in lanes that a checkpoint held.
        self.restored, self.earlier = [], 0.0

    def take_up(self, arrays, seconds):
        """Continue from a checkpoint's arrays. Raises ValueError if they are of another training."""
        count, width = self.results.weights.shape
        known, lanes, self.again = models_in(arrays, count, self.dtype, width, self.recipe)
        self.results.restore(arrays)
        for held in lanes:
            model = held.job.model
            self.results.begin(model, held.began, held.samples_to_exact)
            if self.checks:
                self.checks[model] = Checks(self.checks[model].rows, self.config, held.failed, held.looked_at)
            self.restored.append((held.job, held.state))
        self.queue = self.queue._replace(order=np.setdiff1d(np.arange(count), known))
        self.earlier = as_number("seconds", seconds)

    def _queue(self, bits):
        """Return the Queue of all models; bits: whether they can be right."""
        judge = NOBODY if not bits else WALK if self.task is not None and enumerable(self.task) else CALLER
        first = self.checks[0].first_step if bits and self.checks else None
        return self.recipe.queue(self.seeds, self.results, judge, first)

    def seconds(self):
        """Return the seconds of training so far."""
        return time.perf_counter() - self.started

    def _model(self, weights):
        return Model(self.cell, named(weights, self.shapes), self.task)

    def _checker(self):
        """Return a thread's tests of networks."""
        if self.task is None:
            return DataChecker(self.recipe.source, self.checks, self._model)
        return TaskChecker(self.cell, self.task, self.dtype, self.recipe.rows, self._model)

    def run(self, progress=None, autosave=None):
        """Train all models, and return the ManyRun; autosave: a ManyAutosave."""
        with prompt_interrupt():
            if self.task is not None:
                warm_up(self._model(self.initial.of(0)))
            self.results.weights[self.queue.order] = self.initial.of_all(self.queue.order)
            checkers = [self.checker() for _ in range(self.threads)]
            groups = [RunGroup(self.recipe, self.queue, getattr(checker, "tree", None)) for checker in checkers]
        results, left, self.autosave = self.results, [], autosave
        self.deposits = Deposits(autosave, self._size, self._save, self.lock)
        self.started = time.perf_counter() - self.earlier

        def tell():
            # Once training is to stop, nobody asks how far it is.
            if progress and not self.stop():
                with self.stop.set_by_errors():
                    progress(results.done, len(self.seeds))

        def work(thread, threads):
            with self.stop.set_by_errors():
                left.extend(self._work(groups[thread], checkers[thread], threads))

        with deferred_interrupt() as self.stop:
            on_threads(self.threads, work, tell)
            tell()
            if autosave and not results.absorb().finished.all():
                autosave.save(self, [*left, *self._unrestored()])
        for job, state in self.restored:
            results.end(job.model, state.taken(), "interrupted", False, self.seconds())
        seconds = self.seconds()
        results.absorb()
        if self.verification is None and self.task is not None and results.exact.any():
            # All of them were right before the checkpoint from which this training continued.
            self.verification = exactness(self._model(results.weights[results.exact.argmax()]))
        samples = results.steps * self.config.batch_size
        return ManyRun(
            self.cell, self.task, self.config, self.seeds, results.stopped(), results.exact, results.steps, samples,
            results.samples_to_exact, results.loss, results.exact_accuracy, seconds, self.varied, results.weights,
            self.shapes, results.histories(), self.verification
        )

    def _work(self, group, checker, threads):
        """Keep the lanes of a group filled until no model waits; runs on each of `threads` threads."""
        # Where there are fewer models than lanes, all threads take some.
        recipe, share = self.recipe, min(self.recipe.lanes, -(-len(self.seeds) // threads))
        pace = Pace.of_network(recipe.flops, recipe.steps, self.config.batch_size * recipe.lanes)
        self.deposits.begin(group)
        try:
            while not self.stop():
                self._fill(group, checker, share)
                if not group.active():
                    break
                began = time.perf_counter()
                made = group.run(pace.updates, self.stop.flag, self.seconds())
                pace.measured(made, time.perf_counter() - began)
                self._collect(group)
                for lane, event in group.events().items():
                    self._decide(group, checker, lane, event)
                self.deposits.offer(group, self._lanes)
        except Interrupted:
            pass
        finally:
            with self.lock:
                self.deposits.end(group)
        self._collect(group)
        left = self._lanes(group)
        for lane in group.occupied():
            self._finish(group, lane, "interrupted", False)
        return left

    def _fill(self, group, checker, share):
        """Put models into the first `share` lanes, as long as there are any."""
        lanes = group.empty(share)
        for i, lane in enumerate(lanes):
            while group.job(lane) is None:
                if not self._begin(group, checker, lane):
                    group.put_next(lanes[i:])
                    return

    def _begin(self, group, checker, lane):
        """Put a model that was begun before into a lane; return whether there was one."""
        job, state = None, None
        with self.lock:
            if self.restored:
                job, state = self.restored.pop()
                self.deposits.add(group, [self._held(job, state)])
            elif self.again:
                job = self.again.pop()
        if job is None:
            return False
        if state:
            group.restore(lane, job, state, self.seeds[job.model])
            # It was interrupted before its decision.
            if event := group.events().get(lane):
                self._decide(group, checker, lane, event)
            return True
        group.put(lane, job, self.initial.of(job.model), self.seeds[job.model], self.seconds())
        self._expect(group, checker, lane)
        if job.limit == 0:
            self._finish(group, lane, "diverged", False)
        return True

    def _collect(self, group):
        """Store the results of the models that ended in the compiled call."""
        table, history = group.ends()
        if len(table):
            with self.lock:
                self.results.end_all(table, history, self.seconds())

    def _decide(self, group, checker, lane, event):
        """Decide on a model for which the kernels returned, for this reason."""
        job, steps, weights = group.job(lane), group.steps(lane), group.weights(lane)
        if event == DIVERGED:
            # The loss was not finite with the weights before the last update.
            return self._again(group, lane, job.sound, max(steps - 1, 1))
        if not np.isfinite(weights).all():
            return self._again(group, lane, job.sound, steps)
        if job.ruin is not None:
            if steps + 1 < job.ruin:
                return self._again(group, lane, steps - 1, job.ruin)
            return self._finish(group, lane, "diverged", False)
        if event != CLEAN and steps < job.limit:  # the first check may be made from now on
            return self._expect(group, checker, lane)
        exact, verification = checker.exactness(job.model, weights, self.stop) if checker else (False, None)
        self.verification = verification or self.verification
        if exact:
            self.results.found_exact(job.model, steps)
        if exact and self.config.until == "exact":
            return self._finish(group, lane, "exact", True)
        if steps == job.limit:
            return self._finish(group, lane, "samples", exact)
        group.forget(lane)
        self._expect(group, checker, lane)

    def _expect(self, group, checker, lane):
        """Set after how many updates the kernels return for the model in this lane."""
        job = group.job(lane)
        if job.ruin is not None or checker is None or self.results.samples_to_exact[job.model] >= 0:
            group.expect(lane, 0, job.limit)
        elif self.task is not None:
            group.expect(lane, self.config.verify_after, job.limit)
        else:
            group.expect(lane, *self.checks[job.model].ahead(group.steps(lane), job.limit))

    def _again(self, group, lane, sound, ruin):
        """Train once more, from the start, up to the update before the divergence; where that is too late, halfway."""
        job = group.job(lane)
        limit = ruin - 1 if job.ruin is None else min((sound + ruin + 1) // 2, ruin - 1)
        group.take(lane)
        with self.lock:
            self.again.append(RunJob(job.model, limit, sound, ruin))

    def _finish(self, group, lane, stopped, exact):
        model, taken = group.job(lane).model, group.take(lane)
        with self.lock:
            self.results.end(model, taken, stopped, exact, self.seconds())

    def _size(self):
        weights = self.results.weights
        return weights.nbytes + 4 * weights[0].nbytes * self.recipe.lanes

    def _save(self, deposits):
        """Write the checkpoint, with the lanes that threads left."""
        lanes = [lane for deposit in deposits for lane in deposit]
        self.autosave.save(self, [*lanes, *self._unrestored()])

    def _lanes(self, group):
        return [self._held(group.job(lane), group.state(lane)) for lane in group.occupied()]

    def _unrestored(self):
        return [self._held(job, state) for job, state in self.restored]

    def _held(self, job, state):
        checks = self.checks[job.model].saved().values() if self.checks else (0, 0)
        results = self.results
        return Held(job, results.samples_to_exact[job.model], *checks, results.began[job.model], state)
