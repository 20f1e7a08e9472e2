"""Tasks on words of bits against their oracles on Python's integers, and their training data against NumPy's."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastrnn.tasks
from fastrnn.cells.elman import Elman
from fastrnn.compiling import jit
from fastrnn.kernels.layout import layout_of
from fastrnn.kernels.protocol import fill
from fastrnn.kernels.workspace import lanes_of, workspace
from fastrnn.tasks.addition import Addition
from fastrnn.tasks.base import Task, label_words, restrict, tasks
from fastrnn.tasks.planes import counting, from_words, sample_bits, to_words

BLOCK = 16


@jit
def run_fill(task, seed, first, samples, work):
    fill(task, seed, first, samples, work)


@jit
def run_restrict(task, x):
    restrict(task, x)


def labels(task, x, state=None):
    """y (W, T, O) for words x (W, T, I)."""
    y = np.zeros((*x.shape[:2], task.output_size), np.uint64)
    label_words(task.kernel, x, y, np.zeros((len(x), 64), np.uint64) if state is None else state)
    return y


def answers(task, rows):
    """The task's outputs for tuples of operands, as ints."""
    return from_words(labels(task, to_words(rows, task.bits))[:, :, 0], len(rows))


def work_for(task, dtype=np.float32):
    cell = Elman(1).kernel(task.input_size, task.output_size)
    return workspace(cell, layout_of(cell, lanes_of(dtype)), task.bits, dtype)


def drawn(task, seed, first, samples=BLOCK, work=None):
    """(x, y, mask), copies of the training data from sample `first` on."""
    work = work_for(task) if work is None else work
    run_fill(task.kernel, seed, first, samples, work)
    return work.x.copy(), work.y.copy(), work.mask.copy()


def operands_of(x):
    """The ints in x (T, I, BLOCK): for each sample a tuple."""
    return [tuple(int(sum(int(x[t, i, s]) << t for t in range(x.shape[0]))) for i in range(x.shape[1])) for s in range(BLOCK)]


# What holds for every task.

@pytest.fixture(params=tasks())
def task(request):
    return tasks()[request.param]()


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(fastrnn.tasks.__path__)])
def test_examples_in_the_docstrings(name):
    module = importlib.import_module(f"fastrnn.tasks.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    is_task = any(made.__module__ == module.__name__ for made in tasks().values())
    assert result.attempted > 0 or not is_task, "a task shows a worked example"


def test_a_task_is_complete(task):
    assert tasks()[task.name] is type(task)
    assert isinstance(task, Task)
    assert task.kernel.is_bit_task
    assert isinstance(task.kernel, tuple)
    assert 1 <= task.free_bits <= task.bits
    assert min(task.input_size, task.output_size) >= 1
    assert type(task)(**vars(task)) == task
    assert hash(type(task)(**vars(task))) == hash(task)


def test_labels_are_the_oracles(task):
    rng = np.random.default_rng(0)
    rows = [tuple(map(int, row)) for row in rng.integers(0, 2**task.free_bits, (200, task.input_size))]
    assert answers(task, rows) == [task.oracle(row) for row in rows]


def test_a_label_does_not_depend_on_later_bits(task):
    x = np.random.default_rng(1).integers(0, 2**64, (1, task.bits, task.input_size), np.uint64)
    whole = labels(task, x)
    for stop in range(1, task.bits):
        assert np.array_equal(labels(task, np.ascontiguousarray(x[:, :stop])), whole[:, :stop])


def test_the_state_carries_over_a_cut(task):
    x = np.random.default_rng(2).integers(0, 2**64, (3, task.bits, task.input_size), np.uint64)
    whole = labels(task, x)
    for cut in range(1, task.bits):
        state = np.zeros((3, 64), np.uint64)
        parts = [labels(task, np.ascontiguousarray(part), state) for part in (x[:, :cut], x[:, cut:])]
        assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_restrict_leaves_the_free_bits_and_no_others(task):
    x = np.full((task.bits, task.input_size), 2**64 - 1, np.uint64)
    run_restrict(task.kernel, x)
    assert (x[: task.free_bits] == 2**64 - 1).all()
    assert not x[task.free_bits :].any()


def numpys_bits(task, seed, word):
    """x (T, I, 64) of the samples from 64 * word on."""
    key, counter = np.array([seed, 0], np.uint64), np.array([0, word, 0, 0], np.uint64)
    words = np.random.Philox(key=key, counter=counter).random_raw(task.bits * task.input_size).reshape(task.bits, task.input_size)
    words[task.free_bits :] = 0
    return words[:, :, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)


# Blocks that begin a word, end one, and cross from one into the next, by a bit and all but a bit.
@pytest.mark.parametrize("first", [0, 16, 48, 49, 60, 63, 64, 6400 * 1000 + 55, 2**40])
@pytest.mark.parametrize("seed", [0, 7, 2**62 + 1])
def test_training_data_are_numpys_bits_and_the_oracles_labels(task, seed, first):
    x, y, mask = drawn(task, seed, first)
    stream = np.concatenate([numpys_bits(task, seed, first // 64 + i) for i in range(2)], axis=2)
    assert np.array_equal(x, stream[:, :, first % 64 : first % 64 + BLOCK])
    outputs = [sum(int(y[t, 0, s]) << t for t in range(task.bits)) for s in range(BLOCK)]
    assert outputs == [task.oracle(row) for row in operands_of(x)]
    assert (mask == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_data_do_not_depend_on_what_was_drawn_before(task, dtype):
    # A thread keeps words it has drawn and the mask: neither may show.
    work = work_for(task, dtype)
    for first, samples in ((0, 16), (16, 16), (53, 16), (69, 3), (192, 16), (48, 16), (50, 1), (114, 16), (63, 9), (0, 9), (130, 16)):
        work.state[:] = 2**64 - 1
        for ours, fresh in zip(drawn(task, 3, first, samples, work), drawn(task, 3, first, samples)):
            assert ours.dtype == dtype
            assert np.array_equal(ours, fresh)


def test_training_data_differ_between_seeds_and_blocks(task):
    blocks = [drawn(task, seed, first)[0].tobytes() for seed in range(4) for first in range(0, 256, BLOCK)]
    assert len(set(blocks)) == len(blocks)


@pytest.mark.parametrize("samples", [0, 1, 9, 16])
def test_only_the_samples_asked_for_count(task, samples):
    x, y, mask = drawn(task, 0, 32, samples)
    assert np.array_equal(mask, np.broadcast_to(np.arange(BLOCK) < samples, mask.shape))
    assert np.array_equal(x, drawn(task, 0, 32)[0]) and np.array_equal(y, drawn(task, 0, 32)[1])


def test_hard_cases_are_operands_of_the_task(task):
    cases = task.hard_cases()
    assert cases
    for family, operands in cases:
        assert family and isinstance(family, str)
        assert len(operands) == task.input_size
        assert all(isinstance(operand, int) and 0 <= operand < 2**task.free_bits for operand in operands)
    rows = [operands for _, operands in cases]
    assert answers(task, rows) == [task.oracle(row) for row in rows]


def test_a_task_at_another_width_differs_in_nothing_else(task):
    wider = task.at(task.bits + 5)
    assert vars(wider) == {**vars(task), "bits": task.bits + 5}
    assert wider.at(task.bits) == task


# Planes.

@settings(max_examples=100, deadline=None)
@given(st.integers(1, 130), st.integers(1, 5), st.data())
def test_planes_hold_ints_of_any_size(bits, operands, data):
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, 2 ** (bits + 3))] * operands), min_size=1, max_size=130))
    planes = to_words(rows, bits)
    assert (planes.shape, planes.dtype) == ((-(-len(rows) // 64), bits, operands), np.uint64)
    for i in range(operands):
        assert from_words(planes[:, :, i], len(rows)) == [row[i] % 2**bits for row in rows]
    last = sample_bits(planes[:, bits - 1, 0])
    assert last.reshape(-1)[: len(rows)].tolist() == [row[0] >> bits - 1 & 1 for row in rows]
    assert not last.reshape(-1)[len(rows) :].any()


@pytest.mark.parametrize(("free_bits", "operands"), [(3, 2), (4, 2), (2, 4), (7, 1), (5, 3)])
def test_counting_gives_every_tuple_of_operands_once(free_bits, operands):
    bits, words = free_bits + 2, max(1, 2 ** (free_bits * operands) // 64)
    mask = 2**free_bits - 1
    rows = [tuple(n >> i * free_bits & mask for i in range(operands)) for n in range(64 * words)]
    assert np.array_equal(counting(0, words, bits, free_bits, operands), to_words(rows, bits))
    half = words // 2
    assert np.array_equal(counting(half, words - half, bits, free_bits, operands), to_words(rows[64 * half :], bits))


# Addition.

@st.composite
def sums(draw):
    """(an Addition, rows of operands): random, and long runs of carries."""
    bits, operands = draw(st.integers(4, 300)), draw(st.integers(2, 8))
    most = 2**bits - 1
    operand = st.integers(0, most) | st.sampled_from([0, 1, most, most >> 1, 1 << bits - 1]) | st.integers(0, bits - 1).map(lambda n: 1 << n)
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
    parts = [labels(task, np.ascontiguousarray(part), state) for part in (x[:, :cut], x[:, cut:])]
    assert from_words(np.concatenate(parts, axis=1)[:, :, 0], len(rows)) == [sum(row) % 2**task.bits for row in rows]


@pytest.mark.parametrize("operands", range(2, 33))
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
