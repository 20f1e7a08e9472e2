"""Fit many models to one set of sequences: a model in each lane, groups of lanes on threads."""

import threading
import time

import numpy as np

from fastrnn.initializers import initial_weights
from fastrnn.kernels.threads import on_threads
from fastrnn.training.blocks import blocks_of
from fastrnn.training.group import Group, Job
from fastrnn.training.recipe import Recipe

# One call of the kernels lasts about so long.
CALL_SECONDS = 0.1


class Many:
    """Models with the same cell and configuration, waiting for lanes; `run` trains them all.

    taken: {model: Taken}.
    """

    def __init__(self, cell, head, outputs, data, config, jobs, threads):
        self.recipe = Recipe(cell, head, outputs, config, data.x.shape[1])
        self.jobs, self.threads, self.taken = jobs, max(1, min(threads, -(-len(jobs) // self.recipe.lanes))), {}
        self.blocks = blocks_of(data, self.recipe.net.columns, None, self.recipe.dtype)
        self.counted = np.add.reduceat(data.weight, data.offsets[:-1])
        self.lock, self.next, self.stop = threading.Lock(), 0, False

    def run(self, interrupted, told):
        """Train all; told(done) is called from time to time. Models that are not done when `interrupted` are so, too."""
        self.recipe.program.compile()
        self.interrupted, self.told = interrupted, told
        groups = [Group(self.recipe, self.blocks, self.counted) for _ in range(self.threads)]
        try:
            on_threads(self.threads, lambda thread: self._work(groups[thread]))
        finally:
            self.stop = True

    def _work(self, group):
        rounds, share = group.recipe.config.evaluate_every, -(-len(self.jobs) // self.threads)
        lanes = range(min(self.recipe.lanes, share))
        try:
            while True:
                for lane in lanes:
                    if group.jobs[lane] is None and (job := self._next()) is not None:
                        group.put(lane, job)
                if not any(group.jobs) or self.stop:
                    break
                began = time.perf_counter()
                made, done = group.run(rounds)
                took = time.perf_counter() - began
                rounds = max(1, min(4 * rounds, int(made * CALL_SECONDS / max(took, 1e-9))))
                for lane in done:
                    self._keep(group.take(lane))
                if self.interrupted():
                    self.stop = True
                self.told(len(self.taken))
        except BaseException:
            self.stop = True
            raise
        for lane, job in enumerate(group.jobs):
            if job is not None:
                self._keep(group.take(lane, "interrupted"))

    def _next(self):
        with self.lock:
            if self.next == len(self.jobs) or self.stop:
                return None
            self.next += 1
            return self.jobs[self.next - 1]

    def _keep(self, taken):
        self.taken[taken.job.model] = taken


def job_of(recipe, model, seed, options, roles, weights=None):
    """The Job of a model: its initial weights are drawn from its seed alone."""
    config = recipe.config
    if weights is None:
        drawn = initial_weights(config.initializer, recipe.shapes(), seed)
        weights = {name: config.initial_scale * values for name, values in drawn.items()}
    return Job(model, recipe.vector(weights), options, roles)
