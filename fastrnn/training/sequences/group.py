"""A few models that train side by side, one in each lane, between calls of the compiled kernels."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.decide import CRITERIA, PROGRESS, ROLES, SUMS
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.job import FitResult
from fastrnn.training.sequences.team import Team, parts_of

# Evaluations that one call of the kernels may make.
MOST_EVALUATIONS = 64
# Rounds that it may make, even where evaluations are rare: each has a place in the schedule.
MOST_ROUNDS = 1024
# The progress of a model that waits, as a column.
BEGINNING = np.array([[{"best": np.inf, "pending": 1, "reduction": 1}.get(name, 0)] for name in PROGRESS])


class FitGroup:
    """Models in training, one in each lane, or one model whose sequences lie in the lanes.

    `put` FitJobs into free slots, `run`, and `take` what is done. Models that `suits` allows side by side have the
    same Division. slots: models at a time. flag (1,) int64: not 0 where training is to end soon. blocks_for(Division):
    its blocks (fastrnn.training.sequences.blocks).
    """

    def __init__(self, recipe, data, flag, blocks_for):
        self.recipe, self.data, self.flag, self.blocks_for = recipe, data, flag, blocks_for
        net, dtype, lanes = recipe.net, recipe.dtype, recipe.lanes
        self.slots = lanes if net.own_weights else 1
        # Numbers of one model are updated a vector at a time.
        rows = recipe.rows if net.own_weights else -(-recipe.rows // lanes) * lanes
        names, width = recipe.optimizer, self.slots
        self.longest = min(MOST_EVALUATIONS * recipe.config.every, MOST_ROUNDS)
        shapes = {
            "theta": (rows, width),
            "gradient": self._of_parts(recipe.rows, 1),
            "best": (rows, width),
            "slots": (len(names.slots), rows, width),
            "flags": (3, rows),
            "options": (len(recipe.options), width),
            "running": (max(1, len(names.running)), width),
            "factor": (self.longest, width),
            "criteria": (len(CRITERIA), width),
            "sums": self._of_parts(SUMS, 1),
            "norm": (lanes, width),
            "active": (1, lanes),
            "progress": (len(PROGRESS), lanes),
            "history": (MOST_EVALUATIONS + 1, SUMS, lanes),
        }
        steps = self._longest()
        block = {name: (count, lanes) for name, count in net.training_arrays(steps).items()}
        self.frame, self.arrays = np.zeros(len(recipe.program.names), np.int64), {}
        self.counters = aligned_zeros((loops.COUNTERS,), np.int64)
        for name, shape in (shapes | block).items():
            self._allocate(name, shape)
        self.arrays["flags"][:, : recipe.rows] = recipe.flags
        self.arrays["factor"][:] = 1
        self.team, self.threads = Team(recipe.program, block, dtype), 1
        self._set(
            stop=flag.ctypes.data,
            counters=self.counters.ctypes.data,
            window=net.window(steps),
            # A piece longer than all sequences has no border, for any length.
            segment=min(recipe.config.tbptt_steps or 0, steps),
        )
        self.jobs, self.parts, self.updates = (
            [None] * self.slots,
            [[] for _ in range(self.slots)],
            np.zeros(self.slots, np.int64),
        )
        self.laid_for, self.changed = None, True
        # What other threads may read while it runs: (FitJob, parts of its history) in each slot, and evaluations in
        # all.
        self.seen, self.evaluated = [None] * self.slots, 0

    def _longest(self):
        """Return the steps of the longest block."""
        return int(self.data.lengths.max())

    def _set(self, **words):
        for name, value in words.items():
            self.frame[self.recipe.program.names.index(name)] = value

    def _allocate(self, name, shape):
        """Give the kernels an array of zeros."""
        self.arrays[name] = aligned_zeros(shape, self.recipe.dtype)
        self._set(**{name: self.arrays[name].ctypes.data})

    def _of_parts(self, numbers, parts):
        """Return the shape of this many numbers of each model, for each part of an update."""
        return parts, loops.vectors_of(self.recipe.net, numbers, self.recipe.lanes), self.recipe.lanes

    def _progress(self, name):
        """Return (slots,): a number of each model."""
        return self.arrays["progress"][PROGRESS.index(name), : self.slots]

    def lanes_of(self, slots):
        """Return the lanes of models in these slots, or in this one."""
        return slots if self.recipe.net.own_weights else slice(None)

    def suits(self, job, others):
        """Return whether a model may train beside the FitJobs `others`: all must have the same Division."""
        return not others or others[0].division is job.division

    def put(self, slots, jobs):
        """Begin models in free slots, at the next evaluation."""
        recipe, arrays, lanes = self.recipe, self.arrays, self.lanes_of(slots)
        arrays["theta"][: recipe.rows, slots] = np.array([job.weights for job in jobs]).T
        arrays["best"][:, slots] = arrays["theta"][:, slots]
        arrays["slots"][:, :, slots] = 0
        arrays["running"][:, slots] = 0
        arrays["progress"][:, lanes] = BEGINNING
        arrays["options"][:, slots] = np.array([job.options for job in jobs]).T
        constants = {division: self._constants(division) for division in {job.division for job in jobs}}
        columns = np.array([constants[job.division] for job in jobs]).T
        arrays["options"][recipe.options.index("scale"), slots] = columns[0]
        arrays["criteria"][:, slots] = columns[1:]
        self._lay(slots, jobs)
        self.changed, self.updates[slots] = True, 0
        for slot, job in zip(slots, jobs):
            self.jobs[slot], self.parts[slot] = job, []
            self.seen[slot] = job, self.parts[slot]

    def _constants(self, division):
        """Return the factor on the gradients of models with a Division, and their criteria."""
        config, weight = self.recipe.config, division.weight
        scale = np.divide(1, weight, out=np.zeros(ROLES), where=weight > 0)
        criteria = {
            "train_scale": scale[0],
            "validation_scale": scale[1],
            "patience": config.patience if config.patience is not None and weight[1] > 0 else np.inf,
            "min_delta": config.min_delta,
            "limit": config.limit,
            "plateau_patience": config.plateau_patience,
            "plateau_factor": config.plateau_factor,
        }
        return [self._scale(division, scale[0]), *(criteria[name] for name in CRITERIA)]

    def _lay(self, slots, jobs):
        """Set the weight of each sequence of the blocks for models of one Division."""
        if self.laid_for is not jobs[0].division:
            self.laid_for = jobs[0].division
            blocks, self.shared = self.blocks_for(self.laid_for)
            self._take_blocks(blocks)
        self.weights[..., self.lanes_of(slots)] = self.shared

    def _take_blocks(self, blocks):
        """Let the kernels read these blocks."""
        net = self.recipe.net
        self.blocks = blocks
        self.weights = aligned_zeros((len(blocks), ROLES, net.columns, self.recipe.lanes), self.recipe.dtype)
        self.table = np.array([_item_of(*each) for each in zip(blocks, self.weights)], np.int64)

    def _scale(self, division, scale):
        """Return the factor on gradients: one over the counted steps that they are summed over."""
        return scale

    def _settle(self):
        """Update the work on each block, after models came or left."""
        self.changed = False
        flags, part = self._flags(), self._parts()
        learns = flags & loops.LEARN > 0
        flags |= loops.FRESH * (np.diff(part, prepend=-1) > 0)
        values = {"flags": flags, "part": part, "learned": 1 + part[learns].max(initial=-1), "parts": 1 + part[-1]}
        for name, column in values.items():
            self.table[:, loops.ITEM.index(name)] = column

    def _flags(self):
        learn = (self.weights[:, 0] > 0).any((1, 2))
        flags = loops.LEARN * learn | loops.EVALUATE
        flags[-1] |= loops.UPDATE | loops.DECIDE
        return flags

    def _parts(self):
        """Return (B,): the part of each block. A block has sequences of one role, and shares no part with others."""
        if self.recipe.net.own_weights:
            return np.zeros(len(self.blocks), np.int64)
        role = (self.weights > 0).any((2, 3)).argmax(1)
        part, parts = parts_of([block.steps for block in self.blocks], role)
        return part + (np.cumsum(parts) - parts)[role]

    def run(self, rounds, threads=1):
        """Run at most `rounds` rounds, until a model is finished; return (rounds made, slots that are finished).

        threads: the number of threads that share the blocks, at most.
        """
        config, every, self.threads = self.recipe.config, self.recipe.config.every, threads
        if self.changed:
            self._settle()
        if not self.arrays["active"].any():
            # No model is between two evaluations: waiting models may begin at once.
            self.round = 0
        rounds, before = min(rounds, self.longest), self.round
        waiting = self._progress("pending") > 0
        # Models that wait begin at the first evaluation.
        began = np.where(waiting, -before % every, 0)
        if config.scheduled:
            for slot, job in enumerate(self.jobs):
                if job is not None:
                    first = int(self.updates[slot] - began[slot])
                    factors = config.factors(max(first, 0), rounds + min(first, 0))
                    self.arrays["factor"][rounds - len(factors) : rounds, slot] = factors
        running = (self.arrays["active"][0, : self.slots] > 0) | waiting
        self._call(rounds)
        made = int(self.counters[loops.EVALUATIONS])
        self.evaluated += made
        if made:
            history = self.arrays["history"][:made].copy()
            for slot in np.flatnonzero(running):
                self.parts[slot].append(history[:, :, slot])
        rounds, done = self.round - before, int(self.counters[loops.DONE])
        self.updates += np.where(running, np.maximum(rounds - began, 0), 0)
        return rounds, [slot for slot, job in enumerate(self.jobs) if job is not None and done >> slot & 1]

    def to_evaluation(self):
        """Return the number of rounds up to the end of the next one with an evaluation."""
        before, every = self.round * bool(self.arrays["active"].any()), self.recipe.config.every
        return -before % every + 1

    def best_loss(self, slot):
        """Return the lowest validation loss so far of the model in a slot, or its training loss; inf before any
        evaluation."""
        return float(self._progress("best")[slot])

    def _call(self, rounds):
        """Run `rounds` rounds in compiled code."""
        self.counters[loops.EVALUATIONS] = self.counters[loops.DONE] = 0
        self._execute(self.table, rounds, self.recipe.config.every)

    def _execute(self, table, rounds, every):
        """Run the program on a table of blocks."""
        place = loops.ITEM.index("learned")
        learned, parts = table[:, place : place + 2].max(0).tolist()
        for name, numbers, count in (("gradient", self.recipe.rows, learned), ("sums", SUMS, parts)):
            if len(self.arrays[name]) < count:
                self._allocate(name, self._of_parts(numbers, count))
        self._set(blocks=table.ctypes.data, count=len(table), rounds=rounds, every=every)
        self.counters[loops.DRAWN] = self.counters[loops.ENDED] = 0
        self.team.run(self.frame, min(self.threads, max(learned, 1)))

    @property
    def round(self):
        """The number of rounds made; evaluations are in multiples of `every`."""
        return int(self.counters[loops.ROUND])

    @round.setter
    def round(self, number):
        self.counters[loops.ROUND] = number

    def go_on(self, round_):
        """Continue from this round, with models that were put into the empty group."""
        self.round = round_

    def take(self, slots):
        """Free the slots of finished models; return their FitResults."""
        arrays, config, lanes = self.arrays, self.recipe.config, self.lanes_of(slots)
        progress = dict(zip(PROGRESS, arrays["progress"][:, slots]))
        over = progress["rounds"] >= arrays["criteria"][CRITERIA.index("limit"), slots]
        ends = np.where(progress["diverged"] > 0, "diverged", np.where(over, "epochs", "patience")).tolist()
        rounds, best_rounds = (progress[name].astype(int).tolist() for name in ("rounds", "best_round"))
        last, best = (arrays[name][: self.recipe.rows, slots].T.copy() for name in ("theta", "best"))
        taken = []
        for n, slot in enumerate(slots):
            history = np.concatenate([*self.parts[slot], np.zeros((0, SUMS), self.recipe.dtype)])
            # After `stop_after` epochs the weights are the last ones.
            final = ends[n] == "epochs" and config.stop_after is not None
            kept = (last[n], history, rounds[n]) if final else (best[n], history, best_rounds[n])
            taken.append(FitResult(self.jobs[slot], *kept, rounds[n], ends[n]))
            self.jobs[slot], self.parts[slot], self.seen[slot] = None, [], None
        arrays["active"][0, lanes] = arrays["progress"][PROGRESS.index("pending"), lanes] = 0
        arrays["theta"][:, slots] = 0
        self.weights[..., lanes] = 0
        self.changed = True
        return taken


def _item_of(block, weights):
    """Return a row of the kernels' table: see fastrnn.kernels.recurrent.train.ITEM."""
    arrays = (block.x, block.y, block.mask, block.lengths, weights)
    return [*[0] * 4, block.steps, *(array.ctypes.data for array in arrays), block.start_address, 0]
