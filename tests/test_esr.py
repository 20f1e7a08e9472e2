"""The error-to-signal ratio after a pre-emphasis filter, against its definition in NumPy, in float64."""

import numpy as np
import pytest
from params import quick

from fastrnn import LSTM, Fits, Sequences, analysis, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION
from fastrnn.heads.linear import Linear
from tests import numpy_network as oracle

LENGTHS = (6, 9, 4, 7, 5)
RNG = np.random.default_rng(4)
X = [RNG.normal(size=(steps, 1)) for steps in LENGTHS]
Y = [np.cumsum(x, 0) * 0.4 + 0.1 for x in X]
# A warm-up that does not count, a gap, and weights.
MASK = [np.arange(steps) >= n for n, steps in enumerate(LENGTHS)]
MASK[1][5] = False
WEIGHT = [RNG.choice([0.5, 1.0, 2.0], steps) * mask for steps, mask in zip(LENGTHS, MASK)]
DATA = Sequences(X, Y, weight=WEIGHT, kind="reals", groups={"subject": [0] * 5})
ROLES = np.array([TRAIN, TRAIN, TRAIN, TEST, TEST])
OPTIONS = {"roles": ROLES, "epochs": 1, "evaluate_every": 1, "optimizer": "sgd", "dtype": "float64"}


def filtered(values, mask, share):
    """y[t] - share y[t - 1], one step at a time; a step that does not count is none."""
    return np.array([values[t] - share * values[t - 1] * (t > 0 and mask[t - 1]) for t in range(len(values))])


def ratio(w, chosen, share=0.85):
    error = energy = 0.0
    for n in chosen:
        z, weight = oracle.outputs(oracle.lstm, w, X[n]), WEIGHT[n][:, None]
        error += (weight * (filtered(z, MASK[n], share) - filtered(Y[n], MASK[n], share)) ** 2).sum()
        energy += (weight * filtered(Y[n], MASK[n], share) ** 2).sum()
    return error / energy


def test_a_signal_of_nothing_has_the_ratio_1():
    fits = train_many(LSTM(2), DATA, head=Linear("esr"), learning_rate=1e-30, initial_scale=0.0, **OPTIONS)
    np.testing.assert_allclose(fits.loss[0, [TRAIN, TEST]], 1, rtol=1e-12)


@pytest.mark.parametrize("share", quick([0.85, 0.0], bool))
@pytest.mark.parametrize("how", [{"lanes": "models"}, {"lanes": "sequences"}, {"batch_size": 5}, {"each": "subject"}],
                         ids=["models", "sequences", "batches", "own"])
def test_training_follows_the_gradient_of_the_ratio(how, share):
    head = Linear("esr", pre_emphasis=share)
    w = train_many(LSTM(2), DATA, head=head, learning_rate=1e-30, **OPTIONS).weights(0)
    made = train_many(LSTM(2), DATA, head=head, learning_rate=0.2, **how, **OPTIONS)
    gradient = oracle.numerical_gradient(lambda w: ratio(w, range(3), share), w)
    after = {name: w[name] - 0.2 * gradient[name] for name in w}
    expected = [[ratio(each, range(3), share), ratio(each, [3, 4], share)] for each in (w, after)]
    np.testing.assert_allclose(made.history()["loss"][:, [TRAIN, TEST]], expected, rtol=1e-8)
    assert np.abs(np.array(expected[1]) - expected[0]).min() > 1e-3


def test_batches_are_scaled_by_the_energy_of_all_training_sequences():
    """Loud and quiet batches count as their steps do, so that silence divides by nothing."""
    made = train_many(LSTM(2), DATA, head=Linear("esr"), learning_rate=0.2, batch_size=2, seeds=[3], **OPTIONS)
    w = train_many(LSTM(2), DATA, head=Linear("esr"), learning_rate=1e-30, seeds=[3], **OPTIONS).weights(0)
    order = np.random.Generator(np.random.Philox(key=[3, 5], counter=[0, 0, 0, 0])).permutation(np.arange(3))
    steps = np.array([weight.sum() for weight in WEIGHT])
    energy = [(WEIGHT[n][:, None] * filtered(Y[n], MASK[n], 0.85) ** 2).sum() for n in range(5)]
    losses = [ratio(w, range(3))]
    for batch in (order[:2], order[2:]):
        share = sum(energy[n] for n in batch) / steps[batch].sum() * steps[:3].sum() / sum(energy[:3])
        gradient = oracle.numerical_gradient(lambda w: share * ratio(w, batch), w)
        w = {name: w[name] - 0.2 * gradient[name] for name in w}
    np.testing.assert_allclose(made.history()["loss"][:, TRAIN], [*losses, ratio(w, range(3))], rtol=1e-8)


def test_a_carried_piece_begins_without_a_step_before():
    options = {**OPTIONS, "roles": np.zeros(5, int), "head": Linear("esr"), "batch_size": 5}
    w = train_many(LSTM(2), DATA, learning_rate=1e-30, **options).weights(0)
    made = train_many(LSTM(2), DATA, learning_rate=0.2, tbptt_steps=5, carry=True, **options)
    total = sum(weight.sum() for weight in WEIGHT)
    energy = sum((weight[:, None] * filtered(y, mask, 0.85) ** 2).sum() for y, mask, weight in zip(Y, MASK, WEIGHT))
    losses, left = [ratio(w, range(5))], [(np.zeros(2), np.zeros(2))] * 5
    for start in (0, 5):
        part = slice(start, start + 5)
        own = [n for n in range(5) if LENGTHS[n] > start]

        def loss(w):
            error = 0.0
            for n in own:
                begun = w | dict(zip(("initial_h", "initial_c"), left[n]))
                wrong = filtered(oracle.outputs(oracle.lstm, begun, X[n][part]) - Y[n][part], MASK[n][part], 0.85)
                error += (WEIGHT[n][part][:, None] * wrong**2).sum()
            return error / sum(WEIGHT[n][part].sum() for n in own) * total / energy

        gradient, before = oracle.numerical_gradient(loss, w), w
        w = {name: w[name] - 0.2 * gradient[name] for name in w}
        for n in own:
            for row in X[n][part]:
                left[n] = oracle.lstm(before, row, left[n])
    np.testing.assert_allclose(made.history()["loss"][:, TRAIN], [*losses, ratio(w, range(5))], rtol=1e-8)


def test_losses_of_steps_average_to_the_ratio_and_files_keep_the_head(tmp_path):
    head = Linear("esr", pre_emphasis=0.85)
    fits = train_many(LSTM(2), DATA, head=head, learning_rate=0.2, **OPTIONS)
    losses = fits.losses(DATA)[0]
    assert np.isnan(losses[DATA.weight == 0]).all()
    counted = DATA.weight > 0
    mean = np.average(losses[counted], weights=DATA.weight[counted])
    assert mean == pytest.approx(ratio(fits.weights(0), range(5)), rel=1e-10)
    fits.save(tmp_path / "fits.safetensors")
    again = Fits.load(tmp_path / "fits.safetensors")
    assert again.head == head and again.losses(DATA).tobytes() == fits.losses(DATA).tobytes()
    z, y = fits.predict(DATA)[0], DATA.y
    permuted = analysis.permutation_baseline(fits, DATA, permutations=3)
    assert permuted.loss == pytest.approx(np.average((z - y)[:, 0] ** 2, weights=DATA.weight), rel=1e-12)


def test_silence_is_refused():
    quiet = Sequences(X, [np.zeros_like(y) for y in Y], kind="reals")
    with pytest.raises(ValueError, match="^head: the targets that model 0 trains on are 0 throughout, expected"):
        train_many(LSTM(2), quiet, head=Linear("esr"), **OPTIONS)
    half = Sequences(X, [y * (n < 4) for n, y in enumerate(Y)], kind="reals")
    roles = np.array([TRAIN, TRAIN, TRAIN, TRAIN, VALIDATION])
    for own in (roles, np.stack([np.zeros(5, int), roles])):
        model = own.ndim - 1
        with pytest.raises(ValueError, match=f"^head: the targets that validate model {model} are 0 throughout"):
            train_many(LSTM(2), half, seeds=range(model + 1), head=Linear("esr"), **{**OPTIONS, "roles": own})
    # Of silent test sequences there is no ratio.
    made = train_many(LSTM(2), half, head=Linear("esr"), **{**OPTIONS, "roles": np.where(roles == VALIDATION, TEST, 0)})
    assert np.isnan(made.loss[0, TEST]) and np.isnan(made.losses(half.select([4]), "model")).all()
