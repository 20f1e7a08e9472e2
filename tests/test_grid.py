"""The vocabulary for numbers of many models against plain NumPy."""

from typing import NamedTuple

import numpy as np
import pytest

from fastrnn.compiling import jit
from fastrnn.simd import load, pointwise, store
from fastrnn.simd.grid import (constants_of, grid_product, largest_rows, load_grid, repeat_rows, store_grid, store_lane_bits,
                               sum_squares, where_bits)

LANES = {"float32": 16, "float64": 8}


@jit(cache=False)
def _product(array, start, a, a_stride, a_step, b, b_stride, b_step, count, out):
    sums = load_grid(array, start, 2, 7, 3)
    store_grid(array, out, 2, 5, grid_product(sums, array, 2, a, a_stride, a_step, b, b_stride, b_step, count))


@pytest.mark.parametrize("dtype", LANES)
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_a_grid_of_products_is_a_sum_of_outer_products(dtype, count):
    array = np.random.default_rng(count).uniform(-1, 1, (200, LANES[dtype])).astype(dtype)
    wanted = array.astype(float)
    for g in range(2):
        for r in range(3):
            terms = [wanted[20 + 11 * g + 2 * n] * wanted[70 + 5 * r + 4 * n] for n in range(count)]
            wanted[150 + 5 * g + r] = array[3 + 7 * g + r] + np.sum(terms, 0) if count else array[3 + 7 * g + r]
    _product(array, 3, 20, 11, 2, 70, 5, 4, count, 150)
    assert np.abs(array - wanted).max() < {"float32": 1e-6, "float64": 1e-15}[dtype]


@jit(cache=False)
def _rows(array):
    rows, one = load(array, 0, 4), load(array, 4, 1)
    store(array, 10, repeat_rows(load(array, 0, 2), rows))
    store(array, 14, largest_rows(one, rows))
    store(array, 15, sum_squares(one, rows))
    store(array, 16, where_bits(load(array, 5, 1), rows, load(array, 6, 4)))


def test_rows_are_repeated_compared_squared_and_chosen():
    array = np.random.default_rng(0).uniform(-1, 1, (20, 16)).astype(np.float32)
    array[1, 3] = np.nan
    array[5].view(np.uint32)[:] = np.where(np.arange(16) % 3 == 0, 0xFFFFFFFF, 0)
    before = array.copy()
    _rows(array)
    assert np.array_equal(array[10:14], before[[0, 0, 1, 1]], equal_nan=True)
    assert np.array_equal(array[14], np.fmax.reduce(before[:5]))
    assert np.allclose(array[15], before[4] + (before[:4].astype(float) ** 2).sum(0), rtol=1e-6, equal_nan=True)
    assert np.array_equal(array[16:20], np.where(np.arange(16) % 3 == 0, before[:4], before[6:10]), equal_nan=True)


@jit(cache=False)
def _bits(array, row, stride, words, first, positions):
    store_lane_bits(array, row, stride, words, first, 3, 2, positions, 0)


@jit(cache=False)
def _masks(array, row, stride, words, first, positions):
    store_lane_bits(array, row, stride, words, first, 3, 2, positions, 1)


@pytest.mark.parametrize("dtype", LANES)
def test_each_lane_takes_its_own_bit_of_its_own_words(dtype):
    lanes, rng = LANES[dtype], np.random.default_rng(1)
    words = rng.integers(0, 2**64, (9, lanes), np.uint64)
    halves = np.stack([words & np.uint64(2**32 - 1), words >> np.uint64(32)], 1).astype(np.uint32)
    positions = np.array([0, 31, 32, 63, *rng.integers(0, 63, lanes - 4)], np.uint32)
    array, masks = np.full((20, lanes), 7, dtype), np.full((20, lanes), 7, dtype)
    _bits(array, 2, 5, halves, 3, positions)
    _masks(masks, 2, 5, halves, 3, positions)
    unsigned = masks.view(f"u{masks.itemsize}")
    for t in range(3):
        for c in range(2):
            bits = [int(words[3 + 2 * t + c, i]) >> int(positions[i]) & 1 for i in range(lanes)]
            assert array[2 + 5 * t + c].tolist() == bits
            assert unsigned[2 + 5 * t + c].tolist() == [bit * (2 ** (8 * masks.itemsize) - 1) for bit in bits]
    assert (array == 7).sum() == (masks == 7).sum() == (20 - 6) * lanes


class Pair(NamedTuple):
    one: float
    other: float


_sum = pointwise(lambda a, b: a + 2 * b)


@jit(cache=False)
def _constants(kind, array):
    pair = constants_of(kind, array, 3)
    store(array, 0, _sum(pair.one, pair.other))


def test_constants_are_vectors_under_their_names():
    array = np.arange(6 * 8, dtype=float).reshape(6, 8)
    kind = jit(cache=False)(lambda array: _constants(Pair, array))
    kind(array)
    assert np.array_equal(array[0], array[3] + 2 * array[4])
