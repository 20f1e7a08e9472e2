"""One model on batches of its sequences: an epoch visits each once, in an order that its seed and the epoch decide."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.blocks import block_of
from fastrnn.training.group import Group, item_of

# Sequences that are laid out for one call of the kernels.
PORTION = 4096
# More rounds than any call makes: no evaluation in it.
NEVER = 1 << 40
# Keeps the order of batches apart from whatever else is drawn from a seed.
STREAM = 5


class BatchedGroup(Group):
    """A Group of one model that learns from batches; a round is an epoch."""

    def __init__(self, recipe, blocks, counted, flag, data):
        super().__init__(recipe, blocks, counted, flag)
        self.data = data

    def _scale(self, scale):
        # Each batch brings its own, in the weights of its sequences, but for a relative loss: that of all of them.
        steps = np.add.reduceat(self.data.weight, self.data.offsets[:-1])
        return self.jobs[0].counts(steps)[0] / self.jobs[0].counts(self.counted)[0]

    def run(self, rounds):
        """One epoch."""
        return super().run(1)

    def _flag(self):
        flags = np.full(len(self.blocks), loops.EVALUATE)
        flags[-1] |= loops.DECIDE
        self.table[:, loops.ITEM.index("flags")] = flags

    def _call(self, rounds):
        """One epoch: an evaluation, if it is due, and then the batches; none of these where training is to stop."""
        every, before = self.recipe.config.every, self._word("round")
        self._set(rounds=1, evaluations=0, done=0, blocks=self.table.ctypes.data, count=len(self.table), every=every)
        # An epoch that was given up after its evaluation is not evaluated again.
        evaluated = self.arrays["active"].any() and self._progress("rounds")[0] > before
        if before % every == 0 and not evaluated:
            self.recipe.program.run(self.frame)
        done = self._word("done")
        made = done or self._learn(before)
        self._set(round=before + bool(made), done=done)

    def _learn(self, epoch):
        """Whether the batches of an epoch were learned from; else all is as before."""
        before = {name: self.arrays[name].copy() for name in ("theta", "slots", "running")}
        for table, kept in self._portions(epoch):
            if not self.flag[0]:
                self._set(round=1, every=NEVER, blocks=table.ctypes.data, count=len(table))
                self.recipe.program.run(self.frame)
            del kept
            if self.flag[0]:
                for name, values in before.items():
                    self.arrays[name][:] = values
                return False
        return True

    def _portions(self, epoch):
        """Yield (table, arrays) of batch after batch."""
        net, config, job = self.recipe.net, self.recipe.config, self.jobs[0]
        training = np.flatnonzero(job.roles == 0)
        rng = np.random.Generator(np.random.Philox(key=[job.seed, STREAM], counter=[0, 0, 0, epoch]))
        order, size = rng.permutation(training), net.columns * self.recipe.lanes
        rows, kept = [], []
        for first in range(0, len(order), config.batch_size):
            batch = order[first : first + config.batch_size]
            batch = batch[np.argsort(-self.data.lengths[batch], kind="stable")]
            blocks = [
                block_of(self.data, batch[start : start + size], net.columns, self.recipe.lanes, self.recipe.dtype)
                for start in range(0, len(batch), size)
            ]
            items, arrays = self._pieces(blocks)
            rows += items
            kept += [blocks, arrays]
            if len(rows) * size >= PORTION or first + config.batch_size >= len(order):
                yield np.array(rows, np.int64), kept
                rows, kept = [], []

    def _pieces(self, blocks):
        """(rows of the table, the arrays that they point to) of a batch: of one update, or of one for each piece."""
        net, config, lanes, dtype = self.recipe.net, self.recipe.config, self.recipe.lanes, self.recipe.dtype
        steps = blocks[0].steps
        length = config.tbptt_steps if config.carry else steps
        shape = (len(net.step.new), net.sizes.hidden, net.columns, lanes)
        states = [aligned_zeros(shape, dtype) for _ in blocks] if config.carry else []
        rows, arrays = [], [states]
        for first in range(0, steps, length):
            pieces = [block.piece(first, length) for block in blocks if block.steps > first]
            counted = sum(float(piece.mask.sum()) for piece in pieces)
            for n, piece in enumerate(pieces):
                weights = aligned_zeros((loops.ROLES, net.columns, lanes), dtype)
                # Lanes without a sequence have masks of 0.
                weights[0] = 1 / counted if counted > 0 else 0
                flags = loops.LEARN | loops.FRESH * (n == 0) | loops.UPDATE * (n == len(pieces) - 1)
                state = states[n].ctypes.data if config.carry else 0
                rows.append(item_of(piece, weights, flags, state if first else piece.start_address, state))
                arrays.append((piece, weights))
        return rows, arrays
