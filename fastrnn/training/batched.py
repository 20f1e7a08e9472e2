"""One model on batches of its sequences: an epoch visits each once, in an order that its seed and the epoch decide."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.blocks import block_of, roles_in
from fastrnn.training.group import Group, item_of

# Sequences that are laid out for one call of the kernels.
PORTION = 4096
# More rounds than any call makes: no evaluation in it.
NEVER = 1 << 40
# Keeps the order of batches apart from whatever else is drawn from a seed.
STREAM = 5


class BatchedGroup(Group):
    """A Group of one model that learns from batches; a round is an epoch."""

    def __init__(self, recipe, blocks, counted, data):
        super().__init__(recipe, blocks, counted)
        self.data = data

    def _scale(self, scale):
        # Each batch brings its own, in the weights of its sequences.
        return 1.0

    def run(self, rounds):
        """One epoch."""
        return super().run(1)

    def _flag(self):
        flags = np.full(len(self.blocks), loops.EVALUATE)
        flags[-1] |= loops.DECIDE
        self.table[:, loops.ITEM.index("flags")] = flags

    def _call(self, rounds):
        """One epoch: an evaluation, if it is due, and then the batches."""
        every, before = self.recipe.config.evaluate_every, self._word("round")
        self._set(rounds=1, evaluations=0, done=0, blocks=self.table.ctypes.data, count=len(self.table), every=every)
        if before % every == 0:
            self.recipe.program.run(self.frame)
        done = self._word("done")
        if not done:
            for table, kept in self._portions(before):
                self._set(round=1, every=NEVER, blocks=table.ctypes.data, count=len(table))
                self.recipe.program.run(self.frame)
                del kept
        self._set(round=before + 1, done=done)

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
            roles = np.zeros((loops.ROLES, len(self.data)))
            steps = self.counted[batch].sum()
            roles[0, batch] = 1 / steps if steps > 0 else 0
            starts = range(0, len(batch), size)
            for start in starts:
                block = block_of(
                    self.data, batch[start : start + size], net.columns, self.recipe.lanes, self.recipe.dtype
                )
                weights = aligned_zeros((loops.ROLES, net.columns, self.recipe.lanes), self.recipe.dtype)
                weights[:] = roles_in(block, roles, net.columns, self.recipe.lanes)
                flags = loops.LEARN | loops.FRESH * (start == 0) | loops.UPDATE * (start == starts[-1])
                rows.append(item_of(block, weights, flags))
                kept.append((block, weights))
            if len(kept) * size >= PORTION or first + config.batch_size >= len(order):
                yield np.array(rows, np.int64), kept
                rows, kept = [], []
