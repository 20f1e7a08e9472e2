"""Sequences of different lengths: steps after the last one that counts are not computed, and results are the same."""

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman
from fastrnn.kernels.arrays import Arrays, by_length, drawn_row, lengths_of
from fastrnn.machine.execute import Program
from fastrnn.machine.records import record_of, values_of, words_of
from fastrnn.training.tasks import data as data_module
from fastrnn.training.tasks.checks import first_wrong
from fastrnn.training.tasks.data import as_arrays
from fastrnn.training.tasks.small_session import session_for

ROWS, STEPS = 40, 37
LENGTHS = np.random.default_rng(0).integers(0, STEPS + 1, ROWS)


def sequences(lengths=LENGTHS, steps=STEPS, padding=0.0):
    """(x, y, mask) of sequences with these lengths, some of whose steps before the end do not count either."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(len(lengths), steps, 2)), rng.integers(0, 2, (len(lengths), steps, 1)).astype(float)
    mask = (np.arange(steps) < np.array(lengths)[:, None]) * (rng.random((len(lengths), steps)) < 0.8)
    x[np.arange(steps) >= lengths_of(mask)[:, None]] = padding
    return x, y, mask.astype(float)


def all_steps(monkeypatch):
    """Compute every step, as if each counted."""
    monkeypatch.setattr(data_module, "lengths_of", lambda mask: np.full(mask.shape[:-1], mask.shape[-1]))


CASES = {
    "batches": {},
    "batches on threads": {"batch_size": 64, "threads": 2},
    "batches, gradients cut": {"tbptt_steps": 5},
    "batches, units at their extremes": {"saturation_penalty": 0.1},
    "one sample an update": {"batch_size": 1},
    "the whole of them": {"batch_size": ROWS},
}


@pytest.mark.parametrize("case", CASES)
def test_training_gives_the_bytes_of_all_steps(many_cores, monkeypatch, case):
    options = dict(data=sequences(), max_samples=640, until="samples", **CASES[case])
    short = fastrnn.train(Elman(16), **options)
    with monkeypatch.context() as patch:
        all_steps(patch)
        whole = fastrnn.train(Elman(16), **options)
    for name, weight in whole.model.weights.items():
        assert short.model.weights[name].tobytes() == weight.tobytes(), name
    assert short.history.loss.tobytes() == whole.history.loss.tobytes()


@pytest.mark.parametrize("batch", [1, 6, 16])
def test_training_many_models_gives_the_bytes_of_all_steps(monkeypatch, batch):
    options = dict(data=sequences(), seeds=range(20), max_samples=320, until="samples", batch_size=batch)
    short = fastrnn.train_many(Elman(8), **options)
    with monkeypatch.context() as patch:
        all_steps(patch)
        whole = fastrnn.train_many(Elman(8), **options)
    for model in range(20):
        for name, weight in whole.weights(model).items():
            assert short.weights(model)[name].tobytes() == weight.tobytes(), name
    assert short.loss.tobytes() == whole.loss.tobytes()


def test_gradients_do_not_depend_on_what_follows_the_end():
    model = fastrnn.train(Elman(16), data=sequences(), max_samples=16, until="samples").model
    expected = fastrnn.loss_and_grad(model, *sequences())
    others = [
        fastrnn.loss_and_grad(model, *sequences(padding=1e30)),
        fastrnn.loss_and_grad(model, *(array[:, : LENGTHS.max()] for array in sequences())),
    ]
    assert all(other[0] == expected[0] for other in others)
    assert all(np.array_equal(others[0][1][name], gradient) for name, gradient in expected[1].items())
    assert all(
        np.allclose(others[1][1][name], gradient, rtol=1e-5, atol=1e-6) for name, gradient in expected[1].items()
    )


# ---- what is not computed


SENTINEL = 0.123


def test_a_block_has_the_steps_of_its_longest_sequence():
    arrays = as_arrays(*sequences([5] * 16 + [30] + [9] * 15), dtype=np.float32, drawn=0)
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in (
            ("w_ih", (16, 2)),
            ("w_hh", (16, 16)),
            ("b_ih", 16),
            ("b_hh", 16),
            ("w_ho", (1, 16)),
            ("b_o", 1),
        )
    }
    session = session_for(Elman(16), (2, 1), arrays, STEPS, fastrnn.TrainConfig(batch_size=16), 1, weights)
    for block in range(2):
        states = session.net.states_in(session.arrays["state"])[1:]
        states[:] = SENTINEL
        session.run(1)
        steps = arrays.lengths[arrays.order[16 * block : 16 * block + 16]].max()
        assert (
            steps < STEPS
            and (states[steps:] == np.float32(SENTINEL)).all()
            and (states[:steps] != np.float32(SENTINEL)).all()
        )


def test_checks_run_sequences_of_about_one_length_side_by_side():
    rng = np.random.default_rng(0)
    arrays = as_arrays(*sequences(rng.integers(1, STEPS, 1000)), dtype=np.float32, drawn=0)
    y, steps = arrays.y * 1.0, []

    class Watched:
        def logits(self, x, threads=None, progress=None):
            steps.append(x.shape[0] * x.shape[1])
            # Right where the first input says what the target is.
            return x[:, :, :1]

    arrays = arrays._replace(x=np.concatenate([2 * y - 1, y], 2).astype(np.float32))
    assert first_wrong(Watched(), arrays) is None and sum(steps) < 1.3 * arrays.lengths.sum()
    for row in (3, 700, 999):
        wrong = arrays.x.copy()
        wrong[row, 0] *= -1
        mask = arrays.mask.copy()
        mask[row, 0] = 1
        assert first_wrong(Watched(), arrays._replace(x=wrong, mask=mask)) == row
        assert (
            first_wrong(
                Watched(), arrays._replace(x=wrong, mask=np.where(np.arange(STEPS) == 0, 0, mask).astype(np.float32))
            )
            is None
        )


# ---- which sequences a batch draws


def rows_of(m):
    """The first rows of a stream, into an array."""
    source = record_of(m, Arrays, "source.")
    for number in m.range(m.word("count")):
        m.write(m.integers("out"), number, drawn_row(m, source, m.word("seed"), number, m.word("draw")))


def drawn_rows(lengths, batch, seed, batches=1):
    """(batches, batch or N) of the rows that a seed draws of sequences of these lengths."""
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    rows = np.zeros(batches * (batch or len(lengths)), np.int64)
    arrays = Arrays(mask, mask, mask, lengths_of(mask), *by_length(mask), batch)
    words = {"out": rows, "count": len(rows), "seed": seed, "draw": np.zeros(1, np.uint64)}
    program = Program(rows_of, (*words, *arrays.counts, *words_of(Arrays, "source.")), "float64", 1, "")
    program.call(**words, **arrays.counts, **values_of(arrays, "source."))
    return rows.reshape(batches, -1)


def test_rows_of_one_length_are_drawn_from_the_seed_alone():
    for seed, batch in ((0, 4), (7, 64), (2**63 - 1, 1)):
        words = [np.random.Philox(key=[seed, 1], counter=[0, n, 0, 0]).random_raw(1)[0] for n in range(128)]
        expected = [int(word) % 10 for word in words]
        assert drawn_rows([5] * 10, batch, seed, 128 // batch).ravel().tolist() == expected


def test_a_batch_of_all_rows_has_long_ones_first():
    assert drawn_rows([3, 90, 3, 40, 0, 95], 0, 0).ravel().tolist() == [1, 5, 3, 0, 2, 4]


def test_every_row_is_drawn_with_the_same_probability():
    lengths = np.random.default_rng(2).integers(0, 200, 30)
    for batch in (1, 7, 50):
        rows = drawn_rows(lengths, batch, 5, 100_000 // batch).ravel()
        expected = len(rows) / 30
        # Five standard deviations of rows that are drawn independently; those of batches vary less.
        assert (abs(np.bincount(rows, minlength=30) - expected) < 5 * expected**0.5).all()


def test_seeds_draw_different_rows_of_about_one_length_in_the_order_of_lengths():
    lengths = np.random.default_rng(3).integers(1, 200, 400)
    one, other = (drawn_rows(lengths, 8, seed, 100) for seed in (1, 2))
    assert (one != other).mean() > 0.9
    a, b = lengths[one] + 1, lengths[other] + 1
    assert (np.maximum(a, b) <= 1.25 * np.minimum(a, b) + 1).all()
    assert (a[:, 1:] <= 1.25 * a[:, :-1] + 1).all()
