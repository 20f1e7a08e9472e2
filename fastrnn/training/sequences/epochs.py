"""Groups whose models learn from batches: a round is an epoch, and an evaluation comes before its batches."""

import numpy as np

from fastrnn import streams
from fastrnn.caching import cached_property
from fastrnn.kernels.gather import gather
from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.threads import with_helpers

# More rounds than any call makes: such a call has no evaluation.
NEVER = 1 << 40


def order_of(job, training, epoch):
    """Return the numbers of training sequences in the order of an epoch, which depends on its seed and the epoch alone.
    """
    rng = np.random.Generator(np.random.Philox(key=[job.seed, streams.ORDER_STREAM], counter=[0, 0, 0, epoch]))
    return rng.permutation(training)


class Epochs:
    """The mixin that turns a FitGroup into one of batches; it precedes FitGroup, or a class derived from it, among the
    bases.

    Needs data (Sequences), and _portions(), which yields (table, arrays it points to, lanes that take part or None).
    """

    last = loops.DECIDE

    @cached_property
    def source(self):
        """The data's x, targets and weights, converted once to the precision of the kernels: they are copied again and
        again."""
        values = self.data.x, self.data.target_rows(slice(None)), self.data.weight
        return [np.ascontiguousarray(each, self.recipe.dtype) for each in values]

    @cached_property
    def buffers(self):
        """Memory for sequences that are laid out, by name."""
        return {}

    @cached_property
    def weight_of(self):
        """The sum of the weights of each sequence's steps, (N,)."""
        return np.add.reduceat(self.data.weight, self.data.offsets[:-1])

    def _scale(self, division, scale):
        # Each batch brings its own, the weights of its sequences; for a relative loss it is that of all of them.
        return division.sums(self.weight_of)[0] / division.weight[0]

    def run(self, rounds, threads=1):
        """Run one epoch."""
        return super().run(1, threads)

    def _flags(self):
        return super()._flags() & loops.EVALUATE

    def _call(self, rounds):
        """Run one epoch: an evaluation, if one is due, and then the batches, unless training is to stop."""
        every, before, active = self.recipe.config.every, self.round, self.arrays["active"][0]
        # An epoch that stopped after its evaluation is not evaluated again.
        evaluated = ((active[: self.slots] > 0) & (self._progress("rounds") > self.updates)).any()
        if before % every == 0 and not evaluated:
            self._execute(self.table, 1, every)
        made = not self.flag[0] and self._learn() if active.any() else self.counters[loops.DONE]
        self.round = before + bool(made)
        self.counters[loops.ROUNDS_MADE] = bool(made)

    def _count(self, rounds):
        # An epoch that stopped after its evaluation is not counted.
        self.updates += np.where(self.running, np.maximum(rounds - self.began, 0), 0)

    def _learn(self):
        """Learn from the batches of an epoch; return whether it was completed; otherwise everything is as before."""
        before = {name: self.arrays[name].copy() for name in ("theta", "slots", "running")}
        active = self.arrays["active"].copy()
        for table, kept, taking_part in self._portions():
            if not self.flag[0]:
                if taking_part is not None:
                    self.arrays["active"][:] = active * taking_part
                self.round = 1
                self._execute(table, 1, NEVER)
                self.arrays["active"][:] = active
            del kept
            if self.flag[0]:
                for name, values in before.items():
                    self.arrays[name][:] = values
                return False
        return True

    def _laid(self, chosen, lengths):
        """Lay out sequences in blocks; return ({column of the kernels' table: (B,)}, {name: array they point to}).

        chosen (B, C, L): the numbers of the sequences, -1 for none; lengths (B, C, L): of these.
        """
        data, count, steps = self.data, len(chosen), lengths.max((1, 2))
        firsts, places = np.cumsum(steps) - steps, chosen.shape[1:]
        arrays = {
            name: self._buffer(name, (int(steps.sum()), *own.shape[1:], *places))
            for name, own in zip(("x", "y", "mask"), self.source)
        }
        given = data.offsets, data.lengths, *self.source

        def part(thread, threads):
            own = slice(count * thread // threads, count * (thread + 1) // threads)
            gather(chosen[own], steps[own], firsts[own], given, tuple(arrays.values()))

        with_helpers(min(self.threads, count), part)
        columns = {"steps": steps} | {name: addresses(array, firsts) for name, array in arrays.items()}
        arrays["lengths"] = self._buffer("lengths", lengths.shape)
        arrays["lengths"][:] = lengths
        if data.initial is not None:
            arrays["start"] = self._buffer("start", (count, data.initial.shape[1], *places))
            arrays["start"][:] = np.where(chosen[..., None] >= 0, data.initial[chosen], 0).transpose(0, 3, 1, 2)
        return columns | {name: addresses(arrays[name]) for name in arrays if name not in columns}, arrays

    def _buffer(self, name, shape):
        """Return an array of this shape in memory that is used again."""
        size = int(np.prod(shape))
        if name not in self.buffers or self.buffers[name].size < size:
            self.buffers[name] = aligned_zeros((size,), self.recipe.dtype)
        return self.buffers[name][:size].reshape(shape)


def addresses(array, rows=None):
    """Return the addresses of rows of an array; None: of all."""
    return array.ctypes.data + array.strides[0] * (np.arange(len(array)) if rows is None else rows)


def table_of(columns, count):
    """Return the kernels' table of `count` blocks; columns: {name: (B,) or a number}, the others are 0."""
    table = np.zeros((count, len(loops.ITEM)), np.int64)
    for name, values in columns.items():
        table[:, loops.ITEM.index(name)] = values
    return table
