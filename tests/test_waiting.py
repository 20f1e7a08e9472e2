"""Models that wait: those of one Division after each other, and each thread with Divisions of its own."""

from types import SimpleNamespace

from fastrnn.training.sequences.waiting import Waiting


def jobs(text):
    """Jobs of Divisions that are letters, numbered."""
    return [SimpleNamespace(division=letter, model=n) for n, letter in enumerate(text)]


def models(taken):
    return [job.model for job in taken]


def test_models_of_a_division_come_first_and_then_those_of_others():
    waiting = Waiting(jobs("aabbbc"))
    assert len(waiting) == 6 and "a" in waiting and "d" not in waiting
    assert models(waiting.take(2, "b")) == [2, 3]
    assert models(waiting.take(2, "b")) == [4] and "b" not in waiting
    assert models(waiting.take(9, "b")) == [] and models(waiting.take(9, None)) == []
    assert models(waiting.take(2, "c", others=True)) == [5, 0]
    assert models(waiting.take(2, None, others=True)) == [1] and len(waiting) == 0
    assert waiting.following() is None and waiting.take(1, None, others=True) == []


def test_threads_go_on_with_different_divisions():
    waiting = Waiting(jobs("aaabbbccc"))
    assert [waiting.following() for _ in range(4)] == ["a", "b", "c", "a"]
    assert models(waiting.take(4, None, others=True)) == [3, 4, 5, 6]


def test_those_that_are_given_back_are_the_next_ones():
    given = jobs("aabb")
    waiting = Waiting(given)
    taken = waiting.take(3, "a", others=True)
    waiting.give_back(taken)
    assert len(waiting) == 4
    assert models(waiting.take(2, "a")) == [0, 1] and models(waiting.take(2, "b")) == [2, 3]
    waiting.give_back(given[:1])
    assert models(waiting.take(1, "a")) == [0]
