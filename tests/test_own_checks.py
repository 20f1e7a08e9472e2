"""Training on own data until it is right on all of it: when that is looked at, what for, and by which rule."""

import sys

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, Model, TrainConfig
from fastrnn.kernels.arrays import Arrays, by_length, lengths_of
from fastrnn.training.tasks import checks
from fastrnn.training.tasks.checks import Checks, first_wrong

RNG = np.random.default_rng(0)
X = RNG.integers(0, 2, (30, 4, 2)).astype(float)
Y = np.logical_and(X[:, :, :1], X[:, :, 1:]).astype(float)
# In float64, so that one and many models make the same mistakes; with kernels that other tests compile, too.
CELL = Elman(8)
EXACT = dict(
    optimizer="sgd",
    learning_rate=0.3,
    batch_size=5,
    reduction="sum",
    until="exact",
    max_samples=40_000,
    dtype="float64",
)
# The same question with two answers: no network is right on it.
NOISY = np.concatenate([X, X[:1]]), np.concatenate([Y, 1 - Y[:1]])


def right(model, x=X, y=Y):
    return bool(((model.predict(x) > 0.5) == y).all())


def test_by_default_own_data_is_trained_on_for_a_number_of_samples_that_is_known():
    run = fastrnn.train(data=(X, Y * 0.4))
    assert (run.stopped, run.samples, run.exact) == ("samples", 10_000, False)
    many = fastrnn.train_many(CELL, data=(X, Y * 0.4), seeds=[1], batch_size=5, optimizer="sgd", dtype="float64")
    assert (many.stopped, list(many.samples), list(many.exact), list(many.samples_to_exact)) == (
        ["samples"],
        [10_000],
        [False],
        [-1],
    )
    long = fastrnn.train(data=(np.repeat(X, 4, axis=0), np.repeat(Y, 4, axis=0)))
    assert (long.stopped, long.samples) == ("samples", 100 * 120)
    config = TrainConfig(max_samples=320)
    assert fastrnn.train(data=(X, Y), config=config).samples == 320 and config.until == "exact"


@pytest.mark.parametrize(
    "call", [fastrnn.train, lambda *args, **options: fastrnn.train_many(*args, seeds=[0], **options)]
)
def test_only_bits_can_be_exact(call):
    for y in (Y * 0.4, Y * 0.9):
        with pytest.raises(ValueError, match="until: got 'exact', but y holds targets between 0 and 1"):
            call(CELL, data=(X, y), **EXACT)
    # Those that do not count may be anything.
    mask = np.ones(Y.shape[:2])
    mask[:, 0], y = 0, Y.copy()
    y[:, 0] = 0.5
    run = call(CELL, data=(X, y, mask), **EXACT)
    assert run.stopped in ("exact", ["exact"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_and_many_stop_at_the_same_sample(seed):
    data = (np.repeat(X, 40, axis=0), np.repeat(Y, 40, axis=0))
    options = {**EXACT, "verify_after": 16}
    run = fastrnn.train(CELL, data=data, seed=seed, **options)
    many = fastrnn.train_many(CELL, data=data, seeds=[seed], **options)
    assert run.stopped == many.stopped[0] == "exact" and run.samples == many.samples[0] == many.samples_to_exact[0]
    assert run.exact and many.exact[0] and right(run.model) and right(many.model(0))
    # Once for each sequence, and CHECK_SHARE times as often, it was trained before.
    assert run.samples > checks.CHECK_SHARE * len(data[0])


@pytest.mark.parametrize("until", ["exact", "samples"])
def test_exact_means_the_same_for_one_and_for_many(until):
    for data in ((X, Y), NOISY):
        options = {**EXACT, "until": until, "max_samples": 20_000}
        run, many = fastrnn.train(CELL, data=data, **options), fastrnn.train_many(CELL, data=data, seeds=[0], **options)
        assert run.exact == many.exact[0] == right(run.model, *data) == (data is not NOISY)
        assert run.stopped == many.stopped[0] == ("exact" if until == "exact" and run.exact else "samples")
    assert not fastrnn.train(CELL, data=(X, Y), **{**EXACT, "max_samples": 5}).exact


def looked_at(monkeypatch, call):
    """(what `call` returns, sequences of which each check in it got an answer)"""
    counts = []

    def count(model, arrays, *rest, **named):
        wrong = first_wrong(model, arrays, *rest, **named)
        counts.append(len(arrays.x) if wrong is None else wrong + 1)
        return wrong

    for name in ("checks", "one_driver"):
        monkeypatch.setattr(sys.modules[f"fastrnn.training.tasks.{name}"], "first_wrong", count)
    return call(), counts


def test_checks_take_a_small_share_of_the_work(monkeypatch):
    rows, samples = 20_000, 200_000
    x = RNG.integers(0, 2, (rows, 4, 2)).astype(float)
    y = np.zeros((rows, 4, 1))
    y[RNG.integers(0, rows, rows // 2000), 3] = 1  # now and then, and not to be foretold
    for call in (
        lambda: fastrnn.train(CELL, data=(x, y), **{**EXACT, "max_samples": samples}),
        lambda: fastrnn.train_many(CELL, data=(x, y), seeds=[0], **{**EXACT, "max_samples": samples}),
    ):
        run, counts = looked_at(monkeypatch, call)
        assert run.stopped in ("samples", ["samples"]) and 2 <= len(counts) <= np.log2(samples / 256)
        # The last look, at the end, is not earned.
        assert sum(counts[:-1]) <= samples / checks.CHECK_SHARE


def test_a_look_ends_with_the_first_piece_that_holds_a_mistake():
    model, seen = fastrnn.train(CELL, data=(X, Y), **EXACT).model, []
    x, y = np.repeat(X, 1000, axis=0), np.repeat(Y, 1000, axis=0)

    class Watched:
        def logits(self, x, *rest):
            seen.append(len(x))
            return model.logits(x, *rest)

    for wrong in (None, 0, 63, 64, 700, 29_999):
        bad, mask = y.copy(), np.ones(y.shape[:2])
        if wrong is not None:
            bad[wrong, 2] = 1 - bad[wrong, 2]
        # Earlier ones that do not count are none.
        bad[:wrong, 1], mask[:wrong, 1] = 1 - bad[:wrong, 1], 0
        seen.clear()
        assert first_wrong(Watched(), Arrays(x, bad, mask, lengths_of(mask), *by_length(mask), 1)) == wrong
        assert sum(seen) <= (len(x) if wrong is None else max(checks.FIRST_PIECE, 3 * wrong + checks.FIRST_PIECE))


def test_time_does_not_decide(monkeypatch):
    data = tuple(np.repeat(array, 20, axis=0) for array in (X, Y))
    runs = []
    for first, seconds in ((64, 0.05), (1, 1e-9), (7, 1e-4)):
        monkeypatch.setattr(sys.modules["fastrnn.training.tasks.pace"], "FIRST_UPDATES", first)
        monkeypatch.setattr(sys.modules["fastrnn.training.tasks.pace"], "CHUNK_SECONDS", seconds)
        options = {**EXACT, "verify_after": 8}
        one, many = (
            fastrnn.train(CELL, data=data, **options),
            fastrnn.train_many(CELL, data=data, seeds=[0, 5], **options),
        )
        runs.append(
            (one.samples, one.model.weights["w_hh"].tobytes(), *many.samples, many.weights(1)["w_hh"].tobytes())
        )
    assert runs[0] == runs[1] == runs[2]


def test_an_interrupted_run_goes_on_to_the_same_checks():
    data, options = NOISY, {**EXACT, "verify_after": 8, "max_samples": 3000}
    whole = fastrnn.train(CELL, data=data, **options)
    part = fastrnn.train(CELL, data=data, **{**options, "max_samples": 1111})
    numbers = part.state["numbers"]
    assert numbers["failed"] > 2 and numbers["looked_at"] >= numbers["failed"]
    rest = fastrnn.train(CELL, data=data, resume=part, **options)
    assert rest.state["numbers"] == whole.state["numbers"] and same(rest.model, whole.model)


def same(a: Model, b: Model):
    return all(np.array_equal(a.weights[name], b.weights[name]) for name in a.weights)


def test_the_rule_counts_what_was_looked_at():
    rule = Checks(1000, TrainConfig(batch_size=16, verify_after=256))
    assert (rule.patience, rule.first_step) == (256, checks.CHECK_SHARE * 1000 // 16)
    rule.failed, rule.looked_at = 3, 500
    assert (rule.patience, rule.first_step) == (2048, checks.CHECK_SHARE * 1500 // 16)
    rule.failed = 10_000
    assert rule.patience == checks.MOST_UPDATES * 16
    assert Checks(1000, TrainConfig(verify_after=0), failed=3).patience == 0
