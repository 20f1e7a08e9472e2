"""Addition against Python's sums, at any width and for any number of operands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from params import quick
from task_runs import BLOCK, answers, drawn, operands_of

from fastrnn.bits.label import label_words
from fastrnn.bits.planes import from_words, to_words
from fastrnn.tasks.addition import Addition


@st.composite
def sums(draw):
    """(an Addition, rows of operands): random, and long runs of carries."""
    bits, operands = draw(st.integers(4, 300)), draw(st.integers(2, 8))
    most = 2**bits - 1
    operand = (
        st.integers(0, most)
        | st.sampled_from([0, 1, most, most >> 1, 1 << bits - 1])
        | st.integers(0, bits - 1).map(lambda n: 1 << n)
    )
    rows = draw(st.lists(st.tuples(*[operand] * operands), min_size=1, max_size=70))
    return Addition(bits, operands), rows


@settings(max_examples=150, deadline=None)
@given(sums())
def test_sums_are_pythons(case):
    task, rows = case
    expected = [sum(row) % 2**task.bits for row in rows]
    assert answers(task, rows) == expected
    assert [task.oracle(row) for row in rows] == expected


@settings(max_examples=50, deadline=None)
@given(sums(), st.data())
def test_a_sum_may_be_cut_anywhere(case, data):
    task, rows = case
    cut = data.draw(st.integers(1, task.bits - 1))
    x = to_words(rows, task.bits)
    state = np.zeros((len(x), 64), np.uint64)
    parts = [label_words(task, np.ascontiguousarray(part), state) for part in (x[:, :cut], x[:, cut:])]
    assert from_words(np.concatenate(parts, axis=1)[:, :, 0], len(rows)) == [sum(row) % 2**task.bits for row in rows]


@pytest.mark.parametrize("operands", quick(range(2, 33), lambda operands: operands % 5 == 2))
def test_all_ones_carry_through_every_step(operands):
    for bits in (6, 64, 300):
        task, ones = Addition(bits, operands), 2**bits - 1
        rows = [(ones,) * operands, (ones, 1, *[0] * (operands - 2)), (1, *[ones] * (operands - 1))]
        assert answers(task, rows) == [sum(row) % 2**bits for row in rows]


@pytest.mark.parametrize("operands", range(2, 33))
def test_free_operands_never_overflow_and_no_bit_more_could_be_free(operands):
    headroom = (operands - 1).bit_length()
    for bits in range(headroom + 1, 70):
        free = Addition(bits, operands).free_bits
        assert operands * (2**free - 1) < 2**bits
        # In narrower sums the operands are so small that one bit more may still fit.
        assert bits < 2 * headroom or operands * (2 ** (free + 1) - 1) >= 2**bits


@pytest.mark.parametrize("operands", range(2, 33))
def test_states_are_the_carries_that_occur(operands):
    carries = {0}
    while True:
        reached = carries | {(carry + ones) // 2 for carry in carries for ones in range(operands + 1)}
        if reached == carries:
            break
        carries = reached
    assert carries == set(range(Addition(10, operands).states))


@pytest.mark.parametrize("operands", [2, 3, 5, 8])
def test_training_sums_do_not_wrap(operands):
    task = Addition(9, operands)
    x, y, _ = drawn(task, 1, 200)
    rows = operands_of(x)
    assert [sum(int(y[t, 0, s]) << t for t in range(9)) for s in range(BLOCK)] == [sum(row) for row in rows]
    assert max(map(max, rows)) < 2**task.free_bits


BAD = [
    ({"bits": 0}, "bits: got 0, expected an integer of at least 1"),
    ({"bits": -8}, "bits: got -8, expected an integer of at least 1"),
    ({"bits": 8.0}, "bits: got 8.0, expected an integer of at least 1"),
    ({"bits": "8"}, "bits: got '8', expected an integer of at least 1"),
    ({"bits": True}, "bits: got True, expected an integer of at least 1"),
    ({"bits": None}, "bits: got None, expected an integer of at least 1"),
    ({"operands": 1}, "operands: got 1, expected an integer from 2 to 32"),
    ({"operands": 33}, "operands: got 33, expected an integer from 2 to 32"),
    ({"operands": 2.0}, "operands: got 2.0, expected an integer from 2 to 32"),
    ({"bits": 1}, "bits: got 1, expected at least 2 for 2 operands, so that the sum fits"),
    ({"bits": 2, "operands": 4}, "bits: got 2, expected at least 3 for 4 operands, so that the sum fits"),
    ({"bits": 5, "operands": 17}, "bits: got 5, expected at least 6 for 17 operands, so that the sum fits"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[str(arguments) for arguments, _ in BAD])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError) as caught:
        Addition(**arguments)
    assert str(caught.value) == message


def test_the_smallest_and_the_largest_are_accepted():
    assert Addition(2, 2).free_bits == 1
    assert Addition(6, 32).free_bits == 1
    assert Addition(10**6).free_bits == 10**6 - 1
