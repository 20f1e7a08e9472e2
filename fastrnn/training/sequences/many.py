"""Fits many models of one size to one set of sequences: a model in each lane, one group of lanes for each thread.

Where there are fewer groups than threads, several share the blocks of a group (fastrnn.training.sequences.team).
"""

import math
import threading
import time
from collections import deque

import numpy as np

from fastrnn.thread_choice import ThreadChoice
from fastrnn.threads import on_threads
from fastrnn.training.sequences.batched import BatchedGroup
from fastrnn.training.sequences.blocks import Layout, blocks_for
from fastrnn.training.sequences.group import FitGroup
from fastrnn.training.sequences.lanes import lane_of, put_lane
from fastrnn.training.sequences.own import OwnGroup
from fastrnn.training.sequences.own_batched import OwnBatchedGroup
from fastrnn.training.sequences.recipe import FitRecipe

# The duration of one call of the kernels, about.
KERNEL_SECONDS = 0.1


class Many:
    """Models with the same cell and configuration, waiting for lanes; `run` trains them all.

    taken: {model: FitResult}; least: the lowest validation loss of those, or training loss where a model has none to
    validate; evaluations: of those; held: [(round, [(slot, FitJob, Lane)])] of groups of models to continue, all models
    of a group together, since they are evaluated in the same rounds.
    """

    def __init__(self, cell, head, outputs, data, config, threads, lanes):
        """lanes: "models" that share all sequences, models with their "own" sequences, or on their own "batches" of
        sequences, or "sequences" of one model."""
        self.recipe = FitRecipe(cell, head, outputs, config, data.x.shape[1], lanes != "sequences", lanes != "models",
                             data.initial is not None, int(data.lengths.max()))
        self.data, self.jobs, self.threads, self.lanes = data, [], threads, lanes
        self.taken, self.held, self.least, self.evaluations = {}, [], math.inf, 0
        self.groups, self.flag, self.lock = [], np.zeros(1, np.int64), threading.Lock()
        # The blocks of the latest division of sequences, which groups share.
        self.laid, self.laying = (None, None), threading.Lock()

    def prepare(self):
        """Compile, lay out the data, and make the groups: one for each thread."""
        self.recipe.program.compile()
        slots = self.recipe.lanes if self.recipe.net.own_weights else 1
        groups = max(1, min(self.threads, -(-len(self.jobs) // slots)))
        # Threads that share the work of one group.
        self.threads, self.team = groups, self.threads // groups
        if self.lanes in ("own", "batches"):
            divisions = dict.fromkeys(job.division for job in self.jobs)
            self.layout = Layout(divisions, self.data.lengths, self.recipe.net.columns)
            self.targets = self.data.target_rows(slice(None))
        self.groups = [self._group() for _ in range(self.threads)]

    def run(self, fitting):
        """Train all models, unless a Fitting (of .fitting) stops it; `held` then has the unfinished ones."""
        self.fitting, self.flag = fitting, fitting.flag
        inside = {job.model for _, lanes in self.held for _, job, _ in lanes}
        self.waiting = deque(job for job in self.jobs if job.model not in self.taken and job.model not in inside)
        self.prepare()
        # Groups at work, their lanes while a checkpoint is put together, and the lanes of groups that ended.
        self.working, self.deposits, self.left = set(self.groups), None, []
        on_threads(self.threads, lambda thread, threads: self._work(thread, threads), fitting.tend)
        self.held += self.left

    def _group(self):
        if self.lanes in ("own", "batches"):
            kind = OwnGroup if self.lanes == "own" else OwnBatchedGroup
            return kind(self.recipe, self.data, self.flag, self.layout, self.targets)
        kind = FitGroup if self.recipe.config.batch_size is None else BatchedGroup
        return kind(self.recipe, self.data, self.flag, self._blocks_for)

    def _blocks_for(self, division):
        """Return the result of blocks_for for a Division: the same arrays for all groups."""
        net = self.recipe.net
        with self.laying:
            if self.laid[0] is not division:
                lanes = None if net.own_weights else self.recipe.lanes
                self.laid = division, blocks_for(division, self.data, net.columns, lanes, self.recipe.dtype)
            return self.laid[1]

    def _work(self, thread, threads):
        # Fewer threads than groups may be granted: each then works on one of them, and the others are not needed.
        group = self.groups[thread]
        with self.lock:
            self.working &= set(self.groups[:threads])
        try:
            self._fit(group)
        except BaseException:
            self.fitting.stop()
            raise
        finally:
            with self.lock:
                self.working.discard(group)
                # `left` or `taken` has its models, at a later moment.
                (self.deposits or {}).pop(group, None)
                if any(group.jobs):
                    self.left.append(self._state(group))
            self.fitting.ended()

    def _fit(self, group):
        """Keep the slots of a group filled until no model waits, or training is to stop."""
        rounds, share = 1, min(group.slots, -(-len(self.jobs) // self.threads))
        choice = ThreadChoice(self.team)
        while not self.flag[0]:
            if not any(group.jobs):
                self._take_up(group)
            self._fill(group, share)
            if not any(group.jobs):
                break
            threads, count = choice.next(min(rounds, group.to_evaluation()) if self.fitting.stepwise else rounds)
            began, before = time.perf_counter(), group.evaluated
            made, done = group.run(count, threads)
            took = time.perf_counter() - began
            choice.measured(group.team.used, made, took)
            rounds = max(1, min(4 * rounds, int(made * KERNEL_SECONDS / max(took, 1e-9))))
            if done:
                self.keep(group.take(done))
            self._save(group)
            self.fitting.pause(group.evaluated - before)

    def _take_up(self, group):
        """Continue models that were in the lanes of one group."""
        with self.lock:
            if not self.held:
                return
            round_, lanes = self.held.pop()
        for slot, job, lane in lanes:
            put_lane(group, slot, job, lane)
        group.go_on(round_)

    def _save(self, group):
        """Add a group's lanes to the checkpoint, when one is due; the last group writes it."""
        with self.lock:
            if self.deposits is None and self.fitting.due():
                self.deposits = {}
            if self.deposits is None:
                return
            if group not in self.deposits:
                self.deposits[group] = self._state(group)
            if self.working <= set(self.deposits):
                # Also after a failure the next checkpoint is put together from the beginning.
                deposits, self.deposits = self.deposits, None
                self.fitting.save([*self.held, *self.left, *deposits.values()])

    def _state(self, group):
        lanes = [(slot, job, lane_of(group, slot)) for slot, job in enumerate(group.jobs) if job is not None]
        return group.round, lanes

    def _fill(self, group, share):
        """Begin models that wait in the free ones of the first `share` slots of a group."""
        free, others = group.jobs[:share].count(None), [job for job in group.jobs if job is not None]
        began = []
        with self.lock:
            while len(began) < free and self.waiting and not self.flag[0]:
                if not group.suits(self.waiting[0], others or began):
                    break
                began.append(self.waiting.popleft())
        if began:
            slots = [slot for slot in range(share) if group.jobs[slot] is None]
            group.put(slots[: len(began)], began)

    def keep(self, taken):
        """Store FitResults."""
        least = min(each.chosen_loss(self.recipe.config.every) for each in taken)
        evaluations = sum(len(each.history) for each in taken)
        with self.lock:
            self.taken.update((each.job.model, each) for each in taken)
            self.least, self.evaluations = min(self.least, least), self.evaluations + evaluations
