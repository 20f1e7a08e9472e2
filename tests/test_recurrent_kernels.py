"""The loops of any cell: true gradients in every mode, and the same numbers compiled and as plain Python."""

import numpy as np
import pytest
from recurrent_frames import Case

from fastrnn.cells.base import Cell, cells
from fastrnn.cells.gru import GRU
from fastrnn.cells.leaky import Leaky
from fastrnn.cells.lstm import LSTM
from fastrnn.formula import sigmoid, tanh
from fastrnn.heads.linear import Linear
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.heads.softmax import Softmax
from fastrnn.kernels.recurrent import train
from fastrnn.machine.emulator import Emulator, Int
from fastrnn.optimizers.amsgrad import AMSGrad


@pytest.fixture
def emulated(monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", "1")


class Reset(Cell):
    """All that an operand may reach: two gates, in two matrices, from states, vectors and a gate of the input alone."""

    gates, operand_gates, inputs_only, vectors, state = ("r", "n", "i", "o"), ("o", "n"), ("i",), ("u",), ("h", "c")

    def operand(self, pre, h, c):
        return sigmoid(pre.r) * tanh(h + pre.u * c) + pre.i * c

    def step(self, pre, h, c):
        c = sigmoid(pre.r) * c + tanh(pre.n) * pre.i
        return sigmoid(pre.o) * tanh(c) + pre.u * h, c


CELLS = [*(kind(2) for kind in cells().values()), Leaky(3, alpha=None), GRU(1), LSTM(5), GRU(3, reset="before"),
         Reset(2)]


@pytest.mark.parametrize("own_weights", [True, False], ids=["models", "samples"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.name}-{cell.hidden_size}")
def test_gradients_of_every_cell_are_central_differences(emulated, cell, own_weights):
    heads = (Softmax(), 3), (Sigmoid(), 2), (Linear(), 1), (Softmax(masked=True), 3), (Linear("esr"), 2)
    head, outputs = heads[CELLS.index(cell) % 5]
    case = Case(cell, head, outputs, own_weights=own_weights, before=cell.hidden_size % 2 == 1,
                sequences=3 if own_weights else 5).run()
    assert case.loss == pytest.approx(case.losses(case.theta), rel=1e-12)
    rng = np.random.default_rng(1)
    for _ in range(3):
        direction = rng.normal(size=case.theta.shape)
        slope = case.slopes(direction)
        assert np.abs((case.gradient * direction).sum(0) - slope).max() < 1e-7 * np.abs(slope).max()
    # Each array by itself: a small part of a gradient would hide in the sum.
    largest = max(1, np.abs(slope).max())
    for name in case.net.table.axes:
        direction = np.zeros_like(case.theta)
        places = case.net.table.places(name).ravel()
        direction[places] = rng.normal(size=(len(places), case.models))
        assert np.abs((case.gradient * direction).sum(0) - case.slopes(direction)).max() < 1e-7 * largest, name


@pytest.mark.parametrize("own_weights", [True, False], ids=["models", "samples"])
@pytest.mark.parametrize("cell", [
    pytest.param(GRU(3), id="gru"),
    # Takes the longest to compile; fits of two states are compiled elsewhere.
    pytest.param(LSTM(3), id="lstm", marks=pytest.mark.slow),
])
def test_compiled_kernels_compute_what_plain_python_does(monkeypatch, cell, own_weights):
    runs = []
    for emulate in ("0", "1"):
        monkeypatch.setenv("FASTRNN_EMULATE", emulate)
        case = Case(cell, Softmax(), 2, own_weights=own_weights, sequences=9 if own_weights else 21)
        runs.append(case.run(rounds=3, rate=0.01))
    compiled, plain = (run.arrays for run in runs)
    assert not np.array_equal(compiled["theta"][: len(runs[0].theta)].reshape(runs[0].theta.shape), runs[0].theta)
    for name in ("theta", "gradient", "slots", "running", "best", "history", "progress", "active", "sums"):
        assert np.isfinite(plain[name][..., :1]).all() or name == "progress"
        np.testing.assert_allclose(compiled[name], plain[name], rtol=1e-12,
                                   atol=1e-12 * np.abs(plain[name]).max(where=np.isfinite(plain[name]), initial=0))
    assert (compiled["theta"] != plain["theta"]).any(), "the plain run was compiled, too"
    for run in runs:
        assert run.counters[[train.ROUND, train.EVALUATIONS, train.DONE]].tolist() == [3, 3, 0]


@pytest.mark.parametrize("emulate", ["0", "1"], ids=["compiled", "plain"])
@pytest.mark.parametrize("own_weights", [True, False], ids=["models", "samples"])
def test_parts_add_up_to_the_gradient_of_their_batch_on_any_threads(many_cores, monkeypatch, own_weights, emulate):
    monkeypatch.setenv("FASTRNN_EMULATE", emulate)

    def run(*arguments):
        return Case(GRU(3), Softmax(), 2, own_weights=own_weights, sequences=9 if own_weights else 37).run(*arguments)

    whole, *shared = [run(2, 0.01, parts, threads) for parts, threads in ((1, 1), (4, 1), (4, 2), (4, 3))]
    for case in shared:
        for name in ("theta", "slots", "best", "history"):
            np.testing.assert_allclose(case.arrays[name], whole.arrays[name], rtol=1e-11, atol=1e-12)
            assert case.arrays[name].tobytes() == shared[0].arrays[name].tobytes()
        assert np.array_equal(case.gradient, shared[0].gradient)
    first = run(1, 0.0, 4, 3)
    direction = np.random.default_rng(1).normal(size=first.theta.shape)
    slope = first.slopes(direction)
    assert np.abs((first.gradient * direction).sum(0) - slope).max() < 1e-7 * np.abs(slope).max()


def test_an_optimizer_with_three_slots_trains(emulated):
    case = Case(GRU(1), Sigmoid(), 1, own_weights=True, optimizer=AMSGrad(), sequences=2)
    case.run(rounds=4, rate=0.05)
    history = case.arrays["history"][:4, 0]
    assert case.arrays["slots"].shape[0] == 3 and (case.arrays["slots"][2] >= case.arrays["slots"][1]).all()
    assert (np.diff(history, axis=0) < 0).all()


def test_integers_of_the_emulator_are_those_of_python():
    a = Int(7)
    for value, expected in ((a + 3, 10), (3 + a, 10), (a - 9, -2), (9 - a, 2), (a * 2, 14), (2 * a, 14), (a % 4, 3),
                            (a // 2, 3)):
        assert type(value) is Int and value == expected
    assert (a.least(3), a.below(8), a.equals(7), a.equals(8), a.both(2), Int(0).either(1)) == (3, 1, 1, 0, 2, 1)


def test_memory_of_the_emulator_is_that_of_the_frame():
    numbers, integers = np.arange(12, dtype=np.float32), np.arange(4)
    frame = np.array([numbers.ctypes.data, integers.ctypes.data, 5], np.int64)
    m = Emulator(frame, ("numbers", "integers", "word"), "float32", 4)
    p = m.pointer("numbers")
    m.store(p, 2, m.fma(m.load(p, 0), m.broadcast(p, 1), m.constant(0.5)))
    assert numbers[8:].tolist() == [0.5, 1.5, 2.5, 3.5] and m.load(p, 2).dtype == np.float32
    m.set_number(p, 3, m.load(p, 2))
    m.add_sums(p, [m.integer(0)], [m.load(p, 1)])
    assert numbers[3] == 0.5 and numbers[0] == 4 + 5 + 6 + 7
    m.write(m.integers("integers"), 2, m.read(m.integers("integers"), 3) + 8)
    m.set_word("word", m.word("word") + 1)
    assert integers.tolist() == [0, 1, 11, 3] and frame[2] == 6
    assert m.mask_bits(m.load(p, 2) > 1.0) == 0b1110
    assert [part.tolist() for part in m.parts(m.joined([m.constant(1.0), m.constant(2.0)]))] == [[1.0] * 4, [2.0] * 4]
    assert list(m.down(3)) == [2, 1, 0] and list(m.range(7, 1, 3)) == [1, 4] and list(m.when(0)) == []
    steps = []
    for n, stop in m.loop(5):
        steps.append(n)
        stop(n.equals(2))
    assert steps == [0, 1, 2]
    assert m.fold(3, [m.constant(1.0)], lambda n, values: [values[0] * (n + 1)])[0].tolist() == [6.0] * 4
