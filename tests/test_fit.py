"""Fits of one's own sequences against independent float64 computations, and the promises that they keep."""

import signal
from pathlib import Path

import numpy as np
import pytest

from fastrnn import GRU, LSTM, FitConfig, Fits, Sequences, train, train_many
from fastrnn.cells.base import cells
from fastrnn.data import TEST, TRAIN, VALIDATION, split
from fastrnn.heads.softmax import Softmax
from fastrnn.initializers import INITIALIZERS
from fastrnn.training.sequences.job import jobs_of
from fastrnn.training.sequences.recipe import FitRecipe
from tests import numpy_network as oracle

ROOT = Path(__file__).resolve().parent.parent
QUICK = {"epochs": 40, "evaluate_every": 5, "learning_rate": 0.05}


def choices(sequences=12, seed=0, shortest=4, longest=9, name=""):
    """Noisy sequences whose next choice depends on the last one and a reward."""
    rng = np.random.default_rng(seed)
    x, y = [], []
    for _ in range(sequences):
        steps = rng.integers(shortest, longest + 1)
        inputs = rng.integers(0, 2, (steps, 2)).astype(float)
        x.append(inputs)
        y.append((rng.random(steps) < 0.1 + 0.8 * (inputs[:, 0] == inputs[:, 1])).astype(int))
    return Sequences(x, y, kind="classes", classes=2, name=name)


DATA = choices()
ROLES = np.array([TRAIN] * 7 + [VALIDATION] * 3 + [TEST] * 2, np.int8)


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=range(19), roles=ROLES, patience=2, **QUICK)


def as_float(weights):
    return {name: values.astype(float) for name, values in weights.items()}


def press_once():
    """A progress callback that presses Ctrl-C the first time."""
    seen = []
    return lambda *state: seen.append(state) or len(seen) == 1 and signal.raise_signal(signal.SIGINT)


def test_reported_losses_are_those_of_the_weights_that_came_out(fits):
    for i in (0, 3, 10):
        weights = as_float(fits.weights(i))
        for role in (TRAIN, VALIDATION, TEST):
            expected = oracle.mean_loss(oracle.gru, weights, DATA, np.flatnonzero(ROLES == role))
            assert fits.loss[i, role] == pytest.approx(expected, rel=2e-6)


def test_predictions_and_likelihoods_are_those_of_an_independent_network(fits):
    z = np.concatenate([oracle.outputs(oracle.gru, as_float(fits.weights(4)), x) for x, _, _ in DATA])
    powers = np.exp(z)
    np.testing.assert_allclose(fits.predict(DATA)[4], powers / powers.sum(1, keepdims=True), atol=1e-6)
    losses = oracle.cross_entropy(z, DATA.y)
    np.testing.assert_allclose(fits.log_likelihood(DATA, per="step")[4], -losses, atol=3e-6)
    np.testing.assert_allclose(fits.log_likelihood(DATA)[4], -losses.sum(), rtol=1e-6)
    np.testing.assert_allclose(fits.log_likelihood(DATA, per="sequence")[4].sum(), -losses.sum(), rtol=1e-6)


@pytest.mark.parametrize("how", [{"lanes": "sequences"}, {"batch_size": 3}, {"each": "subject"}])
def test_predictions_are_those_of_an_independent_network_whatever_lay_in_the_lanes(how):
    groups = {"subject": np.arange(12) % 2}
    data = Sequences([x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", classes=2, groups=groups)
    roles = np.where(np.arange(12) < 8, TRAIN, VALIDATION)
    fits = train_many(GRU(2), data, seeds=[0], roles=roles, **how, **QUICK)
    for i in range(len(fits)):
        z = np.concatenate([oracle.outputs(oracle.gru, as_float(fits.weights(i)), x) for x, _, _ in data])
        np.testing.assert_allclose(fits.outputs(data)[i], z, atol=2e-6)


def test_losses_and_decisions_are_those_of_an_independent_network():
    weight = [np.arange(len(x)) % 3 for x, _, _ in DATA]
    data = Sequences([x for x, _, _ in DATA], [y for _, y, _ in DATA], weight=weight, kind="classes", classes=2)
    fits = train_many(GRU(2), data, seeds=range(2), roles=ROLES, **QUICK)
    z = [oracle.outputs(oracle.gru, as_float(fits.weights(1)), x) for x, _, _ in data]
    losses = [oracle.cross_entropy(each, np.maximum(y, 0)) for each, (_, y, _) in zip(z, data)]
    means = [np.average(each, weights=own) for each, own in zip(losses, weight)]
    np.testing.assert_allclose(fits.losses(data, "sequence")[1], means, rtol=1e-4)
    whole = np.average(np.concatenate(losses), weights=np.concatenate(weight))
    np.testing.assert_allclose(fits[1].losses(data, per="model"), whole, rtol=1e-5)
    np.testing.assert_array_equal(fits.classes(data)[1], np.concatenate(z).argmax(1))
    with pytest.raises(ValueError, match="^bits: the head softmax predicts classes; see predict"):
        fits.bits(data)
    with pytest.raises(ValueError, match="^per: got 'all', expected model, sequence or step"):
        fits.losses(data, "all")
    bits = Sequences([x for x, _, _ in DATA], [np.stack([y, 1 - y], 1) for _, y, _ in DATA], kind="bits")
    fit = train(GRU(2), bits, **QUICK)
    np.testing.assert_array_equal(fit.bits(bits), fit.predict(bits) > 0.5)


def test_early_stopping_keeps_the_weights_of_the_least_validation_loss(fits):
    assert set(fits.stopped) <= {"patience", "epochs"} and "patience" in fits.stopped
    for i in range(len(fits)):
        history = fits.history(i)
        validation = history["loss"][:, 1]
        best = int(np.argmin(validation))
        assert fits.best_epoch[i] == history["epoch"][best]
        assert fits.loss[i, 1] == validation[best]
        # Two evaluations after the best one, or after all epochs.
        assert fits.epochs[i] == history["epoch"][-1] == min(fits.best_epoch[i] + 2 * 5, 40)
        assert fits.stopped[i] == ("patience" if fits.epochs[i] == fits.best_epoch[i] + 10 else "epochs")


@pytest.mark.parametrize("initializer", INITIALIZERS)
@pytest.mark.parametrize("cell", [kind(3) for kind in cells().values()], ids=list(cells()))
def test_every_cell_has_initial_weights_of_its_own(cell, initializer):
    config = FitConfig(initializer=initializer, initial_scale=0.5)
    recipe = FitRecipe(cell, Softmax(), 2, config, 4)
    rows = {job.seed: recipe.named(job.weights) for job in jobs_of(recipe, [0, 1], [1, 2], {}, [None, None])}
    assert set(rows[1]) == {"w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o", *cell.vectors}
    gates, recurrent = len(cell.gates), len(cell.gates) - len(cell.inputs_only)
    assert rows[1]["w_ih"].shape == (3 * gates, 4) and rows[1]["w_hh"].shape == (3 * recurrent, 3)
    assert all(np.isfinite(values).all() for values in rows[1].values())
    assert (rows[1]["w_ih"] != rows[2]["w_ih"]).all()
    if initializer == "orthogonal":
        for square in 2 * rows[1]["w_hh"].reshape(recurrent, 3, 3):
            np.testing.assert_allclose(square @ square.T, np.eye(3), atol=1e-6)
    for name in cell.vectors:
        assert (rows[1][name] == cell.starts.get(name, 0)).all()


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_initial_weights_of_many_models_are_those_that_numpys_generator_draws_for_each_seed(initializer, monkeypatch):
    monkeypatch.setattr("fastrnn.training.sequences.job.SEEDS_AT_ONCE", 4)
    recipe = FitRecipe(GRU(3), Softmax(), 2, FitConfig(initializer=initializer, initial_scale=0.5), 4)
    seeds = [*range(9), 2**63 - 1]
    for job in jobs_of(recipe, range(10), seeds, {}, [None] * 10):
        rng = np.random.Generator(np.random.Philox(key=[job.seed, 2]))
        for name, drawn in INITIALIZERS[initializer](recipe.shapes(), rng).items():
            assert recipe.named(job.weights)[name].tobytes() == (0.5 * drawn).astype("float32").tobytes()


def test_updates_are_those_of_adam_on_the_true_gradient():
    options = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6}
    rate, l1, decay, updates = 0.03, 0.01, 0.2, 6
    start = train_many(GRU(2), DATA, roles=ROLES, epochs=1, evaluate_every=1, learning_rate=1e-30, dtype="float64")
    made = train_many(
        GRU(2),
        DATA,
        roles=np.where(ROLES == VALIDATION, TEST, ROLES),
        epochs=updates,
        evaluate_every=1,
        learning_rate=rate,
        l1=l1,
        weight_decay=decay,
        optimizer_options=options,
        dtype="float64",
    )
    w = start.weights(0)
    chosen = np.flatnonzero(ROLES == TRAIN)
    first, second = ({name: np.zeros_like(values) for name, values in w.items()} for _ in range(2))
    losses = []
    for n in range(updates + 1):
        losses.append(oracle.mean_loss(oracle.gru, w, DATA, chosen))
        gradient = oracle.numerical_gradient(lambda w: oracle.mean_loss(oracle.gru, w, DATA, chosen), w)
        for name in w:
            matrix = name in ("w_ih", "w_hh")
            g = gradient[name] + l1 * np.sign(w[name]) * matrix
            first[name] = 0.8 * first[name] + 0.2 * g
            second[name] = 0.95 * second[name] + 0.05 * g * g
            step = first[name] / (1 - 0.8 ** (n + 1)) / (np.sqrt(second[name] / (1 - 0.95 ** (n + 1))) + 1e-6)
            w[name] = w[name] - rate * step - rate * decay * w[name] * matrix
    np.testing.assert_allclose(made.history(0)["loss"][:, 0], losses, rtol=1e-6)


@pytest.mark.parametrize("lanes", ["models", "sequences"])
@pytest.mark.parametrize("option", ["max_grad_norm", "activity", "tbptt_steps"])
def test_each_option_changes_the_gradient_as_it_says(option, lanes):
    """One update of plain gradient descent, which shows the gradient; the whole of the data trains."""
    value = {"max_grad_norm": 0.05, "activity": 2.0, "tbptt_steps": 3}[option]
    roles, rate = np.zeros(len(DATA), np.int8), 0.5

    def fit(**options):
        return train_many(
            GRU(2), DATA, roles=roles, epochs=1, evaluate_every=1, optimizer="sgd", dtype="float64", **options
        )

    w = fit(learning_rate=1e-30).weights(0)
    made = fit(learning_rate=rate, lanes=lanes, **{option: value})
    chosen = np.arange(len(DATA))

    def loss(w):
        return oracle.mean_loss(oracle.gru, w, DATA, chosen)

    if option == "activity":

        def penalised(w):
            h = np.concatenate([oracle.states(oracle.gru, w, x) for x, _, _ in DATA])
            return loss(w) + value * (h**2).mean()

        gradient = oracle.numerical_gradient(penalised, w)
    elif option == "max_grad_norm":
        gradient = oracle.numerical_gradient(loss, w)
        norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
        assert norm > value
        gradient = {name: g * value / norm for name, g in gradient.items()}
    else:
        # The state at each border is given: its numbers are those of the weights as they are.
        borders = [oracle.states(oracle.gru, w, x) for x, _, _ in DATA]

        def truncated(v):
            total = 0.0
            for (x, y, _), h in zip(DATA, borders):
                for start in range(0, len(x), value):
                    state = {"initial_h": h[start - 1]} if start else {}
                    z = oracle.outputs(oracle.gru, v | state, x[start : start + value])
                    total += oracle.cross_entropy(z, y[start : start + value]).sum()
            return total / DATA.steps

        gradient = oracle.numerical_gradient(truncated, w)
    expected = {name: w[name] - rate * gradient[name] for name in w}
    # The weights after the update are those whose loss is reported last.
    np.testing.assert_allclose(made.history(0)["loss"][:, 0], [loss(w), loss(expected)], rtol=1e-8)


def test_states_are_carried_from_piece_to_piece():
    data, roles = choices(3, seed=2, shortest=7, longest=10), np.zeros(3, np.int8)
    options = {"roles": roles, "batch_size": 3, "evaluate_every": 1, "optimizer": "sgd", "dtype": "float64"}
    w = train_many(GRU(2), data, epochs=1, **{**options, "learning_rate": 1e-30}).weights(0)
    made = train_many(GRU(2), data, epochs=1, learning_rate=0.5, tbptt_steps=4, carry=True, **options)
    losses = [oracle.mean_loss(oracle.gru, w, data, range(3))]
    left = [np.zeros(2)] * 3
    for start in range(0, int(data.lengths.max()), 4):
        pieces = [(x[start : start + 4], y[start : start + 4], h) for (x, y, _), h in zip(data, left)]
        steps = sum(len(x) for x, _, _ in pieces)

        def loss(v):
            z = [oracle.outputs(oracle.gru, v | {"initial_h": h}, x) for x, _, h in pieces if len(x)]
            return (
                sum(
                    oracle.cross_entropy(z, y).sum()
                    for z, (_, y, _) in zip(z, [each for each in pieces if len(each[0])])
                )
                / steps
            )

        gradient = oracle.numerical_gradient(loss, w)
        left = [oracle.states(oracle.gru, w | {"initial_h": h}, x)[-1] if len(x) else h for x, _, h in pieces]
        w = {name: w[name] - 0.5 * gradient[name] for name in w}
    losses.append(oracle.mean_loss(oracle.gru, w, data, range(3)))
    np.testing.assert_allclose(made.history(0)["loss"][:, 0], losses, rtol=1e-8)


def test_an_lstm_fits_real_targets_and_says_its_error():
    rng = np.random.default_rng(1)
    x = [rng.normal(size=(steps, 1)) for steps in (5, 8, 3)]
    data = Sequences(x, [np.cumsum(each, 0) / 3 for each in x])
    fits = train_many(LSTM(3), data, roles=[TRAIN, TRAIN, TEST], dtype="float64", **QUICK)

    def squared(z, y):
        return ((z - y) ** 2).mean(1)

    for role, chosen in ((TRAIN, [0, 1]), (TEST, [2])):
        assert fits.loss[0, role] == pytest.approx(
            oracle.mean_loss(oracle.lstm, fits.weights(0), data, chosen, squared), rel=1e-9
        )
    assert fits.history(0)["loss"][-1, 0] < fits.history(0)["loss"][0, 0] / 2


def test_a_model_keeps_its_bytes_whoever_trains_beside_it(fits):
    alone = train_many(GRU(2), DATA, seeds=[7], roles=ROLES, patience=2, **QUICK)
    turned = train_many(GRU(2), DATA, seeds=range(18, -1, -1), roles=ROLES, patience=2, threads=1, **QUICK)
    for name, values in alone.weights(0).items():
        assert values.tobytes() == fits.weights(7)[name].tobytes() == turned.weights(11)[name].tobytes()
    assert fits._histories[7].tobytes() == alone._histories[0].tobytes() == turned._histories[11].tobytes()


def test_nothing_of_validation_and_test_sequences_reaches_training(fits):
    pieces = [DATA[n] for n in range(len(DATA))]
    changed = Sequences(
        [x if ROLES[n] == TRAIN else x[::-1] + 0.5 for n, (x, _, _) in enumerate(pieces)],
        [y if ROLES[n] == TRAIN else 1 - y for n, (_, y, _) in enumerate(pieces)],
        kind="classes",
        classes=2,
    )
    runs = [
        train_many(GRU(2), data, seeds=[3], roles=ROLES, patience=None, **{**QUICK, "epochs": 20})
        for data in (DATA, changed)
    ]
    assert runs[0]._histories[0][:, :, TRAIN].tobytes() == runs[1]._histories[0][:, :, TRAIN].tobytes()
    assert (runs[0]._histories[0][:, :, VALIDATION] != runs[1]._histories[0][:, :, VALIDATION]).any()


def test_masked_steps_at_the_end_change_nothing():
    pieces = [DATA[n] for n in range(len(DATA))]
    longer = Sequences(
        [np.concatenate([x, np.full((3, 2), 9.0)]) for x, _, _ in pieces],
        [np.concatenate([y, [-1, -1, -1]]) for _, y, _ in pieces],
        kind="classes",
        classes=2,
    )
    short, long = (train_many(GRU(2), data, seeds=[3], roles=ROLES, **QUICK) for data in (DATA, longer))
    np.testing.assert_allclose(short.loss, long.loss, rtol=1e-5)


def test_a_model_that_diverges_leaves_its_neighbours_alone(fits):
    rates = np.full(19, QUICK["learning_rate"])
    rates[5] = 1e38
    other = train_many(GRU(2), DATA, seeds=range(19), roles=ROLES, patience=2, **{**QUICK, "learning_rate": rates})
    assert other.stopped[5] == "diverged" and all(np.isfinite(values).all() for values in other.weights(5).values())
    for i in (4, 6):
        assert other.weights(i)["w_hh"].tobytes() == fits.weights(i)["w_hh"].tobytes()


def test_lanes_of_sequences_train_as_lanes_of_models_do():
    runs = [
        train_many(GRU(2), DATA, seeds=[4], roles=ROLES, lanes=lanes, dtype="float64", schedule="cosine", **QUICK)
        for lanes in ("models", "sequences")
    ]
    batched = train_many(
        GRU(2), DATA, seeds=[4], roles=ROLES, batch_size=7, dtype="float64", schedule="cosine", **QUICK
    )
    for other in (runs[1], batched):
        np.testing.assert_allclose(other.history()["loss"], runs[0].history()["loss"], rtol=1e-11)
        np.testing.assert_allclose(other.history()["accuracy"], runs[0].history()["accuracy"], rtol=1e-12)


@pytest.mark.parametrize("lanes", ["models", "sequences"])
def test_batches_visit_every_training_sequence_once_an_epoch(lanes):
    options = {
        "lanes": lanes,
        "roles": ROLES,
        "batch_size": 3,
        "evaluate_every": 1,
        "learning_rate": 0.03,
        "dtype": "float64",
    }
    made = train_many(GRU(2), DATA, seeds=[9], epochs=2, **options)
    w = train_many(GRU(2), DATA, seeds=[9], epochs=1, **{**options, "learning_rate": 1e-30}).weights(0)
    first, second = ({name: np.zeros_like(values) for name, values in w.items()} for _ in range(2))
    count, losses, training = 0, [], np.flatnonzero(ROLES == TRAIN)
    for epoch in range(2):
        losses.append(oracle.mean_loss(oracle.gru, w, DATA, training))
        order = np.random.Generator(np.random.Philox(key=[9, 5], counter=[0, 0, 0, epoch])).permutation(training)
        assert sorted(order) == sorted(training)
        for start in range(0, len(order), 3):
            gradient = oracle.numerical_gradient(
                lambda w: oracle.mean_loss(oracle.gru, w, DATA, order[start : start + 3]), w
            )
            count += 1
            for name, g in gradient.items():
                first[name] = 0.9 * first[name] + 0.1 * g
                second[name] = 0.99 * second[name] + 0.01 * g * g
                w[name] = w[name] - 0.03 * first[name] / (1 - 0.9**count) / (
                    np.sqrt(second[name] / (1 - 0.99**count)) + 1e-8
                )
    losses.append(oracle.mean_loss(oracle.gru, w, DATA, training))
    np.testing.assert_allclose(made.history(0)["loss"][:, 0], losses, rtol=1e-6)


def test_models_with_sequences_of_their_own_are_those_fitted_to_these_alone():
    learners = np.array([2, 0, 2, 2, 1, 2, 0, 1, 2, 2, 1, 0])
    pieces = [DATA[n] for n in range(len(DATA))]
    data = Sequences(
        [x for x, _, _ in pieces], [y for _, y, _ in pieces], kind="classes", classes=2, groups={"learner": learners}
    )
    made = train_many(GRU(2), data, each="learner", roles=ROLES, patience=2, **QUICK)
    for learner in range(3):
        own = learners == learner
        alone = train_many(GRU(2), data.select(own), roles=ROLES[own], patience=2, **QUICK)
        assert alone.weights(0)["w_hh"].tobytes() == made.weights(learner)["w_hh"].tobytes()
        np.testing.assert_array_equal(alone.loss[0], made.loss[learner])
        assert alone.stopped[0] == made.stopped[learner]


def test_more_seeds_go_through_the_values_of_a_group_again(tmp_path):
    data = Sequences([x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", classes=2,
                     groups={"learner": np.array([*"bac"] * 4)})
    made = train_many(GRU(2), data, each="learner", seeds=[0, 0, 0, 5, 5, 5], l1=[0, 0, 0, 0.1, 0.1, 0.1], **QUICK)
    assert made.groups["learner"].tolist() == [*"abcabc"] == made.to_frame().learner.tolist()
    # One of the four sequences of each validates.
    roles = split(data, 0.2, within="learner")
    assert [(roles[data.groups["learner"] == name] == VALIDATION).sum() for name in "abc"] == [1, 1, 1]
    own = data.groups["learner"] == "b"
    alone = train_many(GRU(2), data.select(own), roles=roles[own], seeds=[5], l1=[0.1], **QUICK)
    assert alone.weights(0)["w_hh"].tobytes() == made.weights(4)["w_hh"].tobytes()
    made.save(tmp_path / "each.safetensors")
    again = Fits.load(tmp_path / "each.safetensors")
    assert again.to_frame().equals(made.to_frame()) and again[2:4].groups["learner"].tolist() == ["c", "a"]
