"""The order of an epoch is NumPy's, so that it can be made again with NumPy alone."""

import numpy as np
import pytest

from fastrnn.kernels.permutations import permute


def numpys(numbers, seed, stream, epoch):
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, 0, epoch])).permutation(numbers)


@pytest.mark.parametrize("size", [*range(1, 10), 16, 17, 31, 32, 33, 64, 65, 800, 4097])
@pytest.mark.parametrize("seed", [0, 3, 2**62])
def test_orders_are_those_of_numpys_generator(size, seed):
    numbers = np.random.default_rng(0).permutation(10 * size)[:size]
    out = np.zeros((5, size), np.int64)
    assert permute(seed, 5, 7, numbers, out, np.zeros(size + 64, np.uint64)) == 5
    for row, order in enumerate(out):
        assert np.array_equal(order, numpys(numbers, seed, 5, 7 + row))


def test_it_says_for_how_many_rows_words_were_enough():
    numbers, out = np.arange(40), np.zeros((30, 40), np.int64)
    made = [permute(1, 5, 0, numbers, out, np.zeros(words, np.uint64)) for words in (2, 24, 26, 30, 60)]
    assert made[0] == 0 and made == sorted(made) and made[-1] == 30 and 0 < made[2] < 30
    for row in range(30):
        assert np.array_equal(out[row], numpys(numbers, 1, 5, row))
