"""Forward, back-propagation and gradients against plain NumPy, finite differences and the scalar original."""

import itertools

import numpy as np
import numpy_elman as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from params import quick

from fastrnn import Elman, Model, loss_and_grad, reference
from fastrnn.bits.planes import to_words
from fastrnn.cells.elman import ACTIVATIONS
from fastrnn.heads.sigmoid import BIT_LOSSES
from fastrnn.initializers import initial_weights
from fastrnn.networks import lanes_for, shapes_of
from fastrnn.tasks import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.small_session import SmallSession

# Pairs rather than a product: each is compiled once, and every activation and loss is in one of them.
PAIRS = [
    ("sigmoid", "squared", "float64"),
    ("relu", "cross-entropy", "float64"),
    ("sigmoid", "squared", "float32"),
    ("tanh", "cross-entropy", "float64"),
]
TOLERANCE = {"float64": 2e-13, "float32": 3e-6}


def test_the_pairs_cover_every_activation_and_loss():
    activations, used, _ = zip(*PAIRS)
    assert {*activations} == {*ACTIVATIONS} and {*used} == {*BIT_LOSSES}


def case(activation, dtype, hidden, steps, batch, inputs, outputs, bias, seed=0):
    rng = np.random.default_rng(seed)
    weights = oracle.random_weights(rng, hidden, inputs, outputs, bias)
    x = rng.uniform(-1, 1, (batch, steps, inputs))
    y = rng.uniform(0, 1, (batch, steps, outputs))
    mask = rng.integers(0, 2, (batch, steps)).astype(float)
    weights, x, y = ({k: v.astype(dtype).astype(float) for k, v in weights.items()}, x.astype(dtype).astype(float),
                     y.astype(dtype).astype(float))
    model = Model(Elman(hidden, activation, bias), {k: v.astype(dtype) for k, v in weights.items()})
    return model, weights, x, y, mask


def assert_close(got, wanted, tolerance):
    scale = max(np.abs(wanted).max(), 1e-3)
    assert np.abs(got - wanted).max() <= tolerance * scale


SHAPES = dict(
    hidden=st.sampled_from([1, 2, 3, 5, 8, 13, 16, 17, 24, 33, 50]),
    steps=st.sampled_from([1, 2, 7, 8, 9, 16, 17, 40]),
    batch=st.sampled_from([1, 2, 3, 5, 15, 16, 17, 33, 70]),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 3),
    bias=st.booleans(),
    masked=st.booleans(),
    tbptt_steps=st.sampled_from([None, 1, 2, 5, 8, 16, 39]),
)


def check_gradients(activation, loss, dtype, hidden, steps, batch, inputs, outputs, bias, masked, tbptt_steps):
    """Hold loss and gradients of a network and random data to NumPy's."""
    model, weights, x, y, mask = case(activation, dtype, hidden, steps, batch, inputs, outputs, bias)
    mask = mask if masked else None
    wanted, gradients = oracle.loss_and_grad(weights, activation, loss, x, y, mask, truncate=tbptt_steps)
    value, got = loss_and_grad(model, x, y, mask, loss=loss, tbptt_steps=tbptt_steps)
    assert abs(value - wanted) <= TOLERANCE[dtype] * max(abs(wanted), 1)
    assert set(got) == set(gradients)
    largest = max(np.abs(g).max() for g in gradients.values())
    for name, gradient in gradients.items():
        assert got[name].shape == gradient.shape and got[name].dtype == dtype
        assert np.abs(got[name] - gradient).max() <= TOLERANCE[dtype] * max(largest, 1e-3)


# Each shape is a kernel of its own, compiled in half a second.
@pytest.mark.parametrize("activation, loss, dtype", PAIRS)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(**SHAPES)
def test_loss_and_gradients_are_those_of_numpy(activation, loss, dtype, **shape):
    check_gradients(activation, loss, dtype, **shape)


@pytest.mark.slow
@pytest.mark.parametrize("activation, loss, dtype", PAIRS)
@settings(max_examples=100, deadline=None, derandomize=True)
@given(**SHAPES)
def test_loss_and_gradients_of_many_shapes_are_those_of_numpy(activation, loss, dtype, **shape):
    check_gradients(activation, loss, dtype, **shape)


# One panel full of units, one whose last units are dead, several panels, and less than half of one.
@pytest.mark.parametrize("hidden, dtype", [(16, "float32"), (13, "float32"), (33, "float32"), (5, "float32"),
                                           (8, "float64"), (5, "float64"), (16, "float64")])
def test_a_single_sample_has_the_gradients_of_numpy(hidden, dtype):
    model, weights, x, y, mask = case("sigmoid", dtype, hidden, 9, 1, 2, 1, True)
    wanted, gradients = oracle.loss_and_grad(weights, "sigmoid", "squared", x, y, None)
    value, got = loss_and_grad(model, x, y, loss="squared")
    assert abs(value - wanted) <= TOLERANCE[dtype] * max(abs(wanted), 1)
    largest = max(np.abs(g).max() for g in gradients.values())
    for name, gradient in gradients.items():
        assert np.abs(got[name] - gradient).max() <= TOLERANCE[dtype] * largest


EXACT_PAIRS = [pair for pair in PAIRS if "float32" not in pair]
SOME_SHAPES = [(16, 8, 20, 2, 1, True), (5, 11, 3, 3, 2, False), (17, 9, 1, 1, 1, True), (33, 4, 17, 5, 3, True)]


# Each pair and each shape is in one of the quick cases.
@pytest.mark.parametrize(
    "pair, shape",
    quick(
        [*itertools.product(range(len(EXACT_PAIRS)), range(len(SOME_SHAPES)))],
        lambda case: case[0] == case[1] % len(EXACT_PAIRS),
    ),
)
def test_gradients_are_central_differences_along_random_directions(pair, shape):
    (activation, loss, dtype), (hidden, steps, batch, inputs, outputs, bias) = EXACT_PAIRS[pair], SOME_SHAPES[shape]
    model, weights, x, y, mask = case(activation, dtype, hidden, steps, batch, inputs, outputs, bias, seed=1)
    gradients = loss_and_grad(model, x, y, mask, loss=loss)[1]
    rng, step = np.random.default_rng(2), 1e-5
    for _ in range(4):
        direction = {name: rng.standard_normal(weight.shape) for name, weight in weights.items()}

        def at(distance):
            moved = Model(model.cell, {name: weights[name] + distance * direction[name] for name in weights})
            return loss_and_grad(moved, x, y, mask, loss=loss)[0]

        slope = (at(step) - at(-step)) / (2 * step)
        wanted = sum((gradients[name] * direction[name]).sum() for name in weights)
        assert abs(slope - wanted) <= 1e-7 * max(1, abs(wanted), sum(np.abs(g).sum() for g in gradients.values()) / 10)


def test_updates_are_those_of_the_scalar_original():
    rng = np.random.RandomState(3)
    synapses = reference.initial_synapses(rng)
    table = reference.binary_table()
    weights = {"w_ih": synapses.synapse_0.T, "w_hh": synapses.synapse_h.T, "w_ho": synapses.synapse_1.T}
    model = Model(Elman(16, bias=False), {name: np.ascontiguousarray(weight) for name, weight in weights.items()})
    for _ in range(10):
        a, b = rng.randint(128, size=2)
        updates, prediction, _ = reference.forward_backward(synapses, table[a], table[b], table[a + b])
        x = np.stack([table[a][::-1], table[b][::-1]], 1)[None]
        y = table[a + b][::-1][None, :, None]
        gradients = loss_and_grad(model, x, y)[1]
        for name, update in (("w_ih", updates.synapse_0), ("w_hh", updates.synapse_h), ("w_ho", updates.synapse_1)):
            assert_close(-gradients[name], update.T, 1e-13)
        assert np.array_equal(model.predict(x)[0, ::-1, 0] > 0.5, prediction == 1)


@pytest.mark.parametrize("batch", [1, 20])
def test_truncation_at_the_whole_length_or_beyond_changes_no_byte(batch):
    model, _, x, y, _ = case("sigmoid", "float64", 16, 19, batch, 2, 1, True)
    whole = loss_and_grad(model, x, y)
    for steps in (19, 20, 10**6):
        value, gradients = loss_and_grad(model, x, y, tbptt_steps=steps)
        assert value == whole[0] and all(gradients[name].tobytes() == whole[1][name].tobytes() for name in gradients)
    cut = loss_and_grad(model, x, y, tbptt_steps=18)
    assert cut[0] == whole[0] and np.abs(cut[1]["w_hh"] - whole[1]["w_hh"]).max() > 1e-9


@pytest.mark.parametrize("batch", [1, 20])
def test_truncated_gradients_are_those_of_the_segments_each_begun_with_its_state(batch):
    model, weights, x, y, _ = case("sigmoid", "float64", 7, 22, batch, 2, 1, True)
    got, total = loss_and_grad(model, x, y, tbptt_steps=6)[1], dict.fromkeys(weights, 0)
    states = model.forward(x)[1]
    for start in range(0, 22, 6):
        # The state at the border comes in as additional inputs of the segment's first step.
        part = x[:, start : start + 6]
        given = np.zeros((batch, part.shape[1], 7))
        if start:
            given[:, 0] = states[:, start - 1]
        wider = Model(model.cell, {**model.weights, "w_ih": np.hstack([model.weights["w_ih"], model.weights["w_hh"]])})
        gradient = loss_and_grad(wider, np.concatenate([part, given], 2), y[:, start : start + 6])[1]
        gradient["w_ih"], from_state = gradient["w_ih"][:, :2], gradient["w_ih"][:, 2:]
        gradient["w_hh"] = gradient["w_hh"] + from_state
        total = {name: total[name] + gradient[name] for name in total}
    for name in got:
        assert_close(got[name], total[name], 1e-12)


@pytest.mark.parametrize("batch", [1, 3, 16, 37])
def test_a_batch_is_the_stack_of_its_samples(batch):
    model, _, x, y, mask = case("sigmoid", "float64", 13, 9, batch, 2, 2, True)
    outputs, states = model.forward(x)
    singles = [model.forward(x[i : i + 1]) for i in range(batch)]
    assert np.array_equal(outputs, np.concatenate([single[0] for single in singles]))
    assert np.array_equal(states, np.concatenate([single[1] for single in singles]))
    whole = loss_and_grad(model, x, y, mask)
    parts = [loss_and_grad(model, x[i : i + 1], y[i : i + 1], mask[i : i + 1]) for i in range(batch)]
    assert abs(whole[0] - sum(part[0] for part in parts)) < 1e-12
    for name in whole[1]:
        assert_close(whole[1][name], sum(part[1][name] for part in parts), 1e-13)


def test_ragged_sequences_are_masked_ones():
    model, _, x, y, _ = case("relu", "float64", 9, 12, 6, 2, 1, True)
    lengths = [1, 3, 12, 7, 8, 9]
    mask = (np.arange(12) < np.array(lengths)[:, None]).astype(float)
    value, got = loss_and_grad(model, x, y, mask, loss="cross-entropy")
    cut = [
        loss_and_grad(model, x[i : i + 1, :n], y[i : i + 1, :n], loss="cross-entropy") for i, n in enumerate(lengths)
    ]
    assert abs(value - sum(part[0] for part in cut)) < 1e-12
    for name in got:
        assert_close(got[name], sum(part[1][name] for part in cut), 1e-13)


@pytest.mark.parametrize("activation, loss, dtype", PAIRS)
def test_outputs_and_states_are_those_of_numpy(activation, loss, dtype):
    for hidden, steps, batch, inputs, outputs in ((1, 1, 1, 1, 1), (16, 8, 33, 2, 1), (21, 30, 5, 3, 2)):
        model, weights, x, _, _ = case(activation, dtype, hidden, steps, batch, inputs, outputs, True)
        z, states = oracle.forward(weights, activation, x)
        got, got_states = model.forward(x)
        assert got.shape == z.shape and got.dtype == dtype and got_states.shape == states.shape
        assert_close(model.logits(x), z, TOLERANCE[dtype])
        assert_close(got_states, states, TOLERANCE[dtype])
        assert_close(got, 1 / (1 + np.exp(-z)), TOLERANCE[dtype])


def test_arrays_of_any_order_and_kind_are_taken_and_left_alone():
    model, _, x, y, mask = case("sigmoid", "float64", 7, 5, 4, 2, 1, True)
    x, y = (x > 0), (y > 0.5)
    wanted = loss_and_grad(model, x.astype(float), y.astype(float), mask)
    for given_x, given_y, given_mask in (
        (x, y, mask.astype(bool)),
        (x.astype(int), y.astype(np.uint8), mask.astype(int)),
        (np.asfortranarray(x), y[:, ::-1][:, ::-1], np.asfortranarray(mask)),
    ):
        before = given_x.copy(), given_y.copy(), given_mask.copy()
        value, got = loss_and_grad(model, given_x, given_y, given_mask)
        assert value == wanted[0] and all(np.array_equal(got[name], wanted[1][name]) for name in got)
        assert all(np.array_equal(a, b) for a, b in zip(before, (given_x, given_y, given_mask)))


@pytest.mark.parametrize("change, message", [
    (lambda x, y, m: (x[0], y, m), "x: got shape"),
    (lambda x, y, m: (x[:, :, :1], y, m), "x: got 1 features, the model has 2"),
    (lambda x, y, m: (x, y[:, :3], m), "y: got shape"),
    (lambda x, y, m: (x, y, m[:, :3]), "mask: got shape"),
    (lambda x, y, m: (x * np.nan, y, m), "x: holds values that are not finite"),
    (lambda x, y, m: (x, y + 5, m), "y: holds values outside"),
    (lambda x, y, m: (x.astype(str), y, m), "x: got dtype"),
])
def test_what_does_not_fit_is_named(change, message):
    model, _, x, y, mask = case("sigmoid", "float64", 7, 5, 4, 2, 1, True)
    with pytest.raises(ValueError, match=message):
        loss_and_grad(model, *change(x, y, np.ones_like(mask)))


def test_streams_of_bits_are_predictions_across_segments():
    rng = np.random.default_rng(5)
    weights = oracle.random_weights(rng, 16, 2, 1)
    model = Model(Elman(16), {name: (4 * weight).astype(np.float32) for name, weight in weights.items()})
    for steps, count in ((1, 1), (255, 5), (256, 64), (257, 65), (700, 130)):
        samples = [
            tuple(
                int(v) for v in rng.integers(0, 2, 2 * steps).reshape(2, steps) @ (1 << np.arange(steps).astype(object))
            )
            for _ in range(count)
        ]
        x = np.array([[[(a >> t) & 1, (b >> t) & 1] for t in range(steps)] for a, b in samples], float)
        out, margins = model.run_bits(to_words(samples, steps), count)
        z = model.logits(x)[:, :, 0]
        got = np.array([[(int(out[i // 64, t, 0]) >> (i % 64)) & 1 for t in range(steps)] for i in range(count)])
        assert np.array_equal(got, z > 0)
        assert np.array_equal(margins, np.abs(z).min(1))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_do_not_matter(threads):
    model, _, x, _, _ = case("sigmoid", "float32", 16, 8, 100, 2, 1, True)
    assert np.array_equal(model.predict(x, threads=threads), model.predict(x, threads=1))


def test_units_that_a_vector_has_too_many_of_read_no_memory_behind_the_weights():
    lanes = lanes_for("float32")
    cell, hidden = Elman(2 * lanes + 1), 2 * lanes + 1
    source = Addition(bits=4).kernel
    weights = initial_weights("xavier", shapes_of(cell, 2, 1), 0)
    session = SmallSession(cell, (2, 1), source, 4, TrainConfig(batch_size=1), weights)
    # What lies there may be anything.
    places = session.net.table["w_h"] + session.net.table.size("w_h")
    session.batches.weights[:, places:] = np.nan
    session.gradient()
    turned = session.arrays["turned"].reshape(-1, 3 * lanes)
    assert np.array_equal(turned[:hidden, :hidden], weights["w_hh"].astype(np.float32))
    assert not turned[:hidden, hidden:].any()
