"""Calls by address: arguments of other types than the function has are an error while the caller compiles."""

from typing import NamedTuple

import numpy as np
import pytest
from numba import typeof
from numba.core.errors import TypingError

from fastrnn.compiling import jit
from fastrnn.kernels.reference import Stored, held
from fastrnn.machine.address import Address, address_of, call


class Sizes(NamedTuple):
    rows: int
    columns: int


class Calls(NamedTuple):
    first: Address
    second: Address


@jit(cache=False)
def write(number, sizes, out):
    out[0], out[1] = number, sizes.columns


@jit(cache=False)
def call_write(address, number, sizes, out):
    call(address, (number, sizes, out))


@jit(cache=False)
def call_short(address, number, out):
    call(address, (number, out))


@jit(cache=False)
def call_both(calls, a, b, out):
    call(calls.first, (a, Sizes(1, 2), out))
    call(calls.second, (b, Sizes(1, 3), out[1:]))


SIZES, OUT = Sizes(3, 4), np.zeros(3)
NUMBERS = [
    1,
    1.0,
    True,
    1j,
    None,
    (),
    np.float32(1),
    np.int32(1),
    np.uint64(1),
    np.zeros(2),
    np.zeros(2, np.float32),
    SIZES,
    (1, 2),
]


@pytest.mark.parametrize("taken", [1, 1.0, True, np.float32(1), np.uint64(1)], ids=repr)
def test_a_call_with_any_other_type_is_an_error_of_types(taken):
    address = address_of(write, taken, SIZES, OUT)
    refused = 0
    for given in NUMBERS:
        if typeof(given) == typeof(taken):
            call_write(address, given, SIZES, OUT)
            assert OUT[:2].tolist() == [1, 4]
        else:
            with pytest.raises(TypingError, match="call: argument 0 is .*, the function at this address takes"):
                call_write(address, given, SIZES, OUT)
            refused += 1
    assert refused == len(NUMBERS) - 1


@pytest.mark.parametrize(
    "others",
    [
        ((3, 4), OUT),
        (Sizes(3, 4.0), OUT),
        (SIZES, np.zeros(2, np.float32)),
        (1, OUT),
        (SIZES, np.zeros((2, 2))),
        (SIZES, np.zeros(4)[::2]),
        (None, OUT),
    ],
)
def test_every_argument_is_looked_at(others):
    with pytest.raises(TypingError, match=r"call: argument [12] is"):
        call_write(address_of(write, 1.0, SIZES, OUT), 1.0, *others)


def test_neither_more_nor_fewer_arguments_nor_a_plain_number_will_do():
    with pytest.raises(TypingError, match="call: got 2 arguments, the function at this address takes 3"):
        call_short(address_of(write, 1.0, SIZES, OUT), 1.0, OUT)
    with pytest.raises(TypingError, match="call: got int64, expected an Address"):
        call_write(address_of(write, 1.0, SIZES, OUT)[0], 1.0, SIZES, OUT)


def test_addresses_in_one_tuple_keep_their_types_apart():
    whole, real = (address_of(write, number, SIZES, OUT) for number in (1, 1.0))
    for calls, a, b in ((Calls(whole, real), 5, 6.5), (Calls(real, whole), 5.5, 6), (Calls(whole, real), 7, 8.5)):
        call_both(calls, a, b, OUT)
        assert OUT.tolist() == [a, b, 3]
    with pytest.raises(TypingError, match="call: argument 0 is int64"):
        call_both(Calls(real, whole), 5, 6, OUT)
    with pytest.raises(TypingError, match="call: argument 0 is float64"):
        call_both(Calls(real, real), 5.5, 6.5, OUT)
        call_both(Calls(whole, real), 5.5, 6.5, OUT)


@jit(cache=False)
def write_held(block, number):
    out, _ = held(block)
    out[0] = number


@jit(cache=False)
def call_held(address, block, number):
    call(address, (block, number))


def test_a_reference_is_one_of_types_too():
    values = np.zeros(1), SIZES
    stored = Stored(values)
    address = address_of(write_held, stored.reference, 0.0)
    call_held(address, stored.reference, 2.5)
    assert values[0][0] == 2.5
    with pytest.raises(TypingError, match="call: argument 0 is Reference"):
        call_held(address, Stored((np.zeros(1, np.float32), SIZES)).reference, 1.0)
    with pytest.raises(TypingError, match="call: argument 1 is int64"):
        call_held(address, stored.reference, 1)
