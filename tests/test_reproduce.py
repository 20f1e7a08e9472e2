"""`fastrnn reproduce`: the data are the published ones, and nothing else is used."""

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, Model
from fastrnn.cli import main
from fastrnn.reproduce import mdlrnn_addition
from fastrnn.reproduce.mdlrnn_addition import (
    TEST_SPLIT,
    TRAINING_SPLITS,
    Candidate,
    accuracy,
    candidate,
    reproduce,
    states_on,
)


def test_sequences_are_the_sums_of_all_pairs_least_significant_bit_first():
    first, second = TRAINING_SPLITS
    for split, count, bits in ((first, 400, 2_800), (second, 100, 600), (TEST_SPLIT, 62_500, 687_500)):
        x, y = split.sequences()
        assert x.shape == (count, split.steps, 2) and y.shape == (count, split.steps, 1) and y.size == bits
        powers = 2 ** np.arange(split.steps)
        a, b, answers = x[:, :, 0] @ powers, x[:, :, 1] @ powers, y[:, :, 0] @ powers
        assert np.array_equal(answers, a + b)
        numbers = range(split.first, split.last + 1)
        assert sorted(zip(a.astype(int).tolist(), b.astype(int).tolist())) == [(m, n) for m in numbers for n in numbers]
        assert answers.max() < 2**split.steps


def test_a_network_sees_its_own_sequences_and_no_others(monkeypatch):
    seen = []

    def watched(cell, data=None, task=None, **options):
        seen.append((task, data))
        return fastrnn.train(cell, data, task=task, **options)

    monkeypatch.setattr(mdlrnn_addition, "train", watched)
    found = candidate(TRAINING_SPLITS[1], seed=0, number=0, samples=1600)
    assert len(seen) == 2 and found.model.task is None
    for task, (x, y) in seen:
        assert (
            task is None
            and np.array_equal(x, TRAINING_SPLITS[1].sequences()[0])
            and np.array_equal(y, TRAINING_SPLITS[1].sequences()[1])
        )


def test_states_are_counted_as_plain_numpy_does():
    rng = np.random.default_rng(0)
    shapes = {"w_ih": (9, 2), "w_hh": (9, 9), "b_ih": (9,), "b_hh": (9,), "w_ho": (1, 9), "b_o": (1,)}
    model = Model(Elman(9), {name: rng.uniform(-2, 2, shape) for name, shape in shapes.items()})
    x, _ = TRAINING_SPLITS[1].sequences()
    w, h, seen = model.weights, np.zeros((len(x), 9)), set()
    for t in range(x.shape[1]):
        h = 1 / (1 + np.exp(-(x[:, t] @ w["w_ih"].T + h @ w["w_hh"].T + w["b_ih"] + w["b_hh"])))
        seen |= {tuple(row) for row in (h > 0.5).tolist()}
    assert states_on(model, x) == len(seen) > 3


def test_what_fits_goes_before_what_is_simple_and_that_before_what_is_sure():
    ranked = [Candidate(None, 4, 1.0), Candidate(None, 4, 0.5), Candidate(None, 5, 9.0), Candidate(None, 2, -0.1)]
    assert sorted([ranked[n] for n in (2, 0, 3, 1)], key=lambda each: each.rank) == ranked


def test_the_chosen_network_is_the_one_of_best_rank(monkeypatch):
    made = {}

    def known(split, seed, number):
        return made.setdefault((seed, number), Candidate(number + 10 * seed, [7, 5, 6][number], 1.0))

    monkeypatch.setattr(mdlrnn_addition, "candidate", known)
    monkeypatch.setattr(mdlrnn_addition, "accuracy", lambda model: model / 100)
    told = []
    outcome = reproduce(TRAINING_SPLITS[0], seeds=2, restarts=3, progress=lambda: told.append(1))
    assert outcome.chosen == [0.01, 0.11] and outcome.every == [0.0, 0.01, 0.02, 0.1, 0.11, 0.12] and len(told) == 6


def test_accuracy_is_by_bit():
    zero = Model(
        Elman(1),
        {
            "w_ih": np.zeros((1, 2)),
            "w_hh": np.zeros((1, 1)),
            "b_ih": np.zeros(1),
            "b_hh": np.zeros(1),
            "w_ho": np.zeros((1, 1)),
            "b_o": np.array([-1.0]),
        },
    )
    assert accuracy(zero) == 1 - TEST_SPLIT.sequences()[1].mean()


def test_the_command_prints_both_columns_within_80_columns(capsys, monkeypatch):
    monkeypatch.setattr(
        mdlrnn_addition,
        "reproduce",
        lambda split, seeds, restarts, progress: mdlrnn_addition.Outcome([1.0, 0.99999], [1.0] * 4),
    )
    assert main(["reproduce", "mdlrnn-addition", "--seeds", "2", "--restarts", "2"]) == 1
    out = capsys.readouterr().out
    assert "0.8126" in out and "0.7493" in out and "1 of 2" in out and max(map(len, out.splitlines())) < 80
    assert "0.9999 " in out.split("worst of 2 seeds")[1].splitlines()[0]


@pytest.mark.parametrize(
    "words, message",
    [
        (["chess"], "no experiment 'chess'; experiments: mdlrnn-addition"),
        (["mdlrnn-addition", "--seeds", "0"], "--seeds: got 0"),
        ([], "the following arguments are required: NAME"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(capsys, words, message):
    assert main(["reproduce", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("split", TRAINING_SPLITS, ids=str)
def test_every_seed_is_right_on_every_bit_of_the_test(split):
    assert reproduce(split).chosen == [1.0] * 20
