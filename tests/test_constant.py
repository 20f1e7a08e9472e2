"""Numbers known at compile time: the same results, and none taken for another's, in this process or from the disk."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import fastrnn
from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of, call, is_ready
from fastrnn.kernels.constant import Constant, known


class Sizes(NamedTuple):
    rows: int
    columns: int


class Turned(NamedTuple):
    columns: int
    rows: int


@jit(cache=False)
def polynomial(constant, sizes, x, out):
    sizes = known(constant, sizes)
    total = 0.0
    for n in range(sizes.rows):
        total = total * x + sizes.columns + n
    out[0] = total


@jit(cache=False)
def call_with(address, sizes, x, out):
    call(address, (None, sizes, x, out))


def evaluated(constant, sizes, x):
    out = np.zeros(1)
    call_with(address_of(polynomial, constant, sizes, x, out), sizes, x, out)
    return out[0]


SHAPES = [Sizes(0, 5), Sizes(1, 5), Sizes(5, 1), Sizes(7, -3), Sizes(-1, 2**40)]


@pytest.mark.parametrize("sizes", SHAPES)
def test_a_known_number_is_the_number_that_is_handed_over(sizes):
    wanted = np.polynomial.Polynomial([sizes.columns + n for n in reversed(range(sizes.rows))] or [0])(0.5)
    assert evaluated(None, sizes, 0.5) == evaluated(Constant(sizes), sizes, 0.5) == wanted


def test_what_is_known_is_not_looked_at_again():
    # Only code that holds the numbers gives their result whatever comes in.
    for sizes in SHAPES:
        assert evaluated(Constant(sizes), Sizes(3, 3), 0.5) == evaluated(None, sizes, 0.5)
    assert evaluated(Constant(Turned(rows=2, columns=9)), Sizes(3, 3), 0.5) == evaluated(
        None, Sizes(rows=2, columns=9), 0.5
    )


def test_equal_numbers_of_equal_names_are_one_constant():
    out = np.zeros(1)
    same = [Constant(Sizes(4, 1)), Constant(Sizes(np.int64(4), True)), Constant(Sizes(4, 1))]
    others = [Constant(Sizes(1, 4)), Constant(Turned(4, 1)), Constant(Sizes(4, 2)), None]
    addresses = [address_of(polynomial, constant, SHAPES[0], 0.5, out) for constant in same + others]
    assert len(set(addresses[:3])) == 1 and len(set(addresses)) == 1 + len(others)
    assert all(is_ready(polynomial, constant, SHAPES[0], 0.5, out) for constant in same + others)
    assert not is_ready(polynomial, Constant(Sizes(4, 3)), SHAPES[0], 0.5, out)


MODULE = """
import json, sys
from typing import NamedTuple
import numpy as np
from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of, call, is_ready
from fastrnn.kernels.constant import Constant, known

class Sizes(NamedTuple):
    rows: int
    columns: int

class Turned(NamedTuple):
    columns: int
    rows: int

@jit
def write(constant, sizes, out):
    sizes = known(constant, sizes)
    out[0] = 10 * sizes.rows + sizes.columns

@jit
def call_write(address, sizes, out):
    call(address, (None, sizes, out))

def main(constants):
    out, results, ready = np.zeros(1, np.int64), [], []
    for constant in constants:
        ready.append(is_ready(write, constant, Sizes(0, 0), out))
        call_write(address_of(write, constant, Sizes(0, 0), out), Sizes(5, 5), out)
        results.append(int(out[0]))
    print(json.dumps({"results": results, "ready": ready, "misses": sum(write.stats.cache_misses.values())}))
"""


def run_apart(folder, constants):
    """What a process of its own makes of the Constants, which have a cache in the folder."""
    (folder / "constant_user.py").write_text(MODULE)
    code = f"from constant_user import Constant, Sizes, Turned, main; main([{constants}])"
    package = Path(fastrnn.__file__).parent.parent
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": f"{folder}{os.pathsep}{package}",
    }
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, text=True, env=environment, capture_output=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def test_the_cache_keeps_constants_apart(tmp_path):
    first = run_apart(tmp_path, "Constant(Sizes(1, 2)), None, Constant(Sizes(2, 1))")
    assert first == {"results": [12, 55, 21], "ready": [False] * 3, "misses": 3}
    second = run_apart(
        tmp_path, "Constant(Sizes(2, 1)), Constant(Turned(2, 1)), Constant(Sizes(1, 2)), None, Constant(Sizes(1, 3))"
    )
    assert second == {"results": [21, 12, 12, 55, 13], "ready": [True, False, True, True, False], "misses": 2}
    third = run_apart(tmp_path, "Constant(Turned(2, 1)), Constant(Sizes(1, 3)), Constant(Sizes(2, 1))")
    assert third == {"results": [12, 13, 21], "ready": [True] * 3, "misses": 0}
