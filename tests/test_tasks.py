"""What holds for every task: it is complete, its kernel agrees with its oracle, its training data with NumPy's bits."""

import doctest
import importlib
import pkgutil
import random
import time

import numpy as np
import pytest
from task_runs import BLOCK, answers, block_of, drawn, operands_of, variants

import fastrnn.tasks
from fastrnn import Elman, Model
from fastrnn.bits.label import label_words
from fastrnn.bits.planes import answers_of, to_words
from fastrnn.networks import shapes_of
from fastrnn.proofs.automaton import automaton_of
from fastrnn.tasks.base import Task, tasks

EVERY = variants()
# One sample beside a word's end, and one beyond.
WIDTHS = (1, 63, 64, 65, 127, 128, 200)


def counted_shape(task):
    """(counted steps, samples) of a block."""
    return (1 if task.last_only else task.bits), BLOCK


def test_arrays_that_the_kernels_cannot_read_are_refused():
    task, state = fastrnn.tasks.Addition(8), np.zeros((1, 64), np.uint64)
    x = np.zeros((1, 8, 2), np.uint64)
    for bad in ((x[:, ::2], state), (x, state[:, ::2]), (x.astype(np.int64), state)):
        with pytest.raises(ValueError, match="expected C-contiguous uint64"):
            label_words(task, *bad)
    # Kernels would read behind the end of these.
    narrow, short, two = x[..., :1].copy(), state[:, :8].copy(), np.zeros((2, 8, 2), np.uint64)
    for bad in ((narrow, state), (x[0], state), (x, short), (two, state)):
        with pytest.raises(ValueError, match=r"expected \(words, time, 2\) and \(words, 64\)"):
            label_words(task, *bad)


@pytest.fixture(params=EVERY)
def task(request):
    return EVERY[request.param]


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
    assert getattr(fastrnn.tasks, type(task).__name__) is type(task), "exported from fastrnn.tasks"
    assert task.name == task.name.lower().strip() and " " not in task.name
    assert 1 <= task.free_bits <= task.bits
    assert task.least_bits <= task.bits
    assert min(task.input_size, task.output_size) >= 1
    assert type(task)(**vars(task)) == task
    assert hash(type(task)(**vars(task))) == hash(task)
    assert type(task).__doc__.splitlines()[0].endswith(".") and "Raises\n" in type(task).__doc__


def test_its_states_are_those_of_the_smallest_automaton(task):
    assert automaton_of(task).states == task.states


def test_labels_are_the_oracles(task):
    rng = np.random.default_rng(0)
    rows = [tuple(map(int, row)) for row in rng.integers(0, 2**task.free_bits, (200, task.input_size))]
    assert answers(task, rows) == [task.oracle(row) for row in rows]


def test_a_label_does_not_depend_on_later_bits(task):
    x = np.random.default_rng(1).integers(0, 2**64, (1, task.bits, task.input_size), np.uint64)
    whole = label_words(task, x)
    for stop in range(1, task.bits):
        assert np.array_equal(label_words(task, np.ascontiguousarray(x[:, :stop])), whole[:, :stop])


def test_the_state_carries_over_a_cut(task):
    x = np.random.default_rng(2).integers(0, 2**64, (3, task.bits, task.input_size), np.uint64)
    whole = label_words(task, x)
    for cut in range(1, task.bits):
        state = np.zeros((3, 64), np.uint64)
        parts = [label_words(task, np.ascontiguousarray(part), state) for part in (x[:, :cut], x[:, cut:])]
        assert np.array_equal(np.concatenate(parts, axis=1), whole)


def numpys_bits(task, seed, word):
    """x (T, I, 64) of the samples from 64 * word on."""
    key, counter = np.array([seed, 0], np.uint64), np.array([0, word, 0, 0], np.uint64)
    words = (
        np.random.Philox(key=key, counter=counter)
        .random_raw(task.bits * task.input_size)
        .reshape(task.bits, task.input_size)
    )
    words[task.free_bits :] = 0
    return words[:, :, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)


# Blocks that begin a word, end one, and cross from one into the next, by a bit and all but a bit.
@pytest.mark.parametrize(("seed", "first"), [(7, 0), (0, 16), (0, 48), (7, 49), (0, 60), (2**62 + 1, 63), (7, 64),
                                             (0, 6400 * 1000 + 55), (0, 2**40), (2**62 + 1, 2**40)])
def test_training_data_are_numpys_bits_and_the_oracles_labels(task, seed, first):
    x, y, mask = drawn(task, seed, first)
    stream = np.concatenate([numpys_bits(task, seed, first // 64 + i) for i in range(2)], axis=2)
    assert np.array_equal(x, stream[:, :, first % 64 : first % 64 + BLOCK])
    counted = y[task.counted, 0]
    outputs = [sum(int(bit) << t for t, bit in enumerate(counted[:, s])) for s in range(BLOCK)]
    assert outputs == [task.oracle(row) for row in operands_of(x)]
    assert (mask[task.counted] == 1).all() and mask.sum() == counted.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_training_data_do_not_depend_on_what_was_drawn_before(task, dtype):
    # A thread keeps words it has drawn and the mask: neither may show.
    block = block_of(task, dtype)
    for first, samples in (
        (0, 16),
        (16, 16),
        (53, 16),
        (69, 3),
        (192, 16),
        (48, 16),
        (50, 1),
        (114, 16),
        (63, 9),
        (0, 9),
        (130, 16),
    ):
        block.words.state[:] = 2**64 - 1
        for ours, fresh in zip(drawn(task, 3, first, samples, block), drawn(task, 3, first, samples)):
            assert ours.dtype == dtype
            assert np.array_equal(ours, fresh)


def test_training_data_differ_between_seeds_and_blocks(task):
    blocks = [drawn(task, seed, first)[0].tobytes() for seed in range(4) for first in range(0, 256, BLOCK)]
    assert len(set(blocks)) == len(blocks)


@pytest.mark.parametrize("samples", [0, 1, 9, 16])
def test_only_the_samples_asked_for_count(task, samples):
    x, y, mask = drawn(task, 0, 32, samples)
    assert np.array_equal(mask[task.counted], np.broadcast_to(np.arange(BLOCK) < samples, counted_shape(task)))
    assert mask.sum() == samples * counted_shape(task)[0]
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


@pytest.mark.parametrize("bits", WIDTHS)
def test_hard_cases_fit_at_every_width(task, bits):
    task = task.at(max(bits, task.least_bits))
    cases = task.hard_cases()
    assert all(0 <= operand < 2**task.free_bits for _, operands in cases for operand in operands)
    assert len({operands for _, operands in cases}) > 1


def test_hard_cases_of_very_wide_operands_take_no_time(task):
    began = time.perf_counter()
    assert task.at(200_000).hard_cases()
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_kernel_and_the_oracle_agree_where_words_end(task, bits):
    task, draw = task.at(max(bits, task.least_bits)), random.Random(bits)
    rows = [tuple(draw.randrange(2**task.free_bits) for _ in range(task.input_size)) for _ in range(64 * 2)]
    rows += [operands for _, operands in task.hard_cases()]
    assert answers(task, rows) == [task.oracle(row) for row in rows]


def test_outputs_before_the_last_are_the_answers_of_narrower_operands(task):
    rows = [operands for _, operands in task.hard_cases()]
    planes = label_words(task, to_words(rows, task.bits))
    for bits in range(task.least_bits, task.bits + 1):
        narrow = task.at(bits)
        cut = [tuple(operand % 2**bits for operand in row) for row in rows]
        assert answers_of(narrow, planes[:, :bits], len(rows)) == [narrow.oracle(row) for row in cut]


def test_an_answer_fits_the_width(task):
    most = 1 if task.last_only else task.bits
    for _, operands in task.hard_cases():
        answer = task.oracle(operands)
        assert isinstance(answer, int) and 0 <= answer < 2**most


def test_a_width_below_the_least_is_one_clear_line(task):
    for bits in (task.least_bits - 1, 0, -3):
        with pytest.raises(ValueError) as caught:
            task.at(bits)
        message = str(caught.value)
        assert message.startswith(f"bits: got {bits}, expected ") and "at least" in message and "\n" not in message
    for bits in (8.0, "8", True, None):
        with pytest.raises(ValueError, match="^bits: got .*, expected an integer of at least 1$"):
            task.at(bits)
    assert task.at(task.least_bits).free_bits == 1 or task.free_bits == task.bits


def test_a_parameter_that_makes_no_sense_is_one_clear_line(task):
    for name in vars(task):
        for value in (-1, 10**6, 2.0, "2", True, None) if name != "bits" else ():
            with pytest.raises(ValueError) as caught:
                type(task)(**{**vars(task), name: value})
            assert str(caught.value).startswith(f"{name}: got {value!r}, expected an integer from ")


def test_a_model_of_the_task_comes_back_from_its_file(task, tmp_path):
    cell = Elman(3)
    shapes = shapes_of(cell, task.input_size, task.output_size)
    weights = {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}
    Model(cell, weights, task).save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    assert loaded.task == task and type(loaded.task) is type(task)


def test_operands_find_the_width_that_they_need(task):
    assert task.width((0,) * task.input_size) == task.bits
    for longest in (1, task.free_bits, task.free_bits + 1, 500):
        operands = (2**longest - 1, *[0] * (task.input_size - 1))
        wider = task.at(task.width(operands))
        assert max(operands) < 2**wider.free_bits
        assert wider.bits == task.bits or max(operands) >= 2 ** (wider.free_bits - 1)


def test_it_reads_as_one_line(task):
    _, operands = task.hard_cases()[1]
    text = task.equation([str(operand) for operand in operands], task.spelled(task.oracle(operands)))
    assert text.endswith((task.spelled(task.oracle(operands)), f" (mod {task.modulus})"))
    assert str(operands[0]) in text and "\n" not in text
    assert task.name in task.described() and str(task.bits) in task.described()


def test_a_task_at_another_width_differs_in_nothing_else(task):
    wider = task.at(task.bits + 5)
    assert vars(wider) == {**vars(task), "bits": task.bits + 5}
    assert wider.at(task.bits) == task
