"""Functions that become part of others: they have no machine code, and what holds them is right and found again."""

import gc

import numpy as np
import pytest

from fastrnn.compiling import addressed, inner, jit
from fastrnn.machine.address import address_of, call
from fastrnn.pipelines import Entry, Plain, uncollected


@inner
def square(x):
    return x * x


@inner
def sum_of_squares(values):
    total = 0.0
    for i in range(values.size):
        total += square(values[i])
    return total


@jit(cache=False)
def norm(values):
    return np.sqrt(sum_of_squares(values))


@addressed
def store_square(values, number):
    values[0] = square(number)


@jit(cache=False)
def call_it(address, values, number):
    call(address, (values, number))


def made(dispatcher):
    (compiled,) = dispatcher.overloads.values()
    return compiled.library, compiled.fndesc.llvm_func_name


def test_only_what_is_called_from_outside_has_machine_code():
    assert norm(np.array([3.0, 4.0])) == 5.0
    for part in (square, sum_of_squares):
        library, name = made(part)
        assert library.get_pointer_to_function(name) == 0
        assert part.stats.cache_path is None
    library, name = made(norm)
    assert library.get_pointer_to_function(name) != 0


def test_an_addressed_function_holds_its_parts():
    values = np.zeros(1)
    call_it(address_of(store_square, values, 0.0), values, 3.0)
    assert values[0] == 9.0


def total(values):
    sum_ = 0
    for i in range(values.size):
        sum_ += values[i]
    return sum_


def test_loops_of_a_plain_function_stay_as_they_are():
    values = np.arange(1000)
    found = []
    for pipeline in (Plain, Entry):
        function = jit(total, cache=False, pipeline_class=pipeline)
        assert function(values) == 499500
        (compiled,) = function.overloads.values()
        found.append("x i64>" in compiled.library.get_llvm_str())
    # As an Entry, the loop is one of vectors.
    assert found == [False, True]


def test_garbage_is_looked_for_again_after_compiling():
    with uncollected(), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()
