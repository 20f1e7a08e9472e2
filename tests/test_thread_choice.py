"""Updates are shared by as many threads as are fastest, whatever that number is."""

import itertools

import numpy as np
import pytest

import fastrnn
from fastrnn.thread_choice import AGAIN_SECONDS, ThreadChoice
from fastrnn.training.tasks import session


def trained(choice, seconds_of, calls, updates=100_000, granted=None):
    """Seconds of a training of `calls` calls, where an update on n threads takes seconds_of(n); and its threads."""
    whole, used = 0.0, []
    for _ in range(calls):
        left = updates
        while left:
            threads, count = choice.next(left)
            assert 1 <= count <= left
            threads = min(threads, granted or threads)
            choice.measured(threads, count, count * seconds_of(threads))
            whole, left = whole + count * seconds_of(threads), left - count
            used.append((threads, count))
    return whole, used


@pytest.mark.parametrize("most", [1, 2, 3, 6, 16, 64])
@pytest.mark.parametrize("barrier", [0, 1e-6, 1e-5, 1e-3])
def test_training_takes_about_as_long_as_on_the_fastest_number_of_threads(most, barrier):
    def seconds_of(threads):
        return 1e-5 / threads + barrier * (threads > 1)

    # The first call, of unknown speed, has few updates.
    choice = ThreadChoice(most)
    trained(choice, seconds_of, 1, updates=64)
    whole, used = trained(choice, seconds_of, 20)
    fastest = min(seconds_of(most >> n) for n in range(most.bit_length()))
    assert whole < 1.05 * 20 * 100_000 * fastest + 0.02
    assert seconds_of(used[-1][0]) < 1.06 * fastest


@pytest.mark.parametrize("disturbed", range(4))
def test_a_disturbed_trial_decides_nothing(disturbed):
    calls = itertools.count()

    def seconds_of(threads):
        return 4e-3 / threads * (5 if next(calls) == disturbed else 1)

    choice = ThreadChoice(2)
    trained(choice, seconds_of, 1, updates=1)
    trained(choice, seconds_of, 4, updates=100)
    assert choice.best == 2


def test_trials_are_repeated_when_the_machine_changes():
    choice = ThreadChoice(4)
    trained(choice, lambda threads: 1e-5 / threads, 10)
    assert choice.best == 4
    slow = [0]

    def seconds_of(threads):
        return 1e-5 * threads

    slow[0], used = trained(choice, seconds_of, int(2 * AGAIN_SECONDS / 1e-5 / 100_000))
    assert choice.best == 1 and used[-1][0] == 1


def test_short_calls_and_threads_that_were_not_granted_are_no_trials():
    choice = ThreadChoice(8)
    _, used = trained(choice, lambda threads: 1e-5 / threads, 50, updates=1000)
    assert set(used) == {(8, 1000)}
    trained(choice, lambda threads: 1e-5 / threads, 20, granted=2)
    assert choice.best in (1, 2)


def test_a_change_of_threads_within_a_call_changes_no_byte(many_cores, monkeypatch):
    options = dict(batch_size=2048, max_samples=200_000, until="samples")
    wanted = fastrnn.train(threads=1, **options)
    numbers = itertools.cycle([3, 1, 4, 2])

    class Any(ThreadChoice):
        def next(self, updates):
            return next(numbers), min(3, updates)

    monkeypatch.setattr(session, "ThreadChoice", Any)
    run = fastrnn.train(threads=4, **options)
    for name, weight in wanted.model.weights.items():
        assert weight.tobytes() == run.model.weights[name].tobytes()
    assert np.array_equal(wanted.history.loss, run.history.loss)
