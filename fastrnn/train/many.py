"""Training of many independent models at once: one model in each SIMD lane, groups of lanes on threads."""

import threading
import time
from dataclasses import replace

import numpy as np

from fastrnn.arguments import as_array, as_whole
from fastrnn.cells.elman import Elman
from fastrnn.checkpoint import hash_of
from fastrnn.cores import cores
from fastrnn.errors import CheckpointError
from fastrnn.interrupt import Interrupted, deferred_interrupt
from fastrnn.kernels.arrays import Arrays, ModelArrays, lengths_of
from fastrnn.kernels.ensemble import CLEAN, DIVERGED, RUNNING
from fastrnn.model import Model
from fastrnn.networks import flat, named, shapes_of
from fastrnn.bits.stream import flops_of_step
from fastrnn.tasks.addition import Addition
from fastrnn.bits.tree import Tree
from fastrnn.threads import on_threads
from fastrnn.train.checks import NO_BITS, Checks
from fastrnn.train.continuation import data_digest, identity_of, weights_digest
from fastrnn.train.data import as_arrays, holds_bits, training_data
from fastrnn.train.engine import drawn_weights
from fastrnn.train.group import Group, Job, Recipe
from fastrnn.train.loop import CHUNK_SECONDS, first_chunk
from fastrnn.train.many_run import Entry, ManyRun
from fastrnn.train.many_state import Held, ManyAutosave, take_up
from fastrnn.train.options import check_parts, checked_weights, configured
from fastrnn.verify import enumerable, exactness, right_on_all, warm_up

# Options that may differ between models, beside the optimizer's constants.
PER_MODEL = ("learning_rate", "weight_decay", "l1", "initial_scale", "saturation")

def train_many(cell=None, task=None, config=None, *, seeds, data=None, weights=None, threads=None, progress=None,
               checkpoint=None, **options):
    """Train one model for each seed, side by side in the lanes of SIMD vectors, and return the ManyRun.

    cell, task, config and options as for `train`; seeds: N integers. learning_rate, weight_decay, l1, initial_scale,
    saturation and each of the optimizer's constants may be a number or an array of N, one for each model.
    data: (x, y) or (x, y, mask) instead of a task, as for `train`, with the same defaults of until and max_samples, or
    each with a leading axis of N, one data set for each model. weights: initial weights by name instead of drawn ones,
    shared or with a leading axis of N.
    threads: at most this many; default: all cores. progress(done_models, total_models): called some twenty times per
    second, in the thread that called train_many; its exceptions are raised here, once the training has ended.

    Model i is trained by the same algorithm, on the same samples, from the same initial weights as
    `train(cell, task, config, seed=seeds[i], curriculum=None)`; only sums are rounded in another order. Its bytes
    depend only on its own seed and options: not on the number of models, its place among them, or threads. A model that
    is exact, diverges, or has used its samples makes room for the next. With until="samples", models that become exact
    continue to train, and samples_to_exact says when they became exact.
    checkpoint: as for `train`: a file that holds finished models and the state of those in lanes.
    Ctrl-C or SIGTERM in the main thread ends training; models that are not done have stopped == "interrupted".
    Raises ValueError or TypeError for arguments that make no sense.
    """
    cell = Elman() if cell is None else cell
    check_parts(cell, task, config, data, progress)
    seeds = _checked_seeds(seeds)
    data = None if data is None else training_data(data, len(seeds))
    config, varied = _separated(config, options, len(seeds), data)
    if threads is not None:
        threads = as_whole("threads", threads, 1)
    task, weights = Addition() if task is None and data is None else task, checked_weights(weights)
    training = _Training(cell, task, data, config, varied, seeds, weights, threads or cores(), progress)
    if checkpoint is None:
        return training.run()
    identity = identity_of(
        cell, task, config, seeds=hash_of({"": seeds}), varied=hash_of(varied) if varied else None,
        data=None if data is None else data_digest(training.recipe.source), weights=weights_digest(weights))
    with ManyAutosave(checkpoint, identity) as training.autosave:
        if training.autosave.state:
            training.take_up(*training.autosave.state)
        run = training.run()
        if "interrupted" not in run.stopped:
            training.autosave.remove()
        return run


def _checked_seeds(seeds):
    array = as_array("seeds", seeds)
    if array.ndim != 1 or len(array) < 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"seeds: got {array.dtype} of shape {array.shape}, expected a sequence of integers, for example range(100)"
        )
    wrong = array[(array < 0) | (array >= 2**63)]
    if len(wrong):
        raise ValueError(f"seeds: got {wrong[0]}, expected integers from 0 to 2**63 - 1")
    return array.astype(np.int64)


def _separated(config, options, models, data):
    """(config, {option: float64 (models,)}): options that all models share, and options that differ."""
    if "seed" in options:
        raise TypeError("seed: each model has one of its own: give them as seeds")
    options, varied = dict(options), {}
    for name in PER_MODEL:
        if np.ndim(options.get(name, 0)) > 0:
            varied[name] = _one_each(name, options.pop(name), models)
    constants = dict(options.get("constants", config.constants if config else ()))
    for name, value in list(constants.items()):
        if np.ndim(value) > 0:
            varied[name] = _one_each(name, constants.pop(name), models)
    if options.get("curriculum") is not None:
        raise ValueError("curriculum: got one, but models side by side learn at one width; expected None")
    config = configured(
        config, {**options, "constants": tuple(constants.items()), "curriculum": None}, x=data and data[0]
    )
    for name, values in varied.items():
        # TrainConfig checks values; its bounds are intervals, so that the ends are enough.
        for value in (float(values.min()), float(values.max())):
            if name in PER_MODEL:
                replace(config, **{name: value})
            else:
                replace(config, constants=(*config.constants, (name, value)))
    if config.until == "certified":
        raise ValueError("until: got 'certified', expected 'exact' or 'samples'; certify each model of the result")
    return config, varied


def _one_each(name, values, models):
    array = as_array(name, values)
    if array.shape != (models,) or array.dtype == bool:
        raise ValueError(
            f"{name}: got {array.dtype} of shape {array.shape}, expected a number or {models}, one for each seed"
        )
    return array.astype(np.float64)


class _Training:
    """One call of `train_many`."""

    def __init__(self, cell, task, data, config, varied, seeds, weights, threads, progress):
        self.cell, self.task, self.config, self.varied, self.seeds = cell, task, config, varied, seeds
        self.dtype, count = np.dtype(config.dtype), len(seeds)
        source, sizes, steps = _source(task, data, config)
        # Only targets that are bits are right or wrong.
        self.checked = task is not None or holds_bits(source)
        if config.until == "exact" and not self.checked:
            raise ValueError(NO_BITS)
        self.checks = [Checks(source.x.shape[1], config) for _ in range(count)] if task is None else None
        self.sizes, self.shapes, self.progress = sizes, shapes_of(cell, *sizes), progress
        self.given = None if weights is None else self._checked(weights)
        self.recipe = Recipe(cell, sizes, source, steps, config, self._values())
        self.threads = min(threads, count, cores())
        net = self.recipe.net
        flops = flops_of_step(net.sizes, len(net.step.pre))
        self.first_chunk = first_chunk(flops, steps, self.config.batch_size * self.recipe.lanes)
        self.stopped, self.entries = ["interrupted"] * count, [None] * count
        self.weights = np.empty((count, len(self.recipe.rows)), self.dtype)
        self.exact, self.verification = np.zeros(count, bool), None
        self.steps, self.samples_to_exact = np.zeros(count, np.int64), np.full(count, -1, np.int64)
        self.loss, self.exact_accuracy = np.full(count, np.nan), np.full(count, np.nan)
        self.began = np.zeros(count)
        self.lock, self.again, self.done = threading.Lock(), [], 0
        # Models that have not begun, and those in lanes that a checkpoint held.
        self.waiting, self.restored = iter(range(count)), []
        self.finished, self.earlier, self.autosave = np.zeros(count, bool), 0.0, None
        # Groups at work, and the contents of lanes while a checkpoint is put together; None otherwise.
        self.working, self.deposits = set(), None

    def take_up(self, arrays, seconds):
        """Continue from a checkpoint. Raises CheckpointError, in one line, if it is damaged."""
        try:
            take_up(self, arrays)
        except ValueError as error:
            raise CheckpointError(f"{self.autosave.path}: is damaged: {error}; delete it to start over") from error
        self.earlier = seconds

    def seconds(self):
        """Seconds of training so far."""
        return time.perf_counter() - self.started

    def _values(self):
        """{name: float64 (models,)} of all options that lie in lanes."""
        config, count = self.config, len(self.seeds)
        scalars = {"rate": config.rate, "decay": config.weight_decay, "l1": config.l1, "saturation": config.saturation,
                   **config.build_optimizer()._asdict()}
        spelled = {"rate": "learning_rate", "decay": "weight_decay"}
        return {
            name: self.varied.get(spelled.get(name, name), np.full(count, float(scalar)))
            for name, scalar in scalars.items()
        }

    def _checked(self, weights):
        """Initial weights as one row for all models, or one for each."""
        count = len(self.seeds)
        own = all(np.ndim(weight) == len(self.shapes.get(name, ())) + 1 for name, weight in weights.items())
        if own and any(len(weight) != count for weight in weights.values()):
            given = len(next(iter(weights.values())))
            raise ValueError(f"weights: got a leading axis of {given}, expected {count}, one for each seed")
        rows = [{name: np.asarray(weight[i] if own else weight, self.dtype) for name, weight in weights.items()}
                for i in range(count if own else 1)]
        # A Model checks names, shapes and values.
        return np.array([flat(Model(self.cell, row, self.task).weights, self.shapes) for row in rows])

    def initial(self, model):
        """The weights that a model starts from, in the order of recipe.rows."""
        if self.given is not None:
            return self.given[model % len(self.given)]
        scale = self.varied["initial_scale"][model] if "initial_scale" in self.varied else self.config.initial_scale
        drawn = drawn_weights(self.cell, self.sizes, self.config, int(self.seeds[model]), scale)
        return flat(drawn, self.shapes).astype(self.dtype)

    def run(self):
        if self.task is not None:
            warm_up(self._model(self.initial(0)))
        groups = [Group(self.recipe) for _ in range(self.threads)]
        checkers = [self._checker() for _ in range(self.threads)]
        self.started = time.perf_counter() - self.earlier
        left = []
        with deferred_interrupt() as self.stop:
            on_threads(
                self.threads,
                lambda thread, threads: left.extend(self._work(groups[thread], checkers[thread], threads)),
                self._tell,
            )
            if not self.stop():
                self._tell()
            if self.autosave and not self.finished.all():
                self.autosave.save(self, [*left, *self._unrestored()])
        for job, state in self.restored:
            self._end(job.model, state.taken(), "interrupted", False)
        seconds = self.seconds()
        if self.verification is None and self.task is not None and self.exact.any():
            # All of them were right before the checkpoint from which this training continued.
            self.verification = exactness(self._model(self.weights[self.exact.argmax()]))
        for model, entry in enumerate(self.entries):
            if entry is None:
                self.weights[model] = self.initial(model)
                self.entries[model] = Entry(np.zeros((0, 4)), 1, 0, 0.0, 0.0)
        return ManyRun(
            self.cell,
            self.task,
            self.config,
            self.seeds,
            self.stopped,
            self.exact,
            self.steps,
            self.steps * self.config.batch_size,
            self.samples_to_exact,
            self.loss,
            self.exact_accuracy,
            seconds,
            self.varied,
            self.weights,
            self.shapes,
            self.entries,
            self.verification,
        )

    def _work(self, group, checker, threads):
        """A thread of `threads`: keep the lanes of a group filled until no model waits."""
        # Where there are fewer models than lanes, all threads take some.
        share, length = min(self.recipe.lanes, -(-len(self.seeds) // threads)), self.first_chunk
        with self.lock:
            self.working.add(group)
        try:
            while not self.stop():
                for lane in range(share):
                    while group.jobs[lane] is None and self._begin(group, checker, lane):
                        pass
                if not any(group.jobs):
                    break
                began = time.perf_counter()
                made = group.run(length, self.stop.flag)
                took = time.perf_counter() - began
                length = max(1, min(2 * length, int(made * CHUNK_SECONDS / max(took, 1e-9))))
                for lane in np.flatnonzero((group.held.event != RUNNING) | group.ruined()):
                    self._decide(group, checker, int(lane))
                self._save(group)
        except Interrupted:
            pass
        except BaseException:
            self.stop.set()
            raise
        finally:
            with self.lock:
                self.working.remove(group)
        left = self._lanes(group)
        for lane, job in enumerate(group.jobs):
            if job is not None:
                self._finish(group, lane, "interrupted", False)
        return left

    def _save(self, group):
        """Add the contents of a group's lanes to the checkpoint, when one is due; the last group saves it."""
        if self.autosave is None:
            return
        with self.lock:
            if self.deposits is None and self.autosave.due(
                self.weights.nbytes + 4 * self.weights[0].nbytes * self.recipe.lanes
            ):
                self.deposits = {}
            if self.deposits is None:
                return
            if group not in self.deposits:
                self.deposits[group] = self._lanes(group)
            if self.working <= set(self.deposits):
                lanes = [lane for deposit in self.deposits.values() for lane in deposit]
                self.autosave.save(self, [*lanes, *self._unrestored()])
                self.deposits = None

    def _lanes(self, group):
        return [self._held(job, group.state(lane)) for lane, job in enumerate(group.jobs) if job is not None]

    def _unrestored(self):
        return [self._held(job, state) for job, state in self.restored]

    def _held(self, job, state):
        checks = self.checks[job.model].saved().values() if self.checks else (0, 0)
        return Held(job, self.samples_to_exact[job.model], *checks, self.began[job.model], state)

    def _begin(self, group, checker, lane):
        """Put the next waiting model into a lane; whether there was one."""
        with self.lock:
            if self.restored:
                job, state = self.restored.pop()
                if self.deposits and group in self.deposits:
                    self.deposits[group].append(self._held(job, state))
            elif self.again:
                job, state = self.again.pop(), None
            else:
                model, state = next(self.waiting, None), None
                if model is None:
                    return False
                job = Job(model, self.config.updates)
        if state:
            group.restore(lane, job, state, self.seeds[job.model])
            # It was interrupted before its decision.
            if group.held.event[lane] != RUNNING or group.ruined()[lane]:
                self._decide(group, checker, lane)
            return True
        self.began[job.model] = time.perf_counter() - self.started
        group.put(lane, job, self.initial(job.model), self.seeds[job.model])
        self._expect(group, lane)
        if job.limit == 0:
            self._finish(group, lane, "diverged", False)
        return True

    def _decide(self, group, checker, lane):
        """Decide on a model for which the kernels returned."""
        job, event, steps = group.jobs[lane], group.held.event[lane], group.steps(lane)
        if event == DIVERGED:
            # The loss was not finite with the weights before the last update.
            return self._again(group, lane, job.sound, max(steps - 1, 1))
        if not np.isfinite(group.weights(lane)).all():
            return self._again(group, lane, job.sound, steps)
        if job.ruin is not None:
            if steps + 1 < job.ruin:
                return self._again(group, lane, steps - 1, job.ruin)
            return self._finish(group, lane, "diverged", False)
        if event != CLEAN and steps < job.limit:  # the first check may be made from now on
            return self._expect(group, lane)
        exact, verification = self._exactness(group, checker, lane)
        self.verification = verification or self.verification
        if exact and self.samples_to_exact[job.model] < 0:
            self.samples_to_exact[job.model] = steps * self.config.batch_size
        if exact and self.config.until == "exact":
            return self._finish(group, lane, "exact", True)
        if steps == job.limit:
            return self._finish(group, lane, "samples", exact)
        group.forget(lane)
        self._expect(group, lane)

    def _expect(self, group, lane):
        """Set when the kernels return for the model in this lane."""
        job = group.jobs[lane]
        if job.ruin is not None or not self.checked or self.samples_to_exact[job.model] >= 0:
            group.expect(lane, 0, job.limit)
        elif self.task is not None:
            group.expect(lane, self.config.patience, job.limit)
        elif (first := self.checks[job.model].first_step) > group.steps(lane):
            group.expect(lane, 0, min(first, job.limit))
        else:
            group.expect(lane, self.checks[job.model].patience, job.limit)

    def _again(self, group, lane, sound, ruin):
        """Train once more, from the start, up to the update before the ruin; where that is too late, halfway."""
        job = group.jobs[lane]
        limit = ruin - 1 if job.ruin is None else min((sound + ruin + 1) // 2, ruin - 1)
        group.take(lane)
        with self.lock:
            self.again.append(Job(job.model, limit, sound, ruin))

    def _finish(self, group, lane, stopped, exact):
        self._end(group.jobs[lane].model, group.take(lane), stopped, exact)

    def _end(self, model, taken, stopped, exact):
        self.weights[model], self.stopped[model], self.exact[model], self.steps[model] = (
            taken.weights,
            stopped,
            exact,
            taken.steps,
        )
        self.entries[model] = Entry(
            taken.history, taken.length, taken.steps, self.began[model], time.perf_counter() - self.started
        )
        if len(taken.history):
            whole = len(taken.history) > 1 and taken.steps % taken.length > 0
            last = taken.history[-1 - whole :].sum(0)
            samples = (taken.steps - taken.length * (len(taken.history) - 1 - whole)) * self.config.batch_size
            self.loss[model], self.exact_accuracy[model] = last[0] / samples, 1 - last[3] / samples
        with self.lock:
            self.done += 1
            self.finished[model] = stopped != "interrupted"

    def _tell(self):
        """Call `progress`; if that raises, end the training."""
        try:
            if self.progress:
                self.progress(self.done, len(self.seeds))
        except BaseException:
            self.stop.set()
            raise

    def _checker(self):
        """The fastest search for a mistake, or None where not all samples of the task can be tested."""
        if self.task is not None and enumerable(self.task):
            return _Checker(self.cell, self.task, self.dtype, self.recipe.rows)
        return None

    def _model(self, weights):
        return Model(self.cell, named(weights, self.shapes), self.task)

    def _exactness(self, group, checker, lane):
        """(whether a network is right in all tests there are, the Verification that says so, if it has a task)"""
        weights = group.weights(lane)
        if not self.checked or not np.isfinite(weights).all():
            return False, None
        if self.task is not None:
            found = (
                checker.exactness(weights, self.stop.flag)
                if checker
                else exactness(self._model(weights), self.stop.check)
            )
            # An unfinished test proves nothing.
            self.stop.check()
            return found is not None, found
        model = group.jobs[lane].model
        own = model if len(self.recipe.source.x) > 1 else 0
        arrays = Arrays(*(array[own] for array in self.recipe.source[:4]), False)
        return self.checks[model].passes(self._model(weights), arrays, threads=1, progress=self.stop.check), None


class _Checker:
    """A thread's tree of all samples of the task, for weights as they lie in lanes."""

    def __init__(self, cell, task, dtype, rows):
        self.task, self.tree, self.rows = task, Tree(cell, task, dtype), rows
        self.theta = np.zeros_like(self.tree.theta)

    def exactness(self, weights, stop):
        """The Verification of a network without a mistake on any sample, or None; None, too, once stop[0] is not 0."""
        self.theta[self.rows] = weights
        return None if self.tree.has_mistake(self.theta, stop) else right_on_all(self.task)


def _source(task, data, config):
    """(source for the kernels, (inputs, outputs), steps)"""
    if data is None:
        return task.kernel, (task.input_size, task.output_size), task.bits
    arrays = as_arrays(*data, dtype=np.dtype(config.dtype), drawn=config.batch_size != data[0].shape[-3])
    # With a leading axis, of length 1 if all models share the data.
    x, y, mask = (array if arrays.x.ndim == 4 else array[None] for array in arrays[:3])
    return ModelArrays(x, y, mask, lengths_of(mask), arrays.drawn), (x.shape[3], y.shape[3]), x.shape[2]
