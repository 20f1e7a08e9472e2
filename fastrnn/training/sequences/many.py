"""Fits many models of one size to one set of sequences: a model in each lane, one group of lanes for each thread."""

import math
import threading
import time

import numpy as np

from fastrnn.training.sequences.batched import BatchedGroup
from fastrnn.training.sequences.blocks import Layout, blocks_for, rows_of
from fastrnn.training.sequences.group import FitGroup
from fastrnn.training.sequences.lanes import lane_of, put_lane
from fastrnn.training.sequences.own import OwnGroup
from fastrnn.training.sequences.own_batched import OwnBatchedGroup
from fastrnn.training.sequences.turns import Turns
from fastrnn.training.sequences.waiting import Waiting
from fastrnn.training.tasks.driver import EngineLoop
from fastrnn.training.tasks.pace import Pace

# In shorter calls more lanes may be without work until other models begin.
SHORT_SECONDS = 0.002


class Many(EngineLoop):
    """Models with the same cell and configuration, waiting for lanes; `work` trains them, on each of several threads.

    taken: {model: FitResult}; least: the lowest validation loss of those, or training loss where a model has none to
    validate; evaluations: of those; held: [(round, [(slot, FitJob, Lane)])] of groups of models to continue, all models
    of a group together, since they are evaluated in the same rounds.
    """

    def __init__(self, recipe, data, jobs, lanes):
        """lanes: "models" that share all sequences, models with their "own" sequences, or on their own "batches" of
        sequences, or "sequences" of one model."""
        self.recipe, self.data, self.jobs, self.lanes = recipe, data, jobs, lanes
        self.taken, self.held, self.least, self.evaluations = {}, [], math.inf, 0
        self.turns, self.ended, self.flag, self.lock = [], 0, np.zeros(1, np.int64), threading.Lock()
        # The blocks of the latest division of sequences, which groups share.
        self.laid, self.laying = (None, None), threading.Lock()

    def restore(self, taken, held):
        """Continue from FitResults, and from models in lanes, as in `held`."""
        self.keep(taken)
        self.held = held

    @property
    def slots(self):
        """Models that a group trains at a time."""
        return self.recipe.lanes if self.recipe.net.own_weights else 1

    @property
    def full_groups(self):
        """How many groups all models fill."""
        return -(-len(self.jobs) // self.slots)

    @property
    def groups(self):
        """The groups of all threads at work."""
        return [group for turns in list(self.turns) for group in list(turns.groups)]

    @property
    def evaluated(self):
        """The number of evaluations so far."""
        return self.ended + sum(group.evaluated for group in self.groups)

    def begin(self, fitting, threads, team):
        """Prepare `work` for a Fitting (of .fitting), which has `threads` threads that call it.

        team: threads that share the work of a group.
        """
        self.fitting, self.flag, self.lock, self.deposits = fitting, fitting.flag, fitting.lock, fitting.deposits
        self.threads, self.team = threads, team
        # Models that a group trains at a time.
        self.share = min(self.slots, -(-len(self.jobs) // min(threads, self.full_groups)))
        inside = {job.model for _, lanes in self.held for _, job, _ in lanes}
        self.waiting = Waiting([job for job in self.jobs if job.model not in self.taken and job.model not in inside])
        self.prepare()

    def prepare(self):
        """Compile, and divide the data for groups."""
        self.recipe.program.compile()
        if self.lanes in ("own", "batches"):
            divisions = dict.fromkeys(job.division for job in self.jobs)
            self.layout = Layout(divisions, self.data.lengths, self.recipe.net.columns)
            self.source = rows_of(self.data, self.recipe.dtype)

    def work(self):
        """Train models until none waits, or training is to stop; `held` then has the unfinished ones."""
        with self.lock:
            if not self.waiting and not self.held:
                return
        turns = Turns(self.group(), self.team, self.fitting.stepwise)
        self.turns.append(turns)
        self.deposits.begin(turns)
        try:
            self.drive(turns, Pace(growth=4), self.fitting.interrupt)
        finally:
            with self.lock:
                self.deposits.end(turns, elsewhere=True)
                # `taken` has the others.
                self.held += [lanes for _, lanes in self._states(turns)]
                self.ended += turns.evaluated
                self.turns.remove(turns)

    def group(self, beside=None):
        """Return a group without models; beside: a group of the same thread, or None."""
        if self.lanes in ("own", "batches"):
            kind = OwnGroup if self.lanes == "own" else OwnBatchedGroup
            return kind(self.recipe, self.data, self.flag, self.layout, self.source, beside)
        kind = FitGroup if self.recipe.config.batch_size is None else BatchedGroup
        return kind(self.recipe, self.data, self.flag, self._blocks_for, beside)

    def _blocks_for(self, division):
        """Return the result of blocks_for for a Division: the same arrays for all groups."""
        net = self.recipe.net
        with self.laying:
            if self.laid[0] is not division:
                lanes = None if net.own_weights else self.recipe.lanes
                self.laid = division, blocks_for(division, self.data, net.columns, lanes, self.recipe.dtype)
            return self.laid[1]

    def seconds(self):
        """Return the time by which calls are measured."""
        # That of the processor, which other programs do not lengthen, except where threads share the work.
        return time.thread_time() if self.team == 1 else time.perf_counter()

    def fill(self, turns):
        """Let models begin that wait, and offer others for lanes that become free; return whether any is in training.
        """
        for group in turns.groups[: turns.most]:
            if not any(group.jobs):
                self._take_up(turns, group)
            self._fill(group)
        turns.running = turns.occupied()
        for group in turns.running:
            self._offer(group, turns.spare)
        return bool(turns.running)

    def collect(self, turns, made, began, ended):
        """Take the models that were finished in a call, and those that no lane took; save a checkpoint if one is due.
        """
        took = ended - began
        turns.spare = min(2 * turns.spare, -(-self.share // 2)) if took < SHORT_SECONDS else max(1, turns.spare // 2)
        turns.choice.measured(turns.groups[0].team.used, made, took)
        with self.lock:
            # Models that no lane took wait again, as the next ones.
            self.waiting.give_back([job for group in turns.running for job in group.successors.rest()])
        if taken := turns.take():
            self.keep(taken)
        # Half of them wait for other threads, and for the end. Models that learn from batches, whose sequences lie in
        # the lanes, or that threads share, have calls alone.
        alone = not self.recipe.net.own_weights or self.recipe.config.batch_size is not None or self.team > 1
        turns.adapt(took, alone or len(self.waiting) // (2 * self.threads * self.share), self.group)
        self.deposits.offer(turns, self._states)
        self.fitting.pause(turns.evaluated - turns.seen)
        turns.seen = turns.evaluated

    def _take_up(self, turns, group):
        """Continue models that were in the lanes of one group, in a group of these Turns."""
        with self.lock:
            if not self.held:
                return
            round_, lanes = self.held.pop()
            self.deposits.add(turns, [(self, (round_, lanes))])
        for slot, job, lane in lanes:
            put_lane(group, slot, job, lane)
        group.go_on(round_)

    def _states(self, turns):
        """Return [(self, (round, [(slot, FitJob, Lane)]))] of a thread's groups."""
        states = []
        for group in turns.occupied():
            lanes = [(slot, job, lane_of(group, slot)) for slot, job in enumerate(group.jobs) if job is not None]
            states.append((self, (group.round, lanes)))
        return states

    def _fill(self, group):
        """Begin models that wait in the free ones of the first slots of a group."""
        share = self.share
        free, began = group.jobs[:share].count(None), []
        with self.lock:
            if not self.flag[0]:
                began = self.waiting.take(free, group.division, group.mixes)
                if not began and not any(group.jobs):
                    began = self.waiting.take(free, self.waiting.following())
        if began:
            slots = [slot for slot in range(share) if group.jobs[slot] is None]
            group.put(slots[: len(began)], began)

    def _offer(self, group, spare):
        """Offer models that wait to a group, for the lanes of models that end within the next call.

        spare: the number of free lanes after which it ends to begin other models.
        """
        with self.lock:
            # Other threads have as many, and again as many remain for the end.
            most = min(group.successors.most, len(self.waiting) // (2 * self.threads if self.threads > 1 else 1))
            jobs = self.waiting.take(most if group.succeeds else 0, group.division)
            fills = len(self.waiting) > 0 if group.mixes else group.division in self.waiting
        free = spare if fills else len(group.jobs) + 1
        group.successors.offer(jobs, free)

    def keep(self, taken):
        """Store FitResults."""
        least = min((each.chosen_loss(self.recipe.config.every) for each in taken), default=math.inf)
        evaluations = sum(len(each.history) for each in taken)
        with self.lock:
            self.taken.update((each.job.model, each) for each in taken)
            self.least, self.evaluations = min(self.least, least), self.evaluations + evaluations
