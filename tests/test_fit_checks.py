"""What fits are given wrong is said in one line, and nothing is computed from it."""

import json
import pickle

import numpy as np
import pytest
from safetensors.numpy import load, save

from fastrnn import GRU, FitConfig, Fits, Sequences, cross_validate, train, train_many
from fastrnn.cells.peephole_lstm import PeepholeLSTM
from fastrnn.checkpoint import read_sealed, sealed
from fastrnn.data import TEST, folds
from fastrnn.errors import CheckpointError
from fastrnn.training.sequences.fits import RESULT_COLUMNS
from fastrnn.training.sequences.kept import _digest
from tests import numpy_network as oracle
from tests.fit_runs import begun
from tests.test_fit import DATA, QUICK, ROLES

GROUPED = Sequences(
    [x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", classes=2, groups={"who": [*"aaaabbbbccc", "d"]}
)
UNCOUNTED = Sequences(
    np.ones((3, 4, 2)), np.ones((3, 4), int), kind="classes", classes=2, weight=[np.zeros(4), np.zeros(4), np.ones(4)]
)
LARGE = Sequences(np.full((3, 4, 2), 1e39), np.ones((3, 4), int), kind="classes", classes=2)


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=range(3), roles=ROLES, **QUICK)


@pytest.mark.parametrize("use", ["predict", "states", "outputs", "losses", "log_likelihood"])
@pytest.mark.parametrize("inputs", [1, 3])
def test_data_with_other_inputs_are_refused(fits, use, inputs):
    data = Sequences([np.ones((4, inputs))], [[0, 1, 0, 1]], kind="classes", classes=2)
    with pytest.raises(ValueError, match=f"^data: got {inputs} inputs per step, expected 2, as the models were"):
        getattr(fits, use)(data)


@pytest.mark.parametrize("use", ["losses", "log_likelihood"])
@pytest.mark.parametrize(
    "y, options, message",
    [
        (None, {}, "data: has no targets; give y"),
        ([0.5, 1, 0, 1], {}, "head: softmax takes classes, but the targets are reals"),
        ([0, 1, 0, 1], {}, "head: softmax takes classes, but the targets are bits"),
        ([0, 1, 2, 1], {"kind": "classes"}, "data: has targets for 3 outputs, expected 2"),
    ],
)
def test_targets_that_the_head_does_not_take_are_refused(fits, use, y, options, message):
    data = Sequences([np.ones((4, 2))], None if y is None else [y], **options)
    with pytest.raises(ValueError) as error:
        getattr(fits, use)(data)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_class_need_not_occur(fits):
    data = Sequences([np.ones((4, 2))], [[0, 0, 0, 0]], kind="classes", classes=1)
    assert np.isfinite(fits.losses(data)).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": [np.ones((4, 2))]}, "train_many: roles is an option of Sequences, but data is a list: give"),
        ({"data": Sequences([np.ones((4, 2))])}, "data: has no targets; give y"),
        ({"head": 3}, "head: got 3, expected a Head or its name"),
        ({"cell": GRU}, "cell: got the class GRU, expected an object: GRU()"),
        ({"cell": None}, "cell: got None, expected a Cell"),
        ({"config": {"epochs": 3}}, "config: got {'epochs': 3}, expected a FitConfig or None"),
        (
            {"weights": {**dict.fromkeys(("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o")), "initial_h": np.ones(2)}},
            "weights: got initial_h, expected w_ih, w_hh, b_ih, b_hh, w_ho, b_o; initial_state='learned'",
        ),
        ({"weights": 3}, "weights: got int, expected {name: array} or None"),
        ({"progress": 3}, "progress: got 3, expected a function or None"),
        ({"each": ["who"]}, "each: got ['who'], expected the name of a group"),
        ({"data": GROUPED, "each": "who", "seeds": 3}, "seeds: got int64 of shape ()"),
        ({"data": GROUPED, "each": "who", "seeds": range(6), "roles": None}, "seeds: got 6, expected one, or 4, one"),
        ({"data": GROUPED, "each": "who", "roles": None}, "validation, test: who d: got 0.2 and 0 of 1 seq"),
        ({"data": GROUPED, "each": "who", "roles": [0] * 11 + [1]}, "roles: who d has no counted step"),
        ({"data": UNCOUNTED, "roles": [0, 0, 1]}, "roles: model 0 has no counted step in its training sequences"),
        ({"data": UNCOUNTED, "seeds": [1, 2], "roles": [[0, 0, 0], [0, 0, 1]]}, "roles: model 1 has no counted step"),
        ({"data": LARGE, "roles": None}, "data: x reaches 1e+39, expected numbers that float32 can hold"),
        ({"l1": 0.1, "l1_on": ("w_hhh",)}, "l1_on: got 'w_hhh', expected names of weights (w_ih, w_hh, b_ih,"),
        ({"decay_on": "initial_h"}, "decay_on: got 'initial_h', expected names of weights"),
        ({"l1": [0, 0.1, 0.2]}, "l1: got float64 of shape (3,), expected a number or as many seeds as values"),
        ({"l1": [0, 0.1, 0.2], "seeds": [1, 2]}, "l1: got float64 of shape (3,), expected a number or 2 numbers"),
        ({"optimizer_options": None}, "optimizer_options: got None, expected {name: number}"),
        ({"optimizer_options": "beta1"}, "optimizer_options: got 'beta1', expected {name: number}"),
        ({"beta1": 0.8}, "train: unknown option 'beta1'; the optimizer's go in as optimizer_options={'beta1': ...}"),
        (
            {"optimizer": "AdamW"},
            "optimizer: got 'AdamW', expected one of adam, amsgrad, momentum, nesterov, rmsprop, sgd; "
            "did you mean 'adam', which with weight decay is AdamW?",
        ),
        (
            {"schedule": "none"},
            "schedule: got 'none', expected one of constant, linear, cosine, drop, exponential, plateau; "
            "did you mean 'constant'?",
        ),
        ({"epochs": 2**24 + 1}, "epochs: got 16777217, expected at most 16777216"),
    ],
)
def test_wrong_kinds_of_arguments_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError)) as error:
        train_many(**{"cell": GRU(2), "data": DATA, "roles": ROLES, **arguments})
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_words_are_read_in_upper_case_too():
    fit = train(
        GRU(2), DATA, roles=ROLES, head="Softmax", optimizer="Adam", schedule="Cosine", initial_state="Learned", **QUICK
    )
    assert (fit.config.optimizer, fit.config.schedule, fit.config.initial_state) == ("adam", "cosine", "learned")


def test_epochs_are_at_most_those_asked_for_where_evaluations_are_rare():
    for epochs, every, made in ((5, 20, [0, 5]), (25, 10, [0, 10, 20]), (1, 10, [0, 1]), (6, 3, [0, 3, 6])):
        fits = train_many(GRU(2), DATA, roles=ROLES, epochs=epochs, evaluate_every=every, patience=None)
        assert fits.epochs[0] == made[-1] and list(fits.history()["epoch"]) == made
        assert fits.best_epoch[0] in made and fits.stopped == ("epochs",)


def test_no_memory_is_for_the_rounds_between_evaluations():
    _, group = begun(DATA, ROLES, FitConfig(epochs=10**6, evaluate_every=10**6))
    assert group.run(2000)[0] == 2000
    assert max(array.nbytes for array in group.arrays.values()) < 2**20


def test_histories_stay_with_their_models_whatever_rounds_a_call_makes(monkeypatch):
    """Models stop at different times, and the next ones take their lanes between two evaluations."""
    options = {"roles": ROLES, "patience": 1, "epochs": 30, "evaluate_every": 3, "schedule": "cosine"}
    rates = np.linspace(0.01, 0.3, 29)
    made = train_many(GRU(2), DATA, seeds=range(29), learning_rate=rates, **options)
    assert len(set(made.epochs)) > 2
    # Each call makes one round.
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 0.0)
    again = train_many(GRU(2), DATA, seeds=range(29), learning_rate=rates, threads=1, **options)
    for i in range(29):
        assert made.weights(i)["w_hh"].tobytes() == again.weights(i)["w_hh"].tobytes()
        assert made._histories[i].tobytes() == again._histories[i].tobytes()
        for role in range(3):
            weights = {name: values.astype(float) for name, values in made.weights(i).items()}
            expected = oracle.mean_loss(oracle.gru, weights, DATA, np.flatnonzero(ROLES == role))
            assert made.loss[i, role] == pytest.approx(expected, rel=2e-6)


def test_fits_and_their_use_go_through_pickle(fits):
    again = pickle.loads(pickle.dumps(fits))
    assert again.predict(DATA).tobytes() == fits.predict(DATA).tobytes()
    assert again.to_frame().equals(fits.to_frame()) and len(again[1:]) == 2


@pytest.mark.parametrize("index", [None, True, [[1, 2]]])
def test_only_one_axis_chooses_models(fits, index):
    with pytest.raises(IndexError, match="^index: got .*, expected an integer, a slice, or one axis"):
        fits[index]


def test_parts_of_cells_that_begin_elsewhere_are_not_mixed_up(tmp_path):
    def parts(start):
        class Late(PeepholeLSTM):
            starts = dict.fromkeys(PeepholeLSTM.vectors, start)

        arguments = {"seeds": np.arange(1), "roles": ROLES}
        return _digest(Late(2), DATA, arguments)

    assert parts(0.0) == parts(0.0) != parts(1.0)


NUMBERS = (np.nan, np.inf, 10**400, -(10**400), np.array([5]), np.array([1, 2]), 1j, True)
SENSELESS = (*NUMBERS, [2], {"a": "b"}, object(), "x")


@pytest.mark.parametrize("field", sorted({*FitConfig.__dataclass_fields__} - {"before", "carry", "l1_on", "decay_on"}))
def test_every_option_names_itself_where_its_value_makes_no_sense(field):
    for value in SENSELESS:
        with pytest.raises((TypeError, ValueError)) as error:
            FitConfig(**{field: value})
        message = str(error.value)
        assert message.startswith(f"{field}: got ") and "\n" not in message and len(message) < 400


@pytest.mark.parametrize("field", ["l1_on", "decay_on"])
def test_names_of_weights_are_names(field):
    for value in [value for value in SENSELESS if not isinstance(value, str)]:
        with pytest.raises(TypeError, match=f"^{field}: got .*, expected names of weights"):
            FitConfig(**{field: value})


def test_a_precision_is_never_guessed():
    with pytest.raises(ValueError, match="^dtype: got None, expected one of float32, float64$"):
        FitConfig(dtype=None)


DAMAGE = {
    "loss": np.zeros((1, 3)),
    "accuracy": np.zeros((3, 1)),
    "epochs": np.zeros(4, int),
    "2.models": np.array([0, 1, -1]),
    "history_offsets": np.array([0, 3, 1, 27]),
    "option.l1": np.zeros(2),
    "stopped": ["patience", "epochs", "bored"],
    "outputs": 10**12,
    "inputs": 10**12,
    "data_name": ["levers"],
    "arithmetic": 5,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_files_whose_parts_do_not_fit_are_damaged(fits, tmp_path, name):
    path = tmp_path / "fits.safetensors"
    fits.save(path)
    with open(path, "rb") as file:
        content = file.read()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["fastrnn"])
    tensors = load(content)
    header.pop("digest")
    (header if name in header else tensors)[name] = DAMAGE[name]
    path.write_bytes(save(tensors, {"fastrnn": json.dumps(header)}))
    with pytest.raises(CheckpointError, match=r"is damaged \(.*\); save the fits again$"):
        Fits.load(path)


def test_what_is_no_file_is_said(tmp_path):
    for path, found in ((tmp_path / "nope", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(CheckpointError) as error:
            Fits.load(path)
        assert str(error.value) == f"{path}: {found}; expected a file of fits that Fits.save wrote"
    (tmp_path / "models.safetensors").touch()
    with pytest.raises(CheckpointError, match="that Fits.save wrote, perhaps models.safetensors in it$"):
        Fits.load(tmp_path)


def test_a_file_that_does_not_name_its_data_is_read(fits, tmp_path):
    path = tmp_path / "fits.safetensors"
    fits.save(path)
    header, tensors = read_sealed(path, "fits", "file")
    del header["data_name"]
    path.write_bytes(sealed(tensors, header))
    assert Fits.load(path).data_name == ""


def test_the_cell_of_a_file_is_given_by_its_class(fits, tmp_path):
    fits.save(tmp_path / "fits.safetensors")
    assert len(Fits.load(tmp_path / "fits.safetensors", cell=GRU)) == 3
    with pytest.raises(TypeError, match=r"^cell: got GRU\(.*\), expected the class of a Cell, for example GRU$"):
        Fits.load(tmp_path / "fits.safetensors", cell=GRU(2))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"grid": {"l1": []}}, "grid: l1 has shape (0,), expected at least one number"),
        ({"grid": [1]}, "grid: got list, expected {name: values}"),
        (
            {"grid": {"patience": [5, 9]}},
            "grid: patience is the same for all fits, expected hidden_size, learning_rate,",
        ),
        ({"grid": {"l1": [0, 0.1]}, "inner": None}, "grid: l1 has 2 values, but with inner=None nothing validates"),
        ({"grid": {"l1": [0, 0.1]}, "l1": 0.2}, "l1: is an axis of the grid and an option"),
        ({"roles": ROLES}, "roles: is not for cross_validate"),
        ({"hidden_size": 3}, "hidden_size: is not for cross_validate"),
        ({"only": [0, 1]}, "only: is not for cross_validate"),
        ({"seeds": []}, "seeds: got none, expected at least one"),
        ({"grid": {"hiden_size": [1]}}, "grid: got 'hiden_size', which cannot differ between fits: did you mean 'hid"),
        ({"grid": {"hidden_size": [2, 4, 2]}}, "grid: hidden_size has a value twice, expected different ones"),
        ({"grid": {"l1": [[0], [0, 0.1]]}}, "grid: l1 holds lists of different lengths, expected numbers"),
        ({"data": [1, 2, 3]}, "data: got list, expected fastrnn.Sequences"),
        ({"cell": None}, "cell: got None, expected a Cell"),
        ({"progress": 3}, "progress: got 3, expected a function or None"),
    ],
)
def test_what_folds_do_not_take_is_named(arguments, message):
    with pytest.raises((TypeError, ValueError)) as error:
        cross_validate(**{"cell": GRU(2), "data": DATA, "outer": 2, "inner": 2, "seeds": 1, **QUICK, **arguments})
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_folder_that_is_a_file_is_refused_before_anything_is_fitted(tmp_path):
    (tmp_path / "parts").write_text("mine")
    with pytest.raises(NotADirectoryError, match="output: is a file, expected a folder"):
        cross_validate(GRU(2), DATA, outer=2, inner=2, output=tmp_path / "parts", progress=lambda *_: 1 / 0, **QUICK)
    assert (tmp_path / "parts").read_text() == "mine"


def test_parts_of_other_fits_are_fitted_again(tmp_path):
    options = {"outer": 2, "inner": 2, "seeds": 1, "refit": False, "output": tmp_path, **QUICK}
    made = cross_validate(GRU(2), DATA, **options)
    (part,) = tmp_path.glob("*.safetensors")
    train_many(GRU(2), DATA, seeds=range(5, 5 + len(made.fits)), roles=ROLES, **QUICK).save(part, overwrite=True)
    again = cross_validate(GRU(2), DATA, **options)
    np.testing.assert_array_equal(again.fits.seeds, made.fits.seeds)
    np.testing.assert_array_equal(again.fits.loss, made.fits.loss)


def test_outer_folds_in_which_nothing_counts_are_no_test():
    tested = folds(DATA, 3, 2)[0] == TEST
    masks = [np.full(length, not masked) for length, masked in zip(DATA.lengths, tested)]
    data = Sequences([x for x, _, _ in DATA], [y for _, y, _ in DATA], mask=masks, kind="classes", classes=2)
    made = cross_validate(GRU(2), data, outer=3, inner=2, seeds=1, **QUICK)
    losses, steps = made.chosen().test_loss.to_numpy()[1:], made.chosen().test_steps.to_numpy()[1:]
    (row,) = made.summary().itertuples()
    mean = np.average(losses, weights=steps)
    assert made.validation_steps.dtype.kind == made.test_steps.dtype.kind == steps.dtype.kind == "i"
    assert row.folds == 2 and row.test_loss == pytest.approx(mean)
    share = steps / steps.sum()
    assert row.error == pytest.approx(np.sqrt(2 * (share**2 * (losses - mean) ** 2).sum()))


def test_without_inner_folds_the_training_loss_chooses_the_seed():
    made = cross_validate(GRU(2), DATA, outer=3, inner=None, seeds=4, **QUICK)
    table, chosen = made.table, made.chosen()
    for outer in range(3):
        own = table[table.outer == outer]
        assert chosen.test_loss[outer] == own.test_loss[own.train_loss.idxmin()]
    assert chosen.validation_loss.isna().all() and np.isfinite(made.summary().test_loss).all()


def test_a_history_that_is_changed_is_a_copy(fits):
    first = fits.history(0)["loss"][0, 0]
    fits[:1].history(0)["loss"][:] = 7
    fits.history(0)["loss"][:] = 7
    assert fits.history(0)["loss"][0, 0] == first


@pytest.mark.parametrize("options", [{"tbptt_steps": 2**62}, {"batch_size": 2**62}, {"patience": 2**62}])
def test_limits_that_nothing_reaches_change_nothing(fits, options):
    made = train_many(GRU(2), DATA, seeds=[0], roles=ROLES, **QUICK, **options)
    np.testing.assert_allclose(made.loss[0], fits.loss[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["seed", "stopped", "test_loss", "learning_rate"])
def test_a_group_with_the_name_of_a_result_fits_no_networks_of_its_own(name):
    data = Sequences(np.ones((4, 3, 1)), np.ones((4, 3), int), kind="classes", classes=2, groups={name: [*"aabb"]})
    with pytest.raises(ValueError, match=f"^each: got '{name}', which is a column of the results, too; give the group"):
        train_many(GRU(1), data, each=name)


def test_the_table_of_results_has_the_columns_that_no_group_may_have(fits):
    assert {*fits.to_frame().columns} == {*RESULT_COLUMNS, *fits.options}
