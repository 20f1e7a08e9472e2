"""Sequences cut into segments of equal length."""

import numpy as np

from fastrnn.arguments import as_integer


def segments_of(offsets, length):
    """Return (offsets (P + 1,), owner (P,), place (P,)) of the segments of sequences with offsets (N + 1,): where each
    begins, the sequence that it is of, and its number within that.

    The last segment of each sequence may be shorter. Raises ValueError for a length that is not an integer
    of at least 1.
    """
    length = as_integer("length", length, 1)
    pieces = -(-np.diff(offsets) // length)
    owner = np.repeat(np.arange(len(pieces)), pieces)
    first = np.concatenate(([0], np.cumsum(pieces)))
    place = np.arange(first[-1]) - first[owner]
    return np.append(offsets[owner] + place * length, offsets[-1]), owner, place
