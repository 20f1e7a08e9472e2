"""Vectors of floats against NumPy: mathematics within the stated errors, sums, bits and orders of lanes exactly."""

import re
import threading

import numpy as np
import pytest
from params import quick

from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.machine.native import _emitted, native
from fastrnn.networks import lanes_for
from fastrnn.simd import functions, pointwise

# A NumPy whose longdouble is no longer than a double adds its own rounding to every error below.
REFERENCE_ROUNDING = np.finfo(np.longdouble).eps


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def run(text, kernel, dtype, **words):
    """Run a kernel on arrays and numbers by name; text: what tells it from others."""
    program = Program(kernel, tuple(words), np.dtype(dtype).name, lanes_for(dtype), text)
    program.run(np.array([each.ctypes.data if hasattr(each, "ctypes") else each for each in words.values()], np.int64))


def computed(name, function, x):
    """function(x) of an array, vector by vector."""
    lanes = lanes_for(x.dtype)
    padded = np.ones(-(-x.size // lanes) * lanes, x.dtype)
    padded[: x.size] = x
    out = np.empty_like(padded)

    def kernel(m):
        source, target = m.pointer("x"), m.pointer("out")
        for row in m.range(m.word("count")):
            m.store(target, row, function(m.load(source, row)))

    run(f"test of {name}", kernel, x.dtype, x=padded, out=out, count=padded.size // lanes)
    return out[: x.size]


# Mathematics.


def right_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def right_softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# name: (ours, NumPy's, largest |x| for each dtype, how an error is measured)
FUNCTIONS = {
    "exp": (functions.exp, np.exp, (87, 708), "relative"),
    "log": (functions.log, np.log, (np.inf, np.inf), "mixed"),
    "sigmoid": (functions.sigmoid, right_sigmoid, (np.inf, np.inf), "absolute"),
    "tanh": (functions.tanh, np.tanh, (np.inf, np.inf), "absolute"),
    "softplus": (functions.softplus, right_softplus, (np.inf, np.inf), "mixed"),
}
MEASURES = {
    "relative": lambda error, right: error / np.abs(right),
    "absolute": lambda error, right: error,
    "mixed": lambda error, right: error / np.maximum(1, np.abs(right)),
}


def apply(name, x):
    """The function of an array, by SIMD vectors."""
    return computed(name, FUNCTIONS[name][0], x)


def stated_bounds():
    """{(function, dtype): bound}, read from the table in the docstring."""
    line = r"^    (\w+) +([\d.e-]+) (\w+) +([\d.e-]+) (\w+)(?: +([\d.e-]+) in float32 without AVX-512)?"
    rows = re.findall(line, functions.__doc__, re.MULTILINE)
    bounds = {}
    for name, float32, measure_32, float64, measure_64, without in rows:
        assert measure_32 == measure_64 == FUNCTIONS[name][3]
        float32 = float32 if functions.BY_TABLE or not without else without
        bounds[name, np.float32], bounds[name, np.float64] = float(float32), float(float64)
    return bounds


def points(dtype, step):
    """Every `step`th float32, or some 4e9 / step float64 of every size and dense where errors are large; finite."""
    if dtype is np.float32:
        x = np.arange(0, 2**32, step, np.uint64).astype(np.uint32).view(np.float32)
        return x[np.isfinite(x)]
    rng = np.random.default_rng(1)
    count = 800_000_000 // step
    return np.concatenate([
        rng.uniform(-20, 20, count), rng.uniform(-1, 1, count), rng.uniform(-708, 708, count),
        rng.choice([-1, 1], count) * 2.0 ** rng.uniform(-1022, 1023, count),
        1 + rng.uniform(-1, 1, count) * 10.0 ** rng.uniform(-8, 0, count),
    ])


def largest_error(name, dtype, step):
    """Over the points in the function's domain, by the measure of its row."""
    _, right, limits, measure = FUNCTIONS[name]
    x = points(dtype, step)
    x = x[np.abs(x) <= limits[dtype is np.float64]]
    if name == "log":
        x = x[x >= np.finfo(dtype).tiny]
    assert x.size > 1_000_000_000 // step
    expected = right(x.astype(np.longdouble))
    return MEASURES[measure](np.abs(apply(name, x) - expected), expected).max()


@pytest.mark.parametrize("step", quick([4999, 997], lambda step: step == 4999))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_within_the_stated_bounds(name, dtype, step):
    bound, error = stated_bounds()[name, dtype], largest_error(name, dtype, step)
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


# Vectors.


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_sums_over_lanes_lie_in_the_order_of_their_vectors(count, dtype):
    lanes = lanes_for(dtype)
    count = min(count, lanes)
    x, out = aligned_zeros((count, lanes), dtype), aligned_zeros(lanes, dtype)
    x[:] = np.random.default_rng(count).integers(-99, 99, x.shape)

    def kernel(m):
        vectors = [m.load(m.pointer("x"), m.integer(row)) for row in range(count)]
        m.store(m.pointer("out"), m.integer(0), m.sums(vectors))
        m.add_sums(m.pointer("total"), [m.integer(row) for row in range(count)], vectors)

    total = np.ones(count, dtype)
    run(f"sums of {count}", kernel, dtype, x=x, out=out, total=total)
    assert np.array_equal(out[:count], x.sum(1)) and np.array_equal(total, 1 + x.sum(1))


def test_rows_and_columns_are_exchanged(dtype):
    lanes = lanes_for(dtype)
    x = np.arange(lanes * lanes, dtype=dtype).reshape(lanes, lanes)
    out = np.empty_like(x)

    def kernel(m):
        vectors = [m.load(m.pointer("x"), m.integer(row)) for row in range(lanes)]
        for row, vector in enumerate(m.transposed(vectors)):
            m.store(m.pointer("out"), m.integer(row), vector)

    run("transposed", kernel, dtype, x=x, out=out)
    assert np.array_equal(out, x.T)


@pytest.mark.parametrize("word", [0, 1, -1, 0x0123456789ABCDEF])
def test_bits_become_lanes_and_lanes_bits(word, dtype):
    lanes = lanes_for(dtype)
    out, words = np.empty((2, lanes), dtype), np.zeros(1, np.int64)

    def kernel(m):
        for row, first in enumerate((0, 64 - lanes)):
            vector = m.from_bits(m.word("word"), m.integer(first))
            m.store(m.pointer("out"), m.integer(row), vector)
        m.write(m.integers("words"), 0, m.mask_bits(vector > 0.5))

    run("bits", kernel, dtype, word=word, out=out, words=words)
    bits = np.array([word >> bit & 1 for bit in range(64)])
    assert np.array_equal(out[0], bits[:lanes]) and np.array_equal(out[1], bits[64 - lanes :])
    assert words[0] == sum(int(bit) << lane for lane, bit in enumerate(bits[64 - lanes :]))


def test_long_vectors_change_no_bit(dtype):
    # Instructions of several vectors alternate, each of them the same.
    x = np.linspace(-100, 100, 64 * 100).astype(dtype)
    out, lanes = np.empty_like(x), lanes_for(dtype)

    def kernel(m):
        for row in m.range(m.word("count"), 0, 4):
            together = m.joined([m.load(m.pointer("x"), row + n) for n in range(4)])
            for n, vector in enumerate(m.parts(functions.sigmoid(together))):
                m.store(m.pointer("out"), row + n, vector)

    run("long vectors", kernel, dtype, x=x, out=out, count=x.size // lanes)
    assert out.tobytes() == apply("sigmoid", x).tobytes()


def test_clamp_and_select(dtype):
    x = np.random.default_rng(0).standard_normal(160).astype(dtype)
    x[:3] = np.nan, np.inf, -np.inf
    clamped = computed("clamp", lambda v: pointwise.clamp(v, -1, 0.5), x)
    assert np.array_equal(clamped, np.clip(x, dtype(-1), dtype(0.5)), equal_nan=True)
    larger = computed("select", lambda v: pointwise.select(v > 0.25, v, 7), x)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(larger, np.where(x > 0.25, x, dtype(7)))


def test_quotients_are_within_a_unit_in_the_last_place(dtype):
    x = np.exp2(np.random.default_rng(0).uniform(-100, 100, 1 << 16)).astype(dtype)
    out = computed("divide", lambda v: pointwise.divide(1, v), x)
    exact = 1 / x.astype(np.longdouble)
    assert (np.abs(out - exact) <= np.spacing(out)).all()


def test_square_roots_are_within_a_unit_in_the_last_place(dtype):
    info = np.finfo(dtype)
    x = np.exp2(np.random.default_rng(0).uniform(info.minexp, info.maxexp, 1 << 18)).astype(dtype)
    x[:7] = 0, info.tiny, info.max, 1, -1, np.nan, np.inf
    out = computed("square root", pointwise.square_root, x)
    exact = np.sqrt(x[7:].astype(np.longdouble))
    assert (np.abs(out[7:] - exact) <= np.spacing(out[7:])).all()
    assert out[0] == 0 and out[3] == 1 and np.isfinite(out[1:3]).all() and np.isnan(out[4:6]).all() and out[6] == np.inf


# Integers.

def count_up(m):
    """Count to `times`, and mark the numbers that this thread was given."""
    ready, seen = m.integers("ready"), m.integers("seen")
    # Both threads are here before either begins, or the first may be done when the second starts.
    m.atomic_add(ready, m.word("me"), 1)
    for _, leave in m.loop(100_000_000):
        leave(m.atomic_read(ready, 1 - m.word("me")))
    for _ in m.range(m.word("times")):
        number = m.atomic_add(m.integers("counter"), 1, 1)
        m.write(seen, number, m.read(seen, number) + 1)


COUNT_UP = Program(count_up, ("ready", "me", "seen", "counter", "times"), "float32", 8, "")


def test_atomic_instructions_are_compiled():
    # A race need not show in the next test.
    compiler = native()
    code = str(_emitted(COUNT_UP, compiler.triple, compiler.layout))
    assert "atomicrmw add" in code and "load atomic" in code


def test_atomic_add_from_two_threads_loses_nothing():
    times = 2_000_000
    counter, ready, seen = np.zeros(3, np.int64), np.zeros(2, np.int64), np.zeros((2, 2 * times), np.int64)
    COUNT_UP.compile()

    def work(me):
        COUNT_UP.call(ready=ready, me=me, seen=seen[me], counter=counter, times=times)

    workers = [threading.Thread(target=work, args=(me,)) for me in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.tolist() == [0, 2 * times, 0]
    assert (seen.sum(0) == 1).all(), "two threads were given the same number"
