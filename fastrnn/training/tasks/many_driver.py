"""Trains many networks: one group of lanes for each thread, kept filled until no model waits."""

import threading
import time

import numpy as np

from fastrnn.arguments import as_number
from fastrnn.bits.tree import Tree
from fastrnn.cores import cores
from fastrnn.interrupt import deferred_interrupt, prompt_interrupt
from fastrnn.kernels.model_queue import CALLER, NOBODY, WALKER
from fastrnn.model import Model
from fastrnn.networks import named, shapes_of
from fastrnn.threads import on_threads
from fastrnn.training.tasks.checks import Checks
from fastrnn.training.tasks.data import holds_bits, source_of
from fastrnn.training.tasks.deposits import Deposits
from fastrnn.training.tasks.driver import Job, TrainingLoop
from fastrnn.training.tasks.group import RunGroup
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.many_results import ModelResults
from fastrnn.training.tasks.many_run import ManyRun
from fastrnn.training.tasks.many_start import drawn_vectors, given_vectors
from fastrnn.training.tasks.many_state import Held, models_in
from fastrnn.training.tasks.pace import Pace
from fastrnn.verification import enumerable, exactness, warm_up


class ManyTraining(TrainingLoop):
    """One training of a model for each seed, which `run` runs to its end.

    arrays: Arrays of models side by side, where there is no task; varied: {option: float64 (models,)} of those that
    differ; weights: initial ones by name, None: drawn; threads: at most this many, None: all cores.
    jobs: {model: Job} of those that Python has decided on; again: the models that are to be trained again; restored:
    models in lanes that a checkpoint held.
    """

    def __init__(self, cell, task, arrays, config, varied, seeds, *, weights=None, threads=None):
        self.cell, self.task, self.config, self.varied, self.seeds = cell, task, config, varied, seeds
        self.arrays = arrays
        count, (source, sizes, steps) = len(seeds), source_of(task, arrays)
        self.dtype, self.shapes = np.dtype(config.dtype), shapes_of(cell, *sizes)
        self.given = weights and given_vectors(weights, cell, task, self.shapes, self.dtype, count)
        self.threads = min(threads or cores(), count, cores())
        self.recipe = RunRecipe(cell, sizes, source, steps, config, count, varied, self.threads)
        self.results = ModelResults(count, len(self.recipe.rows), self.dtype, config.batch_size)
        self.verification, self.jobs = None, {}
        self.lock, self.again = threading.Lock(), []
        self.queue = self._queue()
        self.judged = self.queue.judge != NOBODY
        self.restored, self.earlier = [], 0.0

    def take_up(self, arrays, seconds):
        """Continue from a checkpoint's arrays. Raises ValueError if they are of another training."""
        count, width = self.results.weights.shape
        known, lanes, again = models_in(arrays, count, self.dtype, width, self.recipe)
        self.results.restore(arrays)
        self.again = [model for model, *_ in again]
        for model, limit, sound, ruin in again:
            self.jobs[model] = Job(limit, sound, ruin, self._checks())
        for held in lanes:
            model, limit, sound, ruin, samples_to_exact, *checks = held.known
            self.jobs[model] = Job(limit, sound, ruin, self._checks(*checks))
            self.results.begin(model, held.began, samples_to_exact)
            self.restored.append((model, held.state))
        self.queue = self.queue.of(np.setdiff1d(np.arange(count), known))
        self.earlier = as_number("seconds", seconds)

    def _queue(self):
        """Return the Queue of all models."""
        if self.task is not None:
            return self.recipe.queue(self.seeds, self.results, WALKER if enumerable(self.task) else CALLER)
        if holds_bits(self.arrays):
            return self.recipe.queue(self.seeds, self.results, CALLER, self._checks().first_step)
        # Only targets that are bits are right or wrong.
        return self.recipe.queue(self.seeds, self.results, NOBODY)

    def _checks(self, failed=0, looked_at=0):
        """Return the Checks of a model on its own data, None where there is a task."""
        return Checks(self.arrays.x.shape[1], self.config, failed, looked_at) if self.task is None else None

    def known(self, model):
        """Return the Job of a model, a fresh one if Python has not decided on it."""
        return self.jobs.get(model) or Job(self.config.updates, checks=self._checks())

    def job(self, group, lane):
        """Return the Job of the model in a lane."""
        model = group.model(lane)
        return self.jobs.setdefault(model, self.known(model))

    def row(self, model):
        """Return the JOB of a model, a row of a checkpoint."""
        job = self.known(model)
        return model, job.limit, job.sound, job.ruin

    def seconds(self):
        """Return the seconds of training so far."""
        return time.perf_counter() - self.started

    def _model(self, weights):
        return Model(self.cell, named(weights, self.shapes), self.task)

    def _group(self):
        """Return a thread's lanes, with their kernels compiled."""
        walks = self.queue.judge == WALKER
        return RunGroup(self.recipe, self.queue, Tree(self.cell, self.task, self.dtype) if walks else None)

    def _draw(self):
        """Set the initial weights of all models that are not finished."""
        left = ~self.results.finished
        if self.given is not None:
            self.results.weights[left] = np.broadcast_to(self.given, self.results.weights.shape)[left]
        else:
            scales = self.varied.get("initial_scale")
            self.results.weights[left] = drawn_vectors(
                self.cell, self.shapes, self.config, self.seeds[left], None if scales is None else scales[left]
            )

    def found_exact(self, group, lane):
        """Return whether the model in a lane was right on all samples at an earlier test."""
        return self.results.samples_to_exact[group.model(lane)] >= 0

    def is_exact(self, group, lane, earned):
        """Return whether the model in a lane is right on all samples of its task, or of its own data."""
        self.stop.check()
        model, network = group.model(lane), self._model(group.weights(lane))
        if self.task is None:
            checks = self.job(group, lane).checks
            exact = checks.passes(network, self.arrays.of(model), threads=1, progress=self.stop.check)
        else:
            found = exactness(network, self.stop.check)
            exact, self.verification = found is not None, found or self.verification
        if exact:
            self.results.found_exact(model, group.made(lane))
        return exact

    def run(self, progress=None, autosave=None):
        """Train all models, and return the ManyRun; autosave: a ManyAutosave."""
        with prompt_interrupt():
            self._draw()
            if self.task is not None:
                warm_up(self._model(self.results.weights[0]))
            groups = [self._group() for _ in range(self.threads)]
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
                left.extend(self._work(groups[thread], threads))

        with deferred_interrupt() as self.stop:
            on_threads(self.threads, work, tell)
            tell()
            if autosave and not results.absorb().finished.all():
                autosave.save(self, [*left, *self._unrestored()])
        for model, state in self.restored:
            results.end(model, state, "interrupted", False, self.seconds())
        seconds = self.seconds()
        results.absorb()
        if self.verification is None and self.task is not None and results.exact.any():
            # All of them were right before the checkpoint from which this training continued.
            self.verification = exactness(self._model(results.weights[results.exact.argmax()]))
        return ManyRun(
            self.cell,
            self.task,
            self.config,
            self.seeds,
            stopped=results.stopped(),
            exact=results.exact,
            steps=results.steps,
            samples=results.steps * self.config.batch_size,
            samples_to_exact=results.samples_to_exact,
            loss=results.loss,
            exact_accuracy=results.exact_accuracy,
            seconds=seconds,
            varied=self.varied,
            verification=self.verification,
            _weights=results.weights,
            _shapes=self.shapes,
            _histories=results.histories(),
        )

    def _work(self, group, threads):
        """Keep the lanes of a group filled until no model waits; runs on each of `threads` threads."""
        # Where there are fewer models than lanes, all threads take some.
        recipe = self.recipe
        self.share = min(recipe.lanes, -(-len(self.seeds) // threads))
        pace = Pace.of_network(recipe.flops, recipe.steps, self.config.batch_size * recipe.lanes)
        self.deposits.begin(group)
        try:
            self.drive(group, pace, self.stop)
        finally:
            with self.lock:
                self.deposits.end(group)
        now = self.seconds()
        self.collect(group, 0, now, now)
        left = self._lanes(group)
        for lane in group.occupied():
            self.end(group, lane, "interrupted", False)
        return left

    def offer(self, group):
        """Leave the contents of lanes for a checkpoint, if one is due."""
        self.deposits.offer(group, self._lanes)

    def fill(self, group):
        """Put models into the lanes that a group may use, as long as there are any; return whether it has any."""
        lanes = group.empty(self.share)
        for i, lane in enumerate(lanes):
            while group.model(lane) < 0:
                if not self._begin(group, lane):
                    group.put_next(lanes[i:])
                    return group.active()
        return group.active()

    def _begin(self, group, lane):
        """Put a model that was begun before into a lane; return whether there was one."""
        model, state = None, None
        with self.lock:
            if self.restored:
                model, state = self.restored.pop()
                self.deposits.add(group, [self._held(model, state)])
            elif self.again:
                model = self.again.pop()
        if model is None:
            return False
        job = self.known(model)
        asks = job.ruin >= 0
        if state:
            group.restore(lane, model, state, asks)
            # It was interrupted before its decision.
            if event := group.events().get(lane):
                self.decide(group, lane, event)
            return True
        group.put(lane, model, self.seconds(), asks)
        self.expect(group, lane)
        if job.limit == 0:
            self.end(group, lane, "diverged", False)
        return True

    def collect(self, group, made, began, ended):
        """Store the results of the models that ended in compiled code."""
        table, history = group.ends()
        if len(table):
            with self.lock:
                self.results.end_all(table, history, ended)

    def repeat(self, group, lane):
        """Let the model in a lane wait to be trained again."""
        model = group.model(lane)
        group.take(lane)
        with self.lock:
            self.again.append(model)

    def end(self, group, lane, stopped, exact):
        """Store the results of a model, and free its lane."""
        model, state = group.model(lane), group.take(lane)
        self.jobs.pop(model, None)
        with self.lock:
            self.results.end(model, state, stopped, exact, self.seconds())

    def _size(self):
        weights = self.results.weights
        return weights.nbytes + 4 * weights[0].nbytes * self.recipe.lanes

    def _save(self, deposits):
        """Write the checkpoint, with the lanes that threads left."""
        lanes = [lane for deposit in deposits for lane in deposit]
        self.autosave.save(self, [*lanes, *self._unrestored()])

    def _lanes(self, group):
        return [self._held(group.model(lane), group.state(lane)) for lane in group.occupied()]

    def _unrestored(self):
        return [self._held(model, state) for model, state in self.restored]

    def _held(self, model, state):
        checks = self.known(model).checks
        checks = checks.saved().values() if checks else (0, 0)
        known = *self.row(model), self.results.samples_to_exact[model], *checks
        return Held(known, self.results.began[model], state)
