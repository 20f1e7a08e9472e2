"""Scores, simulation, portraits and baselines against scikit-learn, plain NumPy and an independent network."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LinearRegression, LogisticRegression

from fastrnn import GRU, LSTM, Sequences, analysis, train_many
from fastrnn.analysis.stepwise import Stepper, gate_nodes
from fastrnn.cells.base import cells
from fastrnn.data import TEST, TRAIN, folds
from tests import numpy_network as oracle
from tests.test_fit import DATA, QUICK, ROLES, as_float

RNG = np.random.default_rng(5)
P, BITS, WEIGHT = np.round(RNG.random(400), 2), RNG.integers(0, 2, 400), RNG.integers(0, 3, 400).astype(float)
REALS = RNG.normal(size=(300, 2))


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=range(5), roles=ROLES, **QUICK)


def test_scores_are_those_of_scikit_learn():
    kept = WEIGHT > 0
    assert analysis.auc(P, BITS) == pytest.approx(metrics.roc_auc_score(BITS, P), rel=1e-12)
    expected = metrics.roc_auc_score(BITS[kept], P[kept], sample_weight=WEIGHT[kept])
    assert analysis.auc(P[:, None], BITS, WEIGHT) == pytest.approx(expected, rel=1e-12)
    found = analysis.calibration(P, BITS, bins=8)
    observed, predicted = calibration_curve(BITS, P, n_bins=8)
    np.testing.assert_allclose([found.observed, found.predicted], [observed, predicted], rtol=1e-12)
    assert found.error == pytest.approx(sum(found.steps * abs(observed - predicted)) / 400, rel=1e-12)
    y, guess = RNG.integers(-1, 4, 200), RNG.random((200, 4))
    expected = metrics.confusion_matrix(y[y >= 0], guess[y >= 0].argmax(1))
    np.testing.assert_array_equal(analysis.confusion_matrix(guess, y), expected)
    assert analysis.confusion_matrix([1, 1], [0, 1], classes=3).tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    y = 2 * REALS + RNG.normal(size=REALS.shape) + 1
    r2 = metrics.r2_score(y, REALS, multioutput="variance_weighted")
    assert analysis.nmse(REALS, y) == pytest.approx(1 - r2, rel=1e-12)
    expected = ((REALS - y)[:, 0] ** 2).sum() / (y[:, 0] ** 2).sum()
    assert analysis.esr(REALS[:, 0], y[:, 0]) == pytest.approx(expected, rel=1e-12)
    assert analysis.normalised_likelihood(-3 * np.log(4.0), 3) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: analysis.auc([0.1, 0.2], [1, 1]), "y: got only 1 where steps count"),
        (lambda: analysis.auc([0.1, 0.2], [1, 2]), "y: got 2, expected 0 or 1"),
        (lambda: analysis.auc(np.zeros((3, 2)), np.zeros((3, 2))), "p: got shape (3, 2)"),
        (lambda: analysis.calibration([1.5], [1]), "p: got 1.5 to 1.5, expected probabilities"),
        (lambda: analysis.calibration([0.5], [1], bins=0), "bins: got 0"),
        (lambda: analysis.confusion_matrix([3], [0], classes=2), "classes: got 2, but there is a class number 3"),
        (lambda: analysis.confusion_matrix([0, -1, 2], [0, 1, 2], 3), "predicted: got -1, expected class numbers"),
        (lambda: analysis.confusion_matrix([0.7, 1], [0, 1]), "predicted: got 0.7, expected class numbers from 0 on"),
        (lambda: analysis.confusion_matrix([0, 1], [0, 0.5]), "y: got 0.5, expected class numbers from 0 on"),
        (lambda: analysis.auc([0.1, 0.2], [0, 1], [np.inf, 1]), "expected 2 finite numbers of at least 0"),
        (lambda: analysis.confusion_matrix(np.ones((3, 1)), np.ones((3, 1))), "y: got shape (3, 1), expected (S,)"),
        (lambda: analysis.nmse([1, 2], [3, 3]), "y: is constant"),
        (lambda: analysis.esr([1, 2], [0, 0]), "y: is 0 throughout"),
        (lambda: analysis.normalised_likelihood(-1, 0), "steps: got 0"),
        (lambda: analysis.ngram_baseline(DATA, ROLES, prior=0), "prior: got 0, expected a positive number"),
        (lambda: analysis.linear_baseline(DATA, ROLES, ridge=-1.0), "ridge: got -1.0, expected a finite number of"),
    ],
)
def test_wrong_numbers_are_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def replayed(fits, data):
    """z (M, S, O) and states of a Stepper on Sequences."""
    stepper = Stepper(fits)
    z, states = [], []
    for x, _, _ in data:
        state = stepper.start()
        for row in x:
            after = stepper(state, row)
            z.append(stepper.outputs(state, after))
            states.append(after)
            state = after
    return np.stack(z, 1), np.stack(states, 1)


def test_single_steps_are_those_of_the_kernels(fits):
    z, states = replayed(fits, DATA)
    np.testing.assert_allclose(z, fits.outputs(DATA), atol=2e-6)
    np.testing.assert_allclose(states, fits.states(DATA), atol=2e-6)
    weights = as_float(fits.weights(3))
    expected = [oracle.outputs(oracle.gru, weights, x) for x, _, _ in DATA]
    np.testing.assert_allclose(z[3], np.concatenate(expected), atol=1e-12)
    early = replace(fits, config=replace(fits.config, before=True))
    expected = oracle.outputs(oracle.gru, weights, DATA[0][0], before=True)
    np.testing.assert_allclose(replayed(early, DATA[:1])[0][3], expected, atol=1e-12)


def test_an_lstm_steps_as_an_independent_one_does():
    data = Sequences([RNG.normal(size=(5, 1))], [RNG.normal(size=(5, 1))])
    fits = train_many(LSTM(3), data, roles=[TRAIN], dtype="float64", **{**QUICK, "epochs": 1, "evaluate_every": 1})
    w = fits.weights(0)
    np.testing.assert_allclose(replayed(fits, data)[0][0], oracle.outputs(oracle.lstm, w, data.x), rtol=1e-12)
    found = analysis.gates(fits, data)
    states = fits.states(data)[0]
    i, f, g, o = (found[gate][0] for gate in "ifgo")
    c = np.vstack([np.zeros(3), states[:-1, 3:]])
    np.testing.assert_allclose(states[:, 3:], f * c + i * g, rtol=1e-9)
    np.testing.assert_allclose(states[:, :3], o * np.tanh(states[:, 3:]), rtol=1e-9)


def test_gates_of_a_gru_explain_its_states(fits):
    found, states = analysis.gates(fits, DATA), fits.states(DATA)
    before = np.roll(states, 1, 1)
    before[:, DATA.offsets[:-1]] = 0
    np.testing.assert_allclose((1 - found["z"]) * found["n"] + found["z"] * before, states, atol=2e-6)
    assert found["r"].shape == states.shape and (found["r"] > 0).all() and (found["r"] < 1).all()


@pytest.mark.parametrize("name", cells())
def test_each_cell_names_a_node_for_each_gate(name):
    assert list(gate_nodes(cells()[name](2))) == list(cells()[name].gates)


def bandit(choices, draws):
    """The choice and a reward, which comes with probability 0.8 for choice 1, else 0.2."""
    return np.stack([choices, draws.uniform() < np.where(choices == 1, 0.8, 0.2)], -1)


def test_simulated_models_act_as_their_predictions_say(fits):
    made = analysis.simulate(fits, bandit, first=[0, 0], steps=9, sessions=40, seed=3)
    assert made.x.shape == (5, 40, 9, 2) and made.choices.shape == (5, 40, 9)
    for i in (0, 4):
        alone = analysis.simulate(fits[i], bandit, first=[0, 0], steps=9, sessions=3, seed=3)
        assert alone.choices.tobytes() == made.choices[i, :3].tobytes() and alone.x.tobytes() == made.x[i, :3].tobytes()
        data = Sequences(made.x[i])
        np.testing.assert_allclose(fits.predict(data)[i], made.predictions[i].reshape(-1, 2), atol=1e-6)
        np.testing.assert_allclose(fits.states(data)[i], made.states[i].reshape(-1, 2), atol=2e-6)
    np.testing.assert_array_equal(made.x[:, :, 1:, 0], made.choices[:, :, :-1])
    # Frequencies of choices and rewards are those of the probabilities, within four standard errors.
    p = made.predictions[..., 1]
    assert abs((made.choices - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    won = made.x[:, :, 1:, 1][made.choices[:, :, :-1] == 1]
    assert abs(won.mean() - 0.8) < 4 * np.sqrt(0.16 / won.size)
    again = analysis.simulate(fits, bandit, first=[0, 0], steps=9, sessions=40, seed=4)
    assert (again.choices != made.choices).any()


def test_simulation_takes_sizes_side_by_side_and_other_ways_to_choose():
    mixed = train_many(GRU(1), DATA, seeds=[1, 2, 1], hidden_size=[2, 1, 2], l1=0.01, roles=ROLES, **QUICK)
    made = analysis.simulate(
        mixed,
        lambda choices: np.stack([choices, 1 - choices], -1),
        first=[1, 0],
        steps=6,
        choose=lambda p, draws: p.argmax(-1),
    )
    assert made.states is None
    for i in range(3):
        np.testing.assert_allclose(mixed.predict(Sequences(made.x[i]))[i], made.predictions[i, 0], atol=1e-6)
    np.testing.assert_array_equal(made.choices, made.predictions.argmax(-1))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"steps": 0}, "steps: got 0, expected an integer of at least 1"),
        ({"seed": -1}, "seed: got -1"),
        ({"first": [1, 2, 3]}, "first: got inputs of shape (3,), expected (5, 1, 2)"),
        ({"environment": 3}, "environment: got 3, expected a function"),
        ({"environment": lambda choices: None}, "environment: got inputs of shape (), expected (5, 1, 2)"),
        ({"environment": lambda choices: [0, np.nan]}, "environment: gave inputs that are not finite"),
        # A number for each model and session, such as the reward alone, is not spread over the inputs.
        ({"environment": lambda choices: 1}, "environment: got inputs of shape (), expected (5, 1, 2)"),
        ({"environment": lambda choices: choices}, "environment: got inputs of shape (5, 1), expected (5, 1, 2)"),
        ({"environment": lambda choices: choices[..., None]}, "environment: got inputs of shape (5, 1, 1), expected"),
        ({"environment": lambda choices: np.zeros((1, 2))}, "environment: got inputs of shape (1, 2), expected"),
        ({"environment": lambda choices: np.zeros(4)}, "environment: got inputs of shape (4,)"),
    ],
)
def test_wrong_simulations_are_named(fits, arguments, message):
    with pytest.raises((TypeError, ValueError)) as error:
        analysis.simulate(fits, **{"environment": bandit, "first": [0, 0], "steps": 3, **arguments})
    assert message in str(error.value)


def test_a_phase_portrait_has_the_logits_and_their_changes(fits):
    found = analysis.phase_portrait(fits, DATA, model=2, points=5)
    w = as_float(fits.weights(2))
    assert found.inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]] and found.states.shape == (25, 2)

    def logit(h):
        z = w["w_ho"] @ h + w["b_o"]
        return z[1] - z[0]

    for k, p in ((0, 3), (3, 17)):
        after = oracle.gru(w, found.inputs[k], (found.states[p],))[0]
        np.testing.assert_allclose(found.velocity[k, p], after - found.states[p], atol=1e-12)
        assert found.logit[p] == pytest.approx(logit(found.states[p]))
        assert found.change[k, p] == pytest.approx(logit(after) - logit(found.states[p]))
    start = DATA.offsets[4]
    np.testing.assert_array_equal(found.visited["states"][start], 0)
    z = fits.outputs(DATA)[2].astype(float)
    logits = z[:, 1] - z[:, 0]
    np.testing.assert_allclose(found.visited["change"][start + 1], logits[start + 1] - logits[start], atol=1e-5)
    np.testing.assert_array_equal(found.inputs[found.visited["input"]], DATA.x)
    assert found.labels()[2] == "input 0 1, input 1 0"
    names = ("side=left", "side=right", "reward")
    inputs = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0.5, 0]])
    assert replace(found, input_names=names, inputs=inputs).labels() == [
        "side=left, reward 0",
        "side=right, reward 1",
        "side=left 0, side=right 0, reward 0",
        "side=left 0, side=right 0.5, reward 0",
    ]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda fits: analysis.phase_portrait(fits, DATA, inputs=[[np.nan] * DATA.x.shape[1]]), "inputs: got shape"),
        (lambda fits: analysis.phase_portrait(fits, DATA, points=-3), "points: got -3, expected an integer of"),
        (lambda fits: analysis.permutation_baseline(fits, DATA, role="tset"), "role: got 'tset', expected one of"),
        (lambda fits: analysis.permutation_baseline(fits, DATA, seed=-1), "seed: got -1, expected an integer of at"),
    ],
)
def test_what_portraits_and_permutations_do_not_take_is_named(fits, call, message):
    with pytest.raises(ValueError) as error:
        call(fits)
    assert str(error.value).startswith(message)


def numbered(roles):
    return np.repeat(roles, DATA.lengths)


def test_baselines_are_those_of_scikit_learn_and_counting():
    role, y, x = numbered(ROLES), DATA.y, DATA.x
    before = np.roll(x, 1, 0)
    before[DATA.offsets[:-1]] = 0
    columns = np.hstack([x, before])
    fit = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(columns[role == TRAIN], y[role == TRAIN])
    found = analysis.logistic_baseline(DATA, ROLES, history=2, C=0.5)
    for n in range(3):
        expected = metrics.log_loss(y[role == n], fit.predict_proba(columns[role == n]))
        assert found.loss[n] == pytest.approx(expected, rel=1e-4)
        assert found.accuracy[n] == pytest.approx(fit.score(columns[role == n], y[role == n]))
    share = y[role == TRAIN].mean()
    constant = analysis.constant_baseline(DATA, ROLES)
    assert constant.test_loss == pytest.approx(-np.mean(np.where(y[role == TEST], np.log(share), np.log(1 - share))))
    # n-grams, by a dictionary.
    counts, losses = {}, []
    for n in range(len(DATA)):
        rows = DATA[n][0].tolist()
        contexts = [tuple(map(tuple, rows[max(0, t - 1) : t + 1][::-1])) for t in range(len(rows))]
        for context, target in zip(contexts, DATA[n][1]):
            if ROLES[n] == TRAIN:
                for length in range(3):
                    key = (length, context[:length], len(context) < length)
                    counts.setdefault(key, np.zeros(2))[target] += 1
            elif ROLES[n] == TEST:
                losses.append((context, target))
    total = 0
    for context, target in losses:
        p = np.full(2, 0.5)
        for length in range(3):
            own = counts.get((length, context[:length], len(context) < length), np.zeros(2))
            p = (own + 0.7 * p) / (own.sum() + 0.7)
        total -= np.log(p[target]) / len(losses)
    assert analysis.ngram_baseline(DATA, ROLES, history=2, prior=0.7).test_loss == pytest.approx(total, rel=1e-12)
    suitable = [each.name for each in analysis.suitable_baselines(DATA, ROLES)]
    assert suitable == ["constant", "n-grams of up to 5 steps", "logistic regression, 5 steps"]


def test_baselines_in_folds_are_means_over_outer_folds():
    weights = [np.linspace(1, n + 1, len(x)) for n, (x, _, _) in enumerate(DATA)]
    x, y = [x for x, _, _ in DATA], [y for _, y, _ in DATA]
    data = Sequences(x, y, weight=weights, kind="classes", classes=2)
    roles = folds(data, 3, 2)
    found = analysis.baselines_in_folds(data, roles, history=2)
    total = np.zeros(3)
    for row in (0, 2, 4):
        share = data.lengths[roles[row] == TEST].sum() / data.steps
        total += [share * each.test_loss for each in analysis.suitable_baselines(data, roles[row], history=2)]
    assert list(found) == ["constant", "n-grams of up to 2 steps", "logistic regression, 2 steps"]
    np.testing.assert_allclose(list(found.values()), total, rtol=1e-12)
    with pytest.raises(ValueError, match="^roles: no test sequence has a step that counts$"):
        analysis.baselines_in_folds(data, np.zeros(len(data), int))


def test_n_grams_take_the_length_that_validates_best():
    found = analysis.suitable_baselines(DATA, ROLES, history=3)[1]
    each = [analysis.ngram_baseline(DATA, ROLES, length) for length in (1, 2, 3)]
    assert found.loss == min(each, key=lambda baseline: baseline.loss[1]).loss
    with pytest.raises(ValueError, match="^history: got 0, expected an integer of at least 1$"):
        analysis.suitable_baselines(DATA, ROLES, history=0)


def test_a_class_that_never_came_is_unlikely_and_not_impossible():
    data = Sequences([[[0.0], [1.0]], [[0.0], [1.0], [0.0]]], [[0, 1], [2, 0, 1]], kind="classes", classes=3)
    unseen = 1 / (3 * 3)
    assert analysis.logistic_baseline(data, [TRAIN, TEST]).loss[2] < 3
    p = np.array([0.5 * (1 - unseen), 0.5 * (1 - unseen), unseen])
    constant = analysis.constant_baseline(data, [TRAIN, TEST])
    assert constant.test_loss == pytest.approx(-np.log(p[[2, 0, 1]]).mean(), rel=1e-12)
    always = Sequences([np.zeros((3, 1))] * 2, [np.ones((3, 1))] * 2, kind="bits")
    assert analysis.constant_baseline(always, [TRAIN, TEST]).test_loss == pytest.approx(-np.log(1 - 1 / 8), rel=1e-12)


def test_baselines_of_reals_are_those_of_scikit_learn():
    series = np.sin(np.arange(60) * 0.7) + 0.1 * RNG.normal(size=60)
    data = Sequences([series[:30], series[30:59]], [series[1:31, None], series[31:60, None]])
    roles = [TRAIN, TEST]
    lagged = [np.stack([np.roll(x[:, 0], k) * (np.arange(len(x)) >= k) for k in range(4)], 1) for x, _, _ in data]
    fit = LinearRegression().fit(lagged[0], data[0][1])
    expected = np.mean((fit.predict(lagged[1]) - data[1][1]) ** 2)
    assert analysis.linear_baseline(data, roles, history=4).test_loss == pytest.approx(expected)
    y = data[1][1][:, 0]
    guess = np.concatenate([[data[0][1].mean()], y[:-1]])
    assert analysis.persistence_baseline(data, roles).test_loss == pytest.approx(np.mean((guess - y) ** 2))
    suitable = [each.name for each in analysis.suitable_baselines(data, roles)]
    assert suitable == ["constant", "persistence", "linear regression, 5 steps"]


def test_permuted_targets_are_predicted_worse(fits):
    found = analysis.permutation_baseline(fits, DATA, ROLES, model=1, role="train", permutations=99)
    assert found.loss == pytest.approx(fits.loss[1, 0], rel=1e-5)
    assert found.p == 0.01 and found.permuted.min() > found.loss
    # One target for each sequence: they change places between sequences.
    last = Sequences([x for x, _, _ in DATA], [int(y[-1]) for _, y, _ in DATA], kind="classes", classes=2)
    assert np.unique(analysis.permutation_baseline(fits, last, permutations=19).permuted).size > 5
