"""scikit-learn's face: its own checks, its tools around it, ragged and padded sequences, targets of steps."""

import importlib
import io
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from fastrnn import GRU, Sequences, train
from fastrnn.data import TRAIN
from fastrnn.sklearn import RNNClassifier, RNNRegressor

# Checks of scikit-learn that presume a fixed number of columns, and what they report. Here a row of a table is a
# sequence of one input, whose columns are steps: other sequences may have more of them.
EXCUSED = {
    "check_n_features_in": "",
    "check_n_features_in_after_fitting": "`n_features_in_`",
    "check_estimators_partial_fit_n_features": "number of features changes between calls to partial_fit",
    "check_classifiers_train": "number of features in predict is different",
}
QUICK = {"early_stopping": False, "epochs": 60, "learning_rate": 0.05, "options": {"dtype": "float64"}}


@pytest.mark.parametrize("kind", [RNNClassifier, RNNRegressor])
def test_checks_of_scikit_learn(kind):
    results = check_estimator(kind(hidden_size=8, **QUICK), on_skip=None, on_fail=None)
    by_status = {status: [each for each in results if each["status"] == status] for status in ("failed", "skipped")}
    excused = set(EXCUSED) - ({"check_classifiers_train"} if kind is RNNRegressor else set())
    assert {each["check_name"] for each in by_status["failed"]} == excused and len(results) > 55
    for each in by_status["failed"]:
        assert isinstance(each["exception"], AssertionError) and EXCUSED[each["check_name"]] in str(each["exception"])
    # Arrays of other libraries, which no estimator here claims to accept.
    assert [each["check_name"] for each in by_status["skipped"]] == ["check_array_api_input"]


def majority(count=60, seed=0):
    """Ragged sequences of bits with names: of each, and of each step, whether most so far were 1."""
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, 2, (steps, 1)).astype(float) for steps in rng.integers(3, 12, count)]
    so_far = [np.where(np.cumsum(2 * x[:, 0] - 1) > 0, "yes", "no") for x in X]
    return X, np.array([each[-1] for each in so_far]), so_far


def small(kind=RNNClassifier, **options):
    return kind(GRU(2), **{"epochs": 300, "learning_rate": 0.05, "random_state": 1, **options})


def test_classes_of_sequences():
    X, y, _ = majority()
    model = small().fit(X, y)
    assert model.classes_.tolist() == ["no", "yes"] and model.n_features_in_ == 1
    p = model.predict_proba(X)
    assert p.shape == (60, 2)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    assert (model.predict(X) == model.classes_[p.argmax(1)]).all()
    assert model.score(X, y) == (model.predict(X) == y).mean() > 0.9
    assert model.n_iter_ == model.fit_.epochs and model.fit_.loss.validation < 0.3


def test_it_is_a_fit_of_the_same_sequences():
    X, y, _ = majority()
    last = [np.where(np.arange(len(x)) == len(x) - 1, int(label == "yes"), -1) for x, label in zip(X, y)]
    data = Sequences(X, last, kind="classes", classes=2)
    fit = train(GRU(2), data, seed=1, roles=np.full(60, TRAIN), epochs=50, patience=20, learning_rate=0.05)
    model = small(early_stopping=False, epochs=50).fit(X, y)
    assert all(values.tobytes() == model.fit_.weights[name].tobytes() for name, values in fit.weights.items())


def test_classes_of_steps_come_back_in_the_form_of_the_sequences():
    X, _, y = majority()
    model = small().fit(X, y)
    made, p = model.predict(X), model.predict_proba(X)
    assert [each.shape for each in made] == [each.shape for each in y]
    assert [each.shape for each in p] == [(len(each), 2) for each in y]
    assert model.score(X, y) == np.mean(np.concatenate(made) == np.concatenate(y)) > 0.9
    padded = np.stack([x[:3] for x in X])
    assert model.predict(padded).shape == (60, 3) and model.predict_proba(padded).shape == (60, 3, 2)
    assert (model.predict(padded[:, :, 0]) == np.stack([each[:3] for each in made])).all()
    with pytest.raises(ValueError, match="y: expected a target for each step, as in fit"):
        model.score(X, [each[-1] for each in y])


def test_numbers_of_sequences_and_steps():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6, 1))
    so_far = np.cumsum(X[:, :, 0], 1) / 2
    whole = small(RNNRegressor).fit(X, so_far[:, -1])
    assert whole.predict(X).shape == (50,)
    expected = 1 - np.mean((whole.predict(X) - so_far[:, -1]) ** 2) / np.var(so_far[:, -1])
    assert np.isclose(whole.score(X, so_far[:, -1]), expected) and expected > 0.9
    steps = small(RNNRegressor, early_stopping=False, epochs=50)
    assert steps.fit(X, so_far).predict(X).shape == (50, 6)
    assert steps.fit(X, so_far[:, :, None]).predict(X).shape == (50, 6, 1)
    pairs = np.stack([so_far[:, -1], -so_far[:, -1]], 1)
    assert steps.fit(X, pairs).predict(X).shape == (50, 2)
    assert steps.fit(X[:, :, 0], pairs).predict(list(X)).shape == (50, 2)


def test_what_weighs_nothing_does_not_count():
    X, y, so_far = majority()
    weight = np.ones(60)
    weight[:20] = 0
    wrong = np.where(weight == 0, np.where(y == "yes", "no", "yes"), y)
    model = small(early_stopping=False, epochs=50)
    weighted, alone = clone(model).fit(X, wrong, weight), clone(model).fit(X[20:], y[20:])
    assert (weighted.predict_proba(X) == alone.predict_proba(X)).all()
    assert weighted.score(X, wrong, weight) == alone.score(X[20:], y[20:])
    # Of steps: all but the last.
    last = [np.arange(len(x)) == len(x) - 1 for x in X]
    np.testing.assert_array_equal(
        np.concatenate(clone(model).fit(X, so_far, last).predict_proba(X))[np.concatenate(last)],
        clone(model).fit(X, y).predict_proba(X),
    )


def test_tools_of_scikit_learn():
    X, y, so_far = majority()
    quick = small(epochs=30)
    scores = cross_val_score(quick, X, y, cv=3)
    assert scores.shape == (3,) and np.isfinite(scores).all()
    assert np.isfinite(cross_val_score(quick, X, so_far, cv=KFold(3))).all()
    pipeline = make_pipeline(FunctionTransformer(), quick)
    search = GridSearchCV(pipeline, {"rnnclassifier__learning_rate": [1e-6, 0.05]}, cv=2)
    search.fit(X, y)
    assert search.best_params_ == {"rnnclassifier__learning_rate": 0.05}
    copy = clone(quick)
    assert copy is not quick and copy.get_params() == quick.get_params()
    file, fitted = io.BytesIO(), quick.fit(X, y)
    joblib.dump(fitted, file)
    file.seek(0)
    assert (joblib.load(file).predict_proba(X) == fitted.predict_proba(X)).all()
    halves = joblib.Parallel(2, prefer="threads")(joblib.delayed(clone(quick).fit)(X, y) for _ in range(2))
    assert all((each.predict_proba(X) == fitted.predict_proba(X)).all() for each in halves)


def test_a_warm_start_goes_on_from_the_weights():
    X, y, _ = majority()
    model = small(early_stopping=False, epochs=50, warm_start=True).fit(X, y)
    before = model.fit_.loss.train
    assert model.fit(X, y).fit_.history["loss"][0, 0] == before
    with pytest.raises(ValueError, match="expected those of the fit that warm_start continues"):
        model.fit(X, np.where(y == "yes", "si", "no"))


def test_partial_fits_are_epochs():
    """As many gradient steps as fit makes, whose optimizer keeps nothing from one to the next."""
    X, y, so_far = majority()
    options = {"early_stopping": False, "optimizer": "sgd", "learning_rate": 0.5, "options": {"stop_after": 5}}
    whole = small(**options, epochs=5, patience=None).fit(X, y)
    parts = small(**options)
    for n in range(5):
        assert parts.partial_fit(X, y, ["no", "yes"] if n == 0 else None).n_iter_ == n + 1
    assert (parts.predict_proba(X) == whole.predict_proba(X)).all() and (parts.classes_ == whole.classes_).all()
    # The last weights are kept, also where the loss got worse.
    worse = small(**{**options, "learning_rate": 1e3}).partial_fit(X, y, ["no", "yes"])
    assert worse.fit_.best_epoch == 1 and worse.fit_.history["loss"][1, 0] > worse.fit_.history["loss"][0, 0]
    # It continues from a fit; a label need not be there each time.
    fitted = small(epochs=50).fit(X, y)
    before = fitted.n_iter_
    yes = y == "yes"
    assert fitted.partial_fit([x for x, right in zip(X, yes) if right], y[yes]).n_iter_ == before + 1
    steps = small(RNNRegressor).partial_fit(X, [np.cumsum(x[:, 0]) for x in X])
    assert [len(each) for each in steps.predict(X)] == [len(x) for x in X]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "classes: got None, expected all labels in the first call"),
        ({"classes": ["no"]}, "classes: got 1, expected at least two"),
        ({"classes": ["no", "maybe"]}, "y: got the label yes, expected one of"),
    ],
)
def test_what_the_first_partial_fit_needs(arguments, message):
    X, y, _ = majority()
    with pytest.raises(ValueError, match=message):
        small().partial_fit(X, y, **arguments)


def test_later_partial_fits_are_of_the_same_kind():
    X, y, so_far = majority()
    model = small().partial_fit(X, y, ["no", "yes"])
    for given, message in (
        ((X, y, ["a", "b"]), "classes: got .*, expected .*, as before"),
        ((X, so_far), "y: expected a target for each sequence, as in fit"),
        (([np.ones((3, 2))] * 60, y), "X: got 2 inputs of a step, expected 1, as before"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(*given)


def test_cells_go_by_name_or_as_they_are():
    assert RNNClassifier("gru", 3)._cell() == GRU(3) and RNNClassifier(GRU(3))._cell() == GRU(3)
    assert RNNClassifier(GRU(3, reset="before"), 5)._cell() == GRU(5, reset="before")


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"cell": "grru"}, ValueError, "cell: got 'grru', expected one of"),
        ({"cell": 3}, TypeError, "cell: got 3, expected a Cell, or its name"),
        ({"y": ["yes"] * 60}, ValueError, "y: got one class"),
        ({"y": "yes"}, ValueError, "y: got yes, expected a value for each of 60 sequences"),
        ({"y": [["yes", "no"]] + [["no"]] * 59}, ValueError, "y: sequence 0 has 2 values, expected"),
        ({"y": None}, ValueError, "the target y is None"),
        ({"sample_weight": -np.ones(60)}, ValueError, "sample_weight: got -1, expected numbers of at least 0"),
        ({"sample_weight": np.ones((60, 2))}, ValueError, r"sample_weight: got shape \(60, 2\), expected \(60,\)"),
        ({"sample_weight": np.zeros(60)}, ValueError, "sample_weight: all weights are zero"),
        ({"options": {"learnin_rate": 1}}, TypeError, "learnin_rate"),
        ({"X": np.ones((60, 2, 2, 2))}, ValueError, r"x: got an array of shape"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    X, y, _ = majority()
    given = {"X": X, "y": y, "sample_weight": None}
    options = {name: value for name, value in change.items() if name not in given}
    given |= {name: value for name, value in change.items() if name in given}
    with pytest.raises(error, match=message):
        small().set_params(**options).fit(**given)
    with pytest.raises(ValueError, match="expected at least 2, as early_stopping needs one for validation"):
        small(RNNRegressor).fit(X[:1], [1.0])


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    for name in ("fastrnn.sklearn", "fastrnn.sklearn.estimators", "fastrnn.sklearn.base"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match="fastrnn.sklearn: scikit-learn is missing .* pip install scikit-learn"):
        importlib.import_module("fastrnn.sklearn")
