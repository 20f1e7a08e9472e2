"""A barrier for threads inside compiled code: it takes some 100 ns, while a fork and join takes microseconds.

`wait` is for functions that numba compiles, `meet` for kernels of a machine.

Threads are plain Python threads that run `nogil` kernels (fastrnn.threads), so each of them is
sure to exist; numba's own layers promise neither that nor that two callers may use them at the same time.
"""

from fastrnn.kernels.inline import inlined
from fastrnn.simd.integers import atomic_add, atomic_load, give_way, pause

# int64s of the barrier's array; the two counters lie in cache lines of their own.
BARRIER_SIZE = 32
_ARRIVED, _ROUND = 0, 16

# Looks at the counter before the processor is offered to others: some ten microseconds.
_PATIENCE = 256


@inlined
def wait(barrier, threads):
    """Return when `threads` threads have called this; everything written before is visible to all of them after."""
    if threads == 1:
        return
    current = atomic_load(barrier, _ROUND)
    if atomic_add(barrier, _ARRIVED, 1) == threads - 1:
        atomic_add(barrier, _ARRIVED, -threads)
        atomic_add(barrier, _ROUND, 1)
        return
    looks = 0
    while atomic_load(barrier, _ROUND) == current:
        looks += 1
        pause()
        if looks > _PATIENCE:
            give_way()


def meet(m, barrier, threads, came):
    """A loop that runs once, in the thread that comes last of `threads` (an Int); then all of them go on, and see what
    it wrote.

    barrier: an array of BARRIER_SIZE integers, 0 at first; came: the name of a word of the thread's frame.
    """
    current = m.atomic_read(barrier, _ROUND)
    # One thread alone need not wait until all that it wrote is in the cache.
    m.set_word(came, 0)
    for _ in m.when(m.integer(1).below(threads)):
        m.set_word(came, m.atomic_add(barrier, _ARRIVED, 1))
    last = (m.word(came) + 1).equals(threads)
    for _ in m.when(last):
        yield None
        m.write(barrier, _ARRIVED, 0)
        m.atomic_write(barrier, _ROUND, current + 1)
    for _ in m.when(last.equals(0)):
        for looks, leave in m.loop(1 << 62):
            leave(m.atomic_read(barrier, _ROUND).equals(current).equals(0))
            m.pause()
            for _ in m.when(m.integer(_PATIENCE).below(looks)):
                m.give_way()
