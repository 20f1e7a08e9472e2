"""Tuples that Python stores for compiled code: what is read there is what was stored, what is written there stays."""

import gc
from typing import NamedTuple

import numpy as np
import pytest

from fastrnn.compiling import addressed, jit
from fastrnn.kernels.reference import Erased, Stored, bound, held
from fastrnn.machine.address import Address, call


class Inside(NamedTuple):
    array: np.ndarray
    flag: bool
    number: float
    second: bool
    third: bool


class Outside(NamedTuple):
    inside: Inside
    counts: tuple
    empty: tuple
    words: np.ndarray
    whole: int
    other: Stored


def outside(other):
    inside = Inside(np.arange(6, dtype=np.float32).reshape(2, 3), True, 2.5, False, True)
    return Outside(inside, (7, 8, 9), (), np.arange(3), -11, other)


@jit(cache=False)
def read(place, out):
    inside = place.inside
    out[0], out[1], out[2] = inside.array[1, 2], inside.flag, inside.number
    out[3], out[4], out[5] = inside.second, inside.third, inside.array.shape[1]
    out[6], out[7] = place.words[2], place.whole
    counts, (words, number) = held(place).counts, held(place.other)
    out[8], out[9], out[10] = counts[2], words[1], number


@jit(cache=False)
def write(place, value):
    # numba replaces bool() by its definition, and then drops what it takes for useless.
    if bool(value > 0):
        place.inside.array[0, 1] = value
        place.words[0] = 5


def test_every_kind_of_value_comes_back():
    # Only the outer one is kept.
    stored, out = Stored(outside(Stored((np.array([3, 4]), 0.5)))), np.zeros(11)
    gc.collect()
    read(stored.reference, out)
    assert out.tolist() == [5, 1, 2.5, 0, 1, 3, 2, -11, 9, 4, 0.5]


def test_what_is_written_stays_written():
    values = outside(Stored((np.array([3, 4]), 0.5)))
    write(Stored(values).reference, 1.5)
    assert values.inside.array[0, 1] == 1.5 and values.words[0] == 5


@pytest.mark.parametrize("value", ["text", None, 1j, np.float32(1), [1.0]])
def test_other_values_are_refused(value):
    with pytest.raises(TypeError, match="Stored: expected arrays, numbers and Addresses, got"):
        Stored((np.zeros(2), value))


class Counter(NamedTuple):
    array: np.ndarray
    number: int


@addressed
def add_to(counter, amount):
    counter.array[0] += counter.number + amount


@jit(cache=False)
def call_it(address, counter, amount):
    call(address, (counter, amount))


def test_what_calls_for_erased_tuples_is_compiled_once():
    for dtype in (np.int64, np.float32):
        array = np.zeros(2, dtype)
        made = bound(add_to, Stored(Counter(array, 3)), 0)
        gc.collect()
        call_it(*made, 4)
        assert array.tolist() == [7, 0]
    assert len(add_to.overloads) == 2 and len(call_it.overloads) == 1


@jit(cache=False)
def call_stored(pair, amount):
    call(pair.address, (pair.counter, amount))


class Pair(NamedTuple):
    address: Address
    counter: Erased


def test_an_erased_tuple_may_be_stored():
    array = np.zeros(2)
    stored = Stored(Pair(*bound(add_to, Stored(Counter(array, 3)), 0)))
    gc.collect()
    call_stored(stored.reference, 4)
    assert array.tolist() == [7, 0]
