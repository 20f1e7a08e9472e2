"""Bit planes against Python's ints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrnn.bits.planes import counting, from_words, packed_bits, to_words, unpacked_bits


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 130), st.integers(1, 5), st.data())
def test_planes_hold_ints_of_any_size(bits, operands, data):
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, 2 ** (bits + 3))] * operands), min_size=1, max_size=130))
    planes = to_words(rows, bits)
    assert (planes.shape, planes.dtype) == ((-(-len(rows) // 64), bits, operands), np.uint64)
    for i in range(operands):
        assert from_words(planes[:, :, i], len(rows)) == [row[i] % 2**bits for row in rows]
    whole = unpacked_bits(planes, 64 * len(planes))
    assert whole[: len(rows), bits - 1, 0].tolist() == [row[0] >> bits - 1 & 1 for row in rows]
    assert not whole[len(rows) :].any() and np.array_equal(packed_bits(whole[: len(rows)]), planes)


@pytest.mark.parametrize(("free_bits", "operands"), [(3, 2), (4, 2), (2, 4), (7, 1), (5, 3)])
def test_counting_gives_every_tuple_of_operands_once(free_bits, operands):
    bits, words = free_bits + 2, max(1, 2 ** (free_bits * operands) // 64)
    mask = 2**free_bits - 1
    rows = [tuple(n >> i * free_bits & mask for i in range(operands)) for n in range(64 * words)]
    assert np.array_equal(counting(0, words, bits, free_bits, operands), to_words(rows, bits))
    half = words // 2
    assert np.array_equal(counting(half, words - half, bits, free_bits, operands), to_words(rows[64 * half :], bits))
