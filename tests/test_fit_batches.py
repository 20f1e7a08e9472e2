"""Models side by side that learn from batches: each in an order of its own, whatever its neighbours are."""

import numpy as np
import pytest
from params import quick

from fastrnn import GRU, Elman, Sequences, train, train_many
from fastrnn.data import TEST, TRAIN, UNUSED, VALIDATION
from fastrnn.kernels.recurrent.gathered import gather
from tests.test_fit import DATA, ROLES

OPTIONS = {"batch_size": 3, "epochs": 24, "evaluate_every": 4, "patience": None, "learning_rate": 0.03}
# From 1 to 10 sequences train a model: it makes 1 to 4 updates in an epoch.
TABLE = np.full((20, 12), UNUSED, np.int8)
for n, row in enumerate(TABLE):
    row[np.random.default_rng(n).permutation(12)[: n % 10 + 2]] = TRAIN
    row[np.flatnonzero(row == TRAIN)[-1]] = VALIDATION
    row[np.flatnonzero(row == UNUSED)[:1]] = TEST


def same(one, i, other, j):
    """Whether two models hold the same bytes."""
    return (
        all(values.tobytes() == other.weights(j)[name].tobytes() for name, values in one.weights(i).items())
        and one._histories[i].tobytes() == other._histories[j].tobytes()
    )


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=range(20), roles=TABLE, **OPTIONS)


def test_a_model_keeps_its_bytes_whoever_has_batches_beside_it(fits, monkeypatch):
    for i in (0, 7, 9, 18):
        assert same(train_many(GRU(2), DATA, seeds=[i], roles=TABLE[i], **OPTIONS), 0, fits, i)
    turned = train_many(GRU(2), DATA, seeds=range(19, -1, -1), roles=TABLE[::-1], threads=1, **OPTIONS)
    assert all(same(turned, 19 - i, fits, i) for i in range(20))
    monkeypatch.setattr("fastrnn.training.sequences.epochs.MOST_PLACES", 1)
    cut = train_many(GRU(2), DATA, seeds=range(20), roles=TABLE, **OPTIONS)
    assert all(same(cut, i, fits, i) for i in range(20))


WAYS = [
    {}, {"schedule": "plateau", "plateau_patience": 1, "max_grad_norm": 0.1}, {"schedule": "cosine", "tbptt_steps": 3},
    {"batch_size": 1}, {"batch_size": 5, "epochs": 8},
]


@pytest.mark.parametrize("options", quick(WAYS, lambda options: "schedule" in options or not options))
def test_batches_side_by_side_are_those_of_one_model_after_the_other(options):
    options = {**OPTIONS, **options, "seeds": range(20), "roles": TABLE, "dtype": "float64"}
    beside, after = (train_many(GRU(2), DATA, lanes=lanes, **options) for lanes in ("models", "sequences"))
    np.testing.assert_allclose(beside.loss, after.loss, rtol=1e-9)
    for i in range(20):
        np.testing.assert_allclose(beside.history(i)["loss"], after.history(i)["loss"], rtol=1e-9)


def test_models_that_stop_make_room_for_others_between_evaluations():
    options = {**OPTIONS, "patience": 1, "evaluate_every": 3, "schedule": "cosine"}
    rates = np.linspace(0.01, 0.5, 40)
    many = train_many(GRU(2), DATA, seeds=range(40), roles=ROLES, **{**options, "learning_rate": rates})
    assert len(set(many.epochs)) > 2
    for i in (3, 17, 38):
        alone = train_many(GRU(2), DATA, seeds=[i], roles=ROLES, **{**options, "learning_rate": rates[i]})
        assert same(alone, 0, many, i)


def test_sequences_of_ones_own_and_given_states_come_in_batches_too():
    pieces, learners = [DATA[n] for n in range(12)], np.arange(12) % 3
    states = np.random.default_rng(0).normal(size=(12, 2))
    data = Sequences([x for x, _, _ in pieces], [y for _, y, _ in pieces], kind="classes", classes=2,
                     groups={"learner": learners}, initial=states)
    made = train_many(GRU(2), data, each="learner", dtype="float64", **OPTIONS)
    for learner in range(3):
        own = data.select(learners == learner)
        roles = np.where(np.arange(4) == 0, VALIDATION, TRAIN)
        alone = train_many(GRU(2), own, roles=roles, dtype="float64", lanes="sequences", **OPTIONS)
        shared = train_many(GRU(2), data, each="learner", dtype="float64", seeds=[0], **OPTIONS,
                            roles=np.where(np.arange(12) < 3, VALIDATION, TRAIN))
        np.testing.assert_allclose(shared.history(learner)["loss"], alone.history()["loss"], rtol=1e-9)
    assert np.isfinite(made.loss[:, :2]).all()


@pytest.mark.parametrize("carried", [{}, {"carry": True, "tbptt_steps": 2}], ids=["whole", "carried"])
@pytest.mark.parametrize("other", [0.7, 1e20])
def test_weights_of_sequences_that_a_model_does_not_have_change_no_byte(carried, other):
    pieces, rng = [DATA[n] for n in range(12)], np.random.default_rng(0)
    weight = [rng.uniform(0, 1, len(y)) * (other if n < 5 else 1) for n, (_, y, _) in enumerate(pieces)]
    data = Sequences([x for x, _, _ in pieces], [y for _, y, _ in pieces], kind="classes", classes=2, weight=weight)
    roles = np.array([UNUSED] * 5 + [VALIDATION] + [TRAIN] * 6)
    options = {**OPTIONS, **carried, "dtype": "float64", "lanes": "sequences"}
    among = train_many(GRU(2), data, roles=roles, **options)
    alone = train_many(GRU(2), data.select(roles != UNUSED), roles=roles[5:], **options)
    assert same(among, 0, alone, 0)


@pytest.mark.parametrize("emulate", ["0", "1"], ids=["compiled", "plain"])
@pytest.mark.parametrize("inputs", [2, 9])
def test_gathered_sequences_lie_where_they_are_read(inputs, emulate, monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", emulate)
    rng = np.random.default_rng(0)
    lengths = np.array([3, 1, 4])
    offsets = np.array([0, 3, 4, 8])
    # Short rows are copied without a loop.
    x, y, weight = rng.normal(size=(8, inputs)), rng.normal(size=(8, 1)), rng.normal(size=8)
    chosen = np.array([[[2, 0], [1, -1]], [[-1, 1], [0, -1]]])
    steps, firsts = np.array([4, 3]), np.array([0, 4])
    out = [np.full((7, *shape, 2, 2), np.nan) for shape in ((inputs,), (1,), ())]
    gather(chosen, np.arange(2), steps, firsts, (offsets, lengths, x, y, weight), out)
    for values, made in zip((x, y, weight), out):
        expected = np.zeros_like(made)
        for block, column, lane in np.ndindex(chosen.shape):
            if (n := chosen[block, column, lane]) >= 0:
                rows = slice(firsts[block], firsts[block] + lengths[n])
                expected[rows, ..., column, lane] = values[offsets[n] : offsets[n] + lengths[n]]
        np.testing.assert_array_equal(made, expected)
    # One lane alone, whose neighbours stay.
    before = [made.copy() for made in out]
    gather(chosen[..., :1] * 0, np.array([1]), steps, firsts, (offsets, lengths, -x, -y, -weight), out)
    for values, made, kept in zip((x, y, weight), out, before):
        np.testing.assert_array_equal(made[..., 0], kept[..., 0])
        np.testing.assert_array_equal(made[:3, ..., 0, 1], -values[:3])


def test_states_are_carried_by_one_model_after_the_other_alone():
    options = {**OPTIONS, "tbptt_steps": 2, "carry": True}
    with pytest.raises(ValueError, match="^carry: models side by side do not carry states from batch to batch"):
        train_many(GRU(2), DATA, lanes="models", **options)


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_piece_in_which_nothing_counts_changes_no_weight(optimizer):
    # Without biases, zeros leave a state of 0: the pieces after them are those of the shorter sequences.
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(6, 15, 2)), rng.integers(0, 2, (6, 15, 1))
    before = np.zeros((6, 10, 1))
    weight = np.concatenate([before, np.ones((6, 15, 1))], 1)[..., 0]
    longer = np.concatenate([np.repeat(before, 2, -1), x], 1), np.concatenate([before, y], 1)
    options = {"optimizer": optimizer, "batch_size": 4, "tbptt_steps": 5, "carry": True, "epochs": 6, "validation": 0}
    cell = Elman(3, activation="tanh", bias=False)
    short = train(cell, Sequences(x, y, kind="reals"), **options)
    warmed = train(cell, Sequences(*longer, weight=weight, kind="reals"), **options)
    assert all(values.tobytes() == warmed.weights[name].tobytes() for name, values in short.weights.items())


def test_batches_in_which_nothing_counts_are_no_updates_side_by_side_either():
    rng = np.random.default_rng(6)
    weight = np.ones((8, 5))
    weight[[1, 4, 5]] = 0
    data = Sequences(rng.normal(size=(8, 5, 2)), rng.integers(0, 2, (8, 5, 1)), weight=weight, kind="reals")
    options = {"seeds": range(5), "batch_size": 2, "epochs": 9, "validation": 0, "dtype": "float64"}
    side, after = (train_many(GRU(2), data, lanes=lanes, **options) for lanes in ("models", "sequences"))
    for i in range(5):
        for name, values in side.weights(i).items():
            np.testing.assert_allclose(values, after.weights(i)[name], rtol=1e-9, atol=1e-12)
