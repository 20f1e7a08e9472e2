"""`train` and `train_many`: one entry for tasks, arrays and Sequences."""

import numpy as np
import pytest

from fastrnn import GRU, Elman, Fit, Fits, ManyRun, Run, analysis, tasks, train, train_many
from tests import numpy_network as oracle
from tests.test_fit import DATA, QUICK, ROLES, as_float

TABLE = (np.zeros((2, 3, 1)), np.zeros((2, 3, 1)))
FEW = {"max_samples": 32, "until": "samples"}


@pytest.fixture(scope="module")
def fit():
    return train(GRU(2), DATA, roles=ROLES, seed=1, patience=2, **QUICK)


def test_the_kind_of_data_decides_what_comes_back(fit):
    assert isinstance(fit, Fit) and isinstance(train_many(GRU(2), data=DATA, roles=ROLES, **QUICK), Fits)
    for data in ({"data": tasks.Addition(4)}, {"task": tasks.Addition(4)}, {"data": TABLE}):
        assert isinstance(train(Elman(3), **data, **FEW), Run)
        assert isinstance(train_many(Elman(3), **data, seeds=[1, 2], **FEW), ManyRun)


def test_one_fit_is_that_of_an_independent_network(fit):
    weights = as_float(fit.weights)
    for role, value in enumerate(fit.loss):
        expected = oracle.mean_loss(oracle.gru, weights, DATA, np.flatnonzero(ROLES == role))
        assert value == pytest.approx(expected, rel=2e-6)
    z = np.concatenate([oracle.outputs(oracle.gru, weights, x) for x, _, _ in DATA])
    np.testing.assert_allclose(fit.outputs(DATA), z, atol=2e-6)
    np.testing.assert_allclose(fit.predict(DATA).sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(fit.losses(DATA), oracle.cross_entropy(z, DATA.y), atol=3e-6)
    assert fit.log_likelihood(DATA) == pytest.approx(-oracle.cross_entropy(z, DATA.y).sum(), rel=1e-6)
    assert fit.states(DATA).shape == (DATA.steps, 2)
    history = fit.history
    assert fit.loss.validation == history["loss"][:, 1].min() and fit.epochs == history["epoch"][-1]
    assert (fit.seed, fit.hidden_size, fit.options["learning_rate"]) == (1, 2, 0.05)


def test_one_fit_says_in_a_line_what_it_is(fit):
    assert repr(fit) == (
        f"Fit(gru of 2 units; stopped early after {fit.epochs} epochs; validation loss {fit.loss.validation:.4g})"
    )
    alone = train(GRU(2), DATA, roles=np.zeros(len(DATA), int), **{**QUICK, "epochs": 5})
    assert repr(alone) == f"Fit(gru of 2 units; all 5 epochs; training loss {alone.loss.train:.4g})"


def test_one_of_many_is_the_same_as_one_of_its_own(fit, tmp_path):
    fits = train_many(GRU(2), DATA, roles=ROLES, seeds=range(6), patience=2, lanes="sequences", **QUICK)
    assert fits[1].weights["w_hh"].tobytes() == fit.weights["w_hh"].tobytes() == fits.weights(1)["w_hh"].tobytes()
    assert [each.seed for each in fits] == list(range(6))
    assert fits.best.loss.validation == fits.loss[:, 1].min()
    fit.save(tmp_path / "fit.safetensors")
    assert repr(Fits.load(tmp_path / "fit.safetensors")[0]) == repr(fit)


def test_analysis_takes_one_fit(fit):
    assert analysis.gates(fit, DATA)["z"].shape == (1, DATA.steps, 2)
    assert len(analysis.phase_portrait(fit, DATA, points=5).states) == 25
    assert 0 < analysis.permutation_baseline(fit, DATA, permutations=20).p <= 1
    made = analysis.simulate(fit, lambda choices: np.stack([choices, choices], -1), [0, 0], 3)
    assert made.choices.shape == (1, 1, 3) and repr(made) == "Simulation(1 model, 1 session of 3 steps)"


@pytest.mark.parametrize(
    "function, options, message",
    [
        (train, {"until": "exact"}, "train: until is an option of tasks and arrays, not of Sequences"),
        (train, {"max_samples": 9}, "train: max_samples is an option of tasks and arrays, not of Sequences; it is"),
        (train, {"seeds": [1]}, "train: seeds is an option of train_many; one model has one seed, as seed=1"),
        (train, {"hidden_size": 2}, "train: hidden_size is an option of train_many; one cell has one size"),
        (train, {"each": "who"}, "train: each is an option of train_many; it makes one model for each value"),
        (train, {"seed": -1}, "seed: got -1, expected an integer of at least 0"),
        (train, {"seed": 2**63}, "seed: got 9223372036854775808, expected an integer below 2**63"),
        (train_many, {"seed": 1}, "train_many: seed is an option of tasks and arrays, not of Sequences; it is called "
         "seeds here"),
        (train_many, {"resume": 1}, "train_many: resume is an option of tasks and arrays, not of Sequences"),
        (train, {"task": tasks.Addition(4)}, "task: got one, and data as well; expected one of them"),
    ],
)
def test_options_of_another_kind_of_data_are_named(function, options, message):
    with pytest.raises((TypeError, ValueError)) as error:
        function(GRU(2) if "task" not in options else Elman(2), DATA, **options)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize("function", [train, train_many])
def test_arrays_that_ought_to_be_sequences_are_recognised(function):
    x, y = np.zeros((5, 4, 3)), np.zeros((5, 4), int)
    with pytest.raises(TypeError, match=r"^\w+: got an array of shape \(5, 4\) after the data; x and y go in together"):
        function(GRU(2), x, y)
    with pytest.raises(TypeError, match="epochs is an option of Sequences, but data is a tuple: give"):
        function(GRU(2), (x, y), epochs=3)


@pytest.mark.parametrize("function", [train, train_many])
@pytest.mark.parametrize("data", [tasks.Addition(4), TABLE, None])
def test_options_of_sequences_are_named_elsewhere(function, data):
    given = "no data are given" if data is None else f"data is a {type(data).__name__}"
    message = f"^{function.__name__}: validation is an option of Sequences, but {given}: give fastrnn.Sequences"
    with pytest.raises(TypeError, match=message):
        function(Elman(2), data, validation=0.2)
