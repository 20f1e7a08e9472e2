"""Integers, doubles, records and calls of the machines, compiled and as plain Python, beside those of Python."""

from typing import NamedTuple

import numpy as np
import pytest

from fastrnn.machine.execute import Program
from fastrnn.machine.records import Address, Integers, Numbers, frame_on, record_of, values_of, words_of


@pytest.fixture(params=["0", "1"], ids=["compiled", "plain"], autouse=True)
def emulate(request, monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", request.param)


def integers(m):
    a, b, out = m.word("a"), m.word("b"), m.integers("out")
    values = (a << 3, a.shifted_down(b), a.remainder(b), a.least(b), a.most(b), a.below(b), a.either(b), a.both(b),
              (1 - a) * b, a.equals(b), a >> 2)
    for n, value in enumerate(values):
        m.write(out, n, value)


INTEGERS = Program(integers, ("a", "b", "out"), "float32", 8, "")


@pytest.mark.parametrize("a", [0, 1, 12345, 2**62 + 5, -1, -(2**63)])
@pytest.mark.parametrize("b", [1, 7, 63])
def test_integers_are_those_of_python(a, b):
    out = np.zeros(11, np.int64)
    INTEGERS.call(a=a, b=b, out=out)
    word = a % 2**64
    expected = (a << 3, word >> b, word % b, min(a, b), max(a, b), a < b, a | b, a & b, (1 - a) * b, a == b, a >> 2)
    assert [int(value) % 2**64 for value in out] == [int(value) % 2**64 for value in expected]


def doubles(m):
    numbers, given, out = m.pointer("numbers"), m.integers("given"), m.integers("out")
    a, b, single = m.read_double(given, 0), m.read_double(given, 1), m.double(numbers, 2)
    for n, value in enumerate((a + b, a * b, a / b, single, m.as_double(m.word("n")) / m.as_double(3))):
        m.write_double(out, n, value)
    for n, value in enumerate((m.truncated(a), m.is_finite(a), m.is_positive(a), m.is_finite(single))):
        m.write(out, 5 + n, value)
    m.set_number(numbers, 0, a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a, b", [(2.75, 0.1), (-7.9, 3.3), (0.0, -1.0), (1e15 + 0.5, 1e300)])
@pytest.mark.parametrize("single", [0.1, np.inf, np.nan])
def test_doubles_are_those_of_numpy(dtype, a, b, single):
    program = Program(doubles, ("numbers", "given", "out", "n"), dtype, 8, "")
    numbers, given, out = np.full(3, single, dtype), np.array([a, b]), np.zeros(9, np.int64)
    program.call(numbers=numbers, given=given, out=out, n=-10)
    assert np.array_equal(out[:5].view(float), [a + b, a * b, a / b, float(numbers[2]), -10 / 3], equal_nan=True)
    assert out[5:].tolist() == [int(a), 1, a > 0, np.isfinite(single)]
    assert numbers[0] == np.dtype(dtype).type(a)


class Inside(NamedTuple):
    numbers: Numbers
    place: Address


class Outside(NamedTuple):
    integers: Integers
    inside: Inside
    count: int


def add_up(m):
    """Write the sum of all numbers of a record, times a factor, into its first integer."""
    outside, total = record_of(m, Outside, "outside."), m.local(0)
    for n in m.range(outside.count):
        total.set(total.get() + m.truncated(m.double(outside.inside.numbers, n)) + m.read(outside.integers, n))
        total.set(total.get() + m.read(m.as_integers(outside.inside.place), n))
    m.write(outside.integers, 0, total.get() * m.word("factor") + m.word("more"))


def twice(m):
    for n in range(1, 3):
        m.run(m.integers("frame"), ("factor",), factor=n)


def test_a_program_runs_another_one_on_records():
    outside = Outside(np.arange(4), Inside(np.full(4, 0.5) + np.arange(4), np.arange(10, 14)), 4)
    assert words_of(Outside) == list(values_of(outside)) == ["integers", "inside.numbers", "inside.place", "count"]
    frame = frame_on(add_up, ("factor",), "float64", 8, {"more": 100}, outside=outside)
    Program(twice, ("frame",), "float32", 4, "").call(frame=frame)
    # 6 + 6 + 46 and 100 more; then the first integer is that.
    assert outside.integers.tolist() == [(158 + 58) * 2 + 100, 1, 2, 3]


def test_words_of_another_program_are_refused_where_kernels_are_plain_python(monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    outside = Outside(np.arange(4), Inside(np.zeros(4), np.arange(4)), 4)
    frame = frame_on(add_up, ("more", "factor"), "float64", 8, {}, outside=outside)
    with pytest.raises(ValueError, match="run: got factor, but the frame begins with more, factor"):
        Program(twice, ("frame",), "float32", 4, "").call(frame=frame)
    weighing = Program(weigh, ("out", "a", "b", "c"), "float32", 8, "")
    with pytest.raises(ValueError, match="call: got 3 words, expected out, a, b, c"):
        Program(call, ("address", "out", "b"), "float32", 8, "").call(address=weighing.address, out=outside.integers)


def weigh(m):
    m.write(m.integers("out"), 0, m.word("a").differs(m.word("b")))


def call(m):
    m.call(m.word("address"), (m.word("out"), 12, m.word("b")))


def test_a_program_is_called_with_words():
    out, weighing = np.zeros(1, np.int64), Program(weigh, ("out", "a", "b"), "float32", 8, "")
    Program(call, ("address", "out", "b"), "float32", 8, "").call(address=weighing.address, out=out, b=-10)
    assert out[0] == 12 ^ -10
