"""Our random words are NumPy's, so that data can be made again with NumPy alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrnn.compiling import jit
from fastrnn.kernels.philox import random_words


@jit
def fill(seed, stream, c1, c2, c3, words):
    random_words(seed, stream, c1, c2, c3, words)


def ours(count, seed, stream, *counters):
    words = np.zeros(count, np.uint64)
    fill(*map(np.uint64, (seed, stream, *counters)), words)
    return words


def numpys(count, seed, stream, *counters):
    # As arrays: NumPy takes a list of ints beyond int64 for floats.
    key, counter = np.array([seed, stream], np.uint64), np.array([0, *counters], np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(count)


@pytest.mark.parametrize("count", [*range(21), 1000])
@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_words_are_numpys(count, seed):
    assert np.array_equal(ours(count, seed, 0, 0, 0, 0), numpys(count, seed, 0, 0, 0, 0))


words64 = st.integers(0, 2**64 - 1)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.tuples(*[words64] * 5))
def test_words_are_numpys_for_any_key_and_counter(count, key_and_counter):
    assert np.array_equal(ours(count, *key_and_counter), numpys(count, *key_and_counter))


@pytest.mark.parametrize("arguments", [(5, 0, 3, 0, 1), (2**62, 2, 0, 9, 0)])
def test_signed_arguments_count_the_same(arguments):
    # The trainer counts steps and words in int64.
    words = np.zeros(9, np.uint64)
    fill(*map(np.int64, arguments), words)
    assert np.array_equal(words, ours(9, *arguments))


@pytest.mark.parametrize("count", range(21))
def test_nothing_is_written_past_the_end(count):
    words = np.zeros(32, np.uint64)
    fill(1, 0, 0, 0, 0, words[:count])
    assert words[:count].all()
    assert not words[count:].any()
