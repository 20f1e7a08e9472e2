"""Classes that are allowed at some steps only: how data say so, and that fits learn and predict with those alone."""

import pickle

import numpy as np
import pytest

from fastrnn import GRU, Fits, Sequences, analysis, cross_validate, train_many
from fastrnn.data import TEST, TRAIN
from tests import numpy_network as oracle

LENGTHS = (5, 3, 6, 4)


def pieces(seed=0):
    """x, y and allowed of a few sequences, 3 classes; a step in five does not count."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(steps, 2)) for steps in LENGTHS]
    y = [rng.integers(0, 3, steps) for steps in LENGTHS]
    allowed = [(rng.random((steps, 3)) < 0.5) | (np.arange(3) == own[:, None]) for steps, own in zip(LENGTHS, y)]
    return x, [np.where(rng.random(len(own)) < 0.2, -1, own) for own in y], allowed


X, Y, ALLOWED = pieces()
DATA = Sequences(X, Y, kind="classes", allowed=ALLOWED, groups={"subject": [0, 0, 0, 0]})
ROLES = np.array([TRAIN, TRAIN, TRAIN, TEST])
OPTIONS = {"roles": ROLES, "epochs": 1, "evaluate_every": 1, "optimizer": "sgd", "dtype": "float64"}


def padded(values):
    out = np.zeros((len(values), max(LENGTHS), *values[0].shape[1:]), values[0].dtype)
    for row, piece in zip(out, values):
        row[: len(piece)] = piece
    return out


def columns():
    """The data as a table."""
    flat = {name: np.concatenate(values) for name, values in (("x", X), ("y", Y), ("allowed", ALLOWED))}
    made = {"a": flat["x"][:, 0], "b": flat["x"][:, 1], "choice": flat["y"], "weight": (flat["y"] >= 0) * 1.0}
    return {**made, "day": np.repeat(np.arange(4), LENGTHS),
            **{f"can{k}": flat["allowed"][:, k].astype(int) for k in range(3)}}


def test_every_form_says_the_same(tmp_path):
    flat = (np.concatenate(values) for values in (X, Y, ALLOWED))
    x, y, allowed = flat
    np.savez(tmp_path / "data.npz", x=x, y=y, allowed=allowed, offsets=DATA.offsets)
    forms = [
        Sequences(padded(X), padded(Y), lengths=LENGTHS, allowed=padded(ALLOWED), kind="classes"),
        Sequences(x, y, offsets=DATA.offsets, allowed=allowed.astype(float)),
        Sequences.read(tmp_path / "data.npz"),
        Sequences.from_table(columns(), ["a", "b"], "choice", group="day", weight="weight",
                             allowed=["can0", "can1", "can2"]),
    ]
    for data in forms:
        np.testing.assert_array_equal(data.allowed, allowed, strict=True)
        assert data.digest == DATA.digest and (data.kind, data.classes) == ("classes", 3)
    plain = Sequences(X, Y, kind="classes")
    assert plain.allowed is None and plain.digest != DATA.digest
    turned = Sequences(X, Y, kind="classes", allowed=[np.ones_like(each) for each in ALLOWED])
    assert len({plain.digest, DATA.digest, turned.digest}) == 3


def test_parts_of_the_data_keep_what_is_allowed():
    chosen = DATA.select([2, 0])
    np.testing.assert_array_equal(chosen.allowed, np.concatenate([ALLOWED[2], ALLOWED[0]]))
    assert DATA.segments(2).allowed is DATA.allowed
    again = pickle.loads(pickle.dumps(DATA))
    assert np.array_equal(again.allowed, DATA.allowed)
    for array in (DATA.allowed, again.allowed):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = True


def changed(sequence, step, row):
    values = [each.copy() for each in ALLOWED]
    values[sequence][step] = row
    return values


FORBIDDEN = [n for n in range(3) if n != Y[1][1]]
REFUSED = {
    "a target": (
        lambda: Sequences(X, Y, kind="classes", allowed=changed(1, 1, np.eye(3)[FORBIDDEN[0]] > 0)),
        f"the target at sequence 1, step 1, class {Y[1][1]}, is forbidden there",
    ),
    "a named target": (
        lambda: Sequences([[0.0, 1.0]], [["left", "right"]], classes=["left", "right"], allowed=[[[1, 0], [1, 0]]]),
        "the target at sequence 0, step 1, class right, is forbidden",
    ),
    "nothing": (
        lambda: Sequences(X, Y, kind="classes", allowed=changed(2, 3, False)),
        "no class is at sequence 2, step 3, expected at least one",
    ),
    "a half": (lambda: Sequences([[0.0]], [[1]], allowed=[[[0.5, 1]]]), "expected 0 or 1 for each class and step"),
    "one column": (lambda: Sequences([[0.0]], [[1]], allowed=[[1]]), "got steps of shape ()"),
    "columns": (lambda: Sequences(X, Y, classes=4, allowed=ALLOWED), "got 3 columns, expected 4, one for each class"),
    "reals": (lambda: Sequences(X, X, kind="reals", allowed=ALLOWED), "kind='reals' has no classes"),
    "steps": (
        lambda: Sequences(X, Y, kind="classes", allowed=ALLOWED[::-1]),
        "sequence 0 has shape (4, 3), expected 5",
    ),
    "a table": (
        lambda: Sequences.from_table(
            {**columns(), "can0": [1] * sum(LENGTHS), "can1": [0] * sum(LENGTHS)},
            ["a", "b"],
            "choice",
            group="day",
            weight="weight",
            allowed=["can0", "can1", "can2"],
        ),
        "class 1, is forbidden there",
    ),
    "text": (
        lambda: Sequences.from_table(
            {**columns(), "can1": ["yes"] * sum(LENGTHS)}, ["a", "b"], "choice", allowed=["can0", "can1", "can2"]
        ),
        "allowed: column 'can1' holds text",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_allowed_is_checked_in_one_line(case):
    wrong, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError)) as error:
        wrong()
    assert message in str(error.value) and "allowed" in str(error.value) and "\n" not in str(error.value)


def mean_loss(w, chosen):
    """Mean cross-entropy among the allowed classes, in NumPy."""
    total, count = 0.0, 0
    for n in chosen:
        for z, y, allowed in zip(oracle.outputs(oracle.gru, w, X[n]), Y[n], ALLOWED[n]):
            if y >= 0:
                total, count = total + np.log(np.exp(z[allowed]).sum()) - z[y], count + 1
    return total / count


@pytest.mark.parametrize("how", [{"lanes": "models"}, {"lanes": "sequences"}, {"batch_size": 4}, {"each": "subject"}],
                         ids=["models", "sequences", "batches", "own"])
def test_training_follows_the_gradient_among_allowed_classes(how):
    w = train_many(GRU(2), DATA, learning_rate=1e-30, **OPTIONS).weights(0)
    made = train_many(GRU(2), DATA, learning_rate=0.5, **how, **OPTIONS)
    gradient = oracle.numerical_gradient(lambda w: mean_loss(w, range(3)), w)
    after = {name: w[name] - 0.5 * gradient[name] for name in w}
    expected = [[mean_loss(each, range(3)), mean_loss(each, [3])] for each in (w, after)]
    np.testing.assert_allclose(made.history()["loss"][:, [TRAIN, TEST]], expected, rtol=1e-8)
    assert np.abs(np.array(expected[1]) - expected[0]).min() > 1e-3


def test_float32_learns_the_same():
    wide, narrow = (train_many(GRU(2), DATA, learning_rate=0.5, **{**OPTIONS, "dtype": dtype, "epochs": 5})
                    for dtype in ("float64", "float32"))
    np.testing.assert_allclose(narrow.history()["loss"][:, [TRAIN, TEST]], wide.history()["loss"][:, [TRAIN, TEST]],
                               rtol=3e-6)


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=[0, 1], learning_rate=0.5, **OPTIONS)


def test_predictions_and_likelihoods_are_those_among_allowed_classes(fits, tmp_path):
    p, flat = fits.predict(DATA), np.concatenate(ALLOWED)
    assert (p[:, ~flat] == 0).all() and (p[:, flat] > 0).all()
    np.testing.assert_allclose(p.sum(2), 1, rtol=1e-12)
    np.testing.assert_array_equal(fits.classes(DATA), p.argmax(2))
    weights = fits.weights(1)
    counted = sum((own >= 0).sum() for own in Y)
    np.testing.assert_allclose(fits.log_likelihood(DATA)[1], -counted * mean_loss(weights, range(4)), rtol=1e-10)
    # Data that say nothing allow all: the same network predicts there, too.
    powers = np.exp(fits.outputs(DATA))
    plain = Sequences(X, Y, kind="classes")
    np.testing.assert_allclose(fits.predict(plain), powers / powers.sum(2, keepdims=True), rtol=1e-12)
    assert (fits.log_likelihood(plain) < fits.log_likelihood(DATA)).all()
    fits.save(tmp_path / "fits.safetensors")
    again = Fits.load(tmp_path / "fits.safetensors")
    assert again.head == fits.head and again.predict(DATA).tobytes() == p.tobytes()
    for data, message in (
        (Sequences(X, allowed=[np.ones((steps, 4)) for steps in LENGTHS]), "allowed has 4 classes, expected 3"),
        (Sequences(X, [own[:, :1] for own in X]), "head: softmax takes classes, but the targets are reals"),
    ):
        with pytest.raises(ValueError, match=message):
            fits.log_likelihood(data) if data.kind else fits.predict(data)


def test_cross_validation_and_baselines_know_what_is_allowed(fits):
    options = {name: value for name, value in OPTIONS.items() if name != "roles"}
    made = cross_validate(GRU(2), DATA, outer=2, inner=None, seeds=1, learning_rate=0.5, **options)
    assert [made.fits.head.masked, len(made)] == [True, 2]
    tested = [mean_loss(made.fits.weights(i), np.flatnonzero(_tested(made, i))) for i in range(2)]
    np.testing.assert_allclose(made.fits.loss[:, TEST], tested, rtol=1e-9)
    constant = analysis.constant_baseline(DATA, ROLES)
    shares = np.bincount(np.concatenate(Y[:3])[np.concatenate(Y[:3]) >= 0]).astype(float)
    losses = [-np.log(shares[y] / shares[a].sum()) for y, a in zip(Y[3], ALLOWED[3]) if y >= 0]
    assert constant.test_loss == pytest.approx(np.mean(losses), rel=1e-12)
    permuted = analysis.permutation_baseline(fits, DATA, permutations=5)
    assert permuted.loss == pytest.approx(mean_loss(fits.weights(0), range(4)), rel=1e-10)
    assert (permuted.permuted < 10).all()


def _tested(made, i):
    from fastrnn.data import folds

    return folds(DATA, 2, None)[made.outer[i]] == TEST
