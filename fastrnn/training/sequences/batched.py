"""One model on batches of its sequences; sequences lie in the lanes."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.blocks import block_of
from fastrnn.training.sequences.epochs import Epochs, order_of
from fastrnn.training.sequences.group import FitGroup, item_of

# Sequences laid out for one call of the kernels.
PORTION_SEQUENCES = 4096


class BatchedGroup(Epochs, FitGroup):
    """A FitGroup of one model that learns from batches; a round is an epoch."""

    def _portions(self):
        net, config, job = self.recipe.net, self.recipe.config, self.jobs[0]
        order = order_of(job, np.flatnonzero(job.roles == 0), int(self.updates[0]))
        size = net.columns * self.recipe.lanes
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
            if len(rows) * size >= PORTION_SEQUENCES or first + config.batch_size >= len(order):
                yield np.array(rows, np.int64), kept, None
                rows, kept = [], []

    def _pieces(self, blocks):
        """Return (rows of the table, the arrays that they point to) of a batch: of one update, or of one for each
        piece."""
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
