"""What nested folds choose, against plain NumPy, and the choice fitted to all sequences."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from test_autosave import Crash, eager  # noqa: F401

from fastrnn import GRU, Fits, Sequences, cross_validate, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION, folds, split
from fastrnn.training.sequences import kept
from fastrnn.training.sequences.selection import Selection
from tests import numpy_network as oracle
from tests.test_fit import DATA, QUICK, as_float, choices

OUTER, INNER, SEEDS = 3, 2, 2


@pytest.fixture(scope="module")
def data():
    """Sequences with steps that do not count in every second one, and weights in all."""
    rng, drawn = np.random.default_rng(1), choices(24, seed=1)
    weight = [rng.uniform(0.5, 2, steps) * (rng.random(steps) < (0.5 if n % 2 else 1))
              for n, steps in enumerate(drawn.lengths)]
    return Sequences(drawn.x, drawn.y, offsets=drawn.offsets, weight=np.concatenate(weight), kind="classes", classes=2)


@pytest.fixture(scope="module")
def selection(data):
    grid = {"hidden_size": [1, 2], "l1": [0.001, 0.03]}
    return cross_validate(GRU(1), data, outer=OUTER, inner=INNER, seeds=SEEDS, grid=grid, **QUICK)


def test_losses_of_all_folds_are_those_of_numpy(selection, data):
    """float64 networks with the weights that came, on the sequences that the folds say."""
    roles, table = folds(data, OUTER, INNER), selection.table
    counted = np.array([(weight > 0).sum() for _, _, weight in data])
    assert len(selection) == 2 * 2 * OUTER * INNER * SEEDS
    for row in range(len(selection)):
        outer, inner = divmod(row // (2 * SEEDS) % (OUTER * INNER), INNER)
        assert (table.outer[row], table.inner[row]) == (outer, inner)
        weights, own = as_float(selection.fits.weights(row)), roles[outer * INNER + inner]
        for role, name in ((TRAIN, "train"), (VALIDATION, "validation"), (TEST, "test")):
            expected = oracle.mean_loss(oracle.gru, weights, data, np.flatnonzero(own == role))
            assert table[f"{name}_loss"][row] == pytest.approx(expected, rel=1e-5)
        assert selection.validation_steps[row] == counted[own == VALIDATION].sum()
        assert selection.test_steps[row] == counted[own == TEST].sum()


@pytest.mark.parametrize("draw", range(20))
def test_means_and_choices_are_those_of_numpy(draw):
    """Of a table drawn at random: steps that count weigh folds, and the best seed of each fold stands for it."""
    rng, shape = np.random.default_rng(draw), (2, 3, OUTER, INNER, SEEDS)
    size, l1, outer, inner, seed = (axis.ravel() for axis in np.indices(shape))
    validation, test, accuracy = rng.uniform(0.5, 0.7, (3, *shape))
    epochs = rng.integers(1, 30, shape) * 10
    steps, tested = rng.integers(5, 500, shape[2:4]), rng.integers(5, 500, OUTER)
    frame = pd.DataFrame({
        "seed": seed, "hidden_size": size + 1, "l1": l1 / 100, "validation_loss": validation.ravel(), "train_loss": 0.0,
        "test_loss": test.ravel(), "test_accuracy": accuracy.ravel(),
    })
    fits = SimpleNamespace(to_frame=frame.copy, best_epoch=epochs.ravel(), hidden_size=size + 1)
    grid = {"l1": l1 / 100, "hidden_size": size + 1}
    made = Selection(fits, outer, inner, grid, steps[outer, inner], tested[outer])

    best = validation.argmin(-1)[..., None]
    losses, tests, ends = (np.take_along_axis(each, best, -1)[..., 0] for each in (validation, test, epochs))
    of_outer = (losses * steps).sum(-1) / steps.sum(-1)
    share = tested / tested.sum()

    def expected(points):
        """Mean and standard error of test losses of the points (OUTER, 2) that are chosen in each outer fold."""
        own = tests.mean(-1)[points[:, 0], points[:, 1], np.arange(OUTER)]
        mean = (own * share).sum()
        return mean, np.sqrt(OUTER / (OUTER - 1) * (share**2 * (own - mean) ** 2).sum())

    for n, row in enumerate(made.summary().itertuples()):
        chosen = np.stack([np.full(OUTER, n), of_outer[n].argmin(0)], -1)
        assert (row.test_loss, row.error) == pytest.approx(expected(chosen))
        assert row.likelihood == pytest.approx(np.exp(-row.test_loss)) and row.folds == OUTER
    chosen = np.stack(np.unravel_index(of_outer.reshape(6, OUTER).argmin(0), (2, 3)), -1)
    assert made.estimate()[:2] == pytest.approx(expected(chosen))
    assert {type(number) for number in made.estimate()} == {float, int}
    whole = (losses * steps).sum((-2, -1)) / steps.sum()
    n, k = np.unravel_index(whole.argmin(), whole.shape)
    point, made_epochs = made.choice()
    assert point == {"hidden_size": n + 1, "l1": k / 100}
    assert made_epochs == np.sort(ends[n, k].ravel())[(OUTER * INNER - 1) // 2]


def test_the_choice_is_fitted_to_all_sequences_for_as_many_epochs_as_folds_needed(selection, data):
    point, epochs = selection.choice()
    alone = train_many(
        GRU(point["hidden_size"]), data, seeds=range(SEEDS), roles=np.full(len(data), TRAIN), l1=point["l1"],
        **{**QUICK, "epochs": epochs, "patience": None},
    )
    refitted = selection.refitted
    assert len(refitted) == SEEDS and (refitted.best_epoch == epochs).all()
    for seed in range(SEEDS):
        weights = as_float(refitted.weights(seed))
        assert refitted.loss[seed, 0] == pytest.approx(
            oracle.mean_loss(oracle.gru, weights, data, range(len(data))), rel=1e-5
        )
        assert refitted._histories[seed].tobytes() == alone._histories[seed].tobytes()
    assert np.isnan(refitted.loss[:, 1:]).all()
    assert selection.best.seed == int(np.argmin(refitted.loss[:, 0]))


def test_models_stop_after_so_many_epochs_with_the_weights_that_they_have_then():
    """A large learning rate makes losses go up and down, and the schedule is that of all epochs."""
    options = {"learning_rate": 1.5, "schedule": "cosine", "epochs": 40, "evaluate_every": 5, "patience": None}
    long = train_many(GRU(2), DATA, seeds=range(6), validation=0.3, **options)
    short = train_many(GRU(2), DATA, seeds=range(6), validation=0.3, stop_after=29, **options)
    assert (long.best_epoch < 25).any() and (short.best_epoch == 25).all() and (short.epochs == 25).all()
    for i in range(6):
        assert short._histories[i].tobytes() == long._histories[i][:6].tobytes()
        assert short.loss[i].tobytes() == long.history(i)["loss"][5].tobytes()
        validating = np.flatnonzero(split(DATA, 0.3) == VALIDATION)
        expected = oracle.mean_loss(oracle.gru, as_float(short.weights(i)), DATA, validating)
        assert short.loss[i, 1] == pytest.approx(expected, rel=1e-5)
    best = train_many(GRU(2), DATA, seeds=[0], validation=0.3, stop_after=0, **options)
    drawn = train_many(GRU(2), DATA, seeds=[0], validation=0.3, **{**options, "learning_rate": 1e-30})
    assert best.best_epoch == 0 and best.weights(0)["w_hh"].tobytes() == drawn.weights(0)["w_hh"].tobytes()


def test_nothing_chooses_without_inner_folds():
    grid = {"hidden_size": [1, 2]}
    with pytest.raises(ValueError, match="^refit: with inner=None nothing chooses among 2 sizes; give refit=False$"):
        cross_validate(GRU(1), DATA, outer=2, inner=None, seeds=1, grid=grid, l1=0.001, **QUICK)
    made = cross_validate(GRU(1), DATA, outer=2, inner=None, seeds=1, grid=grid, l1=0.001, refit=False, **QUICK)
    assert np.isnan(made.estimate().test_loss) and len(made.summary()) == 2
    with pytest.raises(ValueError, match="^best: nothing was fitted to all sequences"):
        _ = made.best


def test_interrupted_while_it_refits_it_goes_on_to_the_same(tmp_path, monkeypatch):
    def select(output=None, progress=None):
        return cross_validate(
            GRU(2), DATA, outer=2, inner=2, seeds=2, l1=0.001, output=output, progress=progress, **QUICK
        )

    told = []
    whole = select(progress=lambda *state: told.append(state))
    assert {models for _, models, _ in told} == {10} and told[-1][0] == 10
    real, calls = kept.fit_sequences, []

    def once(*arguments, **options):
        calls.append(len(options["seeds"]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(kept, "fit_sequences", once)
    with pytest.raises(KeyboardInterrupt):
        select(tmp_path)
    assert calls == [8, 2]
    again = select(tmp_path)
    assert calls == [8, 2, 2] and again.table.equals(whole.table)
    assert again.best.weights["w_hh"].tobytes() == whole.best.weights["w_hh"].tobytes()


def test_fits_that_were_never_saved_go_on_from_their_checkpoint(eager, tmp_path, monkeypatch):  # noqa: F811
    def select(output=None, progress=None):
        return cross_validate(GRU(2), DATA, outer=2, inner=2, seeds=2, output=output, progress=progress, **QUICK)

    whole, told = select(), []
    with monkeypatch.context() as context:
        context.setattr(Fits, "save", crashed)
        with pytest.raises(Crash):
            select(tmp_path)
    assert len([*tmp_path.glob("*.checkpoint")]) == 1
    again = select(tmp_path, lambda *state: told.append(state))
    assert again.table.equals(whole.table) and told[0][0] > 0 and not [*tmp_path.glob("*.checkpoint")]
    # Of a process that was killed just after it had saved the fits.
    sorted(tmp_path.glob("fits-*.safetensors"))[0].with_suffix(".checkpoint").write_bytes(b"left")
    assert select(tmp_path).table.equals(whole.table) and not [*tmp_path.glob("*.checkpoint")]


def crashed(*arguments, **options):
    raise Crash
