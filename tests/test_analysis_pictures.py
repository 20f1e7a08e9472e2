"""Pictures of fits show the numbers that they are given."""

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from fastrnn import GRU, Fits, analysis, cross_validate, train_many, write_page
from tests.test_fit import DATA, QUICK, ROLES, choices


@pytest.fixture(scope="module")
def fits():
    return train_many(GRU(2), DATA, seeds=range(3), roles=ROLES, **QUICK)


@pytest.fixture(scope="module")
def selection():
    return cross_validate(GRU(2), DATA, outer=3, inner=2, seeds=1, grid={"hidden_size": [1, 2]}, l1=0.01, **QUICK)


def lines(axes):
    return [np.array(line.get_xydata()) for line in axes.lines]


def test_loss_against_size_has_a_line_for_each_fold_the_mean_and_baselines(selection):
    constant = analysis.constant_baseline(DATA, ROLES)
    drawn = lines(analysis.plot_selection(selection, [constant], axes=Figure().subplots()))
    chosen, summary = selection.chosen(), selection.summary()
    for fold in range(3):
        np.testing.assert_array_equal(drawn[fold], chosen[chosen.outer == fold][["hidden_size", "test_loss"]])
    assert any(np.array_equal(line, summary[["hidden_size", "test_loss"]]) for line in drawn)
    assert any((line[:, 1] == constant.test_loss).all() for line in drawn)
    # Two subjects: the mean of their means.
    drawn = lines(analysis.plot_selection({"a": selection, "b": selection}, {"chance": np.log(2)}))
    assert any(np.allclose(line, summary[["hidden_size", "test_loss"]]) for line in drawn[2:])


def test_learning_curves_are_the_histories(fits):
    drawn = lines(analysis.plot_learning_curves(fits))
    for i in range(3):
        history = fits.history(i)
        for role in range(3):
            expected = np.stack([history["epoch"], history["loss"][:, role]], 1)
            assert any(np.array_equal(line, expected) for line in drawn)
    assert sum(np.array_equal(line, [[fits.best_epoch[1], fits.loss[1, 1]]]) for line in drawn) >= 1


def test_portraits_draw_each_input_in_one_panel_or_many(fits):
    found = analysis.phase_portrait(fits, DATA, points=5)
    axes = analysis.plot_portrait(found)
    points = np.concatenate([each.get_offsets() for each in axes.collections])
    assert len(points) == DATA.steps and {text.get_text() for text in axes.get_legend().texts} == set(found.labels())
    panels = analysis.plot_field(found)
    assert [each.get_title() for each in panels] == found.labels()
    with pytest.raises(ValueError, match="axes: got 1, expected 4"):
        analysis.plot_field(found, axes=panels[0])


def test_titles_say_cell_size_and_seed_or_how_many_models(fits, selection):
    def title(axes):
        return axes.get_legend().get_title().get_text()

    found = analysis.phase_portrait(fits, DATA, model=1, points=5)
    one = f"GRU network with {fits.hidden_size[1]} units, seed {fits.seeds[1]}"
    assert title(analysis.plot_portrait(found)) == one == title(analysis.plot_learning_curves(fits[1]))
    assert analysis.plot_field(found)[0].figure.get_suptitle() == one
    assert title(analysis.plot_learning_curves(fits)) == f"GRU, {fits.hidden_size[0]} units, {len(fits)} models"
    assert title(analysis.plot_learning_curves(selection.fits)) == "GRU, 1 to 2 units, 12 models"
    assert title(analysis.plot_selection(selection)) == "GRU, 3 outer folds, 1 seed"
    score = analysis.calibration([0.1, 0.8], [0, 1], bins=2)
    for given, text in ((fits[1], one + "\n"), ("rats", "rats\n"), (None, "")):
        found = analysis.plot_calibration(score, title=given)
        assert found.get_title() == text + "expected calibration error 0.150"
    assert analysis.plot_calibration({"net": score}, title=fits[1]).get_title() == one


def test_titles_begin_with_the_name_of_the_data_also_from_a_file(tmp_path):
    named = choices(name="levers")
    given = {"outer": 3, "inner": 2, "seeds": 1, "output": tmp_path / "parts", **QUICK}
    selection = cross_validate(GRU(2), named, **given)
    selection.refitted.save(tmp_path / "fits.safetensors")
    fits = Fits.load(tmp_path / "fits.safetensors")
    assert fits.data_name == fits.best.data_name == selection.fits.data_name == "levers"
    one = "levers: GRU network with 2 units, seed 0"
    assert analysis.plot_field(analysis.phase_portrait(fits, DATA, points=5))[0].figure.get_suptitle() == one
    drawn = analysis.plot_learning_curves(fits), analysis.plot_selection(selection)
    titles = [axes.get_legend().get_title().get_text() for axes in drawn]
    assert titles == [one, "levers: GRU, 3 outer folds, 1 seed"]
    # Models that are kept are found by the values of the data, and take their present name.
    again = cross_validate(GRU(2), choices(name="other"), **given)
    assert again.fits.data_name == again.best.data_name == "other"


NAMES = {
    "$x^{$": "$x^{$", "cost $5 and $6": "cost $5 and $6", "a\n\x1b[2J": "a\\n\\x1b[2J", "\udcff": "\\udcff",
    "x" * 10_000: "x" * 57 + "...",
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_any_name_of_data_is_shown_as_it_is_spelled(tmp_path, name):
    data = choices(name=name)
    fits = train_many(GRU(2), data, seeds=[0], epochs=1, patience=None)
    portrait, title = analysis.phase_portrait(fits, data, points=5), f"{NAMES[name]}: GRU network with 2 units, seed 0"
    assert portrait.title == title
    score, svg = analysis.calibration([0.1, 0.8], [0, 1], bins=2), tmp_path / "picture.svg"
    pictures = (
        lambda: analysis.plot_learning_curves(fits, path=svg), lambda: analysis.plot_portrait(portrait, path=svg),
        lambda: analysis.plot_field(portrait, path=svg), lambda: analysis.plot_calibration(score, svg, title=fits[0]),
    )
    with rc_context({"svg.fonttype": "none"}):
        # The first name is no formula of matplotlib's either: a picture that takes it as it is takes all as they are.
        for draw in pictures if name == next(iter(NAMES)) else pictures[:1]:
            draw()
            assert title in svg.read_text()
            svg.unlink()
    write_page(fits[0], tmp_path / "page.html")


@pytest.mark.parametrize("ending, first", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_files_are_of_their_ending_and_equal_pictures_are_equal_bytes(tmp_path, ending, first):
    found = analysis.calibration([0.1, 0.2, 0.8, 0.9], [0, 1, 1, 1], bins=2)
    for name in "ab":
        analysis.plot_calibration({"net": found}, tmp_path / f"{name}.{ending}")
    contents = [(tmp_path / f"{name}.{ending}").read_bytes() for name in "ab"]
    assert contents[0].startswith(first) and contents[0] == contents[1]


def test_a_wrong_ending_and_both_path_and_axes_are_refused(tmp_path):
    found = analysis.calibration([0.1], [0])
    with pytest.raises(ValueError, match="expected an ending of"):
        analysis.plot_calibration(found, tmp_path / "picture.doc")
    with pytest.raises(ValueError, match="path: got axes, too"):
        analysis.plot_calibration(found, tmp_path / "picture.png", axes=Figure().subplots())
