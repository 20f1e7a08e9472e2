"""One model on batches of its sequences; sequences lie in the lanes."""

import numpy as np

from fastrnn.caching import cached_property
from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.sequences.epochs import Epochs, addresses, order_of, table_of
from fastrnn.training.sequences.group import FitGroup
from fastrnn.training.sequences.team import parts_of

# Sequences laid out for one call of the kernels.
PORTION_SEQUENCES = 4096


class BatchedGroup(Epochs, FitGroup):
    """A FitGroup of one model that learns from batches; a round is an epoch."""

    def _portions(self):
        batch_size, job = self.recipe.config.batch_size, self.jobs[0]
        order = order_of(job, job.division.of_role(0), int(self.updates[0]))
        size = max(1, PORTION_SEQUENCES // batch_size) * batch_size
        for first in range(0, len(order), size):
            portion = order[first : first + size]
            batches = [portion[start : start + batch_size] for start in range(0, len(portion), batch_size)]
            yield *self._laid_out(batches), None

    def _laid_out(self, batches):
        """Return (table, the arrays that it points to) of a few batches: of one update, or of one for each piece."""
        net, config, lanes, dtype = self.recipe.net, self.recipe.config, self.recipe.lanes, self.recipe.dtype
        batch, chosen = self._chosen(batches)
        lengths = np.where(chosen >= 0, self.data.lengths[chosen], 0)
        blocks, arrays = self._laid(chosen, lengths)
        length = config.tbptt_steps if config.carry else None
        block, number, first, steps, update = pieces_of(batch, blocks["steps"], length)
        part, parts = parts_of(steps, update)
        begins, ends = np.diff(update, prepend=-1) > 0, np.diff(update, append=len(parts)) > 0
        arrays["weights"] = aligned_zeros((len(parts), loops.ROLES, net.columns, lanes), dtype)
        # Lanes without a sequence have masks of 0.
        arrays["weights"][:, 0] = self._scales(chosen, lengths, block, number, first, update)[:, None, None]
        arrays["lengths"] = aligned_zeros((len(block), net.columns, lanes), dtype)
        arrays["lengths"][:] = np.maximum(lengths[block] - first[:, None, None], 0)
        columns = {name: blocks[name][block] + first * arrays[name].strides[0] for name in ("x", "y", "mask")}
        columns |= {
            "flags": loops.LEARN | loops.UPDATE * ends | loops.FRESH * (begins | (np.diff(part, prepend=0) > 0)),
            "part": part,
            "learned": parts[update],
            "parts": parts[update],
            "steps": steps,
            "lengths": addresses(arrays["lengths"]),
            "weights": addresses(arrays["weights"])[update],
            "start": blocks["start"][block] if "start" in blocks else 0,
        }
        if config.carry:
            arrays["states"] = aligned_zeros((len(batch), net.checkpoint, lanes), dtype)
            columns["finish"] = addresses(arrays["states"])[block]
            columns["start"] = np.where(first > 0, columns["finish"], columns["start"])
        return table_of(columns, len(block)), arrays

    @cached_property
    def piece_weights(self):
        """The first piece of each sequence (N,), and the sum of the weights of each piece's steps (P,).

        Each sum has only its own summands: other sequences change no byte of it.
        """
        data, config = self.data, self.recipe.config
        length = (config.carry and config.tbptt_steps) or int(data.lengths.max())
        counts = -(-data.lengths // length)
        firsts = np.cumsum(counts) - counts
        number = np.arange(counts.sum()) - np.repeat(firsts, counts)
        return firsts, np.add.reduceat(data.weight, np.repeat(data.offsets[:-1], counts) + number * length)

    def _scales(self, chosen, lengths, block, number, first, update):
        """Return (U,): one over the weights of all steps of each update, or 0 where none counts; number (P,): of each
        piece in its sequences."""
        firsts, weights = self.piece_weights
        piece = firsts[np.maximum(chosen, 0)][block] + number[:, None, None]
        # Where a sequence has no such piece, this is one of another sequence, or none.
        own = np.where(first[:, None, None] < lengths[block], weights[np.minimum(piece, len(weights) - 1)], 0.0)
        counted = np.bincount(update, own.sum((1, 2)))
        return np.divide(1, counted, out=np.zeros(len(counted)), where=counted > 0)

    def _chosen(self, batches):
        """Return (B,) batches of blocks, and (B, C, L) the numbers of their sequences, long ones first, -1 for none."""
        shape = self.recipe.net.columns, self.recipe.lanes
        counts = [-(-len(own) // (shape[0] * shape[1])) for own in batches]
        chosen, ends = np.full((sum(counts), *shape), -1), np.cumsum(counts)
        for own, blocks in zip(batches, np.split(chosen, ends[:-1])):
            blocks.reshape(-1)[: len(own)] = own[np.argsort(-self.data.lengths[own], kind="stable")]
        return np.repeat(np.arange(len(batches)), counts), chosen


def pieces_of(batch, steps, length):
    """Return (block, number in it, first step, steps, update), each (P,), of the pieces of blocks, as work goes.

    batch, steps (B,): of each block, those of a batch together; length: the steps of a piece, None for all. All blocks
    of a batch have one piece in an update, before their next ones.
    """
    longest = steps if length is None else np.full_like(steps, length)
    pieces = -(-steps // longest)
    block = np.repeat(np.arange(len(steps)), pieces)
    number = np.arange(len(block)) - (np.cumsum(pieces) - pieces)[block]
    order = np.lexsort((block, number, batch[block]))
    block, number = block[order], number[order]
    update = np.cumsum((np.diff(batch[block], prepend=-1) != 0) | (np.diff(number, prepend=-1) != 0)) - 1
    first = number * longest[block]
    return block, number, first, np.minimum(steps[block] - first, longest[block]), update
