"""Sequences in the kernels' layout: blocks of a few columns, with sequences of similar length."""

from dataclasses import dataclass

import numpy as np

from fastrnn.data.segments import ranges
from fastrnn.kernels.recurrent.train import ITEM, ROLES
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import lanes_for

# Steps that are laid into blocks at a time, about.
LAID_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Blocks:
    """The arrays of B blocks of sequences, of S steps in all, one block after the other.

    steps (B,): of each block; x (S, I, C), y (S, Y, C), mask (S, C), lengths (B, C): numbers that all lanes share, or,
    with lanes, one axis more; start: states before the first step, where the data give them, (B, W, C, lanes of a
    vector), or None.
    """

    steps: np.ndarray
    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    lengths: np.ndarray
    start: np.ndarray | None

    @classmethod
    def of_zeros(cls, steps, data, places, dtype):
        """Return Blocks for sequences of the data, without any yet; places: (C,) or (C, lanes)."""
        total, count, start = int(steps.sum()), len(steps), None
        widths = [data.x.shape[1]], [data.target_rows(slice(1)).shape[1]], []
        arrays = [aligned_zeros((total, *width, *places), dtype) for width in widths]
        if data.initial is not None:
            start = aligned_zeros((count, data.initial.shape[1], places[0], lanes_for(dtype)), dtype)
        return cls(steps, *arrays, aligned_zeros((count, *places), dtype), start)

    def __len__(self):
        return len(self.steps)

    @property
    def firsts(self):
        """(B,): where each block begins."""
        return np.cumsum(self.steps) - self.steps

    def items(self, weights):
        """Return the kernels' table, (B, ITEM), of these blocks with weights (B, ...)."""
        columns = {name: addresses(getattr(self, name), self.firsts) for name in ("x", "y", "mask")}
        columns |= {"steps": self.steps, "lengths": addresses(self.lengths), "weights": addresses(weights)}
        if self.start is not None:
            columns["start"] = addresses(self.start)
        return item_rows(len(self), columns)


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
    """Return (Blocks, (B, 3, C, lanes or 1) float64: 1 where a sequence has a role) of the sequences of a model.

    lanes: sequences in the lanes of a column, or None where all lanes share a sequence.
    """
    size = columns * (lanes or 1)
    layout = Layout([division], data.lengths, size)
    own, role, block, place = layout.places(division)
    made = Blocks.of_zeros(layout.steps, data, (columns, lanes) if lanes else (columns,), dtype)
    arrays = [array.reshape(*array.shape[:-2 if lanes else -1], size) for array in (made.x, made.y, made.mask)]
    # Not all steps at once: their numbers take memory.
    for part in np.array_split(np.arange(len(own)), 1 + data.steps // LAID_AT_ONCE):
        lengths = data.lengths[own[part]]
        number, time = np.repeat(part, lengths), ranges(lengths)
        rows, at = data.offsets[own[number]] + time, made.firsts[block[number]] + time
        for array, values in zip(arrays, (data.x[rows], data.target_rows(rows), data.weight[rows])):
            array[at, ..., place[number]] = values
    made.lengths.reshape(-1, size)[block, place] = data.lengths[own]
    if data.initial is not None:
        states = np.zeros((len(made), data.initial.shape[1], size))
        states[block, :, place] = data.initial[own]
        made.start[:] = states.reshape(*states.shape[:2], columns, lanes or 1)
    counts = np.zeros((len(made), ROLES, size))
    counts[block, role, place] = 1
    return made, counts.reshape(len(made), ROLES, columns, lanes or 1)


def rows_of(data, dtype):
    """Return the data's x (S, I), targets (S, Y) and weights (S,), converted once: they are copied again and again."""
    values = data.x, data.target_rows(slice(None)), data.weight
    return [np.ascontiguousarray(each, dtype) for each in values]


def addresses(array, rows=None):
    """Return the addresses of rows of an array; None: of all."""
    return array.ctypes.data + array.strides[0] * (np.arange(len(array)) if rows is None else rows)


def item_rows(count, columns):
    """Return the kernels' table of `count` blocks; columns: {name of ITEM: (B,) or a number}, 0 for the others."""
    table = np.zeros((count, len(ITEM)), np.int64)
    for name, values in columns.items():
        table[:, ITEM.index(name)] = values
    return table
