"""Groups of models that run in turn within one call of the kernels: no byte of a model depends on it."""

import numpy as np
import pytest

from fastrnn import GRU, train_many
from fastrnn.training.sequences import turns
from fastrnn.training.sequences.group import FitGroup
from tests.test_fit import DATA, ROLES

OPTIONS = {"seeds": range(700), "epochs": 6, "evaluate_every": 3, "patience": None, "threads": 1}
CASES = {"same": {"roles": ROLES}, "own": {"roles": np.array([np.roll(ROLES, n % 5) for n in range(700)])}}


@pytest.fixture(autouse=True)
def _no_successors(monkeypatch):
    """No model takes the lane of another one within a call."""
    monkeypatch.setattr(FitGroup, "succeeds", False)


class Calls:
    """Turns.run, which remembers how many groups each call ran; `rounds`: of a call of several groups, which is the
    last one."""

    def __init__(self, rounds=None):
        self.run, self.rounds, self.groups = turns.Turns.run, rounds, []

    def __call__(self, own, rounds, *given):
        self.groups.append(len(own.occupied()))
        last = self.rounds is not None and self.groups[-1] > 2
        made = self.run(own, self.rounds if last else rounds, *given)
        if last:
            own.groups[0].flag[0] = 1
        return made


def calls_of(seconds, monkeypatch, **options):
    """Return the Calls, while each is to take this long."""
    calls = Calls(**options)
    monkeypatch.setattr(turns.Turns, "run", lambda *arguments: calls(*arguments))
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", seconds)
    return calls


def assert_same(one, other):
    for i in range(len(one)):
        assert one._rows[i].tobytes() == other._rows[i].tobytes()
        assert one._histories[i].tobytes() == other._histories[i].tobytes()
    assert one.stopped == other.stopped and (one.best_epoch == other.best_epoch).all()


@pytest.mark.parametrize("case", CASES)
def test_models_of_several_groups_are_those_of_one(case, monkeypatch):
    with monkeypatch.context() as own:
        calls = calls_of(0.0, own)
        alone = train_many(GRU(2), DATA, **OPTIONS, **CASES[case])
        assert set(calls.groups) == {1}
    calls = calls_of(1000.0, monkeypatch)
    assert_same(train_many(GRU(2), DATA, **OPTIONS, **CASES[case]), alone)
    assert max(calls.groups) > 2


def test_models_that_end_one_by_one_share_a_single_group(monkeypatch):
    calls = calls_of(1000.0, monkeypatch)
    options = OPTIONS | {"patience": 1, "epochs": 60, "learning_rate": np.linspace(0.01, 0.3, 700)}
    made = train_many(GRU(2), DATA, roles=ROLES, **options)
    assert len(set(made.epochs)) > 5 and set(calls.groups) == {1}


@pytest.mark.parametrize("case", CASES)
def test_a_call_continues_from_a_checkpoint_of_several_groups(case, monkeypatch, tmp_path):
    whole = train_many(GRU(2), DATA, **OPTIONS, **CASES[case])
    options = OPTIONS | CASES[case] | {"checkpoint": tmp_path / "fits.safetensors"}
    with monkeypatch.context() as own:
        calls_of(1000.0, own, rounds=2)
        part = train_many(GRU(2), DATA, **options)
    assert part.stopped.count("interrupted") > 500 and (part.epochs == 2).sum() > 32
    assert_same(train_many(GRU(2), DATA, **options), whole)
