"""Threads share the blocks of one model: its bytes are the same for any number of them, and of calls of the kernels."""

import itertools

import numpy as np
import pytest

from fastrnn import GRU, LSTM, Sequences, train, train_many
from fastrnn import threads as workers
from fastrnn.data import split
from fastrnn.thread_choice import ThreadChoice
from fastrnn.training.sequences import team, turns
from fastrnn.training.sequences.team import MOST_PARTS, PART_STEPS, parts_of
from tests.test_fit import press_once

pytestmark = pytest.mark.usefixtures("many_cores")


def sequences(count, rng, **more):
    lengths = rng.integers(20, 41, count)
    return Sequences([rng.normal(size=(n, 2)) for n in lengths], [rng.integers(0, 2, n) for n in lengths],
                     kind="classes", classes=2, weight=[rng.choice([0, 1, 2.5], n) for n in lengths], **more)


DATA = sequences(390, np.random.default_rng(0))
OPTIONS = {"epochs": 8, "evaluate_every": 3, "patience": None, "learning_rate": 0.05}
CASES = {
    "all at once": {},
    "batches": {"batch_size": 150, "max_grad_norm": 0.1},
    "carried states": {"batch_size": 300, "tbptt_steps": 16, "carry": True},
    "borders in time": {"tbptt_steps": 9, "dtype": "float64", "initial_state": "learned"},
    "early end": {"patience": 1, "min_delta": 0.01, "schedule": "plateau", "plateau_patience": 1, "epochs": 200},
}


@pytest.fixture
def granted(monkeypatch):
    """How many threads shared each call of the kernels."""
    counts, helped = [], team.with_helpers

    def counted(most, work):
        results = helped(most, work)
        counts.append(len(results))
        return results

    monkeypatch.setattr(team, "with_helpers", counted)
    return counts


def same(one, other):
    return (
        all(values.tobytes() == other.weights[name].tobytes() for name, values in one.weights.items())
        and all(one.history[name].tobytes() == other.history[name].tobytes() for name in ("loss", "accuracy"))
        and (one.epochs, one.best_epoch, one.stopped) == (other.epochs, other.best_epoch, other.stopped)
    )


@pytest.mark.parametrize("case", CASES)
def test_any_number_of_threads_gives_the_same_bytes(granted, monkeypatch, case):
    cell, options = LSTM(2) if case == "carried states" else GRU(3), OPTIONS | CASES[case]
    alone = train(cell, DATA, threads=1, **options)
    assert not granted and len(alone.history["loss"]) >= 3
    for threads in (2, 3, 5):
        assert same(train(cell, DATA, threads=threads, **options), alone)
        # Wider vectors make fewer blocks, and fewer parts.
        assert max(granted) == threads if case == "all at once" else 2 <= max(granted) <= threads
        granted.clear()
    # Other numbers from call to call, in calls of any length.
    numbers = itertools.cycle([3, 1, 4, 2])

    class Any(ThreadChoice):
        def next(self, updates):
            return next(numbers), min(next(numbers), updates)

    monkeypatch.setattr(turns, "ThreadChoice", Any)
    assert same(train(cell, DATA, threads=4, **options), alone)
    assert same(train(cell, DATA, threads=4, callback=lambda state: None, **options), alone)
    assert alone.stopped == ("patience" if case == "early end" else "epochs")


SIDE_BY_SIDE = {
    "the same sequences": {},
    "batches": {"batch_size": 24, "max_grad_norm": 0.1},
    "folds": {"roles": np.stack([split(DATA, validation=0.1 * n, test=0.2, seed=n) for n in range(1, 6)])},
    "their own sequences": {"each": "subject", "initial_state": "learned"},
    "their own batches": {"each": "subject", "batch_size": 20, "dtype": "float64"},
    "early end": CASES["early end"] | {"l1": [0, 1e-4, 1e-3, 0, 1e-2]},
}


@pytest.mark.parametrize("case", SIDE_BY_SIDE)
def test_threads_share_the_work_of_models_side_by_side(granted, case):
    # Of one subject there are many more sequences than of the others, whose models have the same bytes alone.
    data = DATA.select(np.arange(len(DATA)))
    data.groups["subject"] = np.minimum(np.arange(len(DATA)) // 20, 4)
    options = OPTIONS | SIDE_BY_SIDE[case] | ({} if "each" in SIDE_BY_SIDE[case] else {"seeds": range(5)})
    alone = train_many(GRU(3), data, threads=1, **options)
    assert not granted and len(alone) == 5
    for threads in (2, 3, 5):
        shared = train_many(GRU(3), data, threads=threads, **options)
        # A group has four parts.
        assert max(granted) == min(threads, 4) and all(same(shared[n], alone[n]) for n in range(5))
        granted.clear()
    for n in (0, 4):
        one = train_many(GRU(3), data, threads=2, only=[n], **options)
        assert same(one[0], alone[n])


def test_a_model_keeps_its_bytes_without_sequences_that_only_validate_or_test():
    roles = split(DATA, validation=0.2, test=0.2)
    made = train(GRU(3), DATA, roles=roles, threads=3, **OPTIONS | {"stop_after": 8})
    alone = train(GRU(3), DATA.select(roles == 0), validation=0, threads=2, **OPTIONS | {"stop_after": 8})
    assert all(values.tobytes() == alone.weights[name].tobytes() for name, values in made.weights.items())
    assert made.history["loss"][:, 0].tobytes() == alone.history["loss"][:, 0].tobytes()


def test_losses_of_one_model_after_another_with_other_roles_are_its_own():
    roles = np.stack([split(DATA, validation=0.2, test=0.2), split(DATA, test=0.3), split(DATA, validation=0.5)])
    options = OPTIONS | {"lanes": "sequences", "threads": 2}
    made = train_many(GRU(3), DATA, seeds=range(3), roles=roles, **options)
    for i in range(3):
        assert same(made[i], train_many(GRU(3), DATA, seeds=[i], roles=roles[i], **options)[0])


def test_models_and_threads_share_the_cores(granted):
    options = OPTIONS | {"seeds": range(3), "lanes": "sequences"}
    one = train_many(GRU(3), DATA, threads=1, **options)
    shared = train_many(GRU(3), DATA, threads=7, **options)
    assert max(granted) == 2 and all(same(one[i], shared[i]) for i in range(3))


def test_ctrl_c_ends_all_threads_and_the_same_call_goes_on(tmp_path, monkeypatch, ctrl_c, granted):
    monkeypatch.setattr(workers, "TEND_SECONDS", 0.002)
    options = OPTIONS | {"epochs": 400, "checkpoint": tmp_path / "fit.safetensors"}
    whole = train(GRU(3), DATA, threads=1, **options)
    for threads in (3, 2):
        press = press_once()
        # On a busy machine the first call may be over before there are more threads.
        part = train(GRU(3), DATA, threads=threads, progress=lambda *at: threads in granted and press(*at), **options)
        assert part.stopped == "interrupted" and part.epochs < 400 and max(granted) == threads
        granted.clear()
    assert same(train(GRU(3), DATA, threads=5, **options), whole)


def test_parts_depend_on_the_blocks_alone():
    def parts(*steps):
        part, (count,) = parts_of(np.array(steps), np.zeros(len(steps), int))
        assert part[0] == 0 and part[-1] == count - 1 and set(np.diff(part)) <= {0, 1}
        return part.tolist()

    assert parts(1) == [0] and parts(1000) == [0] and parts(*[1] * 5) == [0] * 5
    assert parts(PART_STEPS, PART_STEPS) == [0, 1] and parts(PART_STEPS, PART_STEPS - 1) == [0, 0]
    assert max(parts(*[100] * 1000)) == MOST_PARTS - 1
    both = parts_of(np.array([PART_STEPS] * 3 + [1, 1] + [PART_STEPS] * 2), np.repeat([0, 1, 3], [3, 2, 2]))
    assert [each.tolist() for each in both] == [[0, 1, 2, 0, 0, 0, 1], [3, 1, 0, 2]]
