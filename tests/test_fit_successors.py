"""Models that take the lanes of others within a call of the kernels: no byte of a model depends on it."""

import numpy as np
import pytest

from fastrnn import GRU, Sequences, train_many
from fastrnn.data import TRAIN, VALIDATION
from fastrnn.networks import lanes_for
from fastrnn.training.sequences import many
from fastrnn.training.sequences.successors import Successors
from fastrnn.training.sequences.turns import Turns
from tests.test_fit import DATA, ROLES

MODELS = 150
OPTIONS = {"evaluate_every": 3, "epochs": 60, "patience": 2, "dtype": "float64", "threads": 1}
RATES = np.linspace(0.01, 0.5, MODELS)
GROUPED = Sequences(
    [x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", classes=2, groups={"who": np.arange(12) % 3}
)
CASES = {
    "same": {"roles": ROLES},
    "own": {"roles": np.array([np.roll(ROLES, n % 5) for n in range(MODELS)])},
    "subjects": {"each": "who", "validation": 0.3},
    "last weights": {"roles": ROLES, "stop_after": 24},
    "plateau": {"roles": ROLES, "schedule": "plateau", "plateau_patience": 1, "optimizer": "amsgrad", "l1": 1e-3},
    "schedule": {"roles": ROLES, "schedule": "cosine", "warmup": 5},
    "diverging": {"roles": ROLES, "optimizer": "sgd", "dtype": "float32"},
}


def fitted(case, seeds=range(MODELS), rates=RATES, **options):
    return train_many(GRU(2), GROUPED, seeds=seeds, learning_rate=rates, **{**OPTIONS, **CASES[case], **options})


@pytest.fixture
def begun(monkeypatch):
    """How many models took another one's lane, of each call of the kernels; the processor's speed decides on none."""
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 1000.0)
    monkeypatch.setattr(many, "SHORT_SECONDS", 1000.0)
    counts, whole = [], Successors.begun

    def counted(self, history):
        left, firsts = whole(self, history)
        counts.append(len(left))
        return left, firsts

    monkeypatch.setattr(Successors, "begun", counted)
    return counts


def assert_same(one, i, other, j):
    assert one._rows[i].tobytes() == other._rows[j].tobytes()
    assert one._histories[i].tobytes() == other._histories[j].tobytes()
    assert one.stopped[i] == other.stopped[j] and one.best_epoch[i] == other.best_epoch[j]
    assert one.epochs[i] == other.epochs[j]


@pytest.mark.parametrize("case", CASES)
def test_a_model_that_takes_anothers_lane_is_the_one_that_trains_alone(case, begun):
    rates = np.where(np.arange(MODELS) % 7 == 3, 1e38, RATES) if case == "diverging" else RATES
    together = fitted(case, rates=rates)
    assert sum(begun) > MODELS / 3 and max(begun) > 8 and len(begun) < MODELS / 2
    assert len(set(together.epochs)) > 2 and (case != "diverging" or together.stopped.count("diverged") > 9)
    del begun[:]
    for i in range(0, MODELS, 11):
        assert_same(fitted(case, rates=rates, only=[i]), 0, together, i)
    assert not any(begun)


def test_models_stop_after_the_evaluations_that_their_losses_say_with_the_weights_of_the_best(begun):
    stopped, endless = fitted("same"), fitted("same", patience=None)
    assert sum(begun) > MODELS and {"patience", "epochs"} == set(stopped.stopped)
    for i in range(MODELS):
        losses, best, since, end = endless.history(i)["loss"][:, 1], 0, 0, 0
        while since < 2 and end < len(losses) - 1:
            end += 1
            best, since = (end, 0) if losses[end] < losses[best] else (best, since + 1)
        assert (stopped.best_epoch[i], stopped.epochs[i]) == (3 * best, 3 * end)
        assert stopped.history(i)["loss"].tobytes() == endless.history(i)["loss"][: end + 1].tobytes()
        if i % 30 == 1:
            at_best = fitted("same", patience=None, stop_after=3 * best, only=[i])
            assert at_best._rows[0].tobytes() == stopped._rows[i].tobytes()


@pytest.mark.parametrize("case", ["same", "own"])
def test_calls_of_any_length_and_threads_that_share_the_models_change_nothing(case, begun, many_cores, monkeypatch):
    together = fitted(case)
    for seconds, threads in ((0.0, 1), (0.0, 3), (0.1, 2)):
        monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", seconds)
        again = fitted(case, threads=threads)
        for i in range(MODELS):
            assert_same(again, i, together, i)


@pytest.mark.parametrize("call", [2, 4, 5])
@pytest.mark.parametrize("case", ["same", "own"])
def test_an_interrupted_call_goes_on_with_models_in_lanes_and_in_the_queue(case, call, begun, monkeypatch, tmp_path):
    together, calls, run = fitted(case), [], Turns.run

    def interrupted(self, *given):
        made = run(self, *given)
        calls.append(made)
        if len(calls) == call:
            self.groups[0].flag[0] = 1
        return made

    path = tmp_path / "fits.safetensors"
    with monkeypatch.context() as own:
        own.setattr(Turns, "run", interrupted)
        part = fitted(case, checkpoint=path)
    assert 0 < part.stopped.count("interrupted") < MODELS or set(part.epochs) == {0, sum(calls)} and call == 2
    again = fitted(case, checkpoint=path)
    for i in range(MODELS):
        assert_same(again, i, together, i)
        if part.stopped[i] != "interrupted":
            assert_same(part, i, together, i)
        else:
            # An unfinished model has the beginning of its history.
            count = len(part._histories[i])
            assert part._histories[i].tobytes() == together._histories[i][:count].tobytes()
            assert count == -(-part.epochs[i] // 3)


def test_lanes_that_nobody_takes_do_not_end_a_call(begun, monkeypatch):
    """Without models that wait, one call may go on until the last model is done."""
    calls, run = [], Turns.run
    monkeypatch.setattr(Turns, "run", lambda *given: calls.append(run(*given)) or calls[-1])
    made = fitted("same", seeds=range(4), rates=RATES[::40])
    # 1, 4, 16 and 64 rounds.
    assert len(set(made.epochs)) > 1 and len(calls) <= 4


@pytest.mark.parametrize("case", ["same", "subjects"])
def test_lanes_whose_models_end_together_begin_together(case, begun, monkeypatch):
    """No round is spent on waiting for the next evaluation of others."""
    rounds, run = [], Turns.run
    monkeypatch.setattr(Turns, "run", lambda *given: rounds.append(run(*given)) or rounds[-1])
    monkeypatch.setattr("fastrnn.training.sequences.turns.MOST_GROUPS", 1)
    fitted(case, patience=None, epochs=7)
    # Evaluations after 0, 3 and 6 epochs: the model is done with the last one.
    assert sum(rounds) == 7 * -(-MODELS // lanes_for("float64")) and sum(begun) > MODELS / 3


def test_kernels_as_plain_python_give_lanes_to_the_same_models(begun, monkeypatch):
    pieces = [DATA[n] for n in (2, 5)]
    data = Sequences([x[:3] for x, _, _ in pieces], [y[:3] for _, y, _ in pieces], kind="classes", classes=2)
    options = {**OPTIONS, "epochs": 6, "evaluate_every": 2, "patience": 1, "learning_rate": 0.5, "seeds": range(24)}
    options |= {"roles": [TRAIN, VALIDATION]}
    compiled = train_many(GRU(1), data, **options)
    count = sum(begun)
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    plain = train_many(GRU(1), data, **options)
    assert 0 < count == sum(begun) / 2 and len(set(plain.epochs)) > 1
    np.testing.assert_array_equal(compiled.epochs, plain.epochs)
    np.testing.assert_allclose(compiled.loss, plain.loss, rtol=1e-12)
