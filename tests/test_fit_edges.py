"""Data at the edge: single subjects, trials and classes, one long sequence; early stopping against plain NumPy."""

import numpy as np
import pytest

from fastrnn import GRU, Sequences, analysis, cross_validate, train, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION, folds
from tests import numpy_network as oracle
from tests.test_fit import DATA, QUICK, as_float


def choices(lengths, y, **options):
    """Random inputs and the choices y(n) in sequence n."""
    rng = np.random.default_rng(0)
    x = [rng.integers(0, 2, (length, 2)).astype(float) for length in lengths]
    targets = [np.broadcast_to(y(n), length) for n, length in enumerate(lengths)]
    return Sequences(x, targets, kind="classes", classes=2, **options)


def check_losses(fits, data, roles):
    """Losses are those of float64 networks with the weights that came."""
    for i in range(len(fits)):
        for role in (TRAIN, VALIDATION, TEST):
            expected = oracle.mean_loss(oracle.gru, as_float(fits.weights(i)), data, np.flatnonzero(roles == role))
            assert fits.loss[i, role] == pytest.approx(expected, rel=1e-4)


def test_early_stopping_is_that_of_numpy():
    """Adam on central differences of float64 networks, evaluated every other epoch, until two bring nothing better."""
    data, roles, seed = DATA.select(range(5)), np.array([TRAIN, VALIDATION, TRAIN, TEST, VALIDATION]), 15
    options = {"seeds": [seed], "roles": roles, "evaluate_every": 2, "dtype": "float64"}
    w = train_many(GRU(2), data, epochs=1, learning_rate=1e-30, **options).weights(0)
    made = train_many(GRU(2), data, epochs=60, patience=2, learning_rate=0.1, **options)
    sets = [np.flatnonzero(roles == role) for role in (TRAIN, VALIDATION, TEST)]
    first, second = ({name: np.zeros_like(values) for name, values in w.items()} for _ in range(2))
    losses, kept, since, epoch = [], None, 0, 0
    while since < 2:
        if epoch % 2 == 0:
            losses.append([oracle.mean_loss(oracle.gru, w, data, own) for own in sets])
            better = kept is None or losses[-1][1] < kept[1]
            since, kept = (0, (epoch, losses[-1][1], {**w})) if better else (since + 1, kept)
        gradient = oracle.numerical_gradient(lambda w: oracle.mean_loss(oracle.gru, w, data, sets[0]), w)
        epoch += 1
        for name, g in gradient.items():
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.99 * second[name] + 0.01 * g * g
            step = first[name] / (1 - 0.9**epoch) / (np.sqrt(second[name] / (1 - 0.99**epoch)) + 1e-8)
            w = {**w, name: w[name] - 0.1 * step}
    assert made.best_epoch[0] == kept[0] > 0 and made.epochs[0] == kept[0] + 4 and made.stopped == ("patience",)
    np.testing.assert_allclose(made.history(0)["loss"], losses, rtol=1e-5)
    for name, values in made.weights(0).items():
        np.testing.assert_allclose(values, kept[2][name], rtol=1e-4, atol=1e-7)


def test_one_subject_and_one_sequence():
    data = choices([5] * 6, lambda n: np.arange(5) % 2, groups={"subject": np.zeros(6, int)})
    with pytest.raises(ValueError, match="^outer: got 2 folds, but there is 1 subject: give fewer folds, or by=None"):
        cross_validate(GRU(2), data, outer=2, inner=2, by="subject", **QUICK)
    own, alone = train_many(GRU(2), data, each="subject", **QUICK), train_many(GRU(2), data, **QUICK)
    assert own.weights(0)["w_hh"].tobytes() == alone.weights(0)["w_hh"].tobytes()
    with pytest.raises(ValueError, match="of 1 sequence, which leaves none to train on: give smaller shares, or cut"):
        train(GRU(2), data.select([0]), **QUICK)
    made = train_many(GRU(2), data.select([0]), validation=0, **QUICK)
    assert made.loss[0, 0] < 0.69 and np.isnan(made.loss[0, 1:]).all()


@pytest.mark.parametrize("lanes", ["models", "sequences"])
def test_sequences_of_one_trial(lanes):
    data, roles = choices([1] * 6, lambda n: n % 2), np.array([0, 0, 0, 1, 1, 2], np.int8)
    check_losses(train_many(GRU(2), data, roles=roles, lanes=lanes, **QUICK), data, roles)
    made = cross_validate(GRU(2), data, outer=3, inner=2, seeds=1, **QUICK)
    assert np.isfinite(made.summary().test_loss).all() and made.best.loss.train < 0.7


@pytest.mark.parametrize("other", [TRAIN, VALIDATION, TEST])
def test_a_class_that_never_occurs_in_a_fold(other):
    """Only the sequences of one role have class 1, or all but they."""
    roles = np.array([0, 0, 0, 0, 1, 1, 2, 2], np.int8)
    data = choices([5] * 8, lambda n: int(roles[n] == other))
    fits = train_many(GRU(2), data, roles=roles, seeds=range(2), **QUICK)
    check_losses(fits, data, roles)
    assert fits.predict(data).shape[2] == 2
    assert all(np.isfinite(each.loss).all() for each in analysis.suitable_baselines(data, roles))
    made = cross_validate(GRU(2), data, outer=4, inner=3, seeds=1, **QUICK)
    assert np.isfinite(made.table.test_loss).all() and np.isfinite(made.estimate().test_loss)
    assert all(map(np.isfinite, analysis.baselines_in_folds(data, folds(data, 4, 3)).values()))


def test_constant_targets(call, here):
    data, roles = choices([5] * 8, lambda n: 1), np.array([0, 0, 0, 0, 1, 1, 2, 2], np.int8)
    fits = train_many(GRU(2), data, roles=roles, **QUICK)
    check_losses(fits, data, roles)
    assert (fits.accuracy[0] == 1).all() and fits.loss.max() < 0.1
    assert all(0 <= loss < 0.1 for each in analysis.suitable_baselines(data, roles) for loss in each.loss)
    rows = [f"{n},{a:g},{b:g},1" for n, (x, _, _) in enumerate(data) for a, b in x]
    here.joinpath("same.csv").write_text("\n".join(["session,a,b,choice", *rows]))
    argv = ("--inputs", "a,b", "--target", "choice", "--kind", "classes", "--group", "session", "--pictures", "none")
    quick = ("--hidden", 2, "--seeds", 1, "--epochs", 20, "--evaluate-every", 5, "--output", "out", "--cv", "2x2")
    message = "target choice: class 0 of 0 to 1 never occurs: give --classes 2 if that is right"
    assert message in call("fit", "same.csv", *argv, *quick)[2]
    argv = [value for value in argv if value not in ("--kind", "classes")]
    assert call("fit", "same.csv", *argv, *quick)[::2] == (0, "")
    status, out, err = call("evaluate", "out", "same.csv")
    assert (status, err) == (0, "") and "accuracy: 1.0000" in out and "auc" not in out


def test_one_long_sequence_beside_many_short_ones():
    lengths = [3000] + [5] * 300
    data, roles = choices(lengths, lambda n: n % 2), np.resize([TRAIN, TRAIN, VALIDATION, TEST], 301)
    options = {"epochs": 2, "evaluate_every": 1, "learning_rate": 0.01}
    runs = [train_many(GRU(2), data, roles=own, lanes=lanes, **options)
            for own, lanes in ((roles, "models"), (roles[None], "models"), (roles, "sequences"))]
    for made in runs:
        check_losses(made, data, roles)
    assert runs[0].weights(0)["w_hh"].tobytes() == runs[1].weights(0)["w_hh"].tobytes()
