"""Kernels for all sizes until others are worth compiling: when they change, how often, what the cache has."""

import threading
import time
from typing import NamedTuple

import numba
import numpy as np
import pytest

from fastrnn.compiling import jit
from fastrnn.kernels import tiers
from fastrnn.kernels.address import address_of, call, is_ready
from fastrnn.kernels.constant import Constant, known
from fastrnn.kernels.tiers import Tiers


class Sizes(NamedTuple):
    rows: int
    columns: int


def _write(constant, sizes, out):
    sizes = known(constant, sizes)
    out[0] = 10 * sizes.rows + sizes.columns


def _add(constant, sizes, out):
    sizes = known(constant, sizes)
    out[1] += sizes.columns


@jit(cache=False)
def call_both(addresses, sizes, out):
    call(addresses[0], (None, sizes, out))
    call(addresses[1], (None, sizes, out))


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """Makes functions of sizes that give what Tiers take, with two kernels as a new process has them.

    None is compiled but what is in the cache, and nobody has worked with them.
    """
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiers, "_worked", {})

    def fresh():
        write, add = jit(_write), jit(_add)

        def of(sizes):
            def examples(own):
                constant = Constant(sizes) if own else None
                return (write, constant, Sizes(0, 0), np.zeros(2)), (add, constant, Sizes(0, 0), np.zeros(2))

            return examples

        return of

    return fresh


@pytest.fixture
def compiled(monkeypatch):
    """The constant, or None, of each kernel whose address is asked for."""
    asked = []

    def noted(dispatcher, constant, *arguments):
        asked.append(constant.values if constant else None)
        return address_of(dispatcher, constant, *arguments)

    monkeypatch.setattr(tiers, "address_of", noted)
    return asked


def results(addresses, sizes):
    out = np.array([0.0, 100.0])
    call_both(addresses, sizes, out)
    return out.tolist()


ONE, OTHER = Sizes(1, 2), Sizes(3, 4)
# By whether they look at the numbers that come in: those of Sizes(1, 2), called with (3, 4).
OWN, GENERAL = [12, 102], [34, 104]


def test_kernels_for_all_sizes_come_first_and_change_once(kernels, compiled, monkeypatch):
    monkeypatch.setattr(tiers, "ENOUGH", 1.0)
    tier = Tiers(kernels()(ONE))
    general = tier.addresses
    assert not tier.own and compiled == [None, None] and results(general, OTHER) == GENERAL
    for _ in range(3):
        tier.worked(0.25)
        assert not tier.own and tier.addresses is general
    tier.worked(0.25)
    assert tier.own and compiled == [None, None, ONE, ONE]
    assert not set(tier.addresses) & set(general) and results(tier.addresses, OTHER) == OWN
    # The same for what they were compiled for, and threads that are still within the others do no harm.
    assert results(tier.addresses, ONE) == results(general, ONE) == OWN
    before = tier.addresses
    tier.worked(100.0)
    assert tier.addresses is before and len(compiled) == 4


def test_work_counts_for_its_own_sizes_wherever_it_was_done(kernels, compiled, monkeypatch):
    monkeypatch.setattr(tiers, "ENOUGH", 1.0)
    # None of them finds what another has compiled.
    monkeypatch.setattr(tiers, "is_ready", lambda *kernel: False)
    made = kernels()
    first, second, other = Tiers(made(ONE)), Tiers(made(ONE)), Tiers(made(OTHER))
    first.worked(0.75)
    other.worked(0.5)
    assert not (first.own or second.own or other.own)
    second.worked(0.5)
    assert second.own and not (first.own or other.own)
    assert results(second.addresses, OTHER) == OWN and results(first.addresses, OTHER) == GENERAL
    first.worked(0.0)
    assert first.own and first.addresses == second.addresses and not other.own


class Lingering(float):
    """Seconds that take a while to be added."""

    def __radd__(self, other):
        time.sleep(0.02)
        return float(other) + float(self)


def test_threads_lose_no_work_and_compile_once(kernels, compiled, monkeypatch):
    # The second thread of the last turn compiles; by then all others are past their first look.
    monkeypatch.setattr(tiers, "ENOUGH", (8 * 3 + 2) * 0.25)
    tier, barrier, before = Tiers(kernels()(ONE)), threading.Barrier(8), []

    def work():
        for turn in range(4):
            barrier.wait()
            if turn == 3:
                before.append((tier.own, *tiers._worked.values()))
            barrier.wait()
            tier.worked(Lingering(0.25))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert before == [(False, 8 * 3 * 0.25)] * 8 and tier.own and compiled == [None, None, ONE, ONE]
    assert results(tier.addresses, OTHER) == OWN


def test_only_the_thread_that_compiles_waits_for_it(kernels, monkeypatch):
    monkeypatch.setattr(tiers, "ENOUGH", 1.0)
    tier, another, begun, go_on = Tiers(kernels()(ONE)), Tiers(kernels()(OTHER)), threading.Event(), threading.Event()

    def held_up(*kernel):
        begun.set()
        assert go_on.wait(60)
        return address_of(*kernel)

    monkeypatch.setattr(tiers, "address_of", held_up)
    general, workers = tier.addresses, [threading.Thread(target=each.worked, args=(seconds,), daemon=True)
                                        for each, seconds in ((tier, 1.0), (tier, 1.0), (another, 0.5))]
    workers[0].start()
    assert begun.wait(60)
    for worker in workers[1:]:
        worker.start()
        worker.join(10)
    waiting, still = [worker.is_alive() for worker in workers], tier.addresses
    go_on.set()
    for worker in workers:
        worker.join(60)
    # The addresses change when all of them are there.
    assert waiting == [True, False, False] and still is general and results(tier.addresses, OTHER) == OWN


def test_what_is_in_the_cache_is_used_at_once(kernels, compiled, monkeypatch):
    monkeypatch.setattr(tiers, "ENOUGH", 0.0)
    Tiers(kernels()(ONE)).worked(1.0)
    del compiled[:]
    again = Tiers(kernels()(ONE))
    assert again.own and compiled == [ONE, ONE] and results(again.addresses, OTHER) == OWN
    other = Tiers(kernels()(OTHER))
    assert not other.own and compiled == [ONE, ONE, None, None] and results(other.addresses, ONE) == OWN


def test_a_cache_with_some_of_the_kernels_is_not_enough(kernels):
    made = kernels()
    half = Tiers(lambda own: made(ONE)(own)[:1], at_once=True)
    assert half.own and is_ready(*made(ONE)(True)[0]) and not is_ready(*made(ONE)(True)[1])
    for each in (made, kernels()):
        tier = Tiers(each(ONE))
        assert not tier.own and results(tier.addresses, OTHER) == GENERAL


def test_at_once_there_is_no_other_kernel(kernels, compiled):
    tier = Tiers(kernels()(ONE), at_once=True)
    assert tier.own and compiled == [ONE, ONE] and results(tier.addresses, OTHER) == OWN
    tier.worked(100.0)
    assert compiled == [ONE, ONE] and not tiers._worked
