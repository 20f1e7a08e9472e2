"""One model on batches of its sequences; sequences lie in the lanes."""

import numpy as np

from fastrnn.caching import cached_property
from fastrnn.data.segments import ranges, segments_of
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.blocks import addresses, rows_of
from fastrnn.training.sequences.epochs import Epochs, aligned_copy, most_updates, orders_of, table_of
from fastrnn.training.sequences.group import FitGroup
from fastrnn.training.sequences.team import parts_of


class BatchedGroup(Epochs, FitGroup):
    """A FitGroup of one model that learns from batches."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._take_source(rows_of(self.data, self.recipe.dtype))

    def _places_of(self, starts):
        count, batch = int((self.jobs[0].division.roles == 0).sum()), self.recipe.config.batch_size
        return -(-count // batch) * -(-min(batch, count) // self.places) * self.places

    def _portions(self, starts, epochs):
        job = self.jobs[0]
        training = job.division.of_role(0)
        # Sequences of a part.
        batch = min(self.recipe.config.batch_size, len(training))
        size = most_updates(-(-batch // self.places) * self.places) * batch
        orders = orders_of(job, training, int(starts[0]), epochs)
        for first in range(0, len(training), size):
            yield *self._laid_out(orders[:, first : first + size]), first + size >= len(training)

    @property
    def places(self):
        """Sequences in a block."""
        return self.recipe.net.columns * self.recipe.lanes

    def _laid_out(self, orders):
        """Return (table, epoch of each row, the arrays that it points to) of batches of sequences in orders (E, N): of
        one update, or of one for each piece."""
        data, net, config = self.data, self.recipe.net, self.recipe.config
        lanes, dtype = self.recipe.lanes, self.recipe.dtype
        batch, chosen = self._chosen(orders)
        lengths = self.lengths_of[chosen]
        length = config.tbptt_steps if config.carry else None
        block, number, first, steps, update = pieces_of(batch, lengths.max((1, 2)), length)
        part, parts = parts_of(steps, update)
        weights = aligned_zeros((len(parts), ROLES, net.columns, lanes), dtype)
        # Lanes without a sequence have masks of 0.
        scales = self._scales(chosen, lengths, block, number, first, update)
        weights[:, 0] = scales[:, None, None]
        # Of each sequence in a block: the first row of the piece, and its steps.
        left = np.maximum(lengths[block] - first[:, None, None], 0)
        rows = np.stack([data.offsets[chosen][block] + first[:, None, None], np.minimum(left, steps[:, None, None])], 1)
        lasting = aligned_copy(left, dtype)
        columns = {
            "steps": steps,
            "lengths": addresses(lasting),
            "weights": addresses(weights)[update],
            "rows": addresses(rows),
            "learners": (scales > 0)[update],
        }
        arrays = [weights, lasting, rows]
        if data.initial is not None:
            start = self._first_states(chosen)
            columns["start"] = addresses(start)[block]
            arrays.append(start)
        if config.carry:
            states = aligned_zeros((len(batch), net.checkpoint, lanes), dtype)
            columns["finish"] = addresses(states)[block]
            columns["start"] = np.where(first > 0, columns["finish"], columns.get("start", 0))
            arrays.append(states)
        epoch = batch[block] // -(-orders.shape[1] // config.batch_size)
        return table_of(update, part, parts, columns), epoch, arrays

    @cached_property
    def piece_weights(self):
        """The first piece of each sequence (N,), and the sum of the weights of each piece's steps (P,).

        Each sum has only its own summands: other sequences change no byte of it.
        """
        data, config = self.data, self.recipe.config
        length = (config.carry and config.tbptt_steps) or int(data.lengths.max())
        begins, owner, _ = segments_of(data.offsets, length)
        return np.searchsorted(owner, np.arange(len(data))), np.add.reduceat(data.weight, begins[:-1])

    def _scales(self, chosen, lengths, block, number, first, update):
        """Return (U,): one over the weights of all steps of each update, or 0 where none counts; number (P,): of each
        piece in its sequences."""
        firsts, weights = self.piece_weights
        piece = firsts[np.maximum(chosen, 0)][block] + number[:, None, None]
        # Where a sequence has no such piece, this is one of another sequence, or none.
        own = np.where(first[:, None, None] < lengths[block], weights[np.minimum(piece, len(weights) - 1)], 0.0)
        counted = np.bincount(update, own.sum((1, 2)))
        return np.divide(1, counted, out=np.zeros(len(counted)), where=counted > 0)

    def _chosen(self, orders):
        """Return (B,) batches of blocks, and (B, C, L) the numbers of their sequences, long ones first, -1 for none."""
        count = orders.shape[1]
        batch = min(self.recipe.config.batch_size, count)
        chosen = np.pad(orders, ((0, 0), (0, -count % batch)), constant_values=-1)
        chosen = self._long_first(chosen.reshape(-1, batch), 1)
        laid = np.pad(chosen, ((0, 0), (0, -batch % self.places)), constant_values=-1)
        laid = laid.reshape(len(laid), -1, self.recipe.net.columns, self.recipe.lanes)
        # The last batch may have fewer blocks.
        filled = laid[:, :, 0, 0] >= 0
        return np.nonzero(filled)[0], laid[filled]


def pieces_of(batch, steps, length):
    """Return (block, number in it, first step, steps, update), each (P,), of the pieces of blocks, as work goes.

    batch, steps (B,): of each block, those of a batch together; length: the steps of a piece, None for all. All blocks
    of a batch have one piece in an update, before their next ones.
    """
    longest = steps if length is None else np.full_like(steps, length)
    pieces = -(-steps // longest)
    block, number = np.repeat(np.arange(len(steps)), pieces), ranges(pieces)
    order = np.lexsort((block, number, batch[block]))
    block, number = block[order], number[order]
    update = np.cumsum((np.diff(batch[block], prepend=-1) != 0) | (np.diff(number, prepend=-1) != 0)) - 1
    first = number * longest[block]
    return block, number, first, np.minimum(steps[block] - first, longest[block]), update
