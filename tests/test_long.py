"""Long sequences: computed in windows they have the same gradients to the byte, and training takes bounded memory."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy_network import elman, gru, lstm, outputs, sigmoid
from params import quick
from recurrent_frames import Case
from test_recurrent_kernels import Reset

import fastrnn
from fastrnn.cells.gru import GRU
from fastrnn.cells.lstm import LSTM
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from fastrnn.kernels.recurrent import network, units_network
from fastrnn.networks import shapes_of
from fastrnn.training.sequences import outputs as predicting

ROOT = Path(__file__).parent.parent
HEADS = (Softmax(), 3), (Sigmoid(), 2), (Linear("esr"), 2)


@pytest.fixture
def windows(monkeypatch):
    """A function that sets the steps of a window; None: sequences are computed whole."""

    def set_steps(steps):
        monkeypatch.setattr(network, "WHOLE_BYTES", 1 << 40 if steps is None else 0)
        monkeypatch.setattr(network, "WINDOW_BYTES", 0)
        monkeypatch.setattr(network, "LONGEST_SPAN", steps or 2)

    return set_steps


# What differs between windows: a second state, an operand, vectors; heads in turn, one whose loss sees two steps.
@pytest.mark.parametrize("own_weights", [True, False], ids=["models", "samples"])
@pytest.mark.parametrize("cell", [fastrnn.Elman(2), GRU(1), GRU(3, reset="before"), LSTM(1), Reset(2)],
                         ids=lambda cell: f"{cell.name}-{cell.hidden_size}")
def test_windows_change_no_byte_for_any_cell(monkeypatch, windows, cell, own_weights):
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    head, outputs = HEADS[cell.hidden_size - 1]
    found = []
    for steps in (None, 2):
        windows(steps)
        case = Case(cell, head, outputs, own_weights=own_weights, before=cell.hidden_size % 2 == 1, steps=5,
                    sequences=2 if own_weights else 5, columns=2 if own_weights else 1)
        assert case.net.window(5) == (steps or 5)
        found.append(case.run(rounds=1, rate=0.01))
    whole, cut = (case.arrays for case in found)
    assert np.isfinite(whole["gradient"]).all()
    for name in ("gradient", "theta", "slots", "history"):
        assert whole[name].tobytes() == cut[name].tobytes(), name


def ragged(sequences, steps):
    """(x, y, mask) of sequences of several lengths, with gaps."""
    rng = np.random.default_rng(0)
    mask = (rng.random((sequences, steps)) < 0.7) * rng.choice([0.5, 1, 2], (sequences, steps))
    mask[np.arange(steps) >= rng.integers(steps // 2, steps + 1, (sequences, 1))] = 0
    return rng.normal(size=(sequences, steps, 2)), rng.integers(0, 2, (sequences, steps, 1)), mask


def model_of(cell):
    """A Model of random weights in float64."""
    rng = np.random.default_rng(1)
    weights = {name: rng.normal(size=shape) * 0.4 for name, shape in shapes_of(cell, 2, 1).items()}
    return fastrnn.Model(cell, weights)


@pytest.mark.parametrize(("cell", "tbptt_steps"), [
    pytest.param(fastrnn.Elman(3), 7, id="elman"),
    pytest.param(fastrnn.GRU(5), None, id="gru"),
    # Takes the longest to compile.
    pytest.param(fastrnn.LSTM(4), None, id="lstm", marks=pytest.mark.slow),
])
def test_compiled_windows_change_no_byte(windows, cell, tbptt_steps):
    model, (x, y, mask), found = model_of(cell), ragged(19, 45), []
    for steps in (None, 2):
        windows(steps)
        found.append(fastrnn.loss_and_grad(model, x, y, mask, tbptt_steps=tbptt_steps))
    (loss, gradient), (loss_cut, gradient_cut) = found
    assert loss == loss_cut and all(gradient[name].tobytes() == gradient_cut[name].tobytes() for name in gradient)


@pytest.mark.parametrize(("cell", "step"), [
    pytest.param(fastrnn.Elman(3, activation="tanh"), elman, id="elman"),
    pytest.param(fastrnn.GRU(5), gru, id="gru"),
    pytest.param(fastrnn.LSTM(9), lstm, id="lstm", marks=pytest.mark.slow),
])
def test_windows_of_a_single_sample_lead_to_the_true_gradient(monkeypatch, cell, step):
    model, (x, y, mask), found = model_of(cell), ragged(1, 600), []
    monkeypatch.setattr(units_network, "NEAR_BYTES", 0)
    for kept in (1 << 40, 0):
        monkeypatch.setattr(network, "WHOLE_BYTES", kept)
        found.append(fastrnn.loss_and_grad(model, x, y, mask))
    (loss, gradient), (loss_cut, gradient_cut) = found
    assert loss == loss_cut and all(gradient[name].tobytes() == gradient_cut[name].tobytes() for name in gradient)

    def loss_at(weights):
        return (mask[0] / 2 * (sigmoid(outputs(step, weights, x[0])[:, 0]) - y[0, :, 0]) ** 2).sum()

    rng = np.random.default_rng(2)
    direction = {name: rng.normal(size=values.shape) for name, values in model.weights.items()}
    slope = numerical_slope(loss_at, model.weights, direction)
    assert loss == pytest.approx(loss_at(model.weights), rel=1e-12)
    assert sum((gradient[name] * direction[name]).sum() for name in direction) == pytest.approx(slope, rel=1e-7)


def numerical_slope(function, weights, direction, size=1e-6):
    at = [function({name: weights[name] + sign * size * direction[name] for name in weights}) for sign in (1, -1)]
    return (at[0] - at[1]) / (2 * size)


MEMORY = """
import resource, sys
from bench.long import BATCHES, CELLS, session
BATCHES["bits"] = 32
unit = 1 if sys.platform == "darwin" else 1024
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
for cell, path in (("elman", "bits"), ("gru", "single")):
    session(CELLS[cell](16), path, 4096)[0](1)
before = peak()
for cell, path in (("elman", "bits"), ("gru", "single")):
    session(CELLS[cell](16), path, 200_000)[0](1)
    print(peak() - before)
"""


def test_memory_of_200_000_steps_is_bounded():
    done = subprocess.run([sys.executable, "-c", MEMORY], cwd=ROOT, capture_output=True, text=True, check=True)
    # All states of the batch would take 410 MB, those of the single sample, and their derivatives, 120 MB.
    assert all(int(size) < 80e6 for size in done.stdout.split()), done.stdout


WINDOWED = [(GRU(3), gru, False), (LSTM(2), lstm, True), (GRU(3), gru, True), (LSTM(2), lstm, False)]


# Each cell, and each order of outputs and states.
@pytest.mark.parametrize("cell, step, before", quick(WINDOWED, lambda case: case in WINDOWED[:2]))
def test_predictions_in_windows_are_those_of_an_independent_network(monkeypatch, cell, step, before):
    rng = np.random.default_rng(2)
    # Shorter than a window, whole windows, and one step more.
    lengths = (3, 8, 17, 16, 1, 9, 4, 8, 12, 25)
    x = [rng.normal(size=(steps, 2)) for steps in lengths]
    data = fastrnn.Sequences(x, [rng.integers(0, 3, steps) for steps in lengths], kind="classes")
    options = {"epochs": 1, "learning_rate": 1e-30, "initial_state": "learned", "before": before}
    fits = fastrnn.train_many(cell, data, seeds=range(3), validation=0, optimizer="sgd", dtype="float64", **options)
    found = []
    for window in (1 << 40, 8):
        monkeypatch.setattr(predicting, "STEPS_AT_ONCE", window)
        found.append([fits.outputs(data), fits.states(data), fits.predict(data, return_states=True)[1]])
    for whole, cut in zip(*found):
        assert whole.tobytes() == cut.tobytes()
    own = fits.weights(2)
    expected = np.concatenate([outputs(step, own, each, before=before) for each in x])
    np.testing.assert_allclose(found[1][0][2], expected, rtol=1e-9, atol=1e-12)


PREDICTION = """
import resource, sys
import numpy as np
import fastrnn

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

x = np.linspace(-1, 1, 100_000)[:, None]
short, long = (fastrnn.Sequences([x[:steps]], [x[:steps]], kind="reals") for steps in (600, None))
fit = fastrnn.train(fastrnn.LSTM(8), short, validation=0, epochs=1)
fit.predict(short)
before = peak()
fit.predict(long)
print(peak() - before)
"""


def test_predictions_of_a_long_sequence_take_bounded_memory():
    done = subprocess.run([sys.executable, "-c", PREDICTION], cwd=ROOT, capture_output=True, text=True, check=True)
    # States of all steps, in the kernel's layout, would take 1.7 GB; outputs and inputs take 10 MB.
    assert int(done.stdout) < 80e6, done.stdout


@pytest.mark.parametrize("models", [1, 2])
def test_predictions_of_a_long_sequence_among_short_ones_take_no_memory_for_the_others(models):
    x = [np.linspace(-1, 1, steps)[:, None] for steps in (100_000, *[3] * 16)]
    data = fastrnn.Sequences(x, x, kind="reals")
    fits = fastrnn.train_many(GRU(2), data[1:], seeds=range(models), validation=0, epochs=1)
    tracemalloc.start()
    try:
        fits.predict(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Inputs and targets in the layout of the kernel would take 5 MB for each sequence of a block.
    assert peak < 8e6 * models, peak
