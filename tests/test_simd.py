"""The SIMD vocabulary against NumPy: mathematics within the stated errors, memory and sums exactly."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrnn import simd
from fastrnn.compiling import jit
from fastrnn.kernels.workspace import inputs_dtype
from fastrnn.simd import functions, pointwise
from fastrnn.simd.integers import atomic_add, atomic_load, multiply_wide, store_halves
from fastrnn.simd.product import product_split

# A NumPy whose longdouble is no longer than a double adds its own rounding to every error below.
REFERENCE_ROUNDING = np.finfo(np.longdouble).eps


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def lanes_of(dtype):
    return 64 // np.dtype(dtype).itemsize


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def whole_numbers(shape, dtype, seed):
    """Small enough that every product and sum of them is exact, in any order."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


# Mathematics.

exp = pointwise(lambda x: functions.exp(x))
log = pointwise(lambda x: functions.log(x))
sigmoid = pointwise(lambda x: functions.sigmoid(x))
tanh = pointwise(lambda x: functions.tanh(x))
softplus = pointwise(lambda x: functions.softplus(x))


@jit
def run_exp(x, out):
    for s in range(0, simd.numbers(x).size, simd.lanes(x)):
        simd.store(out, (s,), exp(simd.load(x, (s,), 1)))


@jit
def run_log(x, out):
    for s in range(0, simd.numbers(x).size, simd.lanes(x)):
        simd.store(out, (s,), log(simd.load(x, (s,), 1)))


@jit
def run_sigmoid(x, out):
    for s in range(0, simd.numbers(x).size, simd.lanes(x)):
        simd.store(out, (s,), sigmoid(simd.load(x, (s,), 1)))


@jit
def run_tanh(x, out):
    for s in range(0, simd.numbers(x).size, simd.lanes(x)):
        simd.store(out, (s,), tanh(simd.load(x, (s,), 1)))


@jit
def run_softplus(x, out):
    for s in range(0, simd.numbers(x).size, simd.lanes(x)):
        simd.store(out, (s,), softplus(simd.load(x, (s,), 1)))


def right_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def right_softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# name: (kernel, NumPy's, largest |x| for each dtype, how an error is measured)
FUNCTIONS = {
    "exp": (run_exp, np.exp, (87, 708), "relative"),
    "log": (run_log, np.log, (np.inf, np.inf), "mixed"),
    "sigmoid": (run_sigmoid, right_sigmoid, (np.inf, np.inf), "absolute"),
    "tanh": (run_tanh, np.tanh, (np.inf, np.inf), "absolute"),
    "softplus": (run_softplus, right_softplus, (np.inf, np.inf), "mixed"),
}
MEASURES = {
    "relative": lambda error, right: error / np.abs(right),
    "absolute": lambda error, right: error,
    "mixed": lambda error, right: error / np.maximum(1, np.abs(right)),
}


def apply(name, x, halved=False):
    padded = np.ones(-(-x.size // 16) * 16, x.dtype)
    padded[: x.size] = x
    out = np.empty_like(padded)
    FUNCTIONS[name][0](*((simd.Halves(padded), simd.Halves(out)) if halved else (padded, out)))
    return out[: x.size]


def stated_bounds():
    """{(function, dtype): bound}, read from the table in the docstring."""
    line = r"^    (\w+) +([\d.e-]+) (\w+) +([\d.e-]+) (\w+)(?: +([\d.e-]+) in float32 without AVX-512)?"
    rows = re.findall(line, functions.__doc__, re.MULTILINE)
    bounds = {}
    for name, float32, measure_32, float64, measure_64, without in rows:
        assert measure_32 == measure_64 == FUNCTIONS[name][3]
        float32 = float32 if functions.TABLE or not without else without
        bounds[name, np.float32], bounds[name, np.float64] = float(float32), float(float64)
    return bounds


def points(dtype):
    """Every 997th float32, or 4 million float64 of every size and dense where errors are large; finite."""
    if dtype is np.float32:
        x = np.arange(0, 2**32, 997, np.uint64).astype(np.uint32).view(np.float32)
        return x[np.isfinite(x)]
    rng = np.random.default_rng(1)
    count = 800_000
    return np.concatenate([
        rng.uniform(-20, 20, count), rng.uniform(-1, 1, count), rng.uniform(-708, 708, count),
        rng.choice([-1, 1], count) * 2.0 ** rng.uniform(-1022, 1023, count),
        1 + rng.uniform(-1, 1, count) * 10.0 ** rng.uniform(-8, 0, count),
    ])


def largest_error(name, dtype):
    """Over the points in the function's domain, by the measure of its row."""
    _, right, limits, measure = FUNCTIONS[name]
    x = points(dtype)
    x = x[np.abs(x) <= limits[dtype is np.float64]]
    if name == "log":
        x = x[x >= np.finfo(dtype).tiny]
    assert x.size > 1_000_000
    expected = right(x.astype(np.longdouble))
    return MEASURES[measure](np.abs(apply(name, x) - expected), expected).max()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_within_the_stated_bounds(name, dtype):
    bound, error = stated_bounds()[name, dtype], largest_error(name, dtype)
    assert error <= bound + REFERENCE_ROUNDING
    # A bound far above the truth says nothing.
    assert error >= bound / 1.5


def test_every_function_has_a_stated_bound():
    assert set(stated_bounds()) == {(name, dtype) for name in FUNCTIONS for dtype in (np.float32, np.float64)}


EXACT = [
    ("sigmoid", 0, 0.5),
    ("sigmoid", -0.0, 0.5),
    ("tanh", 0, 0),
    ("log", 1, 0),
    ("log", np.inf, np.inf),
    ("sigmoid", np.inf, 1),
    ("tanh", np.inf, 1),
    ("tanh", -np.inf, -1),
    ("softplus", np.inf, np.inf),
    ("softplus", -np.inf, 0),
    ("softplus", 1e30, 1e30),
    ("tanh", 1e30, 1),
    ("tanh", -1e30, -1),
    ("sigmoid", 1e30, 1),
    ("softplus", -1e30, 0),
]


@pytest.mark.parametrize(("name", "x", "expected"), EXACT)
def test_exact_values(name, x, expected, dtype):
    assert apply(name, np.array([x], dtype))[0] == dtype(expected)


def test_tanh_keeps_the_digits_and_the_sign_of_small_numbers(dtype):
    eps = np.finfo(dtype).eps
    x = np.array([1e-3, 1e-8, 1e-20, 1e-37], dtype)
    assert (np.abs(apply("tanh", x) / np.tanh(x.astype(np.longdouble)) - 1) <= 2 * eps).all()
    assert (np.abs(apply("tanh", -x) / np.tanh(-x.astype(np.longdouble)) - 1) <= 2 * eps).all()


def test_exp_and_sigmoid_hold_their_last_value_beyond_the_range(dtype):
    limit = dtype(708 if dtype is np.float64 else 87)
    for name in ("exp", "sigmoid"):
        low, high = apply(name, np.array([-limit, limit]))
        assert low >= np.finfo(dtype).tiny and np.isfinite(high)
        assert np.array_equal(apply(name, np.array([-np.inf, -1e30, 1e30, np.inf], dtype)), [low, low, high, high])


def nans(dtype, lowest):
    """Quiet NaNs of both signs, plain and with one or all of the payload's bits from `lowest` on."""
    integer, plain, top = (np.uint32, 0x7FC00000, 22) if dtype is np.float32 else (np.uint64, 0x7FF8 << 48, 51)
    payloads = [0, (1 << top) - (1 << lowest), *(1 << bit for bit in range(lowest, top))]
    sign = 1 << (8 * np.dtype(dtype).itemsize - 1)
    return np.array([negative | plain | payload for negative in (0, sign) for payload in payloads], integer).view(dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_nan_stays_a_nan(name, dtype):
    # sigmoid moves its lowest bits into sign and exponent: those of R's NA, but of no NaN that arithmetic makes.
    lowest = 0 if name != "sigmoid" else 9 if dtype is np.float32 else 12
    x = nans(dtype, lowest)
    assert np.isnan(x).all()
    assert np.isnan(apply(name, x)).all()


def test_functions_grow_where_they_should(dtype):
    # A step at a seam of the polynomials would mislead a gradient.
    eps = np.finfo(dtype).eps
    x = np.linspace(-20, 20, 100_000).astype(dtype)
    for name in ("sigmoid", "tanh", "softplus"):
        y = apply(name, x)
        assert (np.diff(y) >= -4 * eps * np.maximum(1, np.abs(y[1:]))).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vectors_of_half_the_size_change_no_bit(name, dtype):
    x = np.concatenate([points(dtype)[::7], np.array([np.inf, -np.inf, 0, -0.0], dtype), nans(dtype, 0)])
    assert apply(name, x, halved=True).tobytes() == apply(name, x).tobytes()


@jit
def run_sigmoid_rows(x, out):
    width = simd.lanes(x)
    for s in range(0, simd.numbers(x).size, 6 * width):
        simd.store(out, s, sigmoid(simd.load(x, s, 1)))
        simd.store(out, s + width, sigmoid(simd.load(x, s + width, 2)))
        simd.store(out, s + 3 * width, sigmoid(simd.load(x, s + 3 * width, 3)))


@pytest.mark.parametrize("halved", [False, True])
def test_rows_that_are_worked_on_together_change_no_bit(halved, dtype):
    # Two at a time: of three, one is left over.
    x = np.linspace(-100, 100, 96 * 100).astype(dtype)
    out = np.empty_like(x)
    run_sigmoid_rows(*((simd.Halves(x), simd.Halves(out)) if halved else (x, out)))
    assert out.tobytes() == apply("sigmoid", x).tobytes()


# Memory.

def square(dtype, seed=0):
    return numbers((lanes_of(dtype), lanes_of(dtype)), dtype, seed)


@jit
def copy_rows(a, out):
    simd.store(out, (1, 2), simd.load(a, (1, 1), 3))
    simd.store(out, (2,), simd.load_like(a, (0, 2), simd.zeros(a, 1)))
    return simd.lanes(a)


def test_load_and_store(dtype):
    lanes = lanes_of(dtype)
    a, out = numbers((3, 5, lanes), dtype), np.zeros((3, 8, lanes), dtype)
    assert copy_rows(a, out) == lanes
    expected = np.zeros_like(out)
    expected[1, 2:5], expected[2, 0] = a[1, 1:4], a[0, 2]
    assert np.array_equal(out, expected)


@jit
def copy_from(a, first, out):
    simd.store(out, first, simd.load(a, first, 1))


@pytest.mark.parametrize("first", [0, 1, 5])
def test_a_vector_may_start_anywhere(first, dtype):
    lanes = lanes_of(dtype)
    a, out = numbers(3 * lanes, dtype), np.zeros(3 * lanes, dtype)
    copy_from(a, first, out)
    assert np.array_equal(out[first : first + lanes], a[first : first + lanes])
    assert not out[:first].any() and not out[first + lanes :].any()


@jit
def zero_rows(out):
    simd.store(out, (1,), simd.zeros(out, 3))


def test_zeros(dtype):
    out = np.ones((5, lanes_of(dtype)), dtype)
    zero_rows(out)
    assert np.array_equal(out[:, 0], [1, 0, 0, 0, 1]) and np.array_equal(out.min(1), out.max(1))


@jit
def splat_rows(a, out):
    simd.store(out, (0,), simd.splat(a, (1, 2)))
    simd.store(out, (1,), simd.splat(a, (2,)))


def test_splat(dtype):
    a, out = numbers((3, 4), dtype), np.zeros((2, lanes_of(dtype)), dtype)
    splat_rows(a, out)
    assert (out[0] == a[1, 2]).all() and (out[1] == a[2, 0]).all()


@jit
def run_transpose(a, out):
    simd.store(out, (0,), simd.transpose(simd.load_square(a, (0,))))


def test_transpose(dtype):
    a = square(dtype)
    out = np.zeros_like(a)
    run_transpose(a, out)
    assert np.array_equal(out, a.T)


@jit
def run_sum_lanes(a, out):
    simd.store(out, (0,), simd.sum_lanes(simd.load_square(a, (0,))))


def summed_by_halves(a):
    """The sums along the last axis as a tree: its first half and its second, until one is left."""
    while a.shape[-1] > 1:
        first, second = np.split(a, 2, axis=-1)
        a = first + second
    return a[..., 0]


def test_sum_lanes(dtype):
    a = square(dtype)
    out = np.zeros(lanes_of(dtype), dtype)
    run_sum_lanes(a, out)
    # The order of the sums is fixed, so the last bit is as well.
    assert np.array_equal(out, summed_by_halves(a))
    run_sum_lanes(np.arange(a.size, dtype=dtype).reshape(a.shape), out)
    assert np.array_equal(out, np.arange(a.size).reshape(a.shape).sum(1))


@jit
def run_dot_lanes(a, weights, out):
    simd.store(out, (0, 0), simd.dot_lanes(a, (1, 2), simd.load(weights, (0,), 1), simd.zeros(out, 2)))


def test_dot_lanes(dtype):
    lanes = lanes_of(dtype)
    a, weights = whole_numbers((3, lanes + 5, lanes), dtype, 1), whole_numbers(lanes, dtype, 2)
    out = np.zeros((2, lanes), dtype)
    run_dot_lanes(a, weights, out)
    assert np.array_equal(out, a[1:, 2 : 2 + lanes] @ weights)


@jit
def total_and_least(a):
    vector = simd.load(a, (0,), 1)
    return simd.total(vector), simd.least(vector)


def test_total_and_least(dtype):
    lanes = lanes_of(dtype)
    for seed in range(lanes):
        a = numbers(lanes, dtype, seed)
        a[seed] = -9
        assert total_and_least(a) == (summed_by_halves(a), -9)


@jit
def run_store_bits(word, out):
    simd.store_bits(out, (0,), word)


@pytest.mark.parametrize("word", [0, 1, 0x8000, 0xFFFF, 0xA5C3, 2**64 - 1, 0x123456789ABC])
def test_store_bits(word, dtype):
    out = np.zeros(lanes_of(dtype), dtype)
    run_store_bits(np.uint64(word), out)
    assert np.array_equal(out, [word >> lane & 1 for lane in range(out.size)])
    masks = np.zeros(out.size, inputs_dtype(dtype, bits=True))
    run_store_bits(np.uint64(word), masks)
    assert np.array_equal(masks, np.where(out == 1, np.iinfo(masks.dtype).max, masks.dtype.type(0)))


@jit
def run_masked(sums, x, w, out, folded):
    simd.store(out, 0, simd.product_along(simd.load(sums, 0, 2), x, (0, 1), w, 0, 3))
    simd.store(folded, 0, simd.fold(simd.load(sums, 2, 1), x, (0, 1), simd.load(w, 0, 2)))


def test_masks_are_ones_and_zeros_to_the_bit(dtype):
    lanes, bits = lanes_of(dtype), np.random.default_rng(5).integers(0, 2, (3, 8))
    sums, w = numbers((3, lanes), dtype, 1), numbers((3, lanes), dtype, 2)
    results = []
    for x in (
        bits.astype(dtype),
        np.where(bits == 1, ~np.zeros(1, inputs_dtype(dtype, bits=True)), inputs_dtype(dtype, bits=True).type(0)),
    ):
        out, folded = np.zeros((2, lanes), dtype), np.zeros((1, lanes), dtype)
        run_masked(sums, x, w, out, folded)
        results.append(out.tobytes() + folded.tobytes())
    assert results[0] == results[1] and np.frombuffer(results[0], dtype).any()


@jit
def run_along(a, out):
    simd.store_along(out, (1, 0), simd.load_along(a, (0, 1, 0), simd.zeros(a, 2)))


def test_rows_along_the_first_axis(dtype):
    a, out = numbers((2, 2, lanes_of(dtype)), dtype, 1), np.zeros((3, lanes_of(dtype)), dtype)
    run_along(a, out)
    assert np.array_equal(out[1:], a[:, 1]) and not out[0].any()


@jit
def run_lanes_to_bits(a, threshold):
    return simd.lanes_to_bits(simd.load(a, (0,), 1), threshold)


def test_lanes_to_bits(dtype):
    for threshold in (0.0, 0.25, -1.0):
        for seed in range(20):
            a = numbers(lanes_of(dtype), dtype, seed)
            # Only what is greater counts: not the threshold itself, not NaN.
            a[seed % a.size], a[(seed + 3) % a.size], a[(seed + 5) % a.size] = threshold, np.nan, np.inf
            expected = sum(1 << lane for lane in range(a.size) if a[lane] > threshold)
            assert run_lanes_to_bits(a, threshold) == expected


@jit
def run_fold(start, a, rows, out):
    simd.store(out, (0,), simd.fold(simd.load(start, (0,), 1), a, (1, 2), simd.load(rows, (0,), 5)))


@jit
def run_sum_rows(start, rows, out):
    simd.store(out, (0,), simd.sum_rows(simd.load(start, (0,), 1), simd.load(rows, (0,), 5)))


def test_fold(dtype):
    lanes = lanes_of(dtype)
    start, a, rows, out = (whole_numbers(shape, dtype, 1) for shape in (lanes, (3, 9), (5, lanes), lanes))
    run_fold(start, a, rows, out)
    assert np.array_equal(out, start + a[1, 2:7] @ rows)


def test_sum_rows(dtype):
    lanes = lanes_of(dtype)
    start, rows, out = numbers(lanes, dtype, 1), numbers((5, lanes), dtype, 2), np.zeros(lanes, dtype)
    run_sum_rows(start, rows, out)
    expected = start
    for row in rows:
        expected = expected + row
    assert np.array_equal(out, expected)


@jit
def run_magnitude(a, count, out):
    simd.store(out, (0,), simd.magnitude(simd.load(a, (0,), 1), count))


def test_magnitude(dtype):
    lanes = lanes_of(dtype)
    a, out = numbers(lanes, dtype), np.zeros(lanes, dtype)
    a[2], a[3] = -np.inf, -np.nan
    for count in (*range(lanes + 1), lanes + 7):
        run_magnitude(a, count, out)
        assert np.array_equal(out[:count], np.abs(a[:count]), equal_nan=True)
        assert (out[count:] == np.inf).all()


# Products: a (2, 7, 9), tiles of 6 and of 4 rows.

@jit
def run_down_6(start, a, i, k, b, row, count, out):
    simd.store(out, (0,), simd.product_down(simd.load(start, (0,), 6), a, (1, i, k), b, (row,), count))


@jit
def run_down_4(start, a, i, k, b, row, count, out):
    simd.store(out, (0,), simd.product_down(simd.load(start, (0,), 4), a, (1, i, k), b, (row,), count))


@jit
def run_along_6(start, a, i, k, b, row, count, out):
    simd.store(out, (0,), simd.product_along(simd.load(start, (0,), 6), a, (1, i, k), b, (row,), count))


@jit
def run_along_4(start, a, i, k, b, row, count, out):
    simd.store(out, (0,), simd.product_along(simd.load(start, (0,), 4), a, (1, i, k), b, (row,), count))


@pytest.mark.parametrize("rows", [4, 6])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_products(rows, count, dtype):
    lanes = lanes_of(dtype)
    start, a, b = (
        whole_numbers(shape, dtype, seed) for seed, shape in enumerate([(rows, lanes), (2, 9, 9), (8, lanes)])
    )
    out = np.zeros_like(start)
    down, along = (run_down_4, run_along_4) if rows == 4 else (run_down_6, run_along_6)
    down(start, a, 1, 3, b, 2, count, out)
    assert np.array_equal(out, start + a[1, 1 : 1 + rows, 3 : 3 + count] @ b[2 : 2 + count])
    along(start, a, 3, 1, b, 2, count, out)
    assert np.array_equal(out, start + a[1, 3 : 3 + count, 1 : 1 + rows].T @ b[2 : 2 + count])


def test_a_sum_does_not_depend_on_its_tile(dtype):
    lanes = lanes_of(dtype)
    start, a, b = numbers((6, lanes), dtype, 0), numbers((2, 9, 9), dtype, 1), numbers((8, lanes), dtype, 2)
    for small, large in ((run_down_4, run_down_6), (run_along_4, run_along_6)):
        four, six = np.zeros((4, lanes), dtype), np.zeros((6, lanes), dtype)
        small(start[:4], a, 1, 2, b, 0, 6, four)
        large(start, a, 1, 2, b, 0, 6, six)
        assert np.array_equal(four, six[:4])


@jit
def run_split(start, a, k, b, row, count, out):
    simd.store(out, (0,), product_split(simd.load(start, (0,), 4), a, (1, k), b, (row,), count))


@pytest.mark.parametrize("count", [0, 4, 12])
def test_product_split(count, dtype):
    lanes = lanes_of(dtype)
    start, a, b = (whole_numbers(shape, dtype, seed) for seed, shape in enumerate([(4, lanes), (2, 20), (15, lanes)]))
    out = np.zeros_like(start)
    run_split(start, a, 3, b, 2, count, out)
    terms = a[1, 3 : 3 + count, None] * b[2 : 2 + count]
    assert np.array_equal(out, start + terms.reshape(-1, 4, lanes).sum(0))


# Integers.

@jit
def products(a, b, high, low):
    for i in range(a.size):
        high[i], low[i] = multiply_wide(a[i], b[i])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**32, 2**63, 2**64 - 1])] * 2),
        min_size=1,
        max_size=50,
    )
)
def test_a_product_of_two_words_is_two_words(pairs):
    a, b = (np.array(column, np.uint64) for column in zip(*pairs))
    high, low = np.zeros_like(a), np.zeros_like(a)
    products(a, b, high, low)
    assert high.tolist() == [x * y >> 64 for x, y in pairs] and low.tolist() == [x * y % 2**64 for x, y in pairs]


@jit
def split_words(array, row, column, words):
    store_halves(array, row, column, words)


def test_halves_of_words_go_down_a_column():
    words = np.random.default_rng(0).integers(0, 2**64, 5, np.uint64)
    array = np.zeros((8, 2, 4), np.uint32)
    split_words(array, 2, 3, words)
    expected = np.zeros_like(array)
    expected[2:7, 0, 3], expected[2:7, 1, 3] = (
        [int(word) % 2**32 for word in words],
        [int(word) >> 32 for word in words],
    )
    assert np.array_equal(array, expected)


@jit
def count_up(counter, ready, me, times, seen):
    # Both threads are here before either begins, or the first may be done when the second starts.
    atomic_add(ready, me, 1)
    for _ in range(100_000_000):
        if atomic_load(ready, 1 - me):
            break
    for _ in range(times):
        seen[atomic_add(counter, 1, 1)] += 1


@jit(cache=False)  # code from the cache cannot be looked at
def add_once(counter, index, amount):
    return atomic_add(counter, index, amount), atomic_load(counter, index)


def test_atomic_add_returns_what_was_there():
    counter = np.array([5, 7, 9])
    assert add_once(counter, 1, -3) == (7, 4)
    assert counter.tolist() == [5, 4, 9]
    # A race need not show in the next test.
    (code,) = add_once.inspect_llvm().values()
    assert "atomicrmw add" in code and "load atomic" in code


def test_atomic_add_from_two_threads_loses_nothing():
    times = 5_000_000
    counter, ready, seen = np.zeros(3, np.int64), np.ones(2, np.int64), np.zeros((2, 2 * times), np.int8)
    count_up(counter.copy(), ready, 0, 1, seen[0].copy())  # compiles
    ready[:] = 0
    workers = [threading.Thread(target=count_up, args=(counter, ready, me, times, row)) for me, row in enumerate(seen)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.tolist() == [0, 2 * times, 0]
    assert (seen.sum(0) == 1).all(), "two threads were given the same number"


# pointwise.

scaled = pointwise(lambda a, x, y: a * x + y)
sum_and_difference = pointwise(lambda x, y: (x + y, x - y))
tenth = pointwise(lambda x: x * 0.1 + 1 / (x + 3))
limited = pointwise(lambda x: simd.clamp(x, -1, 0.5))
larger = pointwise(lambda x, y: simd.select(x > y, x, y))
root = pointwise(lambda x: -simd.square_root(x))


@jit
def run_scaled(a, x, y, out):
    simd.store(out, (0,), scaled(a, simd.load(x, (0,), 6), simd.load(y, (0,), 1)))
    simd.store(out, (6,), scaled(a, simd.load(y, (0,), 1), simd.load(x, (0,), 3)))


def test_one_row_and_scalars_are_broadcast(dtype):
    lanes = lanes_of(dtype)
    x, y, out = whole_numbers((6, lanes), dtype, 1), whole_numbers((1, lanes), dtype, 2), np.zeros((9, lanes), dtype)
    run_scaled(3.0, x, y, out)
    assert np.array_equal(out[:6], 3 * x + y)
    assert np.array_equal(out[6:], 3 * y + x[:3])
    # An integer scalar arrives as a float.
    run_scaled(2, x, y, out)
    assert np.array_equal(out[:6], 2 * x + y)


@jit
def run_sum_and_difference(x, y, sums, differences):
    first, second = sum_and_difference(simd.load(x, (0,), 4), simd.load(y, (0,), 4))
    simd.store(sums, (0,), first)
    simd.store(differences, (0,), second)


def test_a_tuple_becomes_a_tuple_of_rows(dtype):
    x, y, sums, differences = (numbers((4, lanes_of(dtype)), dtype, seed) for seed in range(4))
    run_sum_and_difference(x, y, sums, differences)
    assert np.array_equal(sums, x + y)
    assert np.array_equal(differences, x - y)


@jit
def run_tenth(x, out):
    simd.store(out, (0,), tenth(simd.load(x, (0,), 2)))


def test_constants_take_the_dtype_of_the_vector(dtype):
    x = numbers((2, lanes_of(dtype)), dtype) + dtype(5)
    out = np.zeros_like(x)
    run_tenth(x, out)
    # Computed in float64 and rounded once at the end, a float32 would differ in its last bit.
    assert np.array_equal(out, x * dtype(0.1) + dtype(1) / (x + dtype(3)))


@jit(cache=False)  # code from the cache cannot be looked at
def run_scalar(a, x, out):
    simd.store(out, (0,), scaled(a, simd.load(x, (0,), 1), simd.load(x, (0,), 1)))


def test_float32_never_widens():
    x, out = numbers((1, 16), np.float32), np.zeros((1, 16), np.float32)
    run_scalar(0.1, x, out)
    (code,) = run_scalar.inspect_llvm().values()
    assert "<16 x float>" in code
    assert "x double>" not in code
    assert np.array_equal(out, np.float32(0.1) * x + x)


@jit
def run_small(x, y, out):
    simd.store(out, (0,), limited(simd.load(x, (0,), 1)))
    simd.store(out, (1,), larger(simd.load(x, (0,), 1), simd.load(y, (0,), 1)))
    simd.store(out, (2,), root(simd.load(x, (0,), 1)))


def test_clamp_select_and_square_root(dtype):
    lanes = lanes_of(dtype)
    x, y, out = numbers(lanes, dtype, 1), numbers(lanes, dtype, 2), np.zeros((3, lanes), dtype)
    x[0], x[1] = np.nan, 4
    run_small(x, y, out)
    assert np.array_equal(out[0], np.clip(x, dtype(-1), dtype(0.5)), equal_nan=True)
    assert np.array_equal(out[1], np.where(x > y, x, y), equal_nan=True)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(out[2], -np.sqrt(x), equal_nan=True)


def test_a_formula_needs_a_vector():
    # On scalars alone it is no call of ours, and numba says so where it compiles.
    with pytest.raises(Exception, match="No implementation of function|Invalid use"):
        jit(lambda x: tenth(x))(1.0)


@jit
def run_in_registers(a, w, out):
    simd.store(
        out,
        (0, 0),
        simd.sum_tree(
            simd.product_lanes(
                simd.product_lanes(simd.spread(simd.load(a, 0, 1), 8), simd.load(a, 1, 1), 0, w, 2),
                simd.load(a, 1, 1),
                8,
                w,
                10,
            )
        ),
    )
    simd.store(out, (1, 0), simd.sum_tree(simd.load(a, 0, 3)))
    simd.put(out, (2, 1), a[0, 0])


def test_what_stays_in_registers(dtype):
    lanes = lanes_of(dtype)
    a, w, out = (
        whole_numbers((3, lanes), dtype, 1),
        whole_numbers((lanes + 2, lanes), dtype, 2),
        np.zeros((3, lanes), dtype),
    )
    run_in_registers(a, w, out)
    assert np.array_equal(out[0], a[0] + a[1] @ w[2:])
    assert np.array_equal(out[1], a.sum(0))
    assert out[2, 1] == a[0, 0] and np.count_nonzero(out[2]) <= 1


@jit
def run_product_over(sums, a, b, out):
    simd.store(out, 0, simd.product_over(simd.load(sums, 0, 2), a, (1, 1, 2), b, 1, 3))


def test_product_over(dtype):
    lanes = lanes_of(dtype)
    sums, a, b = (
        whole_numbers((2, lanes), dtype, 1),
        whole_numbers((4, 2, 5), dtype, 2),
        whole_numbers((4, lanes), dtype, 3),
    )
    out = np.zeros((2, lanes), dtype)
    run_product_over(sums, a, b, out)
    assert np.array_equal(out, sums + a[1:, 1, 2:4].T @ b[1:])
