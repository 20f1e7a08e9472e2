"""A few models that train side by side, one in each lane, between calls of the compiled kernels."""

import itertools

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.decide import CRITERIA, PROGRESS, ROLE_SUMS, ROLES
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.frame import Frame, group_shapes, of_parts
from fastrnn.training.sequences.job import FIRST_PROGRESS, criteria_of, results_of
from fastrnn.training.sequences.lanes import span_of
from fastrnn.training.sequences.successors import Successors
from fastrnn.training.sequences.team import Team, parts_of_roles

# Evaluations that one call of the kernels may make.
MOST_EVALUATIONS = 128


class FitGroup(Frame):
    """Models in training, one in each lane, or one model whose sequences lie in the lanes.

    `put` FitJobs into free slots, `run`, and `take` what is done. Unless it `mixes`, all models in it have the same
    Division. slots: models at a time. flag (1,) int64: not 0 where training is to end soon. blocks_for(Division):
    its blocks (fastrnn.training.sequences.blocks). beside: a group that runs in turn with this one, which shares its
    memory for blocks, or None.
    """

    # Flags of the work after all blocks of its table, and whether the table is that of one evaluation.
    last, listed = loops.UPDATE | loops.DECIDE | loops.ROUND_END, 0
    mixes = False

    def __init__(self, recipe, data, flag, blocks_for, beside=None):
        super().__init__(recipe.program, recipe.dtype)
        self.recipe, self.data, self.flag, self.blocks_for = recipe, data, flag, blocks_for
        net, dtype, lanes = recipe.net, recipe.dtype, recipe.lanes
        self.slots = lanes if net.own_weights else 1
        shapes = group_shapes(recipe, self.slots, MOST_EVALUATIONS + 1)
        steps = self._longest()
        block = {name: (count, lanes) for name, count in self._block_arrays(steps).items()}
        self.counters = aligned_zeros((loops.COUNTERS,), np.int64)
        for name, shape in (shapes if beside else shapes | block).items():
            self.allocate(name, shape)
        for name in block if beside else ():
            self.take_array(name, beside.arrays[name])
        self.arrays["flags"][:, : recipe.rows] = recipe.flags
        self.take_array("factors", recipe.factors)
        self.take_array("updates", np.zeros(self.slots, np.int64))
        self.team, self.threads = Team(recipe.program, block, dtype), 1
        self.set_words(
            stop=flag,
            counters=self.counters,
            entries=MOST_EVALUATIONS + 1,
            free=1,
            listed=self.listed,
            window=net.window(steps),
            # A piece longer than all sequences has no border, for any length.
            segment=min(recipe.config.tbptt_steps or 0, steps),
        )
        self.jobs, self.parts = [None] * self.slots, [[] for _ in range(self.slots)]
        # The Division of the models that began last, and whether `_settle` has work.
        self.division, self.changed = None, True
        # Models that begin within calls, and FitResults of those whose lanes they took in the latest one.
        self.successors, self.left = Successors(self), []
        # The latest Division, and the result of _constants.
        self.latest = None, None
        # What other threads may read: (FitJob, parts of its history) in each slot, and evaluations in all.
        self.seen, self.evaluated = [None] * self.slots, 0

    def _longest(self):
        """Return the steps of the longest block."""
        return int(self.data.lengths.max())

    def _block_arrays(self, steps):
        """Return {name: vectors} of a thread's memory for blocks of up to `steps` steps."""
        return self.recipe.net.training_arrays(steps)

    @property
    def updates(self):
        """(slots,): the rounds in which each model has learned."""
        return self.arrays["updates"]

    def _progress(self, name):
        """Return (slots,): a number of each model."""
        return self.arrays["progress"][PROGRESS.index(name), : self.slots]

    def lanes_of(self, slots):
        """Return the lanes of models in these slots, or in this one."""
        return slots if self.recipe.net.own_weights else slice(None)

    def put(self, slots, jobs):
        """Begin models in free slots, at the next evaluation."""
        recipe, arrays, columns = self.recipe, self.arrays, span_of(slots)
        arrays["theta"][: recipe.rows, columns] = np.array([job.weights for job in jobs]).T
        arrays["best"][:, columns] = arrays["theta"][:, columns]
        arrays["slots"][:, :, columns] = 0
        arrays["running"][:, columns] = 0
        arrays["progress"][:, self.lanes_of(columns)] = FIRST_PROGRESS
        arrays["options"][:, columns], arrays["criteria"][:, columns] = (each.T for each in self.given(jobs))
        self._lay(slots, jobs)
        self.updates[columns] = 0
        for slot, job in zip(slots, jobs):
            self.begin(slot, job)

    def begin(self, slot, job):
        """Note that a slot has this FitJob from now on."""
        self.jobs[slot], self.parts[slot] = job, (parts := [])
        self.seen[slot] = job, parts

    def given(self, jobs):
        """Return the options (M, K) and the criteria (M, C) of models."""
        options, criteria = np.array([job.options for job in jobs]), np.empty((len(jobs), len(CRITERIA)))
        scale, first = self.recipe.options.index("scale"), 0
        for division, own in itertools.groupby(jobs, lambda job: job.division):
            last = first + len(list(own))
            options[first:last, scale], criteria[first:last] = self._constants(division)
            first = last
        return options, criteria

    def _constants(self, division):
        """Return the factor on the gradients of models with a Division, and their criteria (C,)."""
        if self.latest[0] is not division:
            criteria = criteria_of(division, self.recipe.config)
            self.latest = division, (self._scale(division, criteria[0]), criteria)
        return self.latest[1]

    @property
    def succeeds(self):
        """Whether models may take the lanes of others within a call."""
        return self.recipe.net.own_weights and self.recipe.config.batch_size is None

    def suited(self):
        """Return the lanes, as bits, that models of `division` may take within a call."""
        return (1 << self.slots) - 1

    def _lay(self, slots, jobs):
        """Set the weight of each sequence of the blocks for models of one Division."""
        if self.division is not jobs[0].division:
            self.division = jobs[0].division
            blocks, self.shared = self.blocks_for(self.division)
            self._take_blocks(blocks)
            self.changed = True
        self.weights[..., self.lanes_of(span_of(slots))] = self.shared

    def _take_blocks(self, blocks):
        """Let the kernels read these Blocks."""
        net = self.recipe.net
        self.blocks = blocks
        self.weights = aligned_zeros((len(blocks), ROLES, net.columns, self.recipe.lanes), self.recipe.dtype)
        self.items = blocks.items(self.weights)

    def _scale(self, division, scale):
        """Return the factor on gradients: one over the counted steps that they are summed over."""
        return scale

    def _settle(self):
        """Update the work on each block, after other sequences came or left."""
        self.changed = False
        flags, part = self._flags(), self._parts()
        # Blocks of a part follow each other.
        order = np.argsort(part, kind="stable")
        self.table, flags, part = self.items[order], flags[order], part[order]
        learns = flags & loops.LEARN > 0
        flags |= loops.FRESH * (np.diff(part, prepend=-1) > 0)
        flags[-1] |= self.last
        values = {"flags": flags, "part": part, "learned": 1 + part[learns].max(initial=-1), "parts": 1 + part[-1]}
        for name, column in values.items():
            self.table[:, loops.ITEM.index(name)] = column

    def _flags(self):
        return loops.LEARN * (self.weights[:, 0] > 0).any((1, 2)) | loops.EVALUATE

    def _parts(self):
        """Return (B,): the part of each block."""
        steps = None if self.recipe.net.own_weights else self.blocks.steps
        return parts_of_roles(self._roles(), steps)

    def _roles(self):
        """Return (B,): the role of the sequences of each block, in order."""
        return (self.weights > 0).any((2, 3)).argmax(1)

    def run(self, rounds, threads=1):
        """Run at most `rounds` rounds, until a model is finished; return (rounds made, slots that are finished).

        threads: the number of threads that share the blocks, at most.
        """
        self.threads, rounds = threads, self.prepare(rounds)
        self._call(rounds)
        return self.ended()

    def prepare(self, rounds):
        """Prepare a call; return the number of its rounds."""
        if self.changed:
            self._settle()
        if not self.arrays["active"].any():
            # No model is between two evaluations: waiting models may begin at once.
            self.go_on(0)
        # Models that wait begin at the first evaluation.
        self.running = (self.arrays["active"][0, : self.slots] > 0) | (self._progress("pending") > 0)
        self.counters[loops.ROUNDS_MADE : loops.BEGAN + 1], self.left = 0, []
        return min(rounds, MOST_EVALUATIONS * self.recipe.config.every)

    def ended(self):
        """Take over what a call has made; return the result of `run`."""
        made, rounds = int(self.counters[loops.EVALUATIONS]), int(self.counters[loops.ROUNDS_MADE])
        self.evaluated += made
        if made:
            history = self.arrays["history"][:made].copy()
            self.left, firsts = self.successors.begun(history)
            for slot in np.flatnonzero(self.running).tolist():
                self.parts[slot].append(history[firsts.get(slot, 0) :, :, slot])
        done = int(self.counters[loops.DONE])
        return rounds, [slot for slot, job in enumerate(self.jobs) if job is not None and done >> slot & 1]

    def to_evaluation(self):
        """Return the number of rounds up to the end of the next one with an evaluation."""
        before, every = self.round * bool(self.arrays["active"].any()), self.recipe.config.every
        return -before % every + 1

    def best_loss(self, slot):
        """Return the lowest validation loss so far of a slot's model, or training loss; inf before any evaluation."""
        return float(self._progress("best")[slot])

    def _call(self, rounds):
        """Run `rounds` rounds in compiled code."""
        self._execute(self.table, rounds, self.recipe.config.every)

    def _execute(self, table, rounds, every, meanwhile=None):
        """Run the program on a table of blocks; meanwhile: see Team.run."""
        self.team.run(self.frame, min(self.threads, self.point(table, rounds, every)), meanwhile)

    def point(self, table, rounds, every):
        """Let the frame point to a table of blocks; return the number of threads that can share them."""
        place = loops.ITEM.index("learned")
        learned, parts = table[:, place : place + 2].max(0).tolist()
        for name, numbers, count in (("gradient", self.recipe.rows, learned), ("sums", ROLE_SUMS, max(learned, parts))):
            if len(self.arrays[name]) < count:
                self.allocate(name, of_parts(self.recipe, numbers, count))
        self.set_words(blocks=table, count=len(table), rounds=rounds, every=every, threads=1)
        self.counters[loops.OF_A_CALL] = 0
        return max(learned, 1)

    @property
    def round(self):
        """The number of rounds made; evaluations are in multiples of `every`."""
        return int(self.counters[loops.ROUND])

    def go_on(self, round_):
        """Continue from this round, with models that were put into the empty group."""
        self.counters[loops.ROUND] = round_

    def take(self, slots):
        """Free the slots of finished models; return their FitResults."""
        arrays, columns, rows = self.arrays, span_of(slots), self.recipe.rows
        lanes = self.lanes_of(columns)
        best, last = (arrays[name][:rows, columns].T.copy() for name in ("best", "theta"))
        jobs, parts = ([each[slot] for slot in slots] for each in (self.jobs, self.parts))
        taken = results_of(self.recipe.config, jobs, arrays["progress"][:, columns], best, last, parts)
        for slot in slots:
            self.jobs[slot], self.parts[slot], self.seen[slot] = None, [], None
        self.updates[columns] = 0
        arrays["active"][0, lanes] = arrays["progress"][PROGRESS.index("pending"), lanes] = 0
        arrays["theta"][:, columns] = 0
        self.weights[..., lanes] = 0
        return taken
