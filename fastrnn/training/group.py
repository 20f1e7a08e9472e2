"""A few models that train side by side, one in each lane, between calls of the compiled kernels."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.decide import CRITERIA, PROGRESS, ROLES, SUMS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.schedules import rates
from fastrnn.training.blocks import roles_in

# Evaluations that one call of the kernels may make.
EVALUATIONS = 64


class Job(NamedTuple):
    """One model to train: its number, initial weights (R,), options {name: number}, and what each sequence counts (3, N)."""

    model: int
    weights: np.ndarray
    options: dict
    roles: np.ndarray


class Taken(NamedTuple):
    """A model that left its lane: best and last weights (R,), the history (evaluations, 6) of sums, and why it stopped."""

    job: Job
    best: np.ndarray
    last: np.ndarray
    history: np.ndarray
    best_round: int
    rounds: int
    stopped: str


class Group:
    """Lanes of models in training. `put` a Job into a free lane, `run`, and `take` what is done."""

    def __init__(self, recipe, blocks, counted):
        self.recipe, self.blocks, self.counted = recipe, blocks, counted
        net, dtype, lanes = recipe.net, recipe.dtype, recipe.lanes
        rows, names = recipe.rows, recipe.optimizer
        self.longest = EVALUATIONS * recipe.config.evaluate_every
        shapes = {"theta": (rows, lanes), "gradient": (rows, lanes), "best": (rows, lanes),
                  "slots": (len(names.slots), rows, lanes), "options": (len(OPTIONS) + len(names.options), lanes),
                  "running": (max(1, len(names.running)), lanes), "factor": (self.longest, lanes), "active": (1, lanes),
                  "progress": (len(PROGRESS), lanes), "criteria": (len(CRITERIA), lanes), "sums": (SUMS, lanes),
                  "history": (EVALUATIONS + 1, SUMS, lanes)}
        steps = max(block.steps for block in blocks)
        shapes |= {name: (count, lanes) for name, count in net.arrays(steps).items()}
        self.arrays = {name: aligned_zeros(shape, dtype) for name, shape in shapes.items()}
        self.arrays["flags"] = recipe.flags
        self.arrays["factor"][:] = 1
        self.weights = aligned_zeros((len(blocks), ROLES, net.columns, lanes), dtype)
        self.table = np.array([[block.steps, *(array.ctypes.data for array in (block.x, block.y, block.mask, block.lengths)),
                                self.weights[n].ctypes.data, 0] for n, block in enumerate(blocks)], np.int64)
        self.frame = np.zeros(len(recipe.program.names), np.int64)
        for n, name in enumerate(recipe.program.names):
            if name in self.arrays:
                self.frame[n] = self.arrays[name].ctypes.data
        self._set(blocks=self.table.ctypes.data, count=len(blocks), every=recipe.config.evaluate_every)
        self.jobs, self.parts, self.updates = [None] * lanes, [[] for _ in range(lanes)], np.zeros(lanes, np.int64)

    def _set(self, **words):
        for name, value in words.items():
            self.frame[self.recipe.program.names.index(name)] = value

    def _word(self, name):
        return int(self.frame[self.recipe.program.names.index(name)])

    def _progress(self, name):
        return self.arrays["progress"][PROGRESS.index(name)]

    def put(self, lane, job):
        """Begin a model in a free lane, at the next evaluation."""
        recipe, arrays, config = self.recipe, self.arrays, self.recipe.config
        self.jobs[lane], self.parts[lane], self.updates[lane] = job, [], 0
        arrays["theta"][:, lane] = arrays["best"][:, lane] = job.weights
        arrays["slots"][:, :, lane] = 0
        arrays["running"][:, lane] = 0
        arrays["progress"][:, lane] = 0
        self._progress("best")[lane], self._progress("pending")[lane] = np.inf, 1
        counts = job.roles @ self.counted
        scale = np.divide(1, counts, out=np.zeros(ROLES), where=counts > 0)
        options = {"scale": scale[0], **job.options}
        for row, name in enumerate((*OPTIONS, *recipe.optimizer.options)):
            arrays["options"][row, lane] = options[name]
        stops = config.patience is not None and counts[1] > 0
        criteria = {"train_scale": scale[0], "validation_scale": scale[1], "patience": config.patience if stops else np.inf,
                    "min_delta": config.min_delta, "limit": config.rounds}
        for row, name in enumerate(CRITERIA):
            arrays["criteria"][row, lane] = criteria[name]
        for n, block in enumerate(self.blocks):
            self.weights[n, :, :, lane] = roles_in(block, job.roles, recipe.net.columns, None)[..., 0]
        self._flag()

    def _flag(self):
        learn = (self.weights[:, 0] > 0).any((1, 2))
        flags = loops.LEARN * learn
        flags[0] |= loops.FRESH
        flags[-1] |= loops.UPDATE
        self.table[:, loops.ITEM.index("flags")] = flags

    def run(self, rounds):
        """Up to so many rounds, until a model is done; returns (rounds made, lanes that are done)."""
        config, every = self.recipe.config, self.recipe.config.evaluate_every
        rounds, before = min(rounds, self.longest), self._word("round")
        waiting = self._progress("pending") > 0
        # Models that wait begin at the first evaluation.
        began = np.where(waiting, -before % every, 0)
        if config.schedule != "constant":
            for lane, job in enumerate(self.jobs):
                if job is not None:
                    first = int(self.updates[lane] - began[lane])
                    factors = rates(config.schedule, 1.0, max(first, 0), rounds + min(first, 0), config.rounds)
                    self.arrays["factor"][rounds - len(factors) : rounds, lane] = factors
        self._set(rounds=rounds, evaluations=0, done=0)
        active = self.arrays["active"][0] > 0
        self.recipe.program.run(self.frame)
        made = self._word("evaluations")
        if made:
            history = self.arrays["history"][:made].copy()
            for lane in np.flatnonzero(active | waiting):
                self.parts[lane].append(history[:, :, lane])
        rounds, done = self._word("round") - before, self._word("done")
        self.updates += np.where(active | waiting, np.maximum(rounds - began, 0), 0)
        return rounds, [lane for lane, job in enumerate(self.jobs) if job is not None and done >> lane & 1]

    def take(self, lane, stopped=None):
        """Free a lane; stopped: why, if it was not the kernel that found it done."""
        arrays, job = self.arrays, self.jobs[lane]
        rounds = int(self._progress("rounds")[lane])
        if stopped is None:
            limit = arrays["criteria"][CRITERIA.index("limit"), lane]
            stopped = "diverged" if self._progress("diverged")[lane] else "epochs" if rounds >= limit else "patience"
        history = np.concatenate([*self.parts[lane], np.zeros((0, SUMS), self.recipe.dtype)])
        taken = Taken(job, arrays["best"][:, lane].copy(), arrays["theta"][:, lane].copy(), history,
                      int(self._progress("best_round")[lane]), rounds, stopped)
        self.jobs[lane], self.parts[lane] = None, []
        arrays["active"][0, lane] = self._progress("pending")[lane] = 0
        arrays["theta"][:, lane] = 0
        self.weights[..., lane] = 0
        self._flag()
        return taken
