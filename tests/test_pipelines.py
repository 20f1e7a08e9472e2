"""Functions that become part of others: they have no machine code, and what holds them is right and found again."""

import gc

import numpy as np
import pytest

from fastrnn.compiling import inner, jit
from fastrnn.pipelines import uncollected


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


def test_garbage_is_looked_for_again_after_compiling():
    with uncollected(), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()
