"""Models side by side, each on its own sequences."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.gathered import gather
from fastrnn.training.sequences.blocks import Blocks
from fastrnn.training.sequences.group import FitGroup


class OwnGroup(FitGroup):
    """A FitGroup whose lanes have separate sequences, which are written into its blocks when a model begins.

    layout: the Layout of all models that may come. source: the arrays of `rows_of`.
    """

    mixes = True

    def __init__(self, recipe, data, flag, layout, source, beside=None):
        self.layout, self.source, places = layout, source, (recipe.net.columns, recipe.lanes)
        super().__init__(recipe, data, flag, None, beside)
        self._take_blocks(Blocks.of_zeros(layout.steps, data, places, recipe.dtype))
        self.lengths = self.blocks.lengths
        # The sequence in each place, the Division of which each lane's are, and the lanes whose sequences are to be
        # written before the next round.
        self.chosen, self.divided, self.late = np.full(self.lengths.shape, -1), [None] * recipe.lanes, set()

    def _longest(self):
        return int(self.layout.steps.max())

    def suited(self):
        """Return the lanes, as bits, that have the sequences of `division` already."""
        lanes = enumerate(zip(self.divided, self.jobs))
        return sum(1 << lane for lane, (own, job) in lanes if job is not None and own is self.division)

    def _lay(self, slots, jobs):
        self.changed, self.division = True, jobs[-1].division
        for division in {job.division for job in jobs}:
            lanes = np.array([slot for slot, job in zip(slots, jobs) if job.division is division])
            own, role, block, column = (array[:, None] for array in self.layout.places(division))
            self.lengths[block, column, lanes] = self.data.lengths[own]
            self.weights[..., lanes] = 0
            self.weights[block, role, column, lanes] = 1
            # Lanes whose last model had the same sequences hold them already.
            others = np.array([lane for lane in lanes.tolist() if self.divided[lane] is not division], int)
            self.chosen[:, :, others] = -1
            self.chosen[block, column, others] = own
            if self.data.initial is not None:
                self.blocks.start[block, :, column, others] = self.data.initial[own]
            self.late.update(others.tolist())
            for lane in others:
                self.divided[lane] = division

    def _settle(self):
        self.items[:, loops.ITEM.index("steps")] = self.lengths.max((1, 2))
        super()._settle()
        if self.late:
            # The sequences of models that began since the last round.
            lanes, given = np.array(sorted(self.late)), (self.data.offsets, self.data.lengths, *self.source)
            laid = self.blocks.x, self.blocks.y, self.blocks.mask
            gather(self.chosen[..., lanes], lanes, self.layout.steps, self.blocks.firsts, given, laid)
            self.late.clear()

    def _flags(self):
        # A block that no model has any more is skipped, except for the work after it.
        return super()._flags() * (self.lengths.max((1, 2)) > 0)

    def _roles(self):
        return np.searchsorted(self.layout.starts, np.arange(len(self.blocks)), side="right") - 1

    def take(self, slots):
        """Free the slots of finished models, as a FitGroup does."""
        self.lengths[:, :, slots], self.changed = 0, True
        return super().take(slots)
