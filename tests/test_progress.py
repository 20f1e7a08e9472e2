"""progress=True: a bar that ends where training ends, and the notice of compiling; functions as before."""

import numpy as np
import pytest

from fastrnn import GRU, Sequences, cross_validate, train, train_many
from fastrnn.machine.code_files import CodeFiles
from fastrnn.machine.execute import Program
from fastrnn.machine.native import native
from fastrnn.progress import models_done, on_compiling, progress_shown
from fastrnn.training.entry import _samples_done
from fastrnn.training.sequences import fit
from fastrnn.training.sequences.fitting import Fitting

X = np.random.default_rng(0).integers(0, 2, (20, 12, 2))
DATA = Sequences(X, X[:, :, 0], kind="classes", classes=2)
QUICK = {"epochs": 20, "threads": 1}


def test_a_function_is_called_as_it_is_and_nothing_for_none():
    for progress, expected in ((print, print), (None, None), (False, None)):
        with progress_shown(progress, "models", models_done) as told:
            assert told is expected


def test_a_bar_shows_what_is_done_and_the_loss(capsys):
    with progress_shown(True, "models", models_done) as told:
        told(0, 1500, float("inf"))
        told(1500, 1500, 0.25)
    out, err = capsys.readouterr()
    assert not out and "1.50k/1.50k" in err and "loss 0.25" in err and "inf" not in err


@pytest.fixture
def compile_one(tmp_path, monkeypatch):
    """compile_one(text): compile a Program whose code no earlier process has left."""
    monkeypatch.setattr(native(), "files", CodeFiles())
    monkeypatch.setattr(native().files, "folder", tmp_path)
    # The code that this process has.
    monkeypatch.setattr(native(), "codes", dict(native().codes))
    return lambda text: Program(lambda m: None, ("x",), "float64", 1, f"{tmp_path} {text}").compile()


def test_the_bar_says_what_takes_time_before_the_first_update(capsys, compile_one):
    with progress_shown(True, "models", models_done) as told:
        for text in "ab":
            compile_one(text)
        assert "compiling kernels" in capsys.readouterr().err
        told(3, 3)
    assert "compiling" not in capsys.readouterr().err.split("\r")[-1]


def test_the_notice_is_given_once_and_only_where_something_is_compiled(compile_one):
    said, outer = [], []
    with on_compiling(lambda: outer.append(1)):
        with on_compiling(lambda: said.append(1)):
            for text in "aab":
                compile_one(text)
        assert said == outer == [1]
        with on_compiling(lambda: said.append(2)):
            compile_one("a")
            native().codes.clear()
            # From its file.
            compile_one("b")
    compile_one("c")
    assert said == outer == [1]


@pytest.mark.parametrize("call", [
    lambda **options: train_many(GRU(2), DATA, seeds=range(3), **QUICK, **options),
    lambda **options: train(GRU(2), DATA, lanes="models", **QUICK, **options),
    lambda **options: cross_validate(GRU(2), DATA, outer=3, inner=2, seeds=1, refit=False, **QUICK, **options),
])
def test_training_with_a_bar_gives_the_same(call, capsys):
    losses = []
    for progress, bar in ((None, False), (True, True)):
        made = call(progress=progress)
        losses.append(getattr(made, "fits", made).loss.tobytes())
        assert ("100%" in capsys.readouterr().err) == bar
    assert losses[0] == losses[1]


def test_models_in_training_count_by_the_share_of_their_epochs(monkeypatch, capsys):
    made, told, losses = [], [], []

    def watched(*arguments):
        made.append(Fitting(*arguments))
        return made[0]

    def callback(state):
        told.append(made[0].so_far())
        losses.append(np.nanmin(state.history(0)["loss"][:, 1]))

    monkeypatch.setattr(fit, "Fitting", watched)
    train(GRU(2), DATA, epochs=20, evaluate_every=5, learning_rate=0.05, callback=callback)
    done, models, least = zip(*told)
    # An evaluation is made in the pass of the next update.
    assert done == (0.05, 0.3, 0.55, 0.8, 1) and set(models) == {1}
    np.testing.assert_allclose(least, losses, rtol=1e-6)
    with progress_shown(True, "models", models_done) as bar:
        for state in told:
            bar(*state)
    assert "| 1/1 [" in capsys.readouterr().err


def test_on_tasks_it_counts_samples(capsys):
    with progress_shown(True, "samples", _samples_done, 1000) as told:
        told(500, 0.125, 0.5)
    err = capsys.readouterr().err
    assert "50%" in err and "loss 1.2e-01, exact 50%" in err and "samples" in err
