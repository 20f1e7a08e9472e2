"""Sequences cut into segments of equal length, and the numbers of steps in them."""

import numpy as np

from fastrnn.arguments import as_integer


def ranges(counts):
    """Return 0, 1, ..., count - 1 for each of these counts, one after the other."""
    return np.arange(np.sum(counts)) - np.repeat(np.cumsum(counts) - counts, counts)


def segments_of(offsets, length):
    """Return (offsets (P + 1,), owner (P,), place (P,)) of the segments of sequences with offsets (N + 1,): where each
    begins, the sequence that it is of, and its number within that.

    The last segment of each sequence may be shorter. Raises ValueError for a length that is not an integer
    of at least 1.
    """
    length = as_integer("length", length, 1)
    pieces = -(-np.diff(offsets) // length)
    owner, place = np.repeat(np.arange(len(pieces)), pieces), ranges(pieces)
    return np.append(offsets[owner] + place * length, offsets[-1]), owner, place
