"""A group of models that train side by side, one in each SIMD lane, between calls of the compiled kernels."""

from typing import NamedTuple

import numpy as np

from fastrnn.kernels.block_data import block_for
from fastrnn.kernels.ensemble import GroupArrays, Models, Plan, models_program
from fastrnn.kernels.events import BEGIN, DIVERGED, LEAVE, NEXT, RUINED, RUNNING
from fastrnn.kernels.feed import feed_for, lanes_layer_for
from fastrnn.kernels.model_lanes import lanes_for_models
from fastrnn.kernels.model_queue import Walk, ended_for
from fastrnn.kernels.recurrent.bits import WALK
from fastrnn.kernels.recurrent.tally import SUMS
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.workspace import GOES_ON, aligned_zeros
from fastrnn.machine.records import values_of
from fastrnn.schedules import rates
from fastrnn.training.tasks.engine import frames_for
from fastrnn.training.tasks.many_recipe import patience_of


class LaneCounts(NamedTuple):
    """Integers of a lane: updates after which the kernels return, why they did, updates made, samples without a
    mistake and how many are enough, updates in the open stretch of the history, and in a full one."""

    end: int
    event: int
    step: int
    clean: int
    patience: int
    filled: int
    length: int


class LaneState(NamedTuple):
    """Everything from which a lane continues: LaneCounts, sums (4) of the open stretch and the rounding errors of three
    of them in the kernels' dtype (3), vectors (1 + slots, R) of weights, slots, the optimizer's running numbers, and
    the full stretches of the history (entries, 4)."""

    counts: LaneCounts
    open: np.ndarray
    vectors: np.ndarray
    running: np.ndarray
    history: np.ndarray

    def whole_history(self):
        """The history with the open stretch, if it has any update, as its last entry."""
        if self.counts.step <= len(self.history) * self.counts.length:
            return self.history
        loss, wrong, wrong_samples = self.open[[0, 2, 3]] + self.open[4:]
        return np.concatenate([self.history, [[loss, self.open[1], wrong, wrong_samples]]])


class RunGroup:
    """The engine (fastrnn.training.tasks.driver) of one thread's lanes, which are its places.

    queue: of all models, some of which wait for lanes; tree: the Tree that tests their models.
    """

    takes_back = False

    def __init__(self, recipe, queue, tree=None):
        # The tree owns the memory that its program works on.
        self.recipe, self.queue, self.tree = recipe, queue, tree
        net, dtype, lanes, names = recipe.net, recipe.dtype, recipe.lanes, recipe.optimizer
        rows, self.block = net.table.count, block_for(net, recipe.steps, dtype, lanes, recipe.source.last_only)
        self.feed, self.held = feed_for(net, recipe.steps, lanes), lanes_for_models(lanes)
        shapes = {
            "theta": (rows, lanes),
            "gradient": (rows, lanes),
            "slots": (max(1, len(names.slots)), rows, lanes),
            "running": (max(1, len(names.running)), lanes),
            "options": (len(OPTIONS) + len(names.options), lanes),
            "open": (2 * len(SUMS), lanes),
            "patience": (lanes,),
            "streak": (lanes,),
            "before": (2 * len(SUMS) + 1, lanes),
            "active": (1, lanes),
            "norm": (lanes, lanes),
        }
        shapes |= {name: (count, lanes) for name, count in net.training_arrays(recipe.steps).items()}
        self.arrays = {name: aligned_zeros(shape, dtype) for name, shape in shapes.items()}
        block, arrays, programs = self.block, self.arrays, (recipe.learn, recipe.update)
        given = {name: getattr(block, name) for name in ("x", "y", "mask", "lengths", "weights")}
        frames = frames_for(programs, arrays | given, net, recipe.config, recipe.steps)
        counts = {"rows": rows, "slot_count": len(names.slots), "running_count": len(names.running),
                  "settings": len(arrays["options"])}
        own = GroupArrays(**{name: arrays[name] for name in GroupArrays._fields if name not in counts}, **counts)
        self.plan = self._plan()
        self.ended = ended_for(lanes)
        # Without a Tree it is never used.
        self.walk = Walk(tree.frame, tree.theta) if tree else Walk(np.zeros(len(WALK), np.int64), np.zeros(1, dtype))
        lay = lanes_layer_for(recipe.source, self.feed, block, dtype, lanes)
        lanes_and_models = self.held, queue, self.ended, self.walk
        self.models = Models(lay, self.feed, block, self.plan, *frames, own, *lanes_and_models)
        self.program = models_program(str(dtype), lanes)
        self.frame = self.program.frame(**values_of(self.models))
        self.program.compile()

    def _plan(self):
        """Return the Plan of a group."""
        recipe, feed, block, config = self.recipe, self.feed, self.block, self.recipe.config
        x, y, x_bytes, y_bytes, counted = block.x, block.y, 0, 0, 0
        if recipe.net.bits:
            x, y, x_bytes, y_bytes = feed.x_blocks, feed.y_blocks, feed.x_blocks[0].nbytes, feed.y_blocks[0].nbytes
            counted = recipe.net.sizes.outputs * (1 if recipe.source.last_only else recipe.steps)
        return Plan(
            batch=config.batch_size,
            size=recipe.net.columns,
            counted=counted,
            scheduled=int(config.schedule != "constant"),
            at_once=int(recipe.at_once),
            x_first=x.ctypes.data,
            y_first=y.ctypes.data,
            x_bytes=x_bytes,
            y_bytes=y_bytes,
        )

    def put(self, lane, model, now=0.0, asks=False):
        """Begin to train a model of the queue; now: the time in seconds; asks: whether only the caller decides on it.
        """
        self.feed.model[lane], self.held.event[lane] = model, BEGIN
        self.run(0, GOES_ON, now)
        self.held.asks[lane] = asks

    def put_next(self, lanes):
        """Let waiting models begin in these lanes, as long as there are any, when the kernels run next."""
        if self.waits():
            self.held.event[lanes] = NEXT

    def waits(self):
        """Return whether a model of the queue waits."""
        return self.queue.next[0] < len(self.queue.order)

    def model(self, lane):
        """Return the number of the model in a lane, -1 for none."""
        return int(self.feed.model[lane])

    def state(self, lane):
        """Return the LaneState of a model between two calls of the kernels."""
        held, arrays, rows = self.held, self.arrays, self.recipe.rows
        patience = arrays["patience"][lane]
        high, low = arrays["open"][:, lane].astype(float).reshape(-1, 2).T
        numbers = held.limit[lane], held.event[lane], self.feed.step[lane], arrays["streak"][lane]
        numbers += 0 if np.isinf(patience) else patience, held.filled[lane], held.length[lane]
        slots = arrays["slots"][: self.recipe.vectors - 1, rows, lane]
        return LaneState(
            LaneCounts(*(int(number) for number in numbers)),
            np.array([high[0], held.outputs[lane], *high[1:], *low]),
            np.concatenate([arrays["theta"][None, rows, lane], slots]),
            arrays["running"][: len(self.recipe.optimizer.running), lane].copy(),
            held.history[lane, : held.entries[lane]].copy(),
        )

    def restore(self, lane, model, state, asks=False):
        """Continue a model from its LaneState; asks: as for `put`."""
        self.put(lane, model, self.queue.began[model], asks)
        held, arrays, rows = self.held, self.arrays, self.recipe.rows
        arrays["theta"][rows, lane] = state.vectors[0]
        arrays["slots"][: self.recipe.vectors - 1, rows, lane] = state.vectors[1:]
        arrays["running"][: len(state.running), lane] = state.running
        end, event, self.feed.step[lane], streak, patience, held.filled[lane], held.length[lane] = state.counts
        self.expect(lane, patience, end, event)
        arrays["open"][:, lane] = np.stack([np.delete(state.open[:4], 1), state.open[4:]], 1).ravel()
        arrays["streak"][lane], held.outputs[lane], held.entries[lane] = streak, state.open[1], len(state.history)
        held.history[lane, : len(state.history)] = state.history

    def forget(self, lane):
        """Restart the count of samples without a mistake."""
        self.arrays["streak"][lane] = 0

    def expect(self, lane, patience, limit, event=RUNNING):
        """Ask for a decision after `patience` samples without a mistake (0: never), or after `limit` updates in all."""
        self.arrays["patience"][lane] = patience_of(patience)
        self.held.limit[lane], self.held.event[lane] = limit, event

    def run(self, updates, stop, now=0.0):
        """Make at most `updates` updates, until the caller has to decide or stop[0] is not 0; return their number.

        now: in seconds, of models that begin.
        """
        recipe, config = self.recipe, self.recipe.config
        factors = np.zeros((1, 1))
        if self.tree:
            self.tree.program.set_words(self.walk.frame, stop=stop)
        if self.plan.scheduled:
            # Models that begin now have rates of their own.
            self._call(0, factors, now, stop)
            active = self.feed.model >= 0
            updates = int((self.held.limit - self.feed.step)[active].min(initial=updates))
            of_step = {
                step: rates(config.schedule, 1.0, step, updates, config.updates) for step in {*self.feed.step.tolist()}
            }
            factors = np.array([of_step[step] for step in self.feed.step.tolist()]).reshape(recipe.lanes, updates)
        return self._call(updates, factors, now, stop)

    def _call(self, updates, factors, now, stop):
        seconds = int(np.float64(now).view(np.int64))
        self.program.set_words(self.frame, updates=updates, factors=factors, now=seconds, stop=stop)
        self.program.run(self.frame)
        return self.program.words(self.frame, "made")[0]

    def made(self, lane):
        """Return the number of updates that a model has made."""
        return int(self.feed.step[lane])

    def weights(self, lane):
        """Return the present weights of a model, in the order of recipe.rows."""
        return self.arrays["theta"][self.recipe.rows, lane]

    def active(self):
        """Return whether any lane has a model, or will get one."""
        return self.waits() or bool((self.feed.model >= 0).any())

    def empty(self, share):
        """Return those of the first `share` lanes that have no model."""
        return np.flatnonzero(self.feed.model[:share] < 0)

    def occupied(self):
        """Return the lanes that have a model."""
        return np.flatnonzero(self.feed.model >= 0)

    def events(self):
        """Return {lane: event} of the lanes that wait for a decision."""
        found = {lane: event for lane, event in enumerate(self.held.event.tolist()) if event != RUNNING}
        # The kernels look at weights only where nothing else has happened.
        return {
            lane: event if event == DIVERGED or np.isfinite(self.weights(lane)).all() else RUINED
            for lane, event in found.items()
        }

    def take(self, lane):
        """End a model's training, free its lane and return its LaneState."""
        taken = self.state(lane)
        self.held.event[lane] = LEAVE
        self.run(0, GOES_ON)
        return taken

    def ends(self):
        """Return the table of the models that ended since the last call, and their history, as an Ended has them."""
        models, rows = self.ended.counts
        table, history = self.ended.table[:models].copy(), self.ended.history[:rows].copy()
        self.ended.counts[:] = 0
        return table, history
