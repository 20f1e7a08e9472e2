"""Bounds of what a network can do: they hold on every sequence that is tried, and say little more than that."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from certified_models import FIXTURES
from test_simd import apply

import fastrnn
from fastrnn.data import Sequences
from fastrnn.exchange.base import Network
from fastrnn.formula.intervals import _RANGES, power_above
from fastrnn.heads.softmax import Softmax
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.training.sequences.imported import fit_of

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
COUNT, STEPS = 500, 200


def choices(seed=0):
    """Sequences of a learner that follows rewards: inputs are the last choice and reward."""
    rng, xs, ys = np.random.default_rng(seed), [], []
    for _ in range(40):
        value, last = np.zeros(2), (0, 0)
        x, y = np.zeros((60, 2), np.float32), np.zeros(60, int)
        for t in range(60):
            x[t] = last
            y[t] = rng.random() < 1 / (1 + np.exp(-4 * (value[1] - value[0])))
            last = y[t], int(rng.random() < (0.8 if y[t] == t // 30 else 0.2))
            value[y[t]] += 0.3 * (last[1] - value[y[t]])
        xs.append(x)
        ys.append(y)
    return Sequences(xs, ys)


@pytest.fixture(scope="module", params=[fastrnn.GRU(2), fastrnn.Elman(2, "tanh")], ids=["gru", "elman"])
def fit(request):
    return fastrnn.train(request.param, choices(), epochs=40, learning_rate=0.03, seed=0)


def tried(fit, seed=0):
    """(symbols (N, T), predictions (N, T, O)): random sequences, those of one or two inputs, and greedy ones."""
    rng = np.random.default_rng(seed)
    symbols = rng.integers(0, 4, (COUNT, STEPS))
    # Long runs, and rhythms of two inputs, drive states to their ends.
    for i in range(16):
        symbols[i] = np.where(np.arange(STEPS) // (1 + i % 3) % 2, i // 4, i % 4)
    weights = rng.dirichlet(np.full(4, 0.3), COUNT // 2)
    for i, share in enumerate(weights, COUNT // 2):
        symbols[i] = rng.choice(4, STEPS, p=share)
    return symbols, predicted(fit, symbols)


def predicted(fit, symbols):
    made = fit.predict(Sequences([INPUTS[row] for row in symbols]))
    return np.asarray(made).reshape(*symbols.shape, -1)


def inside(values, span):
    """Whether numbers (..., O) lie within their bounds (O, 2)."""
    flat = values.reshape(-1, len(span))
    return (span[:, 0] <= flat.min(0)).all() and (flat.max(0) <= span[:, 1]).all()


def test_no_sequence_leaves_the_bounds_and_they_are_not_far(fit):
    found = fastrnn.bounds(fit, INPUTS)
    symbols, made = tried(fit)
    assert inside(made, found.predictions)
    seen = made.max((0, 1)) - made.min((0, 1))
    assert (np.diff(found.predictions)[:, 0] < 2 * seen + 0.2).all()
    states = fit.states(Sequences([INPUTS[row] for row in symbols]))
    assert inside(states, found.states)
    z = fit.outputs(Sequences([INPUTS[row] for row in symbols]))
    assert inside(z, found.outputs)
    assert str(found).startswith("predictions ")


def changes(fit, lengths):
    """By how much the last prediction of two sequences differs at most whose last inputs are equal, as many."""
    rng = np.random.default_rng(1)
    for length in lengths:
        first, second = rng.integers(0, 4, (2, 300, 40))
        second[:, 40 - length :] = first[:, 40 - length :]
        yield np.abs(predicted(fit, first)[:, -1] - predicted(fit, second)[:, -1]).max()


def test_what_is_forgotten_changes_no_prediction_by_more(fit):
    found = fastrnn.bounds(fit, INPUTS, k=4)
    assert found.k == 4 and len(found.memory) == 5 and (np.diff(found.memory) <= 1e-12).all()
    assert (np.array(list(changes(fit, range(5)))) <= found.memory).all()
    assert found.forgotten(2.0) == 0 and found.forgotten(0.0) is None


def test_a_prediction_before_the_input_remembers_one_input_more():
    # Units that keep nothing of their state: the last input that they have read decides.
    weights = {"w_ih": np.eye(2), "w_hh": np.zeros((2, 2)), "w_ho": np.diag([1.0, -1.0])}
    weights = {name: weight.astype(np.float32) for name, weight in weights.items()}
    after, before = (fit_of(Network(fastrnn.Elman(2, "tanh", bias=False), Softmax(), weights, read))
                     for read in (False, True))
    for fit, lengths in ((after, (0, 1)), (before, (0, 1, 2))):
        found, changed = fastrnn.bounds(fit, INPUTS, k=2).memory, list(changes(fit, lengths))
        assert (changed <= found[: len(lengths)]).all()
        assert changed[-1] == 0 and found[len(lengths) - 1] < 1e-4 < 0.1 < changed[-2]


@pytest.mark.slow
def test_a_million_trials_stay_inside(fit):
    found = fastrnn.bounds(fit, INPUTS)
    for seed in range(10):
        made = tried(fit, seed)[1]
        assert inside(made, found.predictions)


@pytest.mark.parametrize("name", ["gru", "lstm", "leaky"])
def test_an_adder_is_sure_of_every_bit_and_forgets_all_but_the_carry(name):
    model = Model.load(FIXTURES / f"proved-{name}.safetensors")
    found = fastrnn.bounds(model, INPUTS, k=3)
    assert found.predictions.shape == (1, 2) and found.states.shape == (8 * len(model.cell.state), 2)
    rng = np.random.default_rng(0)
    made = model.predict(INPUTS[rng.integers(0, 4, (200, 100))])
    assert found.predictions[0, 0] <= made.min() and made.max() <= found.predictions[0, 1]


# Inputs of a thousand close a gate for good: its unit holds what it has.
@pytest.mark.parametrize("cell", [fastrnn.Elman(3, "tanh"), fastrnn.GRU(2), fastrnn.MGU(2), fastrnn.Leaky(2)],
                         ids=lambda cell: cell.name)
@pytest.mark.parametrize("seeds", [(0, 1), pytest.param(range(2, 12), marks=pytest.mark.slow)], ids=["few", "more"])
def test_inputs_may_be_any_numbers(cell, seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        shapes = shapes_of(cell, 3, 2)
        model = Model(cell, {name: rng.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes.items()})
        inputs = (rng.normal(0, 3, (5, 3)) * rng.choice([1, 1e-3, 1e3], (5, 3))).astype(np.float32)
        found = fastrnn.bounds(model, inputs, k=2)
        made = model.predict(inputs[rng.integers(0, 5, (400, 60))])
        assert inside(made, found.predictions)
        z = model.logits(inputs[rng.integers(0, 5, (400, 60))])
        assert inside(z, found.outputs)


def test_boxes_that_hold_what_grew_too_slowly_are_shrunk_from_large_ones():
    # A unit that forgets over 200 steps, and takes in its input.
    weights = {"w_ih": [[0.0], [4.0]], "w_hh": [[0.0], [0.0]], "b_ih": [5.3, -2.0], "b_hh": [0.0, 0.0], "w_ho": [[1.0]],
               "b_o": [0.0]}
    arrays = {name: np.array(weight, np.float32) for name, weight in weights.items()}
    found = fastrnn.bounds(Model(fastrnn.UGRNN(1), arrays), np.array([[0.0], [1.0]]))
    assert -1 < found.states[0, 0] <= -np.tanh(2) * 0.99 and np.tanh(2) * 0.99 <= found.states[0, 1] < 1


def test_what_a_gate_holds_for_ever_is_bounded():
    # The gate is 1 in float32 on the first input, and open on the second.
    weights = {"w_ih": [[40.0, -40.0], [1.0, 3.0]], "w_hh": [[0.0], [0.7]], "w_ho": [[1.0]]}
    arrays = {name: np.array(weight, np.float32) for name, weight in weights.items()}
    model = Model(fastrnn.UGRNN(1, bias=False), arrays)
    found, rng = fastrnn.bounds(model, np.eye(2)), np.random.default_rng(0)
    assert (found.states == [[-1.0, 1.0]]).all()
    inputs = np.eye(2, dtype=np.float32)[(rng.random((8, 20_000)) < 1e-3).astype(int)]
    assert inside(model.forward(inputs)[1], found.states) and inside(model.logits(inputs), found.outputs)


def rounded(x, bits):
    """A Fraction to the nearest float of so many bits, a tie to the even one."""
    if x == 0:
        return x
    unit = Fraction(2) ** (math.frexp(float(abs(x)))[1] - bits)
    return round(x / unit) * unit


def test_a_gate_keeps_every_number_within_its_power_of_two_however_it_is_rounded():
    # All floats of three bits.
    positive = {Fraction(part, 4) * Fraction(2) ** power for part in range(4, 8) for power in range(-5, 0)} | {1}
    numbers, tried = sorted({0, *positive, *(-each for each in positive)}), 0
    # Rounding knows no signs: where both change theirs, so do all results.
    for a, b in itertools.product((each for each in numbers if each >= 0), numbers):
        most = Fraction(float(power_above(float(max(abs(a), abs(b))))))
        difference = rounded(b - a, 3)
        for z in (each for each in numbers if each >= 0):
            for product in (z * difference, rounded(z * difference, 3)):
                tried += 1
                assert abs(rounded(a + product, 3)) <= most
    assert tried > 40_000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_the_kernels_stay_within_their_ranges(dtype):
    z = np.concatenate([np.linspace(-110, 110, 200_001), np.linspace(-1e-3, 1e-3, 20_001), [-1e30, 1e30]]).astype(dtype)
    for name, (least, most) in _RANGES.items():
        made = apply(name, z)
        assert least <= made.min() and made.max() <= most and made.max() == most


def test_states_that_grow_without_end_have_none():
    weights = {"w_ih": [[1.0]], "w_hh": [[1.0]], "w_ho": [[1.0]]}
    model = Model(fastrnn.Elman(1, "relu", bias=False), {name: np.array(w, np.float32) for name, w in weights.items()})
    with pytest.raises(ValueError, match="^bounds: found none with windows of 8 inputs: a box still grows"):
        fastrnn.bounds(model, np.array([[0.0], [1.0]]))


@pytest.mark.parametrize("inputs, options, said", [
    (np.zeros((4, 3)), {}, "^inputs: got shape"),
    (np.zeros((0, 2)), {}, "^inputs: got shape"),
    (np.zeros(2), {}, "^inputs: got shape"),
    (np.array([[np.nan, 0.0]]), {}, "^inputs: holds values that are not finite"),
    (np.array([[0.1, 0.0]]), {}, "^inputs: holds values that are no float32"),
    (INPUTS, {"k": 0}, "^k: got 0"),
    (INPUTS, {"k": 9}, "^k: got 9, which is 262,144 windows"),
])
def test_what_makes_no_sense_is_refused(inputs, options, said):
    with pytest.raises(ValueError, match=said):
        fastrnn.bounds(Model.load(FIXTURES / "proved-gru.safetensors"), inputs, **options)
