"""Groups whose models learn from batches: a round is an epoch, and an evaluation comes before its batches."""

import numpy as np

from fastrnn import streams
from fastrnn.caching import cached_property
from fastrnn.kernels.permutations import permute
from fastrnn.kernels.recurrent import train as loops

# What an epoch changes that is given up.
LEARNED = ("theta", "slots", "running")


def orders_of(job, training, first, count):
    """Return (count, N): the numbers of training sequences in the orders of epochs from the first one on.

    Each depends on the seed of the job and the epoch alone.
    """
    orders, words = np.empty((count, len(training)), np.int64), len(training) + 64
    while permute(job.seed, streams.ORDER_STREAM, first, training, orders, np.empty(words, np.uint64)) < count:
        words *= 2
    return orders


class Epochs:
    """The mixin that turns a FitGroup into one of batches; it precedes FitGroup, or a class derived from it, among the
    bases.
    """

    last, listed = loops.DECIDE, 1

    @cached_property
    def weight_of(self):
        """The sum of the weights of each sequence's steps, (N,)."""
        return np.add.reduceat(self.data.weight, self.data.offsets[:-1])

    def _scale(self, division, scale):
        # Each batch brings its own, the weights of its sequences; for a relative loss it is that of all of them.
        return division.sums(self.weight_of)[0] / division.weight[0]

    def _flags(self):
        return super()._flags() & loops.EVALUATE

    def _count(self, rounds):
        # An epoch that stopped after its evaluation is not counted.
        self.updates += np.where(self.running, np.maximum(rounds - self.began, 0), 0)

    def _evaluates(self):
        """Return whether an evaluation precedes the batches of the next epoch."""
        active = self.arrays["active"][0, : self.slots] > 0
        # An epoch that stopped after its evaluation is not evaluated again.
        evaluated = (active & (self._progress("rounds") > self.updates)).any()
        return self.round % self.recipe.config.every == 0 and not evaluated

    def _kept(self, names=LEARNED):
        """Return copies of arrays, for `_restore`."""
        return {name: self.arrays[name].copy() for name in names}

    def _restore(self, kept):
        for name, values in kept.items():
            self.arrays[name][:] = values


def addresses(array, rows=None):
    """Return the addresses of rows of an array; None: of all."""
    return array.ctypes.data + array.strides[0] * (np.arange(len(array)) if rows is None else rows)


def table_of(columns, count):
    """Return the kernels' table of `count` blocks; columns: {name: (B,) or a number}, the others are 0."""
    table = np.zeros((count, len(loops.ITEM)), np.int64)
    for name, values in columns.items():
        table[:, loops.ITEM.index(name)] = values
    return table
