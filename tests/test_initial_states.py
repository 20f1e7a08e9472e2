"""States before the first step that the data give: training and prediction from them, and sequences in pieces."""

import pickle

import numpy as np
import pytest

from fastrnn import GRU, LSTM, Elman, Sequences, analysis, train, train_many
from fastrnn.data import TEST, TRAIN
from tests import numpy_network as oracle

LENGTHS = (5, 3, 6, 4, 6)
RNG = np.random.default_rng(7)
X = [RNG.normal(size=(steps, 2)) for steps in LENGTHS]
Y = [RNG.integers(0, 2, steps) for steps in LENGTHS]
INITIAL = RNG.normal(size=(5, 4))
DATA = Sequences(X, Y, kind="classes", classes=2, initial=INITIAL, groups={"subject": [0] * 5})
ROLES = np.array([TRAIN, TRAIN, TRAIN, TRAIN, TEST])
OPTIONS = {"roles": ROLES, "epochs": 1, "evaluate_every": 1, "optimizer": "sgd", "dtype": "float64"}
HOW = [{"lanes": "models"}, {"lanes": "sequences"}, {"batch_size": 4}, {"each": "subject"}]
ways = pytest.mark.parametrize("how", HOW, ids=["models", "sequences", "batches", "own"])


def started(w, n, initial=INITIAL):
    """Weights of an LSTM of 2 units that begin sequence n at its own states."""
    return w | {"initial_h": initial[n, :2], "initial_c": initial[n, 2:]}


def mean_loss(w, chosen, sequences=None):
    total = sum(oracle.cross_entropy(oracle.outputs(oracle.lstm, started(w, n), X[n]), Y[n]).sum() for n in chosen)
    return total / sum(LENGTHS[n] for n in chosen)


@ways
def test_training_begins_at_the_states_of_each_sequence(how):
    w = train_many(LSTM(2), DATA, learning_rate=1e-30, **OPTIONS).weights(0)
    made = train_many(LSTM(2), DATA, learning_rate=0.5, **how, **OPTIONS)
    gradient = oracle.numerical_gradient(lambda w: mean_loss(w, range(4)), w)
    after = {name: w[name] - 0.5 * gradient[name] for name in w}
    expected = [[mean_loss(each, range(4)), mean_loss(each, [4])] for each in (w, after)]
    np.testing.assert_allclose(made.history()["loss"][:, [TRAIN, TEST]], expected, rtol=1e-8)
    assert np.abs(np.array(expected[1]) - expected[0]).min() > 1e-4


def test_states_are_carried_on_from_those_given():
    options = {name: value for name, value in OPTIONS.items() if name != "roles"} | {"batch_size": 5}
    w = train_many(LSTM(2), DATA, roles=np.zeros(5, int), learning_rate=1e-30, **options).weights(0)
    made = train_many(LSTM(2), DATA, roles=np.zeros(5, int), learning_rate=0.5, tbptt_steps=4, carry=True, **options)
    losses, states = [mean_loss(w, range(5))], INITIAL
    for start in (0, 4):
        own = [n for n in range(5) if LENGTHS[n] > start]
        pieces = {n: (X[n][start : start + 4], Y[n][start : start + 4], states) for n in own}

        def loss(w):
            z = {n: oracle.outputs(oracle.lstm, started(w, n, h), x) for n, (x, _, h) in pieces.items()}
            total = sum(oracle.cross_entropy(z[n], y).sum() for n, (_, y, _) in pieces.items())
            return total / sum(len(x) for x, _, _ in pieces.values())

        gradient, before = oracle.numerical_gradient(loss, w), w
        w = {name: w[name] - 0.5 * gradient[name] for name in w}
        states = np.array([_last(before, n, pieces[n]) if n in pieces else states[n] for n in range(5)])
    np.testing.assert_allclose(made.history()["loss"][:, 0], [*losses, mean_loss(w, range(5))], rtol=1e-8)


def _last(w, n, piece):
    x, _, states = piece
    state = states[n, :2], states[n, 2:]
    for row in x:
        state = oracle.lstm(w, row, state)
    return np.concatenate(state)


@pytest.fixture(scope="module")
def fits():
    return train_many(LSTM(2), DATA, seeds=range(3), learning_rate=0.5, **OPTIONS)


def test_predictions_begin_at_the_states_of_each_sequence(fits):
    for i in range(3):
        z = [oracle.outputs(oracle.lstm, started(fits.weights(i), n), X[n]) for n in range(5)]
        np.testing.assert_allclose(fits.outputs(DATA)[i], np.concatenate(z), atol=1e-12)
    losses = -np.concatenate([oracle.cross_entropy(own, y) for own, y in zip(z, Y)])
    np.testing.assert_allclose(fits.log_likelihood(DATA)[2], losses.sum(), rtol=1e-10)
    plain = Sequences(X, Y, kind="classes", classes=2)
    np.testing.assert_array_equal(fits.predict(plain, initial=INITIAL), fits.predict(DATA))
    assert (fits.predict(plain) != fits.predict(DATA)).all()
    own = RNG.normal(size=(3, 5, 4))
    p, last = fits.predict(DATA, initial=own, return_states=True)
    for i in range(3):
        np.testing.assert_array_equal(fits[[i]].predict(plain, initial=own[i])[0], p[i])
        expected = [_last(fits.weights(i), n, (X[n], None, own[i])) for n in range(5)]
        np.testing.assert_allclose(last[i], expected, atol=1e-12)
    np.testing.assert_allclose(fits.states(DATA)[:, DATA.offsets[1:] - 1], fits.predict(DATA, return_states=True)[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@ways
def test_a_sequence_in_pieces_is_the_whole_to_the_same_bytes(how, dtype):
    made = train_many(LSTM(2), DATA, seeds=[0], **how, **{**OPTIONS, "dtype": dtype})
    for cut in (1, 2):
        heads, tails = (Sequences([x[part] for x in X]) for part in (slice(cut), slice(cut, None)))
        first, states = made.predict(heads, initial=INITIAL, return_states=True)
        second, last = made.predict(tails, initial=states, return_states=True)
        whole, end = made.predict(DATA, return_states=True)
        pieces = [np.concatenate([a, b]) for a, b in zip(split(heads, first[0]), split(tails, second[0]))]
        assert np.concatenate(pieces).tobytes() == whole[0].tobytes() and last.tobytes() == end.tobytes()
        assert states.dtype == whole.dtype == dtype and states.shape == (1, 5, 4)


def split(data, values):
    return [values[start:stop] for start, stop in zip(data.offsets[:-1], data.offsets[1:])]


def test_one_model_and_the_gates_begin_there_too(fits):
    one = train(LSTM(2), DATA, **OPTIONS)
    p, states = one.predict(DATA, return_states=True)
    assert p.shape == (DATA.steps, 2) and states.shape == (5, 4)
    np.testing.assert_array_equal(one.predict(DATA, initial=INITIAL), p)
    gates = analysis.gates(fits, DATA)
    made = analysis.simulate(fits, lambda choices: [0, 0], X[2][0], 1, sessions=5, initial=INITIAL)
    np.testing.assert_allclose(made.states[1, 2, 0], fits.states(DATA)[1, DATA.offsets[2]], rtol=1e-10)
    with pytest.raises(ValueError, match=r"got shape \(4, 4\), expected \(5, W\)"):
        analysis.simulate(fits, lambda choices: [0, 0], X[2][0], 1, sessions=5, initial=INITIAL[:4])
    w, at = fits.weights(1), DATA.offsets[2]
    a = w["w_ih"] @ X[2][0] + w["b_ih"] + w["w_hh"] @ INITIAL[2, :2] + w["b_hh"]
    np.testing.assert_allclose(gates["f"][1, at], oracle.sigmoid(a[2:4]), rtol=1e-10)
    small = Sequences(X, Y, kind="classes", classes=2, initial=INITIAL[:, :1])
    visited = analysis.phase_portrait(train(GRU(1), small, **OPTIONS), small).visited["states"]
    np.testing.assert_array_equal(visited[DATA.offsets[:-1]], INITIAL[:, :1])


def test_data_keep_their_states(tmp_path):
    np.testing.assert_array_equal(DATA.select([3, 0]).initial, INITIAL[[3, 0]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(DATA)).initial, INITIAL)
    assert DATA.digest != Sequences(X, Y, kind="classes", classes=2).digest
    np.savez(tmp_path / "data.npz", x=np.concatenate(X), y=np.concatenate(Y), offsets=DATA.offsets, initial=INITIAL)
    assert Sequences.read(tmp_path / "data.npz", classes=2).digest == DATA.digest
    given = INITIAL.copy()
    data = Sequences(X, initial=given)
    given[:] = 0
    assert (data.initial == INITIAL).all()
    with pytest.raises(ValueError, match="read-only"):
        data.initial[0] = 0


REFUSED = {
    "sequences": (lambda fits: Sequences(X, initial=INITIAL[1:]), r"got shape \(4, 4\), expected \(5, W\)"),
    "nan": (lambda fits: Sequences(X[:2], initial=[[1.0, 2.0], [np.nan, 0.0]]), "got .nan, 0.0. for sequence 1"),
    "text": (lambda fits: Sequences(X[:1], initial=["zero"]), "initial: expected numbers"),
    "segments": (lambda fits: DATA.segments(2), "segments: the initial states belong to whole sequences"),
    "units": (lambda fits: train_many(LSTM(3), DATA, **OPTIONS),
              "initial: got 4 numbers per sequence, expected 6: 2 states of 3 units"),
    "sizes": (lambda fits: train_many(GRU(4), DATA, seeds=[0, 1], hidden_size=[4, 2], **OPTIONS),
              "expected 2: 1 state of 2 units"),
    "learned": (lambda fits: train_many(LSTM(2), DATA, initial_state="learned", **OPTIONS),
                "initial_state: got learned, expected zero"),
    "range": (lambda fits: train_many(LSTM(2), Sequences(X, Y, initial=INITIAL * 1e39), **OPTIONS | {
        "dtype": "float32"}), "initial reaches .*e.39, expected numbers that float32 can hold"),
    "a model's units": (lambda fits: fits.predict(X, initial=np.zeros((5, 6))), "6 numbers per sequence, expected 4"),
    "models": (lambda fits: fits.predict(X, initial=np.zeros((2, 5, 4))),
               r"got shape \(2, 5, 4\), expected \(5, W\) or \(3, 5, W\)"),
    "infinite": (lambda fits: fits.predict(X, initial=np.full((5, 4), np.inf)), "not finite"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_states_that_do_not_fit_are_refused_in_one_line(fits, case):
    wrong, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message) as error:
        wrong(fits)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", [LSTM(3), Elman(2)], ids=["lstm", "elman"])
def test_what_lies_in_the_lanes_changes_no_prediction(cell, dtype):
    """Of one model sequences, of several models each one; few sequences have one column."""
    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 30, 70)
    data = Sequences([rng.normal(size=(steps, 2)) for steps in lengths], [rng.normal(size=steps) for steps in lengths])
    fits = train_many(cell, data, seeds=range(2), epochs=3, validation=0, patience=None, dtype=dtype)
    initial = rng.normal(size=(2, len(data), len(cell.state) * cell.hidden_size))
    together = fits.predict(data, initial=initial, return_states=True)
    for i in range(2):
        alone = fits[i : i + 1].predict(data, initial=initial[i], return_states=True)
        assert [each.tobytes() for each in alone] == [each[i].tobytes() for each in together]
        assert fits[i : i + 1].states(data).tobytes() == fits.states(data)[i].tobytes()
    for n in (0, 69):
        steps = slice(data.offsets[n], data.offsets[n + 1])
        few = [data.x[steps]]
        for made, own in ((fits, initial), (fits[:1], initial[:1])):
            p = made.predict(few, initial=own[:, n : n + 1])
            assert p.tobytes() == together[0][: len(made), steps].tobytes()
