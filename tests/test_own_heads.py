"""Fits in files: one alone, and those of heads that are not fastrnn's."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest
from test_autosave import eager  # noqa: F401

from fastrnn import GRU, Cell, CheckpointError, Fit, Fits, Model, Sequences, cross_validate, train, train_many
from fastrnn.formula import greater, square_root, tanh, where
from fastrnn.heads.base import Head
from fastrnn.heads.linear import Linear
from fastrnn.heads.softmax import Softmax
from fastrnn.training.tasks.resume import load_run, save_run
from tests import numpy_network as oracle
from tests.test_fit import press_once

X = np.random.default_rng(0).normal(size=(6, 5, 2))
DATA = Sequences(X, X.cumsum(1) * 0.3, kind="reals")
OPTIONS = {"epochs": 4, "evaluate_every": 2, "dtype": "float64"}


@dataclass(frozen=True)
class Robust(Head):
    """A loss that grows linearly where errors are large."""

    scale: float = 1.0
    targets = "reals"

    def prediction(self, z):
        return z

    def loss(self, z, y):
        return sum(square_root(self.scale + (a - b) ** 2) for a, b in zip(z, y))

    def correct(self, z, y):
        return where(greater(self.loss(z, y), 0.1), 0.0, 1.0)


class Plain(Robust):
    """The same without a decorator of its own."""


def _steep(self, z, y):
    return sum((self.scale + (a - b) ** 2) ** 2 for a, b in zip(z, y))


# Robust, as a user has edited it: of the same name and fields.
Edited = dataclass(frozen=True)(type("Robust", (Robust,), {"loss": _steep}))


def test_one_fit_comes_back_with_all_that_it_has(tmp_path):
    path = tmp_path / "fit.safetensors"
    made = train(GRU(3), DATA, validation=0.4, **OPTIONS)
    made.save(path)
    again = Fit.load(path)
    assert type(again) is Fit and repr(again) == repr(made)
    for name in ("loss", "accuracy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    for name in ("epoch", "loss", "accuracy"):
        assert again.history[name].tobytes() == made.history[name].tobytes()
    for name in ("seed", "options", "stopped", "epochs", "best_epoch", "seconds", "arithmetic", "data_name", "config"):
        assert getattr(again, name) == getattr(made, name), name
    assert again.predict(DATA).tobytes() == made.predict(DATA).tobytes()
    # The first thing that a process does.
    program = f"import fastrnn; print(fastrnn.Fit.load({str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{made!r}\n"
    z = oracle.outputs(oracle.gru, again.weights, X[0])
    np.testing.assert_allclose(again.predict(DATA)[:5], z, rtol=1e-9)
    # A model of several is saved alone, and several are not one.
    fits = train_many(GRU(3), DATA, seeds=range(3), **OPTIONS)
    fits[1].save(tmp_path / "second.safetensors")
    assert Fit.load(tmp_path / "second.safetensors").seed == 1
    fits.save(tmp_path / "fits.safetensors")
    with pytest.raises(CheckpointError, match=r"fits.safetensors: has 3 models, expected one: Fits.load\(path\) reads"):
        Fit.load(tmp_path / "fits.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        Fit.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("head", [Robust(scale=0.5), Plain()], ids=["dataclass", "plain"])
def test_a_head_of_ones_own_is_saved_with_its_formula(tmp_path, head):
    path, kind = tmp_path / "fit.safetensors", type(head)
    made = train(GRU(3), DATA, head=head, validation=0, **OPTIONS)
    made.save(path)
    again = Fit.load(path, head=kind)
    assert type(again.head) is kind and again.head.scale == head.scale
    errors = np.concatenate([oracle.outputs(oracle.gru, again.weights, x) for x in X]) - DATA.y
    expected = np.sqrt(head.scale + errors**2).sum(1)
    np.testing.assert_allclose(again.losses(DATA), expected, rtol=1e-9)
    assert again.losses(DATA).tobytes() == made.losses(DATA).tobytes()
    name = kind.__name__
    with pytest.raises(CheckpointError, match=rf"the head '{name}', which is not one of fastrnn's: give its class, "
                                              rf"Fits.load\(path, head={name}\)"):
        Fits.load(path)
    with pytest.raises(CheckpointError, match=f"made with another formula of the head '{name}' than the present one"):
        Fits.load(path, head=Edited)
    for wrong in (head, 3, GRU):
        with pytest.raises(TypeError, match="head: got .*, expected the class of a Head, for example Linear"):
            Fits.load(path, head=wrong)


@dataclass(frozen=True)
class Weighted(Robust):
    """Outputs of different importance."""

    factors: tuple = (1.0, 0.5)

    def loss(self, z, y):
        return sum(factor * (a - b) ** 2 for factor, a, b in zip(self.factors, z, y))


def test_a_head_with_several_numbers_in_a_field_is_saved(tmp_path):
    made = train(GRU(3), DATA, head=Weighted(factors=(0.25, 2.0)), **OPTIONS)
    made.save(tmp_path / "fit.safetensors")
    again = Fit.load(tmp_path / "fit.safetensors", head=Weighted)
    assert again.head == made.head and again.losses(DATA).tobytes() == made.losses(DATA).tobytes()


def test_a_head_of_fastrnn_is_not_one_of_ones_own(tmp_path):
    path = tmp_path / "fit.safetensors"
    train(GRU(3), DATA, **OPTIONS).save(path)
    for head, name in ((Robust, "Robust"), (Softmax, "softmax")):
        with pytest.raises(CheckpointError, match=f"was made with the head 'linear', not '{name}': leave head out"):
            Fit.load(path, head=head)
    assert Fit.load(path, head=Linear).head == Linear()
    with pytest.raises(CheckpointError, match="holds fits, not a model of a task: fastrnn.Fits.load reads it"):
        Model.load(path)


def test_fits_of_an_edited_head_are_not_those_that_were_kept(tmp_path):
    options = {"outer": 2, "inner": None, "seeds": 1, "output": tmp_path, **OPTIONS}
    first, same, edited = (cross_validate(GRU(2), DATA, head=head, **options).fits
                           for head in (Robust(), Robust(), Edited()))
    assert same.seconds == first.seconds and same.weights(0)["w_hh"].tobytes() == first.weights(0)["w_hh"].tobytes()
    alone = cross_validate(GRU(2), DATA, head=Edited(), **{**options, "output": None}).fits
    assert type(edited.head) is Edited and edited.weights(0)["w_hh"].tobytes() == alone.weights(0)["w_hh"].tobytes()
    assert not np.array_equal(edited.weights(0)["w_hh"], first.weights(0)["w_hh"])


@pytest.mark.usefixtures("ctrl_c", "eager")
def test_a_checkpoint_of_an_edited_head_is_refused(tmp_path):
    options = {"validation": 0, "checkpoint": tmp_path / "fit.safetensors", **OPTIONS, "epochs": 10**6}
    train_many(GRU(2), DATA, head=Robust(), progress=press_once(), **options)
    with pytest.raises(ValueError, match="belongs to another training: .*formula is"):
        train_many(GRU(2), DATA, head=Edited(), **options)


@pytest.mark.usefixtures("ctrl_c")
def test_parts_of_an_executor_are_taken_up(tmp_path):
    """Each unit's file names the head; one that was finished is not fitted again."""
    options = {"outer": 2, "inner": None, "seeds": 2, "head": Robust(), "refit": False, "unit": 1, **OPTIONS}
    alone = cross_validate(GRU(2), DATA, **{**options, "unit": None}).fits

    class Breaks(ThreadPoolExecutor):
        """Gives up after two units."""

        def submit(self, *arguments, **named):
            if len(started) == 2:
                raise RuntimeError("no more work")
            started.append(super().submit(*arguments, **named))
            return started[-1]

    started = []
    with Breaks(1) as executor, pytest.raises(Exception, match="no more work"):
        cross_validate(GRU(2), DATA, output=tmp_path, executor=executor, workers=1, **options)
    kept = len(list(tmp_path.glob("*.part-*")))
    assert kept >= 1
    units = []

    class Counts(ThreadPoolExecutor):
        def submit(self, *arguments, **named):
            units.append(arguments)
            return super().submit(*arguments, **named)

    with Counts(1) as executor:
        made = cross_validate(GRU(2), DATA, output=tmp_path, executor=executor, workers=1, **options).fits
    assert len(units) == 4 - kept
    for i in range(4):
        assert made.weights(i)["w_hh"].tobytes() == alone.weights(i)["w_hh"].tobytes()


@dataclass(frozen=True)
class Uncompared(Robust):
    """Equal to another of another scale."""

    scale: float = field(default=1.0, compare=False)


@dataclass(frozen=True)
class UncomparedCell(Cell):
    """Equal to another of another part."""

    part: float = field(default=0.5, compare=False, kw_only=True)
    gates = ("n",)

    def step(self, pre, h):
        return h + self.part * (pre.n - h)


@pytest.mark.parametrize("call, name", [
    (lambda: train(GRU(2), DATA, head=Uncompared(2.0), **OPTIONS), "Uncompared.scale"),
    (lambda: UncomparedCell(2).equation(), "UncomparedCell.part"),
    (lambda: train(UncomparedCell(2), DATA, **OPTIONS), "UncomparedCell.part"),
])
def test_fields_that_are_not_compared_are_refused(call, name):
    # Formulas are traced once for objects that are equal.
    with pytest.raises(TypeError, match=f"^{name}: got a field with compare=False, .* leave out compare=False$"):
        call()


@dataclass(frozen=True)
class Slow(Cell):
    """A cell that takes a share of each candidate; its fields may be NumPy's numbers."""

    name = "slow"
    gates = ("n",)
    share: float = 0.5

    def step(self, pre, h):
        return h + float(self.share) * (tanh(pre.n) - h)


def test_parts_with_numpys_numbers_are_saved_and_come_back(tmp_path):
    cell, plain = Slow(2, np.float64(0.25)), Slow(2, 0.25)
    fits = train_many(cell, DATA, head=Robust(np.float32(2.0)), checkpoint=tmp_path / "checkpoint", **OPTIONS)
    fits.save(tmp_path / "fits.safetensors")
    again = Fits.load(tmp_path / "fits.safetensors", Slow, Robust)
    assert (again.cell.share, again.head.scale) == (0.25, 2.0)
    # Of tasks: files, and runs that go on.
    run = train(cell, max_samples=160, until="samples")
    run.model.save(tmp_path / "model.safetensors")
    assert Model.load(tmp_path / "model.safetensors", Slow).cell.share == 0.25
    save_run(run, tmp_path / "run.safetensors")
    for other in (cell, plain):
        gone_on = train(other, resume=load_run(tmp_path / "run.safetensors", Slow)[0], max_samples=320)
        assert gone_on.samples == 320
