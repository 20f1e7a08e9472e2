"""The order of sequences in an epoch, as a function of a seed and the epoch alone."""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.philox import random_words

_HALF = 0xFFFFFFFF


@jit
def permute(seed, stream, first, numbers, out, words):
    """Fill row e of out (E, N) with `numpy.random.Generator(numpy.random.Philox(key=[seed, stream], counter=[0, 0, 0,
    first + e])).permutation(numbers)`, numbers (N,) int64.

    words (W,) uint64: memory for random words. Returns the number of rows for which these words are enough.

    R. Durstenfeld, "Algorithm 235: Random permutation", Communications of the ACM 7 (1964), with numbers below a limit
    by rejection: the last bits of half a word, where they are below it.
    """
    for row in range(out.shape[0]):
        random_words(seed, stream, 0, 0, first + row, words)
        drawn, mask = 0, 1
        while mask < numbers.size - 1:
            mask = 2 * mask + 1
        for n in range(numbers.size):
            out[row, n] = numbers[n]
        for last in range(numbers.size - 1, 0, -1):
            if mask >> 1 >= last:
                mask >>= 1
            place = last + 1
            while place > last:
                if drawn == 2 * words.size:
                    return row
                word = words[drawn >> 1] >> np.uint64((drawn & 1) << 5)
                place = np.int64(word & np.uint64(_HALF)) & mask
                drawn += 1
            number = out[row, last]
            out[row, last] = out[row, place]
            out[row, place] = number
    return out.shape[0]
