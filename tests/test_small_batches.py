"""Batches of a few samples, whose units lie in the lanes, compared with the loops whose samples lie there."""

from types import SimpleNamespace

import numpy as np
import pytest
from params import quick

from fastrnn import GRU, LSTM, Elman, networks
from fastrnn.cells.base import cells
from fastrnn.initializers import initial_weights
from fastrnn.kernels.arrays import Arrays, by_length, lengths_of
from fastrnn.kernels.recurrent import network
from fastrnn.machine.execute import Program
from fastrnn.machine.native import Native
from fastrnn.networks import BLOCK_COLUMNS, columns_for, lanes_for, shapes_of
from fastrnn.tasks import Addition, Comparison
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.session import Session
from fastrnn.training.tasks.small_session import SmallSession, session_for

SIZES = 2, 2


def pair(cell, source, steps, config, sizes=SIZES):
    """[SmallSession, Session] of the same training."""
    weights = initial_weights("xavier", shapes_of(cell, *sizes), 3)
    weights = {name: 1.5 * np.asarray(value, config.dtype) for name, value in weights.items()}
    return [
        SmallSession(cell, sizes, source, steps, config, weights),
        Session(cell, sizes, source, steps, config, 1, weights),
    ]


def ragged(rows, steps):
    """Arrays of sequences that end early, with steps in between that do not count."""
    rng = np.random.default_rng(rows)
    mask = (rng.random((rows, steps)) < 0.7) * rng.choice([0.5, 1, 2], (rows, steps))
    mask[np.arange(steps) >= rng.integers(0, steps + 1, rows)[:, None]] = 0
    x, y = rng.normal(size=(rows, steps, 2)), rng.integers(0, 2, (rows, steps, 2)).astype(float)
    return Arrays(x, y, mask, lengths_of(mask), *by_length(mask), 0)


def same(sessions, updates=40):
    """Assert that sessions have the same gradients, and the same statistics and weights after some updates."""
    (got, first), (wanted, row) = (session.gradient() for session in sessions)
    assert np.allclose(first, row, rtol=1e-11)
    largest = max(np.abs(value).max(initial=0) for value in wanted.values())
    for name, value in wanted.items():
        assert np.abs(got[name] - value).max(initial=0) < 1e-11 * largest, name
    assert [session.run(updates) for session in sessions] == [updates, updates]
    assert np.allclose(*(session.statistics for session in sessions), rtol=1e-9)
    for name, value in sessions[1].weights().items():
        assert np.abs(sessions[0].weights()[name] - value).max(initial=0) < 1e-9, name


CELLS = [cell for cell in cells().values() if cell(2).traced().operand is None]


QUICK = ("elman", "gru", "lstm")


@pytest.mark.parametrize("kind", quick(CELLS, lambda kind: kind.name in QUICK), ids=lambda kind: kind.name)
def test_every_cell_learns_the_same_from_ragged_sequences(kind):
    # Units fill a vector and part of one more; batches cross the ends of words of 64 samples.
    hidden, batch = lanes_for("float64") + 1, 3
    config = TrainConfig(optimizer="adam", dtype="float64", batch_size=batch, loss="squared")
    same(pair(kind(hidden), ragged(11, 6), 6, config))


BATCHES = [(Elman(2), 2), (GRU(9), 5), (Elman(8), 7), (LSTM(17, bias=False), 11)]


@pytest.mark.parametrize("cell, batch", quick(BATCHES, lambda case: case[1] in (2, 11)))
def test_batches_of_any_size_learn_the_same_from_bits(cell, batch):
    config = TrainConfig(optimizer="sgd", dtype="float64", batch_size=batch, max_grad_norm=0.5)
    same(pair(cell, Addition(bits=5).kernel, 5, config, (2, 1)))


OPTIONS = [
    dict(saturation_penalty=0.1), dict(retention_penalty=0.1), dict(tbptt_steps=3), dict(l1=0.01, weight_decay=0.02),
    dict(reduction="sum"),
]


@pytest.mark.parametrize(
    "options",
    quick(OPTIONS, lambda options: {*options} & {"retention", "tbptt_steps"}),
    ids=lambda options: next(iter(options)),
)
def test_all_options_do_the_same(options):
    config = TrainConfig(optimizer="sgd", dtype="float64", batch_size=4, **options)
    same(pair(GRU(6), ragged(7, 9), 9, config))


def test_an_answer_after_the_last_step_counts_alone():
    task = Comparison(bits=4)
    assert task.last_only
    config = TrainConfig(optimizer="sgd", dtype="float64", batch_size=3)
    same(pair(Elman(3), task.kernel, 4, config, (task.input_size, task.output_size)))


@pytest.mark.parametrize("kept", [network.WHOLE_BYTES, 0])
def test_long_sequences_in_windows_have_the_gradients_of_other_loops(kept, monkeypatch):
    monkeypatch.setattr(network, "WHOLE_BYTES", kept)
    cell, steps = GRU(6), 700
    sessions = pair(cell, ragged(7, steps), steps, TrainConfig(optimizer="sgd", dtype="float64", batch_size=7))
    small = sessions[0].net
    assert small.long(steps) and small.window(steps) < steps and small.whole(steps) == (kept > 0)
    same(sessions, 3)


def test_nothing_infinite_that_padding_leads_to_meets_a_derivative():
    cell, steps = Elman(2, "relu"), 1500
    x, mask = np.zeros((2, steps, 2)), np.zeros((2, steps))
    x[0, 0], mask[0, 0], mask[1] = 1, 1, 1
    config = TrainConfig(optimizer="sgd", dtype="float64", batch_size=2, loss="squared")
    source = Arrays(x, np.ones((2, steps, 2)), mask, lengths_of(mask), *by_length(mask), 0)
    sessions = pair(cell, source, steps, config)
    for session in sessions:
        rows = session.arrays.get("weights", session.arrays.get("theta"))
        rows[..., session.places["w_hh"]] = [[2.0, 0], [0, 2.0]]
        rows[..., session.places["w_ih"]] = 1
    (got, _), (wanted, _) = (session.gradient() for session in sessions)
    for name, value in wanted.items():
        assert np.isfinite(value).all() and np.allclose(got[name], value, rtol=1e-12), name


def test_whoever_fills_more_of_the_lanes_has_them(monkeypatch):
    # Whose programs are compiled is what is asked, not what they do.
    monkeypatch.setattr(Program, "compile", lambda self: None)
    monkeypatch.setattr(Native, "code", lambda self, program: SimpleNamespace(address=0, run=lambda *frames: None))
    lanes, source = lanes_for("float32"), Addition(bits=4).kernel
    cases = {
        (Elman(lanes), 2): SmallSession, (Elman(lanes), lanes - 1): SmallSession, (Elman(lanes), lanes): Session,
        (Elman(1), 2): Session, (Elman(lanes), lanes + 1): SmallSession, (Elman(lanes), 2 * lanes): Session,
        (GRU(lanes), lanes): SmallSession, (GRU(lanes), 2 * lanes): Session,
    }
    for (cell, batch), kind in cases.items():
        config = TrainConfig(optimizer="sgd", batch_size=batch)
        weights = initial_weights("xavier", shapes_of(cell, 2, 1), 0)
        assert type(session_for(cell, (2, 1), source, 4, config, 1, weights)) is kind, (cell, batch)


@pytest.mark.parametrize("wide, own, chosen", (
    (False, False, [1, 2, 3, 4, 3, 3, 4, 4, 3, 2, 4, 4, 2, 3, 4, 4]),
    (True, True, [1, 2, 3, 4, 3, 3, 4, 4, 3, 2, 4, 4, 2, 3, 4, 4]),
    (True, False, [1, 2, 3, 4, 1, 3, 4, 4, 3, 2, 4, 4, 2, 3, 4, 4]),
))
def test_columns_are_cut_into_blocks_of_about_as_many(monkeypatch, wide, own, chosen):
    monkeypatch.setattr(networks, "has", lambda feature: wide)
    counts = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 64)
    assert [columns_for(count, own) for count in counts] == chosen
    for count in range(1, 200):
        columns = columns_for(count, own)
        # One block more of four columns than are full would take up to 1.6 times as long.
        assert -(-count // columns) * columns <= max(1.2 * count, count + (count == 5))


@pytest.mark.parametrize("vectors", quick([5, 6, 9], lambda vectors: vectors == 5))
def test_blocks_of_fewer_columns_learn_the_same_on_any_number_of_threads(vectors):
    cell, steps, batch = GRU(3), 4, vectors * lanes_for("float64") - 1
    config = TrainConfig(optimizer="sgd", dtype="float64", batch_size=batch)
    weights = initial_weights("xavier", shapes_of(cell, 2, 1), 0)
    source = Addition(bits=steps).kernel
    one, two = (Session(cell, (2, 1), source, steps, config, threads, weights) for threads in (1, 2))
    assert one.net.columns < BLOCK_COLUMNS and one.groups > 1
    for session in (one, two):
        session.run(30)
    for name, value in one.weights().items():
        assert value.tobytes() == two.weights()[name].tobytes()
    small = SmallSession(cell, (2, 1), source, steps, config, weights)
    small.run(30)
    for name, value in small.weights().items():
        assert np.abs(one.weights()[name] - value).max() < 1e-12
