"""Models side by side, each on sequences of its own."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.blocks import Block
from fastrnn.training.group import Group


class OwnGroup(Group):
    """A Group whose lanes have sequences of their own, which are written into its blocks when a model begins.

    Each model's sequences are sorted by length, so that those side by side in a block are of about the same length.
    """

    def __init__(self, recipe, data, counted, flag, jobs):
        net, dtype, lanes = recipe.net, recipe.dtype, recipe.lanes
        # Steps that block n needs, whoever comes: the most that any model has in its n-th few sequences.
        longest = []
        for job in jobs:
            own = np.sort(data.lengths[job.own])[::-1][:: net.columns]
            longest += [0] * (len(own) - len(longest))
            longest[: len(own)] = np.maximum(longest[: len(own)], own).tolist()
        self.data, self.starts = data, np.concatenate(([0], np.cumsum(longest))).astype(np.int64)
        targets = data.target_rows(slice(None))
        self.values = {"x": data.x, "y": targets, "mask": data.weight}
        steps = self.starts[-1]
        self.laid = {
            "x": aligned_zeros((steps, net.sizes.inputs, net.columns, lanes), dtype),
            "y": aligned_zeros((steps, targets.shape[1], net.columns, lanes), dtype),
            "mask": aligned_zeros((steps, net.columns, lanes), dtype),
        }
        self.lengths = aligned_zeros((len(longest), net.columns, lanes), dtype)
        width = 0 if data.initial is None else data.initial.shape[1]
        self.first_states = aligned_zeros((len(longest), width, net.columns, lanes), dtype)
        blocks = [
            Block(
                *(self.laid[name][first:last] for name in ("x", "y", "mask")),
                self.lengths[n],
                np.zeros(0, int),
                self.first_states[n] if width else None,
            )
            for n, (first, last) in enumerate(zip(self.starts[:-1], self.starts[1:]))
        ]
        super().__init__(recipe, blocks, counted, flag)

    def _lay(self, slot, job):
        data, columns = self.data, self.recipe.net.columns
        order = np.argsort(-data.lengths[job.own], kind="stable")
        own, lengths = job.own[order], data.lengths[job.own[order]]
        block, column = np.divmod(np.arange(len(own)), columns)
        self.lengths[:, :, slot] = 0
        self.lengths[block, column, slot] = lengths
        self.weights[:, :, :, slot] = 0
        self.weights[block, :, column, slot] = job.shares()[:, order].T
        if data.initial is not None:
            self.first_states[block, :, column, slot] = data.initial[own]
        # Steps of all sequences at once: where they are in the data, and where they go.
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        source = np.repeat(data.offsets[own], lengths) + within
        place, columns_of = np.repeat(self.starts[block], lengths) + within, np.repeat(column, lengths)
        for name, values in self.values.items():
            laid = self.laid[name]
            laid[..., slot] = 0
            if name == "mask":
                laid[place, columns_of, slot] = values[source]
            else:
                laid[place, :, columns_of, slot] = values[source]

    def _flag(self):
        super()._flag()
        steps = self.lengths.max((1, 2)).astype(np.int64)
        self.table[:, loops.ITEM.index("steps")] = steps
        # A block that no model has any more is passed over, but for what is to be done after it.
        self.table[steps == 0, loops.ITEM.index("flags")] &= ~(loops.LEARN | loops.EVALUATE)

    def take(self, slot):
        """As a Group does."""
        self.lengths[:, :, slot] = 0
        return super().take(slot)
