"""Fit many models to one set of sequences: a model in each lane, groups of lanes on threads."""

import math
import threading
import time

import numpy as np

from fastrnn.initializers import initial_weights
from fastrnn.threads import on_threads
from fastrnn.training.batched import BatchedGroup
from fastrnn.training.blocks import blocks_of
from fastrnn.training.group import Group, Job
from fastrnn.training.own import OwnGroup
from fastrnn.training.recipe import Recipe
from fastrnn.training.relative import loss_weights

# One call of the kernels lasts about so long.
CALL_SECONDS = 0.1


class Many:
    """Models with the same cell and configuration, waiting for lanes; `run` trains them all.

    taken: {model: Taken}; least: the least of their validation losses, or training losses where nothing validates.
    """

    def __init__(self, cell, head, outputs, data, config, threads, lanes):
        """lanes: "models" that share all sequences, models with their "own" sequences, or "sequences" of one model."""
        self.recipe = Recipe(cell, head, outputs, config, data.x.shape[1], lanes != "sequences", lanes != "models",
                             data.initial is not None)
        self.data, self.jobs, self.threads, self.lanes, self.taken = data, [], threads, lanes, {}
        self.counted = loss_weights(head, data)
        self.lock, self.next, self.stop, self.least = threading.Lock(), 0, False, math.inf

    def prepare(self):
        """Compile, lay out the data, and make the groups: one for each thread."""
        self.recipe.program.compile()
        slots = self.recipe.lanes if self.recipe.net.own_weights else 1
        self.threads = max(1, min(self.threads, -(-len(self.jobs) // slots)))
        if self.lanes != "own":
            lanes = None if self.lanes == "models" else self.recipe.lanes
            self.blocks = blocks_of(self.data, self.recipe.net.columns, lanes, self.recipe.dtype)
        self.groups = [self._group() for _ in range(self.threads)]

    def run(self, interrupted, told):
        """Train all models, or until interrupted(); told(done, least) is called from time to time."""
        self.prepare()
        self.interrupted, self.told = interrupted, told
        on_threads(self.threads, lambda thread, threads: self._work(self.groups[thread]), self._tell)
        self._tell()

    def _tell(self):
        try:
            self.told(len(self.taken), self.least)
        except BaseException:
            self.stop = True
            raise

    def _group(self):
        if self.lanes == "own":
            return OwnGroup(self.recipe, self.data, self.counted, self.jobs)
        if self.recipe.config.batch_size is None:
            return Group(self.recipe, self.blocks, self.counted)
        return BatchedGroup(self.recipe, self.blocks, self.counted, self.data)

    def _work(self, group):
        rounds, share = 1, -(-len(self.jobs) // self.threads)
        slots = range(min(group.slots, share))
        try:
            while True:
                for slot in slots:
                    if group.jobs[slot] is None and (job := self._next()) is not None:
                        group.put(slot, job)
                if not any(group.jobs) or self.stop:
                    break
                began = time.perf_counter()
                made, done = group.run(rounds)
                took = time.perf_counter() - began
                rounds = max(1, min(4 * rounds, int(made * CALL_SECONDS / max(took, 1e-9))))
                for slot in done:
                    self._keep(group.take(slot))
                if self.interrupted():
                    self.stop = True
        except BaseException:
            self.stop = True
            raise
        for slot, job in enumerate(group.jobs):
            if job is not None:
                self._keep(group.take(slot, "interrupted"))

    def _next(self):
        with self.lock:
            if self.next == len(self.jobs) or self.stop:
                return None
            self.next += 1
            return self.jobs[self.next - 1]

    def _keep(self, taken):
        loss = taken.chosen_loss(self.counted, self.recipe.config.every)
        with self.lock:
            self.taken[taken.job.model] = taken
            self.least = min(self.least, loss)


def job_of(recipe, model, seed, options, roles, weights=None, sequences=None):
    """The Job of a model: its initial weights are drawn from its seed alone."""
    config = recipe.config
    if weights is None:
        drawn = initial_weights(config.initializer, recipe.shapes(), seed)
        weights = {name: config.initial_scale * values for name, values in drawn.items()}
        weights |= {name: np.full(drawn[name].shape, value) for name, value in recipe.cell.starts.items()}
    return Job(model, seed, recipe.vector(weights), options, roles, sequences)
