"""Sequences in the kernels' layout: blocks of a few columns, with sequences of similar length."""

from typing import NamedTuple

import numpy as np

from fastrnn.data.segments import ranges
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import lanes_for


class SequenceBlock(NamedTuple):
    """The arrays of one block of sequences.

    x (T, I, C), y (T, Y, C), mask (T, C), lengths (C): numbers that all lanes share, or, with lanes, one axis more.
    start: states before the first step, where the data give them, (W, C, lanes of a vector).
    """

    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    start: np.ndarray | None = None

    @property
    def steps(self):
        return len(self.x)


class Layout:
    """Which block, and which place in it, each sequence of a model has.

    Sequences of one role share no block with those of another, and long ones come first: sums over a model's training
    sequences then have the same bytes for any other sequences, and most rounds skip all others.
    starts (ROLES): the first block of each role; steps (B,): those that each block needs for the longest of any model.
    """

    def __init__(self, divisions, lengths, size):
        """divisions: those of all models; lengths (N,): of the sequences of the data; size: sequences of a model in a
        block."""
        self.lengths, self.size, needed = lengths, size, [np.zeros(0, np.int64)] * ROLES
        for division in divisions:
            for role, own in enumerate(self._sections(division)):
                longest = lengths[own[::size]]
                if len(longest) > len(needed[role]):
                    needed[role] = np.concatenate([needed[role], np.zeros(len(longest) - len(needed[role]), np.int64)])
                np.maximum(needed[role][: len(longest)], longest, out=needed[role][: len(longest)])
        self.starts = np.cumsum([0, *map(len, needed)])[:ROLES]
        self.steps = np.concatenate(needed)

    def _sections(self, division):
        """Return [numbers of a model's sequences of each role, long ones first]."""
        sections = [division.of_role(role) for role in range(ROLES)]
        return [own[np.argsort(-self.lengths[own], kind="stable")] for own in sections]

    def places(self, division):
        """Return (sequences, role, block, place), each (n,): of all sequences of a model that have a role."""
        sections = self._sections(division)
        counts = [len(own) for own in sections]
        block, place = np.divmod(ranges(counts), self.size)
        role = np.repeat(np.arange(ROLES), counts)
        return np.concatenate(sections), role, self.starts[role] + block, place


def blocks_for(division, data, columns, lanes, dtype):
    """Return ([SequenceBlock], (B, 3, C, lanes or 1) float64: 1 where a sequence has a role) of the sequences of a
    model.

    lanes: sequences in the lanes of a column, or None where all lanes share a sequence.
    """
    size = columns * (lanes or 1)
    own, role, block, place = (layout := Layout([division], data.lengths, size)).places(division)
    parts = np.split(own, np.flatnonzero(np.diff(block)) + 1)
    counts = np.zeros((len(layout.steps), ROLES, size))
    counts[block, role, place] = 1
    blocks = [block_of(data, part, columns, lanes, dtype) for part in parts]
    return blocks, counts.reshape(len(blocks), ROLES, columns, lanes or 1)


def rows_of(data, dtype):
    """Return the data's x (S, I), targets (S, Y) and weights (S,), converted once: they are copied again and again."""
    values = data.x, data.target_rows(slice(None)), data.weight
    return [np.ascontiguousarray(each, dtype) for each in values]


def block_of(data, sequences, columns, lanes, dtype):
    """Return the SequenceBlock of a few sequences, in this order."""
    lengths, places = data.lengths[sequences], (columns, lanes) if lanes else (columns,)
    steps, size = int(lengths.max()), columns * (lanes or 1)
    time = np.arange(steps)[:, None]
    counts = time < lengths
    at = np.where(counts, data.offsets[sequences] + time, 0)

    def laid(values):
        """Return (T, ..., C) of values (T, N, ...)."""
        values = np.where(counts.reshape(*counts.shape, *[1] * (values.ndim - 2)), values, 0)
        rows = np.moveaxis(values, 1, -1)
        out = aligned_zeros((*rows.shape[:-1], size), dtype)
        out[..., : len(sequences)] = rows
        return out.reshape(*rows.shape[:-1], *places)

    own = aligned_zeros((size,), dtype)
    own[: len(sequences)] = lengths
    values = (laid(each) for each in (data.x[at], data.target_rows(at), data.weight[at]))
    start = None if data.initial is None else start_of(data.initial[sequences].T, columns, lanes, dtype)
    return SequenceBlock(*values, own.reshape(places), start)


def start_of(states, columns, lanes, dtype):
    """Return (W, C, lanes of a vector) of states (W, N): one for each lane of a column, or, without lanes, for all of
    them."""
    size = columns * (lanes or 1)
    rows = np.zeros((len(states), size))
    rows[:, : states.shape[1]] = states
    out = aligned_zeros((len(states), columns, lanes_for(dtype)), dtype)
    out[:] = rows.reshape(len(states), columns, lanes or 1)
    return out


def item_of(block, weights):
    """Return a row of the kernels' table, fastrnn.kernels.recurrent.train.ITEM, for a SequenceBlock."""
    arrays = (block.x, block.y, block.mask, block.lengths, weights)
    start = 0 if block.start is None else block.start.ctypes.data
    return [*[0] * 4, block.steps, *(array.ctypes.data for array in arrays), start, 0, 0, 0]
