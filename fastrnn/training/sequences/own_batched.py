"""Models side by side, each on batches of its own sequences."""

import numpy as np

from fastrnn.caching import cached_property
from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.gathered import gather
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.threads import with_helpers
from fastrnn.training.sequences.epochs import Epochs, addresses, orders_of, table_of
from fastrnn.training.sequences.own import OwnGroup
from fastrnn.training.sequences.team import MODELS_PARTS, parts_of_models

# Numbers of the data that are laid out for one call of the kernels: they should stay in the second cache.
PORTION_NUMBERS = 1 << 18


class OwnBatchedGroup(Epochs, OwnGroup):
    """An OwnGroup whose lanes learn from batches, each in its own order; a round is an epoch of all.

    A lane with fewer batches than its neighbours rests at the end of an epoch.
    """

    @cached_property
    def buffers(self):
        """Memory for sequences that are laid out, by name."""
        return {}

    def run(self, rounds, threads=1):
        """Run one epoch."""
        return super().run(1, threads)

    def _call(self, rounds):
        """Run one epoch: an evaluation, if one is due, and then the batches, unless training is to stop."""
        before, active = self.round, self.arrays["active"][0]
        if self._evaluates():
            self._execute(self.table, 1, self.recipe.config.every)
        made = not self.flag[0] and self._learn() if active.any() else self.counters[loops.DONE]
        self.round = before + bool(made)
        self.counters[loops.ROUNDS_MADE] = bool(made)

    def _learn(self):
        """Learn from the batches of an epoch; return whether it was completed; otherwise everything is as before."""
        before, active = self._kept(), self.arrays["active"].copy()
        for table, kept, taking_part in self._portions():
            if not self.flag[0]:
                self.arrays["active"][:] = active * taking_part
                self._execute(table, 1, self.recipe.config.every)
                self.arrays["active"][:] = active
            del kept
            if self.flag[0]:
                self._restore(before)
                return False
        return True

    def _portions(self):
        """Yield (table, arrays it points to, lanes that take part)."""
        net, taking = self.recipe.net, self.arrays["active"][0, : self.slots] > 0
        chosen, counts = self._chosen(taking)
        # (U, B, C, L) lengths, the longest of each block first, and what a batch of each lane is divided by.
        lengths = np.where(chosen >= 0, self.data.lengths[chosen], 0)
        weight = np.where(chosen >= 0, self.weight_of[chosen], 0).sum((1, 2))
        scale = np.divide(1, weight, out=np.zeros_like(weight), where=weight > 0)
        steps = lengths.max((2, 3))
        numbers = np.cumsum(steps.sum(1)) * net.columns * self.recipe.lanes * sum(a[0].size for a in self.source)
        # Portions end where they are large enough, and where a lane has had its last batch.
        ends = {int(count) for count in counts[taking]} | {len(chosen)}
        first = 0
        while first < len(chosen):
            begun = numbers[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(numbers, begun + PORTION_NUMBERS, "right")))
            last = min(last, min(end for end in ends if end > first))
            part = slice(first, last)
            table, kept = self._laid_out(chosen[part], lengths[part], steps[part], scale[part])
            yield table, kept, counts > first
            first = last

    def _chosen(self, taking):
        """Return ((U, B, C, L) numbers of the sequences of each update, -1 for none; (L,) updates of each lane)."""
        columns, size = self.recipe.net.columns, self.recipe.config.batch_size
        orders = []
        for slot, job in enumerate(self.jobs):
            training = job.division.of_role(0) if job is not None and taking[slot] else np.zeros(0, np.int64)
            orders.append(orders_of(job, training, int(self.updates[slot]), 1)[0] if len(training) else training)
        size = min(size, max(map(len, orders)))
        counts = np.array([-(-len(order) // size) for order in orders])
        blocks = -(-size // columns)
        chosen = np.full((len(orders), counts.max() * size), -1)
        for row, order in zip(chosen, orders):
            row[: len(order)] = order
        chosen = chosen.reshape(len(orders), -1, size)
        keys = np.where(chosen >= 0, -self.data.lengths[chosen], 1)
        chosen = np.take_along_axis(chosen, np.argsort(keys, axis=2, kind="stable"), 2)
        out = np.full((chosen.shape[1], blocks * columns, self.recipe.lanes), -1)
        out[:, :size, : len(orders)] = chosen.transpose(1, 2, 0)
        return out.reshape(chosen.shape[1], blocks, columns, self.recipe.lanes), counts

    def _laid_out(self, chosen, lengths, steps, scale):
        """Return (table of blocks, the arrays that it points to) of a few updates."""
        update, block = np.nonzero(steps)
        part = parts_of_models(block)
        order = np.lexsort((block, part, update))
        update, block, part = update[order], block[order], part[order]
        parts = np.minimum(np.bincount(update, minlength=len(scale)), MODELS_PARTS)
        columns, arrays = self._laid(chosen[update, block], lengths[update, block])
        weights = self._buffer("weights", (len(update), loops.ROLES, self.recipe.net.columns, self.recipe.lanes))
        weights[:, 0] = scale[update][:, None]
        begins, ends = np.diff(update * MODELS_PARTS + part, prepend=-1) > 0, np.diff(update, append=len(scale)) > 0
        columns |= {
            "weights": addresses(weights),
            "flags": loops.LEARN | loops.FRESH * begins | loops.UPDATE * ends,
            "part": part,
            "learned": parts[update],
            "parts": parts[update],
        }
        return table_of(columns, len(update)), (arrays, weights)

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
        given, lanes = (data.offsets, data.lengths, *self.source), np.arange(self.recipe.lanes)

        def part(thread, threads):
            own = slice(count * thread // threads, count * (thread + 1) // threads)
            gather(chosen[own], lanes, steps[own], firsts[own], given, list(arrays.values()))

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
