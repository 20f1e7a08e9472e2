"""Bits of lanes' samples become bits of samples' lanes, as NumPy moves them."""

import numpy as np
import pytest

from fastrnn.bits.squares import exchange
from fastrnn.compiling import jit


@jit(cache=False)
def run(rows, out, first):
    exchange(rows, out, first)


@pytest.mark.parametrize("first", [0, 16, 48])
@pytest.mark.parametrize("count", [4, 8, 20])
def test_each_bit_arrives(count, first):
    rng = np.random.default_rng(count)
    rows, before = (rng.integers(0, 2**64, (n, count), np.uint64) for n in (16, 64))
    out = before.copy()
    run(rows, out, first)
    places = np.arange(64, dtype=np.uint64)
    bits = rows[:, :, None] >> places & np.uint64(1)  # lane, word, sample
    expected = np.bitwise_or.reduce(bits << (places[first : first + 16])[:, None, None], axis=0).T
    expected = expected | before & np.uint64((1 << first) - 1)
    assert np.array_equal(out, expected)
