"""Philox4x64-10: random words as a function of (key, counter), so that data do not depend on threads.

J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11. The words are those of
`numpy.random.Philox(key=[seed, stream], counter=[0, c1, c2, 0]).random_raw(n)`.
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.inline import inlined
from fastrnn.simd.integers import multiply_wide

_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


@inlined
def _round(x0, x1, x2, x3, k0, k1):
    (high0, low0), (high1, low1) = multiply_wide(_M0, x0), multiply_wide(_M1, x2)
    return high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0


@jit
def random_words(seed, stream, c1, c2, words):
    """Fill the flat uint64 array `words`; all other arguments are uint64: each type more is one compilation more."""
    c1, c2 = np.uint64(c1), np.uint64(c2)
    first = 0
    while words.size - first >= 8:
        # Two blocks side by side: each round waits for the product of the one before it.
        x0, x1, x2, x3 = np.uint64(first // 4 + 1), c1, c2, np.uint64(0)
        y0, y1, y2, y3 = np.uint64(first // 4 + 2), c1, c2, np.uint64(0)
        k0, k1 = np.uint64(seed), np.uint64(stream)
        for _ in range(10):
            (x0, x1, x2, x3), (y0, y1, y2, y3) = _round(x0, x1, x2, x3, k0, k1), _round(y0, y1, y2, y3, k0, k1)
            k0, k1 = k0 + _W0, k1 + _W1
        words[first], words[first + 1], words[first + 2], words[first + 3] = x0, x1, x2, x3
        words[first + 4], words[first + 5], words[first + 6], words[first + 7] = y0, y1, y2, y3
        first += 8
    for first in range(first, words.size, 4):
        x0, x1, x2, x3 = np.uint64(first // 4 + 1), c1, c2, np.uint64(0)
        k0, k1 = np.uint64(seed), np.uint64(stream)
        for _ in range(10):
            x0, x1, x2, x3 = _round(x0, x1, x2, x3, k0, k1)
            k0, k1 = k0 + _W0, k1 + _W1
        words[first] = x0
        if first + 1 < words.size:
            words[first + 1] = x1
        if first + 2 < words.size:
            words[first + 2] = x2
        if first + 3 < words.size:
            words[first + 3] = x3


@jit
def random_rows(seeds, stream, words):
    """The first words of several seeds: seeds (N,), words (N, W)."""
    for row in range(seeds.size):
        random_words(seeds[row], np.uint64(stream), np.uint64(0), np.uint64(0), words[row])
