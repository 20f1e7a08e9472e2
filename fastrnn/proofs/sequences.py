"""Large sets of hard symbol sequences: long runs and rhythms that uniformly random sequences rarely contain."""

import itertools

import numpy as np

from fastrnn.bits.planes import packed_bits


def skewed(symbols, count, steps, rng):
    """Return (count, steps) random symbols; each sequence has its own symbol frequencies (Dirichlet, 0.3).

    Some sequences use nearly one symbol only: among them are the long runs that carry or keep a state.
    """
    shares = np.cumsum(rng.dirichlet(np.full(symbols, 0.3), count), axis=1)
    return (rng.uniform(size=(count, steps, 1)) > shares[:, None, :-1]).sum(axis=2)


def every(symbols, most=16384):
    """Return all sequences of the greatest length for which there are at most `most`."""
    length = max(1, int(np.log(most) / np.log(symbols) + 1e-9))
    return np.arange(symbols**length)[:, None] // symbols ** np.arange(length) % symbols


def rhythms(symbols, steps, most=8192):
    """Return sequences of up to two symbols, then a repeated period of one to three, then up to two others."""
    def words(least, longest):
        return [
            word for length in range(least, longest + 1) for word in itertools.product(range(symbols), repeat=length)
        ]

    def count(least, longest):
        return sum(symbols**length for length in range(least, longest + 1))

    sizes = [(2, 3, 2), (1, 3, 1), (1, 2, 1), (0, 2, 1), (0, 1, 1), (0, 1, 0)]
    head, period, tail = next(
        size for size in sizes if count(0, size[0]) * count(1, size[1]) * count(0, size[2]) <= most
    )
    rows = [(first + around * steps)[: steps - len(last)] + last
            for first, around, last in itertools.product(words(0, head), words(1, period), words(0, tail))]
    return np.array(rows)


def planes_of(symbols, inputs):
    """Return bit planes (W, T, I) of symbols (N, T)."""
    return packed_bits((symbols[..., None] >> np.arange(inputs)) & 1)
