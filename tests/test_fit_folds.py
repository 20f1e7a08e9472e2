"""A model depends on its own training sequences, its seed and options, to the byte, whatever else the data hold."""

import numpy as np
import pytest

from fastrnn import GRU, Sequences, train_many
from fastrnn.data import TEST, TRAIN, UNUSED, VALIDATION
from tests.test_fit import DATA, QUICK, choices

# Rows of roles that have little in common; row 3 leaves sequences out.
ROWS = np.array([np.random.default_rng(n).choice(4, 12, p=[0.5, 0.2, 0.1, 0.2]) for n in range(20)], np.int8)
HOW = {
    "models": {"lanes": "models"}, "sequences": {"lanes": "sequences"}, "batches": {"batch_size": 3},
    "batches of one": {"batch_size": 3, "lanes": "sequences"},
}


@pytest.fixture(scope="module", params=HOW)
def how(request):
    return HOW[request.param]


@pytest.fixture(scope="module")
def fits(how):
    return train_many(GRU(2), DATA, seeds=range(20), roles=ROWS, **how, patience=3, **QUICK)


def same(one, i, other, j, roles=(TRAIN, VALIDATION, TEST)):
    """Whether two models hold the same bytes, and so do their histories of some roles."""
    histories = [each._histories[n][:, :, list(roles)] for each, n in ((one, i), (other, j))]
    return histories[0].tobytes() == histories[1].tobytes() and all(
        values.tobytes() == other.weights(j)[name].tobytes() for name, values in one.weights(i).items()
    )


@pytest.mark.parametrize("i", [0, 3, 11, 19])
def test_the_model_of_a_fold_is_the_one_that_is_trained_on_its_sequences_alone(fits, how, i):
    used = ROWS[i] != UNUSED
    assert not used.all() or i != 3
    options = {"seeds": [i], **how, "patience": 3, **QUICK}
    assert same(train_many(GRU(2), DATA, roles=ROWS[i], **options), 0, fits, i)
    assert same(train_many(GRU(2), DATA.select(used), roles=ROWS[i][used], **options), 0, fits, i)


def test_validation_sequences_decide_when_to_stop_and_nothing_else(how):
    """With others, of other lengths, or with none, a model that makes all epochs is the same."""
    roles, options = ROWS[0], {"seeds": [5], **how, "stop_after": 20, "patience": None, **QUICK}
    made = train_many(GRU(2), DATA, roles=roles, **options)
    trains, other = roles == TRAIN, choices(7, seed=9, longest=20)
    alone = train_many(GRU(2), DATA.select(trains), roles=np.full(trains.sum(), TRAIN), **options)
    assert same(alone, 0, made, 0, (TRAIN,))
    # The same training sequences in the same order, between others.
    pieces = [DATA[n] for n in np.flatnonzero(trains)] + [other[n] for n in range(7)]
    order = np.r_[len(pieces) - 7 : len(pieces) - 2, : len(pieces) - 7, len(pieces) - 2 : len(pieces)]
    mixed = Sequences([pieces[n][0] for n in order], [pieces[n][1] for n in order], kind="classes", classes=2)
    division = np.where(order < len(pieces) - 7, TRAIN, np.where(order % 2, VALIDATION, TEST))
    assert same(train_many(GRU(2), mixed, roles=division, **options), 0, made, 0, (TRAIN,))


def test_models_that_wait_for_others_of_their_roles_are_the_same(fits, how, monkeypatch):
    """Where sequences are too large to be laid out for each model, lanes have models of the same roles."""
    monkeypatch.setattr("fastrnn.training.sequences.fit.MOST_BYTES", 0)
    again = train_many(GRU(2), DATA, seeds=range(20), roles=ROWS, **how, patience=3, **QUICK)
    assert all(same(again, i, fits, i) for i in range(20))
    twice = train_many(
        GRU(2), DATA, seeds=np.arange(40) // 2, roles=np.repeat(ROWS, 2, 0), **how, patience=3, **QUICK
    )
    assert all(same(twice, 2 * i + 1, fits, i) for i in range(20))
