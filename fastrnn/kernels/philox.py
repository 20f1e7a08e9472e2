"""Philox4x64-10: random words as a function of (key, counter), so that data do not depend on threads.

J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11. The words are those of
`numpy.random.Philox(key=[seed, stream], counter=[0, c1, c2, 0]).random_raw(n)`.
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.simd.integers import multiply_high

_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


@jit
def random_words(seed, stream, c1, c2, words):
    """Fill the flat uint64 array `words`."""
    c1, c2 = np.uint64(c1), np.uint64(c2)
    for first in range(0, words.size, 4):
        x0, x1, x2, x3 = np.uint64(first // 4 + 1), c1, c2, np.uint64(0)
        k0, k1 = np.uint64(seed), np.uint64(stream)
        for _ in range(10):
            high0, low0 = multiply_high(_M0, x0), _M0 * x0
            high1, low1 = multiply_high(_M1, x2), _M1 * x2
            x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
            k0, k1 = k0 + _W0, k1 + _W1
        words[first] = x0
        if first + 1 < words.size:
            words[first + 1] = x1
        if first + 2 < words.size:
            words[first + 2] = x2
        if first + 3 < words.size:
            words[first + 3] = x3
