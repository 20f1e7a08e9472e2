"""What a mask leaves out reaches nothing, whatever it holds; what counts is one output, whatever its weight."""

import itertools

import numpy as np
import numpy_elman as oracle
import pytest

import fastrnn
from fastrnn import Elman, Model, TrainConfig, loss_and_grad
from fastrnn.training.tasks.data import as_arrays

MASKS = {
    "ones": lambda rng, shape: np.ones(shape),
    "zeros and ones": lambda rng, shape: rng.integers(0, 2, shape),
    "booleans": lambda rng, shape: rng.integers(0, 2, shape).astype(bool),
    "a tenth": lambda rng, shape: np.full(shape, 0.1),
    "five": lambda rng, shape: np.full(shape, 5.0),
    "any": lambda rng, shape: rng.choice([0, 0.01, 0.3, 1, 7], shape),
    "one alone": lambda rng, shape: np.eye(*shape, dtype=int) * 3,
}


def case(mask, count=20, steps=6, outputs=2, hidden=5, seed=0):
    rng = np.random.default_rng(seed)
    weights = oracle.random_weights(rng, hidden, 3, outputs)
    x, y = rng.uniform(-1, 1, (count, steps, 3)), rng.integers(0, 2, (count, steps, outputs)).astype(float)
    return weights, x, y, MASKS[mask](rng, (count, steps))


def statistics(weights, x, y, mask):
    """(mean loss, share of right outputs, share of sequences without a wrong one)."""
    z = oracle.forward(weights, "sigmoid", x)[0]
    loss = (oracle.losses(z, y)["squared"][0] * np.asarray(mask, float)[:, :, None]).sum() / len(x)
    counts = np.broadcast_to(np.asarray(mask)[:, :, None] > 0, z.shape)
    wrong = ((z > 0) != (y > 0.5)) & counts
    return loss, 1 - wrong.sum() / max(counts.sum(), 1), 1 - wrong.any(axis=(1, 2)).mean()


def first(run):
    history = run.history if not callable(run.history) else run.history(0)
    assert len(history.loss) == 1
    return history.loss[0], history.bit_accuracy[0], history.exact_accuracy[0]


OPTIONS = dict(until="samples", optimizer="sgd", dtype="float64")


# Batches of many models have a kernel of their own; test_a_single_sequence_too is quicker.
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("trainer", ["batch", pytest.param("models", marks=pytest.mark.slow)])
def test_loss_and_accuracies_of_a_batch_are_those_of_numpy(mask, trainer):
    weights, x, y, mask = case(mask)
    options = dict(data=(x, y, mask), weights=weights, batch_size=len(x), max_samples=len(x), **OPTIONS)
    run = (
        fastrnn.train(Elman(5), **options) if trainer == "batch" else fastrnn.train_many(Elman(5), seeds=[0], **options)
    )
    loss, *accuracies = first(run)
    wanted, *wanted_accuracies = statistics(weights, x, y, mask)
    assert abs(loss - wanted) < 1e-12 * max(wanted, 1) and accuracies == wanted_accuracies


@pytest.mark.parametrize("mask", MASKS)
def test_a_single_sequence_too(mask):
    for row in range(6):
        weights, x, y, masks = case(mask, seed=row)
        data = x[row : row + 1], y[row : row + 1], masks[row : row + 1]
        wanted, *wanted_accuracies = statistics(weights, *data)
        options = dict(data=data, weights=weights, batch_size=1, max_samples=1, **OPTIONS)
        for run in (fastrnn.train(Elman(5), **options), fastrnn.train_many(Elman(5), seeds=[0], **options)):
            loss, *accuracies = first(run)
            assert abs(loss - wanted) < 1e-12 * max(wanted, 1) and accuracies == wanted_accuracies


@pytest.mark.parametrize("mask", MASKS)
def test_gradients_are_weighed_by_the_mask(mask):
    weights, x, y, mask = case(mask)
    model = Model(Elman(5), weights)
    wanted, gradients = oracle.loss_and_grad(weights, "sigmoid", "squared", x, y, np.asarray(mask, float))
    value, got = loss_and_grad(model, x, y, mask)
    assert abs(value - wanted) < 1e-12 * max(wanted, 1)
    assert all(np.abs(got[name] - gradients[name]).max() < 1e-12 * max(wanted, 1) for name in gradients)


@pytest.mark.parametrize(
    "mask, message",
    [
        (-np.ones((4, 3)), "mask: holds values below 0"),
        (np.diag([1.0, 1.0, 1.0, -1e-30])[:, 1:], "mask: holds values below 0"),
        (np.full((4, 3), np.nan), "mask: holds values that are not finite"),
        (np.full((4, 3), np.inf), "mask: holds values that are not finite"),
        (np.full((4, 3), 1e300), "mask: holds values that are not finite"),
        (np.full((4, 3), "1"), "mask: "),
        ([["a"] * 3] * 4, "mask: "),
        (np.ones((4, 3), complex), "mask: "),
        (np.full((4, 3), None), "mask: "),
        (np.ones((4, 3, 2)), "mask: got shape (4, 3, 2)"),
        (np.ones(4), "mask: got shape (4,)"),
        (1.0, "mask: got shape ()"),
    ],
)
def test_a_mask_that_makes_no_sense_is_one_line_wherever_it_is_given(mask, message):
    x, y = np.zeros((4, 3, 1)), np.zeros((4, 3, 1))
    model = Model(
        Elman(1),
        {
            "w_ih": np.ones((1, 1), np.float32),
            "w_hh": np.ones((1, 1), np.float32),
            "b_ih": np.ones(1, np.float32),
            "b_hh": np.ones(1, np.float32),
            "w_ho": np.ones((1, 1), np.float32),
            "b_o": np.ones(1, np.float32),
        },
    )
    for use in (
        lambda: fastrnn.train(data=(x, y, mask)),
        lambda: fastrnn.train_many(seeds=[1], data=(x, y, mask)),
        lambda: loss_and_grad(model, x, y, mask),
    ):
        with pytest.raises((ValueError, TypeError)) as error:
            use()
        assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_masks_of_any_real_dtype_are_the_same():
    x, y, mask = np.zeros((2, 3, 1)), np.zeros((2, 3, 1)), np.array([[1, 0, 1], [0, 0, 1]])
    for dtype in (bool, np.int8, np.uint64, np.float16, np.float32, np.longdouble):
        arrays = as_arrays(x, y, mask.astype(dtype), dtype=np.dtype("float32"), drawn=0)
        assert arrays.mask.dtype == np.float32 and np.array_equal(arrays.mask, mask)


# relu units that double at every step: past some 1,024 steps nothing in float64 holds their states.
DOUBLING = {
    "w_ih": [[1.0, 0.5], [0.5, 1.0]],
    "w_hh": [[1.5, 0.5], [0.5, 1.5]],
    "b_ih": [1.0, 1.0],
    "b_hh": [0.5, 0.0],
    "w_ho": [[0.01, -0.02]],
    "b_o": [0.1],
}
DOUBLING = {name: np.array(weight) for name, weight in DOUBLING.items()}
LONG = 1100
# As in the kernels that test_kernels.py compiles.
LOSS = {"relu": "cross-entropy", "sigmoid": "squared"}


def padded(count, counted, steps, padding):
    """(x, y, mask) of sequences with `counted` steps that count, and after these what `padding` makes of a shape."""
    rng = np.random.default_rng(count)
    x, y, mask = padding((count, steps, 2)), padding((count, steps, 1)), np.zeros((count, steps))
    x[:, :counted], y[:, :counted] = rng.integers(0, 2, (count, counted, 2)), rng.integers(0, 2, (count, counted, 1))
    mask[:, :counted] = 1
    return x, y, mask


PADDINGS = {
    "zeros": np.zeros,
    "ones": np.ones,
    "huge": lambda shape: np.full(shape, 1e308),
    "minus": lambda shape: np.full(shape, -1e308),
}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    "count, activation",
    [
        *itertools.product((2, 15, 17), ("relu", "sigmoid")),
        (1, "sigmoid"),
        # A kernel of its own, of single samples.
        pytest.param(1, "relu", marks=pytest.mark.slow),
    ],
)
def test_padding_does_not_reach_a_loss_or_a_gradient(count, activation, padding):
    model = Model(Elman(2, activation), DOUBLING)
    x, y, mask = padded(count, 5, LONG, PADDINGS[padding])
    loss = LOSS[activation]
    value, got = loss_and_grad(model, x, y, mask, loss=loss)
    wanted, gradients = oracle.loss_and_grad(DOUBLING, activation, loss, x[:, :5], y[:, :5])
    largest = max(np.abs(g).max() for g in gradients.values())
    assert abs(value - wanted) < 1e-13 * wanted
    assert all(np.abs(got[name] - gradient).max() < 1e-13 * largest for name, gradient in gradients.items())
    # A block of samples ends with the longest of them.
    cut, cut_gradients = loss_and_grad(model, x[:, :5], y[:, :5], loss=loss)
    # Only sums over time are cut at other places.
    assert value == cut and all(np.abs(got[name] - cut_gradients[name]).max() < 1e-13 * largest for name in got)


@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 31, 33])
def test_lanes_without_a_sample_reach_nothing(count):
    model = Model(Elman(2, "relu"), DOUBLING)
    rng = np.random.default_rng(count)
    # Inputs that hold the states at 0, where without any they double.
    x, y = np.full((count, LONG, 2), -9.0), rng.integers(0, 2, (count, LONG, 1))
    value, got = loss_and_grad(model, x, y, loss=LOSS["relu"])
    wanted, gradients = oracle.loss_and_grad(DOUBLING, "relu", LOSS["relu"], x, y)
    assert abs(value - wanted) < 1e-12 * wanted
    # States are 0, and so are all gradients but that of b_o, a sum over all steps of sigmoid(0.1) - y: the error of a
    # sigmoid (fastrnn.simd.functions) and roundings cost less than 1e-14 a step.
    assert np.abs(got.pop("b_o") - gradients["b_o"]).max() <= 1e-14 * count * LONG
    assert not any(gradient.any() for gradient in got.values())


TRAINERS = {
    "train": lambda data, options: fastrnn.train(Elman(2, "relu"), data=data, seed=3, **options),
    "train_many": lambda data, options: fastrnn.train_many(Elman(2, "relu"), data=data, seeds=[3], **options),
}
# Trainer, batch and penalty; each choice is here once; others compile kernels of their own.
QUICK = [("train", 1, 0.0), ("train", 20, 0.0), ("train_many", 4, 0.2)]


@pytest.mark.parametrize(
    "trainer, batch_size, saturation",
    [
        pytest.param(*case, marks=[] if case in QUICK else pytest.mark.slow)
        for case in itertools.product(TRAINERS, (1, 4, 20), (0.0, 0.2))
    ],
)
def test_training_on_padded_sequences_is_training_on_cut_ones(trainer, batch_size, saturation):
    x, y, mask = padded(20, 5, LONG, np.zeros)
    options = dict(OPTIONS, weights=DOUBLING, batch_size=batch_size, max_samples=20 * 8, loss=LOSS["relu"])
    options |= dict(learning_rate=0.01, saturation_penalty=saturation)
    long, short = (TRAINERS[trainer](data, options) for data in ((x, y, mask), (x[:, :5], y[:, :5])))
    if trainer == "train_many":
        stopped, weights = [run.stopped[0] for run in (long, short)], [run.weights(0) for run in (long, short)]
        losses = [run.history(0).loss for run in (long, short)]
    else:
        stopped, weights = [run.stopped for run in (long, short)], [run.model.weights for run in (long, short)]
        losses = [run.history.loss for run in (long, short)]
    assert stopped == ["samples", "samples"]
    assert all(np.abs(weights[0][name] - weights[1][name]).max() < 1e-12 for name in DOUBLING)
    assert not np.array_equal(weights[0]["w_hh"], DOUBLING["w_hh"])
    assert np.allclose(*losses, rtol=1e-12, atol=0) and np.isfinite(losses[0]).all()


def test_a_step_in_the_middle_that_does_not_count_may_have_any_target():
    weights, x, y, _ = case("ones")
    mask = np.ones(y.shape[:2])
    mask[:, 2] = 0
    for value in (0.0, 1e300, -1e300):
        y[:, 2] = value
        run = fastrnn.train(Elman(5), data=(x, y, mask), weights=weights, batch_size=20, max_samples=20, **OPTIONS)
        many = fastrnn.train_many(
            Elman(5), seeds=[0], data=(x, y, mask), weights=weights, batch_size=20, max_samples=20, **OPTIONS
        )
        loss = statistics(weights, x, np.where(mask[:, :, None] > 0, y, 0), mask)[0]
        assert abs(first(run)[0] - loss) < 1e-12 and abs(first(many)[0] - loss) < 1e-12
        assert all(np.isfinite(w).all() for w in run.model.weights.values())


def test_a_sequence_costs_its_own_steps():
    # Not measured by the clock: a block of samples leaves the states after its longest one alone.
    from fastrnn.training.tasks.small_session import session_for

    x, y, mask = padded(16, 5, 300, np.ones)
    arrays = as_arrays(x, y, mask, dtype=np.dtype("float64"), drawn=0)
    config = TrainConfig(batch_size=16, dtype="float64", loss=LOSS["relu"])
    session = session_for(Elman(2, "relu"), (2, 1), arrays, 300, config, 1, DOUBLING)
    state = session.net.states_in(session.arrays["state"])
    state[1:] = np.nan
    session.gradient()
    assert np.isnan(state[6:]).all() and np.isfinite(state[:6]).all()
