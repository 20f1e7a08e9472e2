"""The vocabulary for numbers of many models against plain NumPy."""

from typing import NamedTuple

import numpy as np
import pytest

from fastrnn.compiling import jit
from fastrnn.simd import Halves, lanes, lanes_to_bits, load, numbers, pointwise, store, sum_tree, zeros
from fastrnn.simd.grid import (
    constants_at,
    constants_of,
    grid_chosen,
    grid_product,
    largest_magnitude,
    largest_rows,
    load_grid,
    repeat_rows,
    store_grid,
    store_lane_bits,
    sum_squares,
    where_bits,
)

KINDS = [(dtype, halved) for dtype in ("float32", "float64") for halved in (False, True)]
every_kind = pytest.mark.parametrize(
    "dtype, halved", KINDS, ids=[f"{dtype}-{'halves' if halved else 'whole'}" for dtype, halved in KINDS]
)


def lanes_of(dtype, halved):
    return (32 if halved else 64) // np.dtype(dtype).itemsize


def vectors(array, halved):
    """The array as kernels take it."""
    return Halves(array) if halved else array


def uniform(rows, dtype, halved, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (rows, lanes_of(dtype, halved))).astype(dtype)


def masks_of(bits, dtype):
    """Numbers all of whose bits are 1, or 0."""
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    return np.where(bits, np.iinfo(unsigned).max, unsigned.type(0)).view(dtype)


_squared = pointwise(lambda a: a * a)


@jit(cache=False)
def _moved(array):
    # From the last row to the first: nothing would hide what is written past the end of its row.
    store(array, 16, _squared(sum_tree(load(array, 0, 3))))
    store(array, 13, _squared(load(array, 0, 3)))
    store(array, 12, _squared(load(array, 0, 1)))
    store(array, (10, 2), load(array, (0, 1), 1))
    store(array, (8, 0), zeros(array, 2))
    store(array, 4, load(array, 1, 3))
    numbers(array)[18, 1] = lanes(array)
    return lanes_to_bits(load(array, 1, 1), 0.25)


@every_kind
def test_vectors_are_moved_and_worked_on(dtype, halved):
    array = uniform(19, dtype, halved)
    wanted, width = array.copy(), lanes_of(dtype, halved)
    wanted[4:7], wanted[8:10], wanted[12], wanted[13:16] = array[1:4], 0, array[0] ** 2, array[:3] ** 2
    wanted.ravel()[10 * width + 2 : 11 * width + 2] = array.ravel()[1 : width + 1]
    wanted[16], wanted[18, 1] = (array[0] + array[1] + array[2]) ** 2, width
    assert _moved(vectors(array, halved)) == sum(1 << lane for lane in range(width) if wanted[1, lane] > 0.25)
    assert np.array_equal(array, wanted)


@jit(cache=False)
def _product(array, start, a, a_stride, a_step, b, b_stride, b_step, count, out):
    sums = load_grid(array, start, 2, 7, 3)
    store_grid(array, out, 2, 5, grid_product(sums, array, 2, a, a_stride, a_step, b, b_stride, b_step, count))


@every_kind
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_a_grid_of_products_is_a_sum_of_outer_products(dtype, halved, count):
    array = uniform(200, dtype, halved, count)
    wanted = array.astype(float)
    for g in range(2):
        for r in range(3):
            terms = [wanted[20 + 11 * g + 2 * n] * wanted[70 + 5 * r + 4 * n] for n in range(count)]
            wanted[150 + 5 * g + r] = array[3 + 7 * g + r] + np.sum(terms, 0) if count else array[3 + 7 * g + r]
    _product(vectors(array, halved), 3, 20, 11, 2, 70, 5, 4, count, 150)
    assert np.abs(array - wanted).max() < {"float32": 1e-6, "float64": 1e-15}[dtype]


@jit(cache=False)
def _chosen(array, start, a, a_stride, a_step, b, b_stride, b_step, count, out):
    sums = load_grid(array, start, 2, 7, 3)
    store_grid(array, out, 2, 5, grid_chosen(sums, array, 2, a, a_stride, a_step, b, b_stride, b_step, count))


@every_kind
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_masks_choose_what_ones_and_zeros_multiply(dtype, halved, count):
    numbers, bits = uniform(200, dtype, halved, count), uniform(40, dtype, halved, 9) > 0
    masked = numbers.copy()
    numbers[20:60], masked[20:60] = bits, masks_of(bits, dtype)
    _product(vectors(numbers, halved), 3, 20, 11, 2, 70, 5, 4, count, 150)
    _chosen(vectors(masked, halved), 3, 20, 11, 2, 70, 5, 4, count, 150)
    assert numbers[150:].tobytes() == masked[150:].tobytes() and numbers[60:].tobytes() == masked[60:].tobytes()
    for g in range(2):
        for r in range(3):
            sums = numbers[3 + 7 * g + r]
            for n in range(count):
                sums = sums + np.where(bits[11 * g + 2 * n], numbers[70 + 5 * r + 4 * n], 0).astype(dtype)
            assert np.array_equal(masked[150 + 5 * g + r], sums)


@jit(cache=False)
def _rows(array):
    rows, one = load(array, 0, 4), load(array, 4, 1)
    store(array, 10, repeat_rows(load(array, 0, 2), rows))
    store(array, 14, largest_rows(one, rows))
    store(array, 15, sum_squares(one, rows))
    store(array, 16, where_bits(load(array, 5, 1), rows, load(array, 6, 4)))


@every_kind
def test_rows_are_repeated_compared_squared_and_chosen(dtype, halved):
    array = uniform(20, dtype, halved)
    array[1, 3] = np.nan
    third = np.arange(array.shape[1]) % 3 == 0
    array[5] = masks_of(third, dtype)
    before = array.copy()
    _rows(vectors(array, halved))
    assert np.array_equal(array[10:14], before[[0, 0, 1, 1]], equal_nan=True)
    assert np.array_equal(array[14], np.fmax.reduce(before[:5]))
    right = before[4] + (before[:4].astype(float) ** 2).sum(0)
    assert np.allclose(array[15], right, rtol=10 * np.finfo(dtype).eps, atol=0, equal_nan=True)
    assert np.array_equal(array[16:20], np.where(third, before[:4], before[6:10]), equal_nan=True)


@jit(cache=False)
def _largest(array):
    store(array, 4, largest_magnitude(load(array, 0, 1), load(array, 1, 3)))


@every_kind
def test_the_largest_magnitude_of_each_lane(dtype, halved):
    rng, tiny, most = np.random.default_rng(4), np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    special = [0, -0.0, tiny, -tiny, 1, -1.5, most, -most, np.inf, -np.inf, np.nan, -np.nan]
    seen = set()
    for _ in range(100):
        array = np.zeros((5, lanes_of(dtype, halved)), dtype)
        array[:4] = np.where(
            rng.random((4, array.shape[1])) < 0.3,
            rng.choice(special, (4, array.shape[1])),
            rng.normal(size=(4, array.shape[1])),
        )
        # The first operand has no signs.
        array[0] = np.abs(array[0])
        _largest(vectors(array, halved))
        # NumPy's maximum is NaN wherever there is one.
        assert np.array_equal(array[4], np.maximum.reduce(np.abs(array[:4])), equal_nan=True)
        assert not np.signbit(array[4]).any()
        seen |= {"nan" if np.isnan(x) else "inf" if np.isinf(x) else "finite" for x in array[4]}
    assert seen == {"nan", "inf", "finite"}


@jit(cache=False)
def _bits(array, row, stride, words, first, positions):
    store_lane_bits(array, row, stride, words, first, 3, 2, positions, 0)


@jit(cache=False)
def _masks(array, row, stride, words, first, positions):
    store_lane_bits(array, row, stride, words, first, 3, 2, positions, 1)


@every_kind
def test_each_lane_takes_its_own_bit_of_its_own_words(dtype, halved):
    lanes, rng = lanes_of(dtype, halved), np.random.default_rng(1)
    words = rng.integers(0, 2**64, (9, lanes), np.uint64)
    halves = np.stack([words & np.uint64(2**32 - 1), words >> np.uint64(32)], 1).astype(np.uint32)
    positions = np.array([0, 31, 32, 63, *rng.integers(0, 63, lanes - 4)], np.uint32)
    array, masks = np.full((20, lanes), 7, dtype), np.full((20, lanes), 7, dtype)
    _bits(vectors(array, halved), 2, 5, halves, 3, positions)
    _masks(vectors(masks, halved), 2, 5, halves, 3, positions)
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


@every_kind
def test_constants_are_vectors_or_numbers_under_their_names(dtype, halved):
    @jit(cache=False)
    def constants(kind, array):
        pair = constants_of(kind, array, 3)
        store(array, 0, _sum(pair.one, pair.other))
        number = constants_at(kind, array, 3, 2)
        return number.one, number.other

    array = uniform(6, dtype, halved)
    assert jit(cache=False)(lambda array: constants(Pair, array))(vectors(array, halved)) == (array[3, 2], array[4, 2])
    assert np.array_equal(array[0], array[3] + 2 * array[4])
