"""Threads add up parts in an order that is theirs alone, one of them works, and all see what it did."""

import numpy as np
import pytest

from fastrnn.kernels.combining import COMBINE_WORDS, MOST_PARTS, TREE_SIZE, combine, release, wait
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.threads import with_helpers

LANES, PARTS = 8, (1, 2, 3, 5, 8, 31, MOST_PARTS, 3 * MOST_PARTS)
NAMES = ("tree", "numbers", "drawn", "total", "parts", "threads", "missed", "sums", *COMBINE_WORDS)


def in_pairs(parts):
    """Return the sum of parts (n,) in the order that a combining tree has."""
    parts = list(parts)
    while len(parts) > 1:
        parts = [sum(parts[first : first + 2]) for first in range(0, len(parts), 2)]
    return parts[0]


def kernel(m):
    tree, drawn, total, parts = m.integers("tree"), m.integers("drawn"), m.integers("total"), m.word("parts")
    numbers = m.pointer("numbers")

    def add(a, b):
        m.store(numbers, a, m.load(numbers, a) + m.load(numbers, b))

    for n, _ in m.loop(m.word("sums")):
        m.set_word("complete", 0)
        for k in m.range(parts):
            # Whoever is free takes part k of sum n.
            for _ in m.when(m.atomic_add(drawn, n * parts + k, 1).equals(0)):
                m.store(numbers, k, m.from_integer((k + 1) * (n + 3)) * 0.1)
                combine(m, tree, k, parts, m.word("threads"), add)
        for _ in m.when(m.word("complete")):
            m.write(total, 0, n + 1)
            m.store(numbers, n + parts, m.load(numbers, 0))
            release(m, tree, n + 1)
        wait(m, tree, n + 1)
        # The next sum may not be complete without this thread, but one that took no part may be late.
        m.set_word("missed", m.word("missed") + m.read(total, 0).below(n + 1))


PROGRAM = Program(kernel, NAMES, "float32", LANES, "a test")


@pytest.mark.parametrize("emulate, sums, counts", [("0", 2_000, PARTS), ("1", 4, (1, 5))])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_add_up_parts_and_see_the_sum(many_cores, monkeypatch, threads, emulate, sums, counts):
    monkeypatch.setenv("FASTRNN_EMULATE", emulate)
    PROGRAM.compile()
    for parts in counts:
        tree, total = aligned_zeros((TREE_SIZE,), np.int64), np.zeros(1, np.int64)
        drawn, numbers = np.zeros(sums * parts, np.int64), aligned_zeros((parts + sums, LANES), np.float32)

        def work(thread, threads):
            given = [array.ctypes.data for array in (tree, numbers, drawn, total)]
            frame = np.array([*given, parts, threads, 0, sums, *[0] * len(COMBINE_WORDS)], np.int64)
            PROGRAM.run(frame)
            return frame[NAMES.index("missed")]

        assert with_helpers(threads, work) == [0] * threads
        assert drawn.min() == 1 or threads > 1
        tenth = np.float32(0.1)
        expected = [in_pairs((np.arange(1, parts + 1) * (n + 3)).astype(np.float32) * tenth) for n in range(sums)]
        assert np.array_equal(numbers[parts:, 0], expected)
        assert not tree[1:].any()
