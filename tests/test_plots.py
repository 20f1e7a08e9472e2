"""Learning curves: what is drawn, where it is written, and what happens without matplotlib."""

import builtins

import numpy as np
import pytest

import fastrnn
from fastrnn.drawing import check_format, title_of
from fastrnn.initializers import initial_weights
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.plots import plot_history
from fastrnn.training.tasks.run import History, Run


def run(entries=20, **changes):
    steps = np.arange(1, entries + 1)
    done = steps / max(entries, 1)
    history = History(steps, 16 * steps, 2.0 * 0.1**done, 0.5 + done / 2, done, 0.01 * steps)._replace(**changes)
    cell = fastrnn.Elman(3)
    weights = initial_weights("pytorch", shapes_of(cell, 2, 1), 0)
    model = Model(cell, weights, fastrnn.tasks.Addition(bits=8), {"config": {"seed": 5}})
    return Run(model, history, "samples", entries, 16 * entries, 1.0)


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG\r\n"), ("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG\r\n")]
)
def test_writes_the_format_of_the_ending(tmp_path, ending, start):
    plot_history(run(), tmp_path / f"curve.{ending}")
    assert (tmp_path / f"curve.{ending}").read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 1


def test_draws_loss_and_accuracies_with_units_and_line_styles(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    figures, savefig = [], Figure.savefig

    def keep(figure, *arguments, **options):
        figures.append(figure)
        return savefig(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    made = run()
    data = made.history
    plot_history(made, tmp_path / "curve.png")
    losses, accuracies = figures[0].axes
    assert losses.get_title() == "Addition, 8 bits: Elman network with 3 units, seed 5" == title_of(made.model)
    assert losses.get_yscale() == "log" and losses.get_ylabel() == "loss per sample"
    assert accuracies.get_xlabel() == "training samples" and accuracies.get_ylabel() == "accuracy"
    for line, column in zip(
        [*losses.lines, *accuracies.lines], (data.loss, data.bit_accuracy, data.exact_accuracy), strict=True
    ):
        np.testing.assert_array_equal(line.get_xdata(), data.samples)
        np.testing.assert_array_equal(line.get_ydata(), column)
    # Told apart without colour.
    assert len({line.get_linestyle() for line in accuracies.lines}) == 2
    assert [text.get_text() for text in accuracies.get_legend().get_texts()] == ["bits right", "whole answers right"]


@pytest.mark.parametrize("loss", [0.0, 1e-30])
def test_draws_a_loss_of_zero_or_nearly_so(tmp_path, loss, recwarn):
    plot_history(run(3, loss=np.full(3, loss)), tmp_path / "curve.png")
    assert not recwarn.list


def test_refuses_what_it_cannot_draw(tmp_path):
    with pytest.raises(ValueError, match=r"plot: got 'curve.xyz', expected an ending of .*png"):
        check_format("curve.xyz")
    with pytest.raises(ValueError, match="expected an ending"):
        plot_history(run(), tmp_path / "curve")
    with pytest.raises(ValueError, match="the history is empty"):
        plot_history(run(0), tmp_path / "curve.png")
    with pytest.raises(OSError, match="curve.png"):
        plot_history(run(), tmp_path / "none" / "curve.png")
    assert not list(tmp_path.iterdir())


def test_a_failed_plot_leaves_the_old_one(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def fail(figure, file, **options):
        file.write(b"half")
        raise RuntimeError

    (tmp_path / "curve.png").write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(RuntimeError):
        plot_history(run(), tmp_path / "curve.png")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_without_matplotlib_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(f"No module named {name!r}")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValueError, match=r"matplotlib is missing .*python -m pip install matplotlib") as caught:
        check_format("curve.png")
    assert "\n" not in str(caught.value)


def test_draws_into_axes_of_the_users_own(tmp_path):
    from matplotlib.figure import Figure

    axes = Figure().subplots(2, 1)
    assert plot_history(run(), axes=axes) == list(axes) and len(axes[1].lines) == 2
    with pytest.raises(ValueError, match="axes: got 1, expected 2"):
        plot_history(run(), axes=axes[0])
    with pytest.raises(ValueError, match="path: got axes, too"):
        plot_history(run(), tmp_path / "curve.png", axes)
