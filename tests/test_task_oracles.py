"""Every task against Python's ints, by formulas of this file's own, at widths around the ends of words."""

import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from task_runs import answers

from fastrnn.tasks import (
    Addition,
    And,
    Comparison,
    Copy,
    Increment,
    Multiplication,
    Or,
    Parity,
    RunningComparison,
    Subtraction,
    Xor,
)
from fastrnn.tasks.base import tasks

WIDTHS = st.sampled_from([1, 2, 7, 63, 64, 65, 127, 128, 200])
DELAYS = st.integers(0, 32)


def bit_by_bit(bits, of):
    """The int whose bit t is of(t)."""
    return int("".join(str(int(of(t))) for t in reversed(range(bits))), 2)


def delayed(kind, function):
    """(tasks, truth) of a delayed function."""
    # A queue as long as the delay, of answers to come.
    return lambda bits, delay: kind(max(bits, delay + 1), delay), lambda task, row: int(
        (format(function(*row), f"0{task.bits}b") + "0" * task.delay)[-task.bits:], 2)


# {task: (how it is made of a width and a parameter, what it should answer)}
TRUTHS = {
    "addition": (lambda bits, more: Addition(bits + 6, 2 + more), lambda task, row: sum(row) & (1 << task.bits) - 1),
    "subtraction": (
        lambda bits, more: Subtraction(bits),
        lambda task, row: (
            int.from_bytes((row[0] - row[1]).to_bytes(32, "little", signed=True), "little") & (1 << task.bits) - 1
        ),
    ),
    "comparison": (lambda bits, more: Comparison(bits), lambda task, row: int(row[0] < row[1])),
    "running-comparison": (
        lambda bits, more: RunningComparison(bits),
        lambda task, row: bit_by_bit(task.bits, lambda t: row[0] % 2 ** (t + 1) < row[1] % 2 ** (t + 1)),
    ),
    "parity": (
        lambda bits, more: Parity(bits),
        lambda task, row: bit_by_bit(task.bits, lambda t: format(row[0], f"0{task.bits}b")[-t - 1 :].count("1") % 2),
    ),
    "increment": (
        lambda bits, more: Increment(bits),
        lambda task, row: 0 if row[0] == 2**task.bits - 1 else row[0] + 1,
    ),
    "multiplication": (
        lambda bits, more: Multiplication(bits, 1 + 5 * more),
        lambda task, row: sum(row * task.factor) % 2**task.bits,
    ),
    "copy": delayed(Copy, lambda a: a),
    "xor": delayed(Xor, lambda a, b: sum(1 << i for i in range(200) if (a >> i & 1) != (b >> i & 1))),
    "and": delayed(And, operator.and_),
    "or": delayed(Or, operator.or_),
}


def test_every_task_is_here():
    assert set(TRUTHS) == set(tasks())


@pytest.mark.parametrize("name", TRUTHS)
@settings(max_examples=15, deadline=None)
@given(st.data(), WIDTHS, DELAYS)
def test_all_samples_of_a_word_are_pythons(name, data, bits, more):
    make, truth = TRUTHS[name]
    task = make(bits, more % 7 if name == "addition" else more)
    most = 2**task.free_bits - 1
    operand = (
        st.integers(0, most)
        | st.sampled_from([0, 1, most, most >> 1, most // 3])
        | st.integers(0, task.free_bits - 1).map(lambda i: 1 << i)
    )
    rows = data.draw(st.lists(st.tuples(*[operand] * task.input_size), min_size=1, max_size=6))
    draw = data.draw(st.randoms(use_true_random=False))
    rows += [tuple(draw.randint(0, most) for _ in range(task.input_size)) for _ in range(64 - len(rows))]
    expected = [truth(task, row) for row in rows]
    assert answers(task, rows) == expected
    assert [task.oracle(row) for row in rows] == expected


def test_what_is_answered_before_the_delay_is_over_is_nothing():
    for delay in (1, 5, 32):
        ones = 2**40 - 1
        assert answers(Copy(40, delay), [(ones,)]) == [ones & ~(2**delay - 1)]
        assert answers(And(40, delay), [(ones, ones)]) == [ones & ~(2**delay - 1)]


def test_answers_wrap_where_a_word_does():
    assert answers(Subtraction(64), [(0, 1), (0, 2**64 - 1)]) == [2**64 - 1, 1]
    assert answers(Increment(64), [(2**64 - 1,)]) == [0]
    assert answers(Multiplication(64, 7), [(2**64 - 1,)]) == [2**64 - 7]
    assert answers(Multiplication(8, 4096), [(255,)]) == [0]


@pytest.mark.parametrize(("task", "operands", "answer", "text"), [
    (Addition(8), (9, 60), 69, "9 + 60 = 69"), (Subtraction(8), (9, 60), 205, "9 - 60 = 205 (mod 256)"),
    (Subtraction(64), (9, 60), 5, "9 - 60 = 5 (mod 2**64)"), (Comparison(8), (9, 60), 1, "9 < 60 is true"),
    (Comparison(8), (60, 9), 0, "60 < 9 is false"), (RunningComparison(4), (5, 6), 14, "5 < 6, bit by bit: 1110"),
    (Parity(4), (1,), 15, "parity of 1, bit by bit: 1111"), (Increment(4), (15,), 0, "15 + 1 = 0 (mod 16)"),
    (Multiplication(8), (60,), 180, "3 * 60 = 180 (mod 256)"), (Copy(8, 2), (45,), 180, "45 << 2 = 180 (mod 256)"),
    (Xor(8), (9, 60), 106, "(9 ^ 60) << 1 = 106 (mod 256)"), (And(8, 0), (9, 60), 8, "9 & 60 = 8"),
    (Or(8, 0), (9, 60), 61, "9 | 60 = 61")])
def test_how_a_solved_sample_reads(task, operands, answer, text):
    from fastrnn.cli.text import equation

    assert equation(task, operands, answer) == text
    assert equation(task, operands, answer, 1 - answer if task.last_only else 0).startswith(f"{text}, not ")
    assert (
        len(equation(task.at(4000), tuple(2**3990 // 7 for _ in operands), 2**3999 if not task.last_only else 1)) <= 77
    )
