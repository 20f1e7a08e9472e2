"""Groups whose models learn from batches: a round is an epoch, and an evaluation comes before its batches.

A call of the kernels makes several epochs: the thread that runs a block copies its sequences from the data.
"""

from typing import NamedTuple

import numpy as np

from fastrnn import streams
from fastrnn.caching import cached_property
from fastrnn.kernels.permutations import permute
from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.gathered import GATHERED_SOURCES, gathered_arrays
from fastrnn.kernels.workspace import GOES_ON, aligned_zeros
from fastrnn.training.sequences.blocks import item_rows

# Places of sequences in the list of one call of the kernels, at most: of several epochs, or of a part of one.
MOST_PLACES = 1 << 18
# What an epoch changes that is given up, and what its evaluation changes, too.
LEARNED = ("theta", "slots", "running")
CHANGED = (*LEARNED, "best", "progress", "active", "updates")
FLAGS = loops.ITEM.index("flags")
# The epoch of a lane without a model.
NEVER = -(1 << 40)


class Ahead(NamedTuple):
    """The list of some epochs from `starts` on: a table of blocks, and the arrays that it points to."""

    jobs: list
    starts: np.ndarray
    epochs: int
    table: np.ndarray
    arrays: list

    def suits(self, jobs, starts, epochs):
        """Return whether a call of some epochs from `starts` on may take the list."""
        same = all(mine is other for mine, other in zip(self.jobs, jobs)) and np.array_equal(self.starts, starts)
        return same and epochs <= 2 * self.epochs


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

    A class has `_places_of(starts)`, the places that an epoch takes in a list, and `_portions(starts, epochs)`, which
    yields (table of blocks, epoch of each row, the arrays that it points to, whether it is the last one) of some
    epochs, or of several parts of one.
    """

    last, listed = loops.DECIDE, 1
    # The list that the next call may take.
    ahead = None

    def _block_arrays(self, steps):
        config = self.recipe.config
        longest = min(steps, config.tbptt_steps) if config.carry else steps
        return super()._block_arrays(steps) | gathered_arrays(self.recipe.net, longest)

    def _take_source(self, source):
        """Let the kernels read the data's x, targets and weights."""
        for name, array in zip(GATHERED_SOURCES, source):
            self.take_array(name, array)

    def _first_states(self, chosen):
        """Return (B, W, C, L): the given states before the first steps of sequences chosen (B, C, L), -1 for none."""
        states = np.where(chosen[..., None] >= 0, self.data.initial[chosen], 0)
        return aligned_copy(states.transpose(0, 3, 1, 2), self.recipe.dtype)

    @cached_property
    def lengths_of(self):
        """The steps of each sequence, and, as the last one, of none, (N + 1,)."""
        return np.append(self.data.lengths, 0)

    @cached_property
    def ranks(self):
        """The place of each length among all, the longest first, (N + 1,), the last for no sequence; None where all are
        equal. A small type, in which places are sorted faster."""
        distinct, which = np.unique(-self.data.lengths, return_inverse=True)
        ranks = np.append(which, len(distinct)).astype(np.min_scalar_type(len(distinct)))
        return ranks if len(distinct) > 1 else None

    def _long_first(self, chosen, axis):
        """Return the numbers of sequences, -1 for none, with long ones first along an axis, at whose end are none."""
        if self.ranks is None:
            return chosen
        return np.take_along_axis(chosen, np.argsort(self.ranks[chosen], axis, kind="stable"), axis)

    @cached_property
    def weight_of(self):
        """The sum of the weights of each sequence's steps, (N,)."""
        return np.add.reduceat(self.data.weight, self.data.offsets[:-1])

    def _scale(self, division, scale):
        # Each batch brings its own, the weights of its sequences; for a relative loss it is that of all of them.
        return division.sums(self.weight_of)[0] / division.weight[0]

    def _flags(self):
        return super()._flags() & loops.EVALUATE

    def _evaluates(self):
        """Return whether an evaluation precedes the batches of the next epoch."""
        active = self.arrays["active"][0, : self.slots] > 0
        # An epoch that stopped after its evaluation is not evaluated again.
        evaluated = (active & (self._progress("rounds") > self.updates)).any()
        return self.round % self.recipe.config.every == 0 and not evaluated

    def _starts(self):
        """Return (slots,): the next epoch of each model, below 0 where it begins later."""
        waiting = self._progress("pending") > 0
        starts = self.updates - np.where(waiting, -self.round % self.recipe.config.every, 0)
        return np.where(self.running, starts, NEVER)

    def _call(self, rounds):
        """Run a few epochs, or one in several parts."""
        starts, before, kept = self._starts(), self.round, {name: self.arrays[name].copy() for name in CHANGED}
        most = MOST_PLACES // self._places_of(starts)
        epochs = max(1, min(rounds, self._left(starts), most))
        ahead, self.ahead = self.ahead, None
        if ahead and ahead.suits(self.jobs, starts, epochs):
            epochs = min(epochs, ahead.epochs)
            lists = [(ahead.table[: _ends(ahead.table)[epochs - 1]], ahead.arrays)]
        else:
            lists = self._lists(starts, before, epochs, self._evaluates())
        jobs, following = list(self.jobs), np.where(starts == NEVER, NEVER, starts + epochs)
        count = min(rounds, self._left(following), most)

        def prepare():
            """Make the list of the next call, as it may be."""
            (table, arrays), = self._lists(following, before + epochs, count, True)
            self.ahead = Ahead(jobs, following, count, table, arrays)

        for table, arrays in lists:
            self._execute(table, 1, self.recipe.config.every, prepare if count > 0 else None)
            if self.counters[loops.HAS_ENDED]:
                self._give_up(kept, before, table)
            # Afterwards no kernel reads them.
            del arrays
            if self.counters[loops.HAS_ENDED] or self.counters[loops.OVER] > 1:
                break

    def _left(self, starts):
        """Return the number of epochs from these on, of which the last one is evaluated alone."""
        return self.recipe.config.limit - int(starts[starts != NEVER].min()) + 1

    def _lists(self, starts, round_, epochs, evaluates):
        """Yield (table of blocks, arrays that it points to) of a few epochs from `starts` on, or several of one.

        round_: of the first one; evaluates: whether an evaluation, if it is due, precedes it.
        """
        every = self.recipe.config.every
        evaluated = [e for e in range(epochs) if (round_ + e) % every == 0 and (e or evaluates)]
        for number, (table, epoch, arrays, last) in enumerate(self._portions(starts, epochs)):
            if last:
                table[np.searchsorted(epoch, np.arange(epochs), "right") - 1, FLAGS] |= loops.ROUND_END
            if number == 0:
                places = np.repeat(np.searchsorted(epoch, evaluated), len(self.table))
                table = np.insert(table, places, np.tile(self.table, (len(evaluated), 1)), 0)
            yield table, arrays

    def _give_up(self, kept, before, table):
        """Undo the epoch that was not completed, but not the evaluation before it where it is the first one."""
        made, self.ahead = int(self.counters[loops.ROUNDS_MADE]), None
        for name in CHANGED if made else LEARNED:
            self.arrays[name][:] = kept[name]
        if made:
            # Those before it once more: a call takes too little time for a copy of all that each of them changes.
            self.go_on(before)
            self.counters[loops.ROUNDS_MADE : loops.BEGAN + 1] = 0
            self.set_words(stop=GOES_ON)
            self._execute(table[: _ends(table)[made - 1]], 1, self.recipe.config.every)
            self.set_words(stop=self.flag)


def most_updates(places):
    """Return the number of updates that one list may have; places: of the sequences of one."""
    return max(1, MOST_PLACES // places)


def _ends(table):
    """Return where each epoch of a table ends."""
    return np.flatnonzero(table[:, FLAGS] & loops.ROUND_END) + 1


def aligned_copy(values, dtype):
    """Return a copy of an array for the kernels."""
    copy = aligned_zeros(values.shape, dtype)
    copy[:] = values
    return copy


def table_of(update, part, parts, columns):
    """Return the kernels' table of blocks of updates, in order.

    update, part (B,): of each block; parts (U,): the number of parts of each update; columns: {name: (B,) or a number}
    of the rest, 0 for those that are missing.
    """
    begins = (np.diff(update, prepend=-1) > 0) | (np.diff(part, prepend=0) > 0)
    ends = np.diff(update, append=len(parts)) > 0
    flags = loops.LEARN | loops.FRESH * begins | loops.UPDATE * ends
    common = {"flags": flags, "part": part, "learned": parts[update], "parts": parts[update]}
    return item_rows(len(update), common | columns)
