"""Trains many networks: one group of lanes for each thread, kept filled until no model waits."""

import threading
import time

import numpy as np

from fastrnn.arguments import as_number
from fastrnn.bits.tree import Tree
from fastrnn.cores import cores
from fastrnn.interrupt import Interrupted, deferred_interrupt, prompt_interrupt
from fastrnn.kernels.model_lanes import CLEAN, DIVERGED
from fastrnn.kernels.model_queue import CALLER, NOBODY, WALKER
from fastrnn.model import Model
from fastrnn.networks import named, shapes_of
from fastrnn.threads import on_threads
from fastrnn.training.tasks.checks import Checks
from fastrnn.training.tasks.data import holds_bits, source_of
from fastrnn.training.tasks.deposits import Deposits
from fastrnn.training.tasks.group import RunGroup
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.many_results import ModelResults
from fastrnn.training.tasks.many_run import ManyRun
from fastrnn.training.tasks.many_start import drawn_vectors, given_vectors
from fastrnn.training.tasks.many_state import JOB, Held, models_in
from fastrnn.training.tasks.pace import Pace
from fastrnn.verification import enumerable, exactness, warm_up


class ManyTraining:
    """One training of a model for each seed, which `run` runs to its end.

    arrays: Arrays of models side by side, where there is no task; varied: {option: float64 (models,)} of those that
    differ; weights: initial ones by name, None: drawn; threads: at most this many, None: all cores.

    A model that has diverged is trained once more, to find the last update before that: limit: the updates that it is
    to make; sound: updates after which weights and loss were finite; ruin: the least known after which they were not,
    -1 for none; again: the models that wait for this.
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
        self.checks = [Checks(arrays.x.shape[1], config) for _ in range(count)] if task is None else None
        self.verification = None
        self.lock, self.again = threading.Lock(), []
        self.limit = np.full(count, config.updates)
        self.sound, self.ruin = np.zeros(count, np.int64), np.full(count, -1)
        self.queue = self._queue()
        # Models in lanes that a checkpoint held.
        self.restored, self.earlier = [], 0.0

    def take_up(self, arrays, seconds):
        """Continue from a checkpoint's arrays. Raises ValueError if they are of another training."""
        count, width = self.results.weights.shape
        known, lanes, again = models_in(arrays, count, self.dtype, width, self.recipe)
        self.results.restore(arrays)
        self.again = [model for model, *_ in again]
        for model, *job in (*again, *(held.known[: len(JOB)] for held in lanes)):
            self.limit[model], self.sound[model], self.ruin[model] = job
        for held in lanes:
            model, (samples_to_exact, failed, looked_at) = held.model, held.known[len(JOB) :]
            self.results.begin(model, held.began, samples_to_exact)
            if self.checks:
                self.checks[model] = Checks(self.checks[model].rows, self.config, failed, looked_at)
            self.restored.append((model, held.state))
        self.queue = self.queue.of(np.setdiff1d(np.arange(count), known))
        self.earlier = as_number("seconds", seconds)

    def _queue(self):
        """Return the Queue of all models."""
        if self.task is not None:
            return self.recipe.queue(self.seeds, self.results, WALKER if enumerable(self.task) else CALLER)
        if holds_bits(self.arrays):
            return self.recipe.queue(self.seeds, self.results, CALLER, self.checks[0].first_step)
        # Only targets that are bits are right or wrong.
        return self.recipe.queue(self.seeds, self.results, NOBODY)

    def job(self, model):
        """Return the JOB of a model, a row of a checkpoint."""
        return model, self.limit[model], self.sound[model], self.ruin[model]

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

    def _is_right(self, model, weights):
        """Return whether the network number `model` is right on all samples of its task, or of its own data."""
        self.stop.check()
        network = self._model(weights)
        if self.task is None:
            arrays = self.arrays.of(model)
            return self.checks[model].passes(network, arrays, threads=1, progress=self.stop.check)
        found = exactness(network, self.stop.check)
        self.verification = found or self.verification
        return found is not None

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
        samples = results.steps * self.config.batch_size
        return ManyRun(
            self.cell, self.task, self.config, self.seeds, results.stopped(), results.exact, results.steps, samples,
            results.samples_to_exact, results.loss, results.exact_accuracy, seconds, self.varied, results.weights,
            self.shapes, results.histories(), self.verification
        )

    def _work(self, group, threads):
        """Keep the lanes of a group filled until no model waits; runs on each of `threads` threads."""
        # Where there are fewer models than lanes, all threads take some.
        recipe, share = self.recipe, min(self.recipe.lanes, -(-len(self.seeds) // threads))
        pace = Pace.of_network(recipe.flops, recipe.steps, self.config.batch_size * recipe.lanes)
        self.deposits.begin(group)
        try:
            while not self.stop():
                self._fill(group, share)
                if not group.active():
                    break
                began = time.perf_counter()
                made = group.run(pace.updates, self.stop.flag, self.seconds())
                pace.measured(made, time.perf_counter() - began)
                self._collect(group)
                for lane, event in group.events().items():
                    self._decide(group, lane, event)
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

    def _fill(self, group, share):
        """Put models into the first `share` lanes, as long as there are any."""
        lanes = group.empty(share)
        for i, lane in enumerate(lanes):
            while group.model(lane) < 0:
                if not self._begin(group, lane):
                    group.put_next(lanes[i:])
                    return

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
        asks = self.ruin[model] >= 0
        if state:
            group.restore(lane, model, state, asks)
            # It was interrupted before its decision.
            if event := group.events().get(lane):
                self._decide(group, lane, event)
            return True
        group.put(lane, model, self.seconds(), asks)
        self._expect(group, lane)
        if self.limit[model] == 0:
            self._finish(group, lane, "diverged", False)
        return True

    def _collect(self, group):
        """Store the results of the models that ended in the compiled call."""
        table, history = group.ends()
        if len(table):
            with self.lock:
                self.results.end_all(table, history, self.seconds())

    def _decide(self, group, lane, event):
        """Decide on a model for which the kernels returned, for this reason."""
        model, steps, weights = group.model(lane), group.steps(lane), group.weights(lane)
        limit, sound, ruin = self.limit[model], self.sound[model], self.ruin[model]
        if event == DIVERGED:
            # The loss was not finite with the weights before the last update.
            return self._again(group, lane, sound, max(steps - 1, 1))
        if not np.isfinite(weights).all():
            return self._again(group, lane, sound, steps)
        if ruin >= 0:
            if steps + 1 < ruin:
                return self._again(group, lane, steps - 1, ruin)
            return self._finish(group, lane, "diverged", False)
        if event != CLEAN and steps < limit:  # the first check may be made from now on
            return self._expect(group, lane)
        exact = self.queue.judge != NOBODY and self._is_right(model, weights)
        if exact:
            self.results.found_exact(model, steps)
        if exact and self.config.until == "exact":
            return self._finish(group, lane, "exact", True)
        if steps == limit:
            return self._finish(group, lane, "samples", exact)
        group.forget(lane)
        self._expect(group, lane)

    def _expect(self, group, lane):
        """Set after how many updates the kernels return for the model in this lane."""
        model = group.model(lane)
        limit, found = self.limit[model], self.results.samples_to_exact[model] >= 0
        if self.ruin[model] >= 0 or self.queue.judge == NOBODY or found:
            group.expect(lane, 0, limit)
        elif self.task is not None:
            group.expect(lane, self.config.verify_after, limit)
        else:
            group.expect(lane, *self.checks[model].ahead(group.steps(lane), limit))

    def _again(self, group, lane, sound, ruin):
        """Train once more, from the start, up to the update before the divergence; where that is too late, halfway."""
        model, first = group.model(lane), self.ruin[group.model(lane)] < 0
        group.take(lane)
        with self.lock:
            self.limit[model] = ruin - 1 if first else min((sound + ruin + 1) // 2, ruin - 1)
            self.sound[model], self.ruin[model] = sound, ruin
            self.again.append(model)

    def _finish(self, group, lane, stopped, exact):
        model, state = group.model(lane), group.take(lane)
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
        checks = self.checks[model].saved().values() if self.checks else (0, 0)
        known = *self.job(model), self.results.samples_to_exact[model], *checks
        return Held(known, self.results.began[model], state)
