"""The picture of a sweep: what is drawn, told apart without colour, with labels and units."""

import numpy as np
import pytest

from fastrnn.sweeps import Grid
from fastrnn.sweeps.picture import check_picture, draw_table
from fastrnn.sweeps.table import Table
from fastrnn.sweeps.unit import Measures


def table(samples, **axes):
    """A Table whose models became exact after samples[point][seed] samples; -1: never."""
    grid = Grid(seeds=len(samples[0]), **axes)
    rows = [[Measures("exact" if n >= 0 else "samples", 1, 1, n, 0.1, 1.0) for n in each] for each in samples]
    return Table(grid, grid.points, rows)


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """drawn(table) -> the two axes that were drawn."""
    from matplotlib.figure import Figure

    figures, savefig = [], Figure.savefig

    def keep(figure, *arguments, **options):
        figures.append(figure)
        return savefig(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)

    def draw(table):
        draw_table(table, tmp_path / "sweep.png")
        assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG") and len(list(tmp_path.iterdir())) == 1
        return figures[-1].axes

    return draw


def test_shares_and_samples_by_hidden_units(drawn):
    samples = [[-1] * 4, [300, -1, -1, -1], [200, 800, 400, -1], [100, 110, 120, 130]]
    shares, below = drawn(table(samples, hidden_size=(2, 3, 4, 16)))
    assert below.get_xlabel() == "hidden units" and shares.get_xscale() == "log"
    assert [text.get_text() for text in below.get_xticklabels()] == ["2", "3", "4", "16"]
    assert (
        shares.get_ylabel() == "exact models, 95 % interval"
        and shares.get_title() == "Addition, 8 bits: Elman, 4 seeds for each point"
    )
    assert below.get_ylabel() == "training samples to exactness,\nmedian and quartiles" and below.get_yscale() == "log"
    np.testing.assert_array_equal(shares.lines[0].get_xydata(), [(2, 0), (3, 0.25), (4, 0.75), (16, 1)])
    # The quartiles of [200, 400, 800, never] are 200, 400 and 800; what is never reached is no point.
    median, first, third = (line.get_ydata() for line in below.lines)
    np.testing.assert_array_equal(median, [np.nan, np.nan, 400, 110])
    np.testing.assert_array_equal(first, [np.nan, 300, 200, 100])
    np.testing.assert_array_equal(third, [np.nan, np.nan, 800, 120])
    # From 300 upward: half of those with three units never become exact.
    assert [arrow.xyann for arrow in below.texts] == [(3, 300)]
    assert shares.get_legend() is None


def test_lines_are_told_apart_without_colour(drawn):
    shares, below = drawn(
        table([[100, 200]] * 16, hidden_size=(2, 4), activation=("tanh", "relu"), learning_rate=(0.1, 0.2), bits=(8, 9))
    )
    assert [text.get_text() for text in shares.get_legend().get_texts()][:2] == [
        "tanh, learning rate 0.1, bits of the sum 8", "tanh, learning rate 0.1, bits of the sum 9"]
    lines = [line for line in shares.lines if line.get_label() in shares.get_legend_handles_labels()[1]]
    assert (
        len({(line.get_marker(), line.get_linestyle()) for line in lines})
        == len({line.get_marker() for line in lines})
        == 8
    )
    assert len({line.get_color() for line in lines}) == 8
    # Points stand over their ticks.
    assert all(list(line.get_xdata()) == [2, 4] == list(below.get_xticks()) for line in lines)


def test_another_axis_goes_across_where_hidden_units_do_not_vary(drawn):
    shares, below = drawn(table([[100, 200]] * 3, hidden_size=4, activation=("tanh", "relu", "sigmoid")))
    assert below.get_xlabel() == "activation" and shares.get_xscale() == "linear"
    assert [text.get_text() for text in below.get_xticklabels()] == ["tanh", "relu", "sigmoid"]


def test_nothing_exact_is_drawn_too(drawn, recwarn):
    _, below = drawn(table([[-1, -1]] * 2, hidden_size=(2, 3)))
    assert [text.get_text() for text in below.texts] == ["no model became exact\nwithin 1,000,000 samples"]
    drawn(table([[-1]], hidden_size=2))
    assert not recwarn.list


def test_refuses_what_it_cannot_draw(tmp_path):
    few, many = Grid(), Grid(hidden_size=(2, 3), bits=(7, 8, 9), batch_size=(1, 2, 3))
    assert check_picture("a.PNG", few) == "png"
    with pytest.raises(ValueError, match="plot: got 'a.xyz', expected an ending of .*png"):
        check_picture("a.xyz", few)
    with pytest.raises(
        ValueError, match="one for each combination of the axes other than hidden units, expected at most 8"
    ):
        check_picture("a.png", many)
