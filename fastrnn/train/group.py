"""A group of models in training side by side, one in each SIMD lane, between calls of the compiled kernels."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.constant import Constant
from fastrnn.kernels.models.descend import descend_models
from fastrnn.kernels.models.feed import feed_of, fill_models
from fastrnn.kernels.models.learn import learn_models
from fastrnn.kernels.models.options import Penalised, Plain, Shrinking
from fastrnn.kernels.models.places import SAMPLES, Sizes, group_memory, is_halved, places_of, rows_of
from fastrnn.kernels.models.run import RUNNING, Calls, Plan, lanes_for, run_models
from fastrnn.kernels.reference import Referred
from fastrnn.kernels.tiers import Tiers
from fastrnn.kernels.workspace import lanes_of
from fastrnn.optimizers.base import kernel_of
from fastrnn.schedules import rates
from fastrnn.simd import Halves
from fastrnn.tasks.base import BitTask

# Samples in one stretch of the history, until a model has too many of them.
STRETCH_SAMPLES = 256


class Job(NamedTuple):
    """A model to train: its place among all, and the updates to make.

    Where it has diverged and is trained once more, to find the last update before that: sound: updates after which
    weights and loss were finite; ruin: the least known after which they were not.
    """

    model: int
    limit: int
    sound: int = 0
    ruin: int | None = None


class Taken(NamedTuple):
    """What a lane held: weights as one vector, updates made, and the history (stretches, 4), whose stretches have
    `length` updates each, the last one what is left."""

    weights: np.ndarray
    steps: int
    history: np.ndarray
    length: int


class LaneState(NamedTuple):
    """All that a lane goes on from: COUNTS, NUMBERS numbers, vectors (3, weights) of weights and both memories, and the full
    stretches of the history (entries, 4)."""

    counts: tuple
    numbers: np.ndarray
    vectors: np.ndarray
    history: np.ndarray

    COUNTS = ("end", "event", "step", "filled", "length")
    # The samples without a mistake, how many are enough, and the sums of the open stretch, in two parts.
    NUMBERS = 2 + 4 + 4

    def taken(self):
        """The Taken of a model that ends here."""
        _, _, steps, _, length = self.counts
        history = self.history
        if steps > len(history) * length:
            history = np.concatenate([history, (self.numbers[2:6] + self.numbers[6:])[None]])
        return Taken(self.vectors[0], steps, history, length)


class Recipe:
    """What all groups of one call of `train_many` have in common, and the kernels they call.

    cell: a kernel cell; names: of the weights that learn; varied: {option: float64 (models,)} of rate, decay, l1,
    saturation and the optimizer's constants; at_once: as fastrnn.kernels.tiers has it.
    """

    def __init__(self, cell, names, source, steps, config, varied, at_once=False):
        self.cell, self.names, self.source, self.config, self.varied = cell, names, source, config, varied
        self.dtype = np.dtype(config.dtype)
        block, batch = min(config.batch_size, SAMPLES), config.batch_size
        truncate = min(config.truncate or steps, steps)
        self.sizes = Sizes(
            cell.input_size,
            cell.hidden_size,
            cell.output_size,
            steps,
            block,
            truncate,
            "b_ih" in names,
            config.clip is not None,
            config.reduction == "mean" and batch > 1,
            batch % block == 0,
            batch == block,
            isinstance(source, BitTask),
            isinstance(source, BitTask) and not source.last_only,
            not isinstance(source, BitTask) and bool((source.lengths < steps).any()),
        )
        self.halved = is_halved(self.sizes)
        self.lanes = lanes_of(self.dtype) // (2 if self.halved else 1)
        self.places = places_of.py_func(self.sizes)
        self.rows = rows_of(self.sizes, names)
        optimizer, self.loss = config.build_optimizer(), config.build_loss()
        self.constants = kernel_of(type(optimizer)(*(varied[name] for name in optimizer._fields)))
        self.optimizer = type(self.constants)
        self.plan = Plan(batch, max(1, STRETCH_SAMPLES // batch), config.schedule != "constant")
        self.shrinking = Shrinking() if varied["decay"].any() or varied["l1"].any() else Plain()
        self.saturation = Penalised() if varied["saturation"].any() else Plain()
        self.tiers = Tiers(self._kernels, at_once)

    def memory(self):
        """Zeroed memory for one group, as the kernels take it."""
        array = group_memory(self.sizes, self.dtype, self.lanes)
        return Halves(array) if self.halved else array

    def _kernels(self, own):
        """The kernels, each with examples of its arguments, for these sizes alone or for all."""
        constant, steps = Constant(self.sizes) if own else None, np.zeros(self.lanes, np.int64)
        group = Referred(self.sizes, self.memory(), steps, steps, feed_of(self.sizes, self.lanes), self.source)
        return ((fill_models, constant, group, 1, 1, 1),
                (learn_models, type(self.cell), type(self.loss), constant, group, 1, self.saturation),
                (descend_models, self.optimizer, self.shrinking, constant, group, 1, True, True))


class Group:
    """One thread's lanes."""

    def __init__(self, recipe):
        self.recipe = recipe
        self.vectors = recipe.memory()
        self.memory = self.vectors.numbers if recipe.halved else self.vectors
        self.bits = self.memory.view(np.int32 if recipe.dtype == np.float32 else np.int64)
        self.feed, self.held = feed_of(recipe.sizes, recipe.lanes), lanes_for(recipe.lanes)
        places, config = recipe.places, recipe.config
        self.memory[places.one] = self.memory[places.mask : places.end] = 1
        self.memory[places.end : places.h] = recipe.sizes.steps
        self.memory[places.scale] = 1 / config.batch_size if config.reduction == "mean" else 1
        self.memory[places.clip] = np.inf if config.clip is None else config.clip
        self.jobs = [None] * recipe.lanes
        self.run(0, np.zeros(1, np.int64))  # compile, or load from the cache

    def put(self, lane, job, weights, seed):
        """Begin to train a model from `weights`, in the order of recipe.rows."""
        recipe, places, memory, held = self.recipe, self.recipe.places, self.memory, self.held
        self.jobs[lane] = job
        for block in (0, places.first, places.second, places.gradient):
            memory[block : block + places.count, lane] = 0
        memory[recipe.rows, lane] = weights
        varied = recipe.varied
        for row, name in (
            (places.rate, "rate"),
            (places.decay, "decay"),
            (places.l1, "l1"),
            (places.saturation, "saturation"),
        ):
            memory[row, lane] = varied[name][job.model]
        for i, values in enumerate(recipe.constants):
            memory[places.constants + i, lane] = values[job.model]
        self.bits[places.active, lane] = -1
        memory[places.sums : places.sums + 4, lane] = memory[places.bad, lane] = 0
        self.forget(lane)
        self.feed.active[lane], self.feed.seed[lane], self.feed.word[lane], self.feed.step[lane] = 1, seed, -1, 0
        self.feed.data[lane] = job.model if getattr(recipe.source, "x", np.empty(1)).shape[0] > 1 else 0
        held.rate[lane], held.settled[lane] = varied["rate"][job.model], 0
        held.open[lane], held.filled[lane], held.length[lane], held.entries[lane] = 0, 0, recipe.plan.stretch, 0

    def state(self, lane):
        """The LaneState of a model between two calls of the kernels."""
        places, held, memory = self.recipe.places, self.held, self.memory
        counts = tuple(
            int(column[lane]) for column in (held.limit, held.event, self.feed.step, held.filled, held.length)
        )
        numbers = np.concatenate(
            [memory[[places.clean, places.patience, *range(places.sums, places.sums + 4)], lane], held.open[lane]]
        )
        vectors = np.stack([memory[block + self.recipe.rows, lane] for block in (0, places.first, places.second)])
        return LaneState(counts, numbers.astype(np.float64), vectors, held.history[lane, : held.entries[lane]].copy())

    def restore(self, lane, job, state, seed):
        """Go on with a model from its LaneState."""
        self.put(lane, job, state.vectors[0], seed)
        places, held, memory = self.recipe.places, self.held, self.memory
        for block, vector in zip((places.first, places.second), state.vectors[1:]):
            memory[block + self.recipe.rows, lane] = vector
        memory[[places.clean, places.patience, *range(places.sums, places.sums + 4)], lane] = state.numbers[:6]
        held.open[lane] = state.numbers[6:]
        held.limit[lane], held.event[lane], self.feed.step[lane], held.filled[lane], held.length[lane] = state.counts
        held.entries[lane] = len(state.history)
        held.history[lane, : len(state.history)] = state.history

    def forget(self, lane):
        """Count samples without a mistake from now."""
        self.memory[self.recipe.places.clean, lane] = 0

    def expect(self, lane, patience, limit):
        """Go on, up to so many samples without a mistake (0: any number) or so many updates in all; then there is a decision."""
        self.memory[self.recipe.places.patience, lane] = patience or np.inf
        self.held.limit[lane], self.held.event[lane] = limit, RUNNING

    def run(self, updates, stop):
        """Up to so many updates of all models, until one needs a decision or stop[0] is not 0; the updates made."""
        recipe, config = self.recipe, self.recipe.config
        factors = np.zeros((1, 1))
        if recipe.plan.scheduled:
            of_step = {
                step: rates(config.schedule, 1.0, step, updates, config.updates) for step in {*self.feed.step.tolist()}
            }
            factors = np.array([of_step[step] for step in self.feed.step.tolist()]).reshape(recipe.lanes, updates)
        return run_models(
            recipe.sizes,
            recipe.source,
            recipe.plan,
            Calls(*recipe.tiers.addresses),
            self.vectors,
            self.feed,
            self.held,
            factors,
            updates,
            stop,
        )

    def steps(self, lane):
        return int(self.feed.step[lane])

    def weights(self, lane):
        """The present weights of a model, in the order of recipe.rows."""
        return self.memory[self.recipe.rows, lane]

    def ruined(self):
        """The lanes in use whose weights are not finite; they stay so."""
        return (self.feed.active > 0) & ~np.isfinite(self.memory[: self.recipe.places.count]).all(axis=0)

    def take(self, lane):
        """End a model's training, free its lane and return what it held."""
        held, places, taken = self.held, self.recipe.places, self.state(lane).taken()
        self.jobs[lane] = None
        self.feed.active[lane] = self.bits[places.active, lane] = 0
        # An empty lane goes on learning, from nothing to nothing.
        for row in (0, places.first, places.second):
            self.memory[row : row + places.count, lane] = 0
        self.memory[places.rate, lane] = held.rate[lane] = 0
        held.event[lane] = RUNNING
        return taken
