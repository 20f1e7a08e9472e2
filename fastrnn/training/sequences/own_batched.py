"""Models side by side, each on batches of its own sequences."""

import numpy as np

from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.blocks import addresses
from fastrnn.training.sequences.epochs import NEVER, Epochs, aligned_copy, most_updates, orders_of, table_of
from fastrnn.training.sequences.own import OwnGroup
from fastrnn.training.sequences.team import MODELS_PARTS, parts_of_models


class OwnBatchedGroup(Epochs, OwnGroup):
    """An OwnGroup whose lanes learn from batches, each in its own order; a round is an epoch of all.

    A lane with fewer batches than its neighbours rests at the end of an epoch.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._take_source(self.source)

    def _training(self, starts):
        """Return the training sequences of each lane's model, none where no model learns."""
        pairs = zip(self.jobs, starts.tolist())
        return [np.zeros(0, np.int64) if start == NEVER else job.division.of_role(0) for job, start in pairs]

    def _places_of(self, starts):
        columns, most = self.recipe.net.columns, max(map(len, self._training(starts)))
        size = min(self.recipe.config.batch_size, most)
        return -(-most // size) * -(-size // columns) * columns * self.recipe.lanes

    def _portions(self, starts, epochs):
        chosen, counts = self._chosen(starts, epochs)
        updates, size = chosen.shape[1], most_updates(chosen[0, 0].size)
        # The epoch and the number of each update.
        epoch, number = (each.ravel() for each in np.indices(chosen.shape[:2]))
        chosen = chosen.reshape(-1, *chosen.shape[2:])
        for first in range(0, epochs * updates, size):
            part = slice(first, first + size)
            learners = number[part, None] < counts[epoch[part]]
            table, update, arrays = self._laid_out(chosen[part], learners)
            yield table, epoch[part][update], arrays, first + size >= epochs * updates

    def _chosen(self, starts, epochs):
        """Return (E, U, B, C, L): the numbers of the sequences of each update, -1 for none; and (E, L): the updates of
        each lane."""
        columns, lanes, size = self.recipe.net.columns, self.recipe.lanes, self.recipe.config.batch_size
        training = self._training(starts)
        size = min(size, max(map(len, training)))
        updates = max(-(-len(own) // size) for own in training)
        chosen, counts = np.full((epochs, updates * size, lanes), -1), np.zeros((epochs, lanes), np.int64)
        for lane, (job, own, start) in enumerate(zip(self.jobs, training, starts.tolist())):
            # Epochs before its first one.
            rests = max(-start, 0)
            if len(own) and rests < epochs:
                chosen[rests:, : len(own), lane] = orders_of(job, own, start + rests, epochs - rests)
                counts[rests:, lane] = -(-len(own) // size)
        chosen = self._long_first(chosen.reshape(epochs, updates, size, lanes), 2)
        chosen = np.pad(chosen, ((0, 0), (0, 0), (0, -size % columns), (0, 0)), constant_values=-1)
        return chosen.reshape(epochs, updates, -1, columns, lanes), counts

    def _laid_out(self, chosen, learners):
        """Return (table of blocks, (P,): the update of each, the arrays that it points to) of a few updates.

        chosen (U, B, C, L): the numbers of the sequences, -1 for none; learners (U, L): whether a lane learns.
        """
        dtype, data, net = self.recipe.dtype, self.data, self.recipe.net
        # The longest of each block comes first.
        lengths = self.lengths_of[chosen]
        weight = np.where(chosen >= 0, self.weight_of[chosen], 0).sum((1, 2))
        scale = np.divide(1, weight, out=np.zeros_like(weight), where=weight > 0)
        steps = lengths.max((2, 3))
        update, block = np.nonzero(steps)
        part = parts_of_models(block)
        order = np.lexsort((block, part, update))
        update, block, part = update[order], block[order], part[order]
        parts = np.minimum(np.bincount(update, minlength=len(scale)), MODELS_PARTS)
        chosen, lengths = chosen[update, block], lengths[update, block]
        weights = aligned_zeros((len(scale), ROLES, net.columns, self.recipe.lanes), dtype)
        weights[:, 0] = scale[:, None]
        learning, lasting = aligned_copy(learners & (weight > 0), dtype), aligned_copy(lengths, dtype)
        rows = np.stack([np.where(chosen >= 0, data.offsets[chosen], 0), lengths], 1)
        columns = {
            "steps": steps[update, block],
            "lengths": addresses(lasting),
            "weights": addresses(weights)[update],
            "learners": addresses(learning)[update],
            "rows": addresses(rows),
        }
        arrays = [weights, learning, lasting, rows]
        if data.initial is not None:
            start = self._first_states(chosen)
            columns["start"] = addresses(start)
            arrays.append(start)
        return table_of(update, part, parts, columns), update, arrays
