"""Calls from any threads, from callbacks and in forked children never wait for each other, and give the same bytes."""

import multiprocessing
import os
import sys
import threading
import time

import numpy as np
import pytest

import fastrnn
from fastrnn import threads
from fastrnn.machine.lock import compiler_lock
from fastrnn.threads import on_threads

# The test fails instead of hanging.
LONG = 60

BATCH = dict(batch_size=256, threads=2, max_samples=80_000, until="samples")


class TooLong(Exception):
    """What was to come has not come."""


def bytes_of(run):
    return [weight.tobytes() for weight in run.model.weights.values()]


def side_by_side(*works):
    """The results of works that run at the same time, each in a thread of its own."""
    results = [None] * len(works)

    def run(i):
        results[i] = works[i]()

    begun = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(works))]
    for thread in begun:
        thread.start()
    for thread in begun:
        thread.join(LONG)
        assert not thread.is_alive(), "a call hangs"
    return results


@pytest.fixture(scope="module")
def right():
    # Nothing is compiled later, while others wait.
    fastrnn.train_many(seeds=range(3), max_samples=16, until="samples")
    run = fastrnn.train(**BATCH)
    run.model.predict(np.ones((1, 8, 2)))
    fastrnn.verify(run.model)
    return run


# ---- many callers


@pytest.mark.parametrize("callers", [2, 5])
def test_many_callers_get_the_same_bytes(many_cores, right, callers):
    for _ in range(3):
        runs = side_by_side(*[lambda: fastrnn.train(**BATCH)] * callers)
        assert all(bytes_of(run) == bytes_of(right) for run in runs)


def test_the_number_of_threads_may_change_from_call_to_call(many_cores, monkeypatch, right):
    granted, begun = iter([1, 3, 2, 4, 1, 2] * 1000), []

    def changing(most, work, tend=None):
        count = min(most, next(granted))
        begun.append(count)
        return on_threads(count, work, tend)

    monkeypatch.setattr(sys.modules["fastrnn.training.tasks.session"], "on_threads", changing)
    monkeypatch.setattr(sys.modules["fastrnn.training.tasks.pace"], "CHUNK_SECONDS", 1e-4)
    assert bytes_of(fastrnn.train(**{**BATCH, "threads": 4})) == bytes_of(right)
    assert {1, 2, 3, 4} <= set(begun)


def test_predict_does_not_wait_for_a_training_that_has_all_threads(many_cores, right):
    x, over = np.ones((300, 8, 2)), threading.Event()

    def stop(done, total):
        if over.is_set():
            raise TooLong

    def train():
        with pytest.raises(TooLong):
            fastrnn.train_many(seeds=range(500), threads=8, max_samples=1 << 40, until="samples", progress=stop)

    def predict():
        expected = right.model.predict(x, threads=1)
        answers = [right.model.predict(x) for _ in range(20)]
        over.set()
        return all(np.array_equal(answer, expected) for answer in answers)

    assert side_by_side(train, predict)[1]


def test_progress_may_call_the_library_and_is_called_by_the_caller(many_cores, right):
    seen = []

    def progress(done, total):
        seen.append(threading.get_ident())
        assert fastrnn.train_many(seeds=range(3), threads=4, max_samples=64, until="samples").steps.tolist() == [
            4,
            4,
            4,
        ]
        assert bytes_of(fastrnn.train(**BATCH)) == bytes_of(right)
        fastrnn.verify(right.model)
        raise TooLong

    with pytest.raises(TooLong):
        fastrnn.train_many(seeds=range(40), threads=4, max_samples=1 << 40, until="samples", progress=progress)
    assert seen == [threading.get_ident()]


def test_what_is_compiled_does_not_wait_while_another_thread_compiles(right):
    ready, over = threading.Event(), threading.Event()

    def compile_for_ever():
        with compiler_lock():
            ready.set()
            return over.wait(LONG)

    def call():
        assert ready.wait(LONG)
        right.model.predict(np.ones((300, 8, 2)))
        fastrnn.verify(right.model)
        fastrnn.train(**BATCH)
        over.set()

    assert side_by_side(compile_for_ever, call)[0], "a call waits for the compiler"


# ---- fork


def child(works):
    bytes_here = bytes_of(fastrnn.train(**BATCH))
    model = fastrnn.train(max_samples=16, until="samples").model
    model.predict(np.ones((300, 8, 2)), threads=2)
    fastrnn.verify(model, threads=2)
    fastrnn.train_many(seeds=range(20), threads=2, max_samples=16, until="samples")
    works.put(bytes_here)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_works(many_cores, right):
    context = multiprocessing.get_context("fork")
    for _ in range(2):
        results = context.SimpleQueue()
        process = context.Process(target=child, args=(results,), daemon=True)
        process.start()
        process.join(LONG)
        hangs = process.is_alive()
        process.kill()
        assert not hangs and process.exitcode == 0, (
            "the child hangs" if hangs else f"the child ended with {process.exitcode}"
        )
        assert results.get() == bytes_of(right)


# ---- on_threads


def meeting(count):
    """A work that ends only if `count` shares of it run at the same time."""
    barrier = threading.Barrier(count)

    def work(i, n):
        barrier.wait(LONG)
        return i, n

    return work


def test_all_shares_run_at_the_same_time(many_cores):
    assert on_threads(5, meeting(5)) == [(i, 5) for i in range(5)]
    # Within a share, and beside it.
    assert on_threads(2, lambda i, n: on_threads(3, meeting(3))) == [[(i, 3) for i in range(3)]] * 2


def test_no_more_threads_than_cores_that_are_free(many_cores):
    assert len(on_threads(100_000, lambda i, n: i)) == 8
    inner = []

    def work(i, n):
        if i == 0:
            inner.append(len(on_threads(100_000, lambda j, m: j)))
        return meet(i, n)

    meet = meeting(3)
    assert on_threads(3, work) == [(i, 3) for i in range(3)] and inner == [5]
    full = meeting(8)
    assert on_threads(8, lambda i, n: (len(on_threads(4, lambda j, m: j)), full(i, n))[0]) == [1] * 8


def test_idle_workers_are_few(many_cores):
    side_by_side(*[lambda: on_threads(8, lambda i, n: None)] * 20)
    assert len(threads._idle) <= 8
    # Those that are not kept need a moment to end.
    for _ in range(LONG * 100):
        if (alive := sum(thread.name == "fastrnn" for thread in threading.enumerate())) <= 8 + 1:
            break
        time.sleep(0.01)
    assert alive <= 8 + 1


def test_a_single_share_runs_in_the_caller():
    assert on_threads(1, lambda i, n: threading.get_ident()) == [threading.get_ident()]
    assert on_threads(1, lambda i, n: threading.get_ident(), tend=lambda: None) != [threading.get_ident()]


def test_where_the_system_starts_no_thread_the_caller_works(many_cores, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    threads._idle.clear()
    monkeypatch.setattr(threading.Thread, "start", start)
    assert on_threads(4, lambda i, n: (i, n), tend=lambda: None) == [(0, 1)]


def test_an_error_comes_when_all_shares_have_ended(many_cores):
    ended, begin = [], threading.Barrier(3)

    def work(i, n):
        begin.wait(LONG)
        if i == 1:
            raise TooLong
        threading.Event().wait(0.05)
        ended.append(i)

    with pytest.raises(TooLong):
        on_threads(3, work)
    assert sorted(ended) == [0, 2]


def test_what_tend_raises_comes_when_all_shares_have_ended(many_cores):
    stop, ended = threading.Event(), []

    def work(i, n):
        assert stop.wait(LONG)
        ended.append(i)

    def tend():
        stop.set()
        raise TooLong

    with pytest.raises(TooLong):
        on_threads(3, work, tend)
    assert sorted(ended) == [0, 1, 2]


# ---- bounds


def test_threads_are_a_maximum(many_cores, right):
    before = threading.active_count()
    assert bytes_of(fastrnn.train(**{**BATCH, "threads": 100_000})) == bytes_of(right)
    fastrnn.train_many(seeds=range(300), threads=100_000, max_samples=16, until="samples")
    assert threading.active_count() <= before + 8 + 1
