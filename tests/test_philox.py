"""Our random words are NumPy's, so that data can be made again with NumPy alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastrnn.machine.execute import Program

NAMES = ("seed", "stream", "c1", "c2", "c3", "words", "count")


def random_words(m):
    seed, stream, *counters = (m.word(name) for name in NAMES[:5])
    m.random_words((seed, stream), counters, m.integers("words"), m.word("count"))


FILL = Program(random_words, NAMES, "float32", 8, "")


def ours(count, *key_and_counter):
    words = np.zeros(count, np.uint64)
    fill(*key_and_counter, words)
    return words


def fill(*numbers_and_words):
    FILL.call(**dict(zip(NAMES, numbers_and_words)), count=len(numbers_and_words[-1]))


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


@pytest.mark.parametrize("count", range(21))
def test_nothing_is_written_past_the_end(count):
    words = np.zeros(32, np.uint64)
    fill(1, 0, 0, 0, 0, words[:count])
    assert words[:count].all()
    assert not words[count:].any()
