"""A network, its data and a frame for the kernels of fastrnn.kernels.recurrent, in any mode; and the same in NumPy."""

import numpy as np

from fastrnn.formula.evaluate import on_numpy
from fastrnn.heads.base import traced as traced_head
from fastrnn.kernels.recurrent import decide, train, update
from fastrnn.kernels.recurrent.layout import Sizes
from fastrnn.kernels.recurrent.network import Network
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.optimizers.adam import Adam
from fastrnn.training.sequences.team import Team


class Case:
    """Random weights and ragged, masked sequences; `run` trains on them, `losses` says what the loss is.

    own_weights: a lane is a model, else a sequence. theta (R, models): weights as the kernels have them.
    """

    def __init__(self, cell, head, outputs, *, own_weights, inputs=2, steps=4, sequences=5, columns=2, lanes=4,
                 before=False,
                 penalties=False, optimizer=Adam(), dtype="float64", seed=0):
        rng = np.random.default_rng(seed)
        self.cell, self.step, self.head, self.optimizer = cell, cell.traced(), traced_head(head, outputs), optimizer
        self.own_weights, self.dtype, self.lanes, self.columns = own_weights, np.dtype(dtype), lanes, columns
        self.net = Network(self.step, self.head, Sizes(inputs, cell.hidden_size, outputs), own_weights, not own_weights,
                           columns, 16,
                           lanes * self.dtype.itemsize, before)
        self.own = update.traced_optimizer(optimizer)
        terms = update.Terms(penalties=penalties, long=self.net.long(steps), far=self.net.far(steps))
        self.program = train.train_program(self.net, self.own, terms, dtype, lanes)
        self.models, self.rows = lanes if own_weights else 1, self.net.table.count
        self.theta = rng.normal(size=(self.rows, self.models)) * 0.7
        self.lengths = rng.integers(2, steps + 1, sequences)
        self.lengths[0] = steps
        self.x = rng.normal(size=(sequences, steps, inputs))
        shape = (sequences, steps, len(self.head.y))
        self.y = rng.integers(0, 2, shape)
        if head.targets == "classes":
            # Behind the number of a class stands which ones are allowed.
            self.y[..., :1] = rng.integers(0, outputs, (*shape[:2], 1))
            self.y[..., 1:] |= np.arange(shape[-1] - 1) == self.y[..., :1]
        self.mask = (rng.random((sequences, steps)) < 0.8) * rng.choice([0.5, 1, 2], (sequences, steps))
        self.mask[np.arange(steps) >= self.lengths[:, None]] = 0
        # Whether a model learns from a sequence.
        self.counts = rng.integers(0, 2, (sequences, self.models)).astype(float)
        self.counts[0] = 1

    def run(self, rounds=1, rate=0.0, parts=1, threads=1):
        """Run this number of updates; self.arrays then holds all that the kernels left.

        parts: of the blocks, each with a gradient of its own; threads: at most so many share them.
        """
        lane = (self.lanes,) if self.own_weights else ()
        rows = self.rows if self.own_weights else -(-self.rows // self.lanes) * self.lanes
        slots, sums = len(self.own.slots), decide.ROLE_SUMS if lane else -(-decide.ROLE_SUMS // self.lanes) * self.lanes
        shapes = {"theta": (rows, *lane), "gradient": (parts, rows, *lane), "best": (rows, *lane),
                  "slots": (slots, rows, *lane),
                  "flags": (3, rows), "options": (len(update.OPTIONS) + len(self.own.options), *lane),
                  "running": (max(1, len(self.own.running)), *lane), "factor": (1, *lane),
                  "active": (1, self.lanes),
                  "progress": (len(decide.PROGRESS), self.lanes), "criteria": (len(decide.CRITERIA), *lane),
                  "sums": (parts, sums, *lane), "norm": (self.lanes, *lane),
                  "history": (rounds + 1, decide.ROLE_SUMS, self.lanes)}
        blocks = {name: (count, self.lanes) for name, count in self.net.training_arrays(self.x.shape[1]).items()}
        a = self.arrays = {name: aligned_zeros(shape, self.dtype) for name, shape in (shapes | blocks).items()}
        a["theta"][: self.rows] = self.theta if self.own_weights else self.theta[:, 0]
        a["flags"][:], a["factor"][:] = 1, 1
        a["options"][update.OPTIONS.index("rate")], a["options"][update.OPTIONS.index("scale")] = rate, 1
        for row, value in enumerate(self.optimizer, len(update.OPTIONS)):
            a["options"][row] = value
        progress, criteria = decide.PROGRESS.index, decide.CRITERIA.index
        a["progress"][progress("best")], a["progress"][progress("pending")] = np.inf, 1
        a["criteria"][criteria("train_scale")], a["criteria"][criteria("patience")] = 1, np.inf
        a["criteria"][criteria("limit")] = 1e9
        for name in self.net.training_arrays(self.x.shape[1]):
            # What the kernels read without having written it becomes visible.
            a[name][:] = np.nan
        table, self.kept = self._blocks(parts)
        self.stop, self.counters = np.zeros(1, np.int64), np.zeros(train.COUNTERS, np.int64)
        self.updates = np.zeros(self.lanes, np.int64)
        words = {
            "stop": self.stop.ctypes.data,
            "counters": self.counters.ctypes.data,
            "updates": self.updates.ctypes.data,
            "window": self.net.window(self.x.shape[1]),
            "blocks": table.ctypes.data,
            "count": len(table),
            "rounds": rounds,
            "every": 1,
        }
        self.frame = np.array([a[name].ctypes.data if name in a else words.get(name, 0) for name in self.program.names],
                              np.int64)
        team = Team(self.program, blocks, self.dtype)
        team.run(self.frame, threads)
        assert team.used == threads
        return self

    def _blocks(self, parts):
        """(the table of blocks, the arrays that it points to)"""
        size, kept = self.columns * (1 if self.own_weights else self.lanes), []
        axes = (self.columns,) if self.own_weights else (self.columns, self.lanes)
        table = np.zeros((-(-len(self.x) // size), len(train.ITEM)), np.int64)

        def laid(values):
            """(T, ..., C[, lanes]) of (N, T, ...); one value for each sequence stays without T."""
            rows = np.zeros((size, *values.shape[1:]))
            rows[: len(values)] = values
            out = aligned_zeros((*rows.shape[1:], *axes), self.dtype)
            out[:] = np.moveaxis(rows, 0, -1).reshape(out.shape)
            kept.append(out)
            return out.ctypes.data

        for number, row in enumerate(table):
            part = slice(number * size, (number + 1) * size)
            weights = aligned_zeros((decide.ROLES, self.columns, self.lanes), self.dtype)
            counts = np.zeros((size, self.models))
            counts[: len(self.counts[part])] = self.counts[part]
            weights[0] = counts.reshape(self.columns, self.lanes) if not self.own_weights else counts
            kept.append(weights)
            own, last = number * parts // len(table), number == len(table) - 1
            begins = number == 0 or own > (number - 1) * parts // len(table)
            after = (train.UPDATE + train.DECIDE + train.ROUND_END) * last
            row[:] = (train.LEARN + train.EVALUATE + train.FRESH * begins + after,
                      own, parts, parts, self.lengths[part].max(), laid(self.x[part]), laid(self.y[part]),
                      laid(self.mask[part]), laid(self.lengths[part]), weights.ctypes.data, 0, 0, 0, 0)
        return table, kept

    @property
    def gradient(self):
        """(R, models), as the kernels left it."""
        return self.arrays["gradient"][0, : self.rows].reshape(self.rows, -1)

    @property
    def loss(self):
        """(models,): the training loss before the first update."""
        return self.arrays["history"][0, 0, : self.models]

    def losses(self, theta):
        """(models,) training losses of weights (R, models), one sequence and step at a time, in NumPy."""
        net, step, head = self.net, self.step, self.head
        get = lambda name: theta[net.table.places(name)]
        total = np.zeros(self.models)
        for n in range(len(self.x)):
            state, error = list(get("initial")), 0.0
            for t in range(self.lengths[n]):
                before = state[0]
                pre = np.zeros((len(step.pre), self.cell.hidden_size, self.models))
                pre[: step.from_x] += get("b_x") + np.einsum("i,uigm->gum", self.x[n, t], get("w_x"))
                pre[len(pre) - step.from_h :] += get("b_h") + np.einsum("km,ukgm->gum", state[0], get("w_h"))
                known = dict(zip(step.vectors, get("vectors"))) | dict(zip(step.old, state))
                if step.operand:
                    operand = on_numpy([step.operand.node], dict(zip(step.pre, pre)) | known)[0]
                    pre[: step.from_operand] += get("b_q") + np.einsum("km,ukgm->gum", operand, get("w_q"))
                state = on_numpy(step.new, dict(zip(step.pre, pre)) | known)
                z = np.einsum("okm,km->om", get("w_o"), before if net.before else state[0]) + get("b_o")
                y = np.broadcast_to(self.y[n, t][:, None].astype(float), (len(head.y), self.models))
                seen = z - head.emphasis * error
                error = (z - y) * (self.mask[n, t] > 0) if head.emphasis else 0.0
                loss = on_numpy([head.loss], dict(zip(head.seen, seen)) | dict(zip(head.y, y)))[0]
                total += self.counts[n] * self.mask[n, t] * loss
        return total

    def slopes(self, direction):
        """(models,) derivatives of `losses` along a direction (R, models), by central differences."""
        return (self.losses(self.theta + 1e-6 * direction) - self.losses(self.theta - 1e-6 * direction)) / 2e-6
