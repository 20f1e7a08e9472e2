"""Groups whose models learn from batches: a round is an epoch, and an evaluation comes before its batches."""

import numpy as np

from fastrnn.caching import cached_property
from fastrnn.kernels.recurrent import train as loops

# More rounds than any call makes: such a call has no evaluation.
NEVER = 1 << 40
# Makes the order of batches independent of all else that is drawn from a seed.
ORDER_STREAM = 5


def order_of(job, training, epoch):
    """Return the numbers of training sequences in the order of an epoch, which depends on its seed and the epoch alone.
    """
    rng = np.random.Generator(np.random.Philox(key=[job.seed, ORDER_STREAM], counter=[0, 0, 0, epoch]))
    return rng.permutation(training)


class Epochs:
    """The mixin that turns a FitGroup into one of batches; it precedes FitGroup, or a class derived from it, among the
    bases.

    Needs data (Sequences), and _portions(), which yields (table, arrays it points to, lanes that take part or None).
    """

    @cached_property
    def weight_of(self):
        """The sum of the weights of each sequence's steps, (N,)."""
        return np.add.reduceat(self.data.weight, self.data.offsets[:-1])

    def _scale(self, job, scale):
        # Each batch brings its own, the weights of its sequences; for a relative loss it is that of all of them.
        return job.counts(self.weight_of)[0] / job.counts(self.counted)[0]

    def run(self, rounds):
        """Run one epoch."""
        return super().run(1)

    def _flags(self):
        flags = np.full(len(self.blocks), loops.EVALUATE)
        flags[-1] |= loops.DECIDE
        return flags

    def _call(self, rounds):
        """Run one epoch: an evaluation, if one is due, and then the batches, unless training is to stop."""
        every, before, active = self.recipe.config.every, self._word("round"), self.arrays["active"][0]
        self._set(rounds=1, evaluations=0, done=0, blocks=self.table.ctypes.data, count=len(self.table), every=every)
        # An epoch that stopped after its evaluation is not evaluated again.
        evaluated = ((active[: self.slots] > 0) & (self._progress("rounds") > self.updates)).any()
        if before % every == 0 and not evaluated:
            self.recipe.program.run(self.frame)
        done = self._word("done")
        made = not self.flag[0] and self._learn() if active.any() else done
        self._set(round=before + bool(made), done=done)

    def _learn(self):
        """Learn from the batches of an epoch; return whether it was completed; otherwise everything is as before."""
        before = {name: self.arrays[name].copy() for name in ("theta", "slots", "running")}
        active = self.arrays["active"].copy()
        for table, kept, taking_part in self._portions():
            if not self.flag[0]:
                if taking_part is not None:
                    self.arrays["active"][:] = active * taking_part
                self._set(round=1, every=NEVER, blocks=table.ctypes.data, count=len(table))
                self.recipe.program.run(self.frame)
                self.arrays["active"][:] = active
            del kept
            if self.flag[0]:
                for name, values in before.items():
                    self.arrays[name][:] = values
                return False
        return True
