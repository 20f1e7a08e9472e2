"""A few models that train side by side, one in each lane, between calls of the compiled kernels."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.decide import CRITERIA, PROGRESS, ROLES, SUMS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.job import FitResult
from fastrnn.training.sequences.team import Team, parts_of

# Evaluations that one call of the kernels may make.
MOST_EVALUATIONS = 64
# Rounds that it may make, even where evaluations are rare: each has a place in the schedule.
MOST_ROUNDS = 1024


class FitGroup:
    """Models in training, one in each lane, or one model whose sequences lie in the lanes.

    `put` a FitJob into a free slot, `run`, and `take` what is done. Models that `suits` allows side by side have the
    same
    roles. slots: models at a time. counted: (N,), sums of the weights of each sequence's steps. flag (1,) int64: not 0
    where training is to end soon. blocks_for(FitJob): its blocks (fastrnn.training.sequences.blocks).
    """

    def __init__(self, recipe, data, counted, flag, blocks_for):
        self.recipe, self.data, self.counted, self.flag = recipe, data, counted, flag
        self.blocks_for = blocks_for
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
            "options": (len(OPTIONS) + len(names.options), width),
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

    def lanes_of(self, slot):
        """Return the lanes of a model."""
        return slot if self.recipe.net.own_weights else slice(None)

    def suits(self, job):
        """Return whether a model may begin now: its roles must be those for which the blocks were laid out."""
        return not any(self.jobs) or self.laid_for == job.roles.tobytes()

    def put(self, slot, job):
        """Begin a model in a free slot, at the next evaluation."""
        recipe, arrays, config = self.recipe, self.arrays, self.recipe.config
        lanes = self.lanes_of(slot)
        self.jobs[slot], self.parts[slot], self.updates[slot] = job, [], 0
        for name in ("theta", "best"):
            arrays[name][: recipe.rows, slot] = job.weights
        arrays["slots"][:, :, slot] = 0
        arrays["running"][:, slot] = 0
        arrays["progress"][:, lanes] = 0
        for name, value in (("best", np.inf), ("pending", 1), ("reduction", 1)):
            arrays["progress"][PROGRESS.index(name), lanes] = value
        counts = job.counts(self.counted)
        scale = np.divide(1, counts, out=np.zeros(ROLES), where=counts > 0)
        limit = np.inf if config.max_grad_norm is None else config.max_grad_norm
        options = {
            "scale": self._scale(job, scale[0]),
            "max_norm": limit,
            "saturation": 0.0,
            "retention": 0.0,
            **job.options,
        }
        for row, name in enumerate((*OPTIONS, *recipe.optimizer.options)):
            arrays["options"][row, slot] = options[name]
        stops = config.patience is not None and counts[1] > 0
        criteria = {
            "train_scale": scale[0],
            "validation_scale": scale[1],
            "patience": config.patience if stops else np.inf,
            "min_delta": config.min_delta,
            "limit": config.limit,
            "plateau_patience": config.plateau_patience,
            "plateau_factor": config.plateau_factor,
        }
        for row, name in enumerate(CRITERIA):
            arrays["criteria"][row, slot] = criteria[name]
        self._lay(slot, job)
        self.changed = True
        self.seen[slot] = job, self.parts[slot]

    def _lay(self, slot, job):
        """Set the weight of each sequence of the blocks for the model."""
        if self.laid_for != job.roles.tobytes():
            self.laid_for = job.roles.tobytes()
            blocks, self.shared = self.blocks_for(job)
            self._take_blocks(blocks)
        self.weights[..., self.lanes_of(slot)] = self.shared[..., 0] if self.recipe.net.own_weights else self.shared

    def _take_blocks(self, blocks):
        """Let the kernels read these blocks."""
        net = self.recipe.net
        self.blocks = blocks
        self.weights = aligned_zeros((len(blocks), ROLES, net.columns, self.recipe.lanes), self.recipe.dtype)
        self.table = np.array([_item_of(*each) for each in zip(blocks, self.weights)], np.int64)

    def _scale(self, job, scale):
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

    def take(self, slot):
        """Free the slot of a finished model."""
        arrays, job, rows = self.arrays, self.jobs[slot], self.recipe.rows
        rounds, limit = int(self._progress("rounds")[slot]), arrays["criteria"][CRITERIA.index("limit"), slot]
        stopped = "diverged" if self._progress("diverged")[slot] else "epochs" if rounds >= limit else "patience"
        history = np.concatenate([*self.parts[slot], np.zeros((0, SUMS), self.recipe.dtype)])
        # After `stop_after` epochs the weights are the last ones.
        last = stopped == "epochs" and self.recipe.config.stop_after is not None
        best, best_round = ("theta", rounds) if last else ("best", int(self._progress("best_round")[slot]))
        taken = FitResult(job, arrays[best][:rows, slot].copy(), history, best_round, rounds, stopped)
        lanes = self.lanes_of(slot)
        self.jobs[slot], self.parts[slot], self.seen[slot] = None, [], None
        arrays["active"][0, lanes] = arrays["progress"][PROGRESS.index("pending"), lanes] = 0
        arrays["theta"][:, slot] = 0
        self.weights[..., lanes] = 0
        self.changed = True
        return taken


def _item_of(block, weights):
    """Return a row of the kernels' table: see fastrnn.kernels.recurrent.train.ITEM."""
    arrays = (block.x, block.y, block.mask, block.lengths, weights)
    return [*[0] * 4, block.steps, *(array.ctypes.data for array in arrays), block.start_address, 0]
