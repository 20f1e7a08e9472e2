"""Threads that run one kernel of a machine meet, one of them works, and all see what it did."""

import numpy as np
import pytest

from fastrnn.kernels.barrier import BARRIER_SIZE, meet
from fastrnn.machine.execute import Program
from fastrnn.threads import with_helpers

NAMES = ("barrier", "count", "threads", "missed", "came")


def kernel(m):
    barrier, count = m.integers("barrier"), m.integers("count")
    for n, _ in m.loop(m.word("meetings")):
        m.atomic_add(count, 1, 1)
        for _ in meet(m, barrier, m.word("threads"), "came"):
            # Everybody has come, and nobody is here twice.
            whole = m.read(count, 1).equals((n + 1) * m.word("threads"))
            m.write(count, 0, m.read(count, 0) + whole)
        m.set_word("missed", m.word("missed") + m.read(count, 0).equals(n + 1).equals(0))


PROGRAM = Program(kernel, (*NAMES, "meetings"), "float32", 8, "a test")


@pytest.mark.parametrize("emulate, meetings", [("0", 4_000), ("1", 20)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_meet_and_one_of_them_works_meanwhile(many_cores, monkeypatch, threads, emulate, meetings):
    monkeypatch.setenv("FASTRNN_EMULATE", emulate)
    PROGRAM.compile()
    barrier, count = np.zeros(BARRIER_SIZE, np.int64), np.zeros(2, np.int64)

    def work(thread, threads):
        frame = np.array([barrier.ctypes.data, count.ctypes.data, threads, 0, 0, meetings], np.int64)
        PROGRAM.run(frame)
        return frame[NAMES.index("missed")]

    assert with_helpers(threads, work) == [0] * threads
    assert count.tolist() == [meetings, meetings * threads]
