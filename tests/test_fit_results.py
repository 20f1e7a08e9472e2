"""What fits report, save, and are refused for; cross-validation; cells of one's own."""

import os
import subprocess
import sys

import numpy as np
import pytest

from fastrnn import GRU, Fits, Sequences, cross_validate, train_many
from fastrnn.data import VALIDATION, folds
from tests import numpy_network as oracle
from tests.test_fit import DATA, QUICK, ROLES, ROOT, as_float, fits, press_once  # noqa: F401


def test_progress_ends_with_all_models_and_the_least_validation_loss(fits):
    calls = []
    train_many(
        GRU(2),
        DATA,
        seeds=range(11),
        roles=ROLES,
        patience=2,
        threads=1,
        **QUICK,
        progress=lambda *call: calls.append(call),
    )
    done, models, losses = zip(*calls)
    assert sorted(done) == list(done) and done[-1] == 11 and set(models) == {11}
    assert losses[-1] == pytest.approx(fits.loss[:, 1].min(), rel=1e-6) and sorted(losses, reverse=True) == list(losses)


def test_sizes_and_options_may_differ_from_model_to_model():
    fits = train_many(GRU(1), DATA, seeds=[1, 2, 1], hidden_size=[2, 1, 2], l1=[0.0, 0.1, 0.5], roles=ROLES, **QUICK)
    assert [fits.weights(i)["w_hh"].shape for i in range(3)] == [(6, 2), (3, 1), (6, 2)]
    assert np.abs(fits.weights(2)["w_ih"]).sum() < np.abs(fits.weights(0)["w_ih"]).sum()
    assert fits.predict(DATA).shape == (3, DATA.steps, 2)
    frame = fits.to_frame()
    assert list(frame.hidden_size) == [2, 1, 2] and list(frame.l1) == [0.0, 0.1, 0.5]
    chosen = fits[fits.hidden_size == 2]
    assert len(chosen) == 2 and chosen.states(DATA).shape == (2, DATA.steps, 2)


def test_interrupted_models_keep_the_best_that_they_had(fits, ctrl_c):
    made = train_many(GRU(2), DATA, seeds=range(40), roles=ROLES, patience=None, progress=press_once(),
                      **{**QUICK, "epochs": 10**6})
    assert set(made.stopped) == {"interrupted"}
    trained = np.flatnonzero(made.epochs)
    assert len(trained) and len(trained) < 40
    for i in trained:
        history = made.history(i)["loss"][:, 1]
        assert made.loss[i, 1] == history.min() and len(history) == 1 + (made.epochs[i] - 1) // 5
        expected = oracle.mean_loss(oracle.gru, as_float(made.weights(i)), DATA, np.flatnonzero(ROLES == VALIDATION))
        assert made.loss[i, 1] == pytest.approx(expected, rel=2e-6)


def test_fits_come_back_from_a_file(fits, tmp_path):
    path = tmp_path / "fits.safetensors"
    fits.save(path)
    again = Fits.load(path)
    assert repr(again) == repr(fits)
    assert again.to_frame().equals(fits.to_frame())
    assert all(
        again.weights(i)[name].tobytes() == values.tobytes()
        for i in range(19)
        for name, values in fits.weights(i).items()
    )
    assert again.history(4)["loss"].tobytes() == fits.history(4)["loss"].tobytes()
    with pytest.raises(FileExistsError):
        fits.save(path)


def test_groups_come_back_from_a_file_whatever_they_are(tmp_path):
    days = np.array(["2024-02-29", "2024-03-01"] * 6, "M8[D]")
    groups = {"day": days, "time": days.astype("M8[us]") - days[0], "bytes": np.array([b"a", b"b"] * 6)}
    data = Sequences([x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", classes=2, groups=groups)
    for name in groups:
        made = train_many(GRU(2), data, each=name, **QUICK)
        made.save(tmp_path / name)
        (again,) = Fits.load(tmp_path / name).groups.values()
        assert again.dtype == made.groups[name].dtype and (again == made.groups[name]).all()
        assert again.tolist() == np.unique(data.groups[name]).tolist()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"lr": 0.1}, "did you mean 'learning_rate'"),
        ({"epochs": 0}, "epochs: got 0, expected an integer of at least 1"),
        ({"learning_rate": "fast"}, "learning_rate: got 'fast', expected a positive number"),
        ({"head": "sigmoid"}, "head: sigmoid takes bits, but the targets are classes"),
        ({"roles": np.zeros((2, 12), int)}, "roles: got shape (2, 12), expected (12,) or (1, 12)"),
        ({"hidden_size": [1, 2]}, "hidden_size: got int64 of shape (2,), expected a number or as many seeds"),
        ({"optimizer": "adams"}, "optimizer: got 'adams', expected one of"),
        ({"optimizer_options": {"beta3": 1}}, "optimizer_options: got beta3=1, but adam has beta1"),
        ({"dtype": "float16"}, "dtype: got 'float16', expected one of float32, float64"),
        ({"dtype": ","}, "dtype: got ',', expected one of float32, float64"),
        ({"seeds": [0.5]}, "seeds: got float64"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises((TypeError, ValueError)) as error:
        train_many(GRU(2), DATA, **arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_nested_cross_validation_selects_by_validation_and_goes_on_from_what_it_kept(tmp_path):
    def select(output=None):
        return cross_validate(GRU(2), DATA, outer=3, inner=2, seeds=2, grid={"l1": [0.0, 0.3]}, output=output, **QUICK)

    made = select(tmp_path)
    assert len(made) == 3 * 2 * 2 * 2 and len(list(tmp_path.iterdir())) == 2
    table, roles = made.table, folds(DATA, 3, 2)
    for row in (0, 13, 23):
        own = roles[table.outer[row] * 2 + table.inner[row]]
        alone = train_many(GRU(2), DATA, seeds=[table.seed[row]], roles=own, l1=[table.l1[row]], **QUICK)
        assert alone.weights(0)["w_hh"].tobytes() == made.fits.weights(row)["w_hh"].tobytes()
    chosen = made.chosen()
    for outer in range(3):
        scores = {}
        for l1 in (0.0, 0.3):
            best = [
                table[(table.outer == outer) & (table.inner == inner) & (table.l1 == l1)]
                .sort_values("validation_loss")
                .iloc[0]
                for inner in range(2)
            ]
            steps = [sum(DATA.lengths[roles[outer * 2 + inner] == VALIDATION]) for inner in range(2)]
            scores[l1] = (
                np.average([each.validation_loss for each in best], weights=steps),
                np.mean([each.test_loss for each in best]),
            )
        least = min(scores, key=lambda l1: scores[l1][0])
        assert chosen.l1[outer] == least
        assert chosen.test_loss[outer] == pytest.approx(scores[least][1], rel=1e-12)
    again = select(tmp_path)
    assert again.table.equals(table)


NOTEBOOK = """
import sys
import numpy as np
import fastrnn
from fastrnn.formula import sigmoid, tanh
from fastrnn.machine.native import native

class Mine(fastrnn.Cell):
    gates, separate = ("f", "n"), ("n",)
    def step(self, pre, h):
        f = sigmoid(pre.f)
        return h + f * (tanh(pre.n_x - f * pre.n_h) - h)

rng = np.random.default_rng(0)
data = fastrnn.Sequences(rng.normal(size=(6, 8, 1)), rng.integers(0, 2, (6, 8)), kind="classes", classes=2)
fits = fastrnn.train_many(Mine(1), data, epochs=30, evaluate_every=10)
fits.save(sys.argv[1], overwrite=True)
again = fastrnn.Fits.load(sys.argv[1], cell=Mine)
assert again.weights(0)["w_hh"].tobytes() == fits.weights(0)["w_hh"].tobytes()
loss = fits.history(0)["loss"][:, 0]
print(native().misses, native().hits, loss[-1] < loss[0])
# Kernels need LLVM alone.
print("numba" in sys.modules)
"""


def test_a_cell_of_ones_own_trains_is_saved_and_its_code_is_found_again(tmp_path):
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    printed = [
        subprocess.run(
            [sys.executable, "notebook.py", "fits.safetensors"],
            cwd=tmp_path,
            env=environment,
            text=True,
            capture_output=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert printed == [["2", "0", "True", "False"], ["0", "2", "True", "False"]]
