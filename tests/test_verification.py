"""`verify` and `Model.add` against Python's int."""

import itertools
import random
import re
import tracemalloc

import numpy as np
import pytest
from certified_models import proved

import fastrnn
from fastrnn import Elman, Model
from fastrnn.bits.planes import Digits, counting, from_words, to_words
from fastrnn.evaluate import MOST_MISTAKES, PIECE_STEPS, Batch, evaluate, hard_batches, random_batches
from fastrnn.tasks import Addition
from fastrnn.tasks.base import tasks


@pytest.fixture(scope="module")
def right():
    return fastrnn.train(seed=1).model


@pytest.fixture(scope="module")
def wrong():
    """A network stopped too early."""
    return fastrnn.train(seed=1, until="samples", max_samples=1280).model


def by_hand(model, bits, pairs):
    """[(operands, answer, truth)] of the wrong sums, each pair run alone."""
    found = []
    for operands in pairs:
        out, _ = model.run_bits(to_words([operands], bits), 1)
        answer = from_words(out[:, :, 0], 1)[0]
        if answer != sum(operands):
            found.append((operands, answer, sum(operands)))
    return found


def test_wrong_sums_are_those_that_python_finds(wrong):
    pairs = [(a, b) for b in range(16) for a in range(16)]
    found = by_hand(wrong, 5, pairs)
    result = fastrnn.verify(wrong, bits=5)
    assert 0 < len(found) < 256
    assert (result.exhaustive, result.samples, result.wrong, result.exact) == (True, 256, len(found), False)
    assert result.mistakes == found[:5]


def test_an_exact_network_passes_everywhere(right):
    for bits, samples in ((2, 4), (4, 64), (8, 16384), (11, 2**20)):
        result = fastrnn.verify(right, bits=bits)
        assert (
            result.exact
            and result.exhaustive
            and result.samples == samples
            and result.families == {"all": (samples, 0)}
        )
    assert fastrnn.verify(right).samples == 16384


def test_threads_do_not_matter(wrong):
    one, four = (fastrnn.verify(wrong, threads=threads) for threads in (1, 4))
    assert (one.wrong, one.mistakes, one.margin) == (four.wrong, four.mistakes, four.margin)


def test_wide_sums_are_tried_at_random_and_where_they_are_hard(wrong):
    result = fastrnn.verify(wrong, bits=200, samples=500)
    hard = Addition(200).hard_cases()
    assert not result.exhaustive and result.samples == 500 + len(hard)
    assert set(result.families) == {"random", *(family for family, _ in hard)}
    assert {"carry chain", "all ones", "equal", "zero", "alternating"} < set(result.families)
    assert result.families["random"][0] == 500 and result.wrong == sum(wrong for _, wrong in result.families.values())
    for operands, answer, truth in result.mistakes:
        assert by_hand(wrong, 200, [operands]) == [(operands, answer, truth)]
    whole = 2**199 - 1
    assert {(whole, 1), (0, 0)} <= {operands for _, operands in hard}
    assert all(0 <= a < 2**199 and 0 <= b < 2**199 for _, (a, b) in hard)


def test_the_margin_is_the_smallest_logit(right):
    pairs = list(itertools.product(range(8), repeat=2))
    x = np.array([[[(a >> t) & 1, (b >> t) & 1] for t in range(4)] for a, b in pairs], float)
    assert fastrnn.verify(right, bits=4).margin == np.abs(right.logits(x)).min()


def test_planes_count_like_python():
    for operands, free_bits in ((2, 3), (2, 5), (3, 2), (1, 9)):
        words = max(1, 2 ** (operands * free_bits) // 64)
        samples = [tuple((n >> (i * free_bits)) % 2**free_bits for i in range(operands)) for n in range(64 * words)]
        assert np.array_equal(counting(0, words, free_bits + 1, free_bits, operands), to_words(samples, free_bits + 1))
    assert np.array_equal(counting(3, 2, 8, 7, 2), counting(0, 5, 8, 7, 2)[3:])


def test_sums_of_any_size_are_ints(right):
    # Whether it is right so far out is the network's affair; that the answer has its bits in place is ours.
    for bits in (1, 7, 63, 64, 65, 300):
        pairs = [(2**bits - 1, 1), (2**bits // 3, 2 ** (bits - 1)), (0, 0)]
        assert right.add_many(pairs) == [right.add(*pair) for pair in pairs]
        truths = [sum(pair) for pair in pairs]
        found = [(pair, got) for pair, got, truth in zip(pairs, right.add_many(pairs), truths) if got != truth]
        assert found == [(pair, got) for pair, got, _ in by_hand(right, max(truths).bit_length(), pairs)]
    assert right.add(123456789, 987654321) == 1111111110
    assert right.add_many([]) == []


def operands_of(bits, count, seed=0):
    draw = random.Random(seed)
    return [tuple(draw.getrandbits(bits) for _ in range(2)) for _ in range(count)]


@pytest.mark.parametrize(
    "bits", [63, 64, 65, 255, 256, 257, 511, 513, PIECE_STEPS - 1, PIECE_STEPS, PIECE_STEPS + 1, 3 * PIECE_STEPS]
)
def test_a_proved_network_adds_like_python_at_any_width(bits):
    model, ones = proved().model, 2**bits - 1
    pairs = [(ones, 1), (ones, ones), (0, 0), (ones // 3, 2 * (ones // 3)), *operands_of(bits, 15)]
    assert model.add_many(pairs) == [a + b for a, b in pairs]
    assert model.add(*pairs[0]) == 2**bits


def test_a_stream_in_pieces_is_the_whole_run(wrong):
    # 70 samples leave a block and a word partly empty; 700 steps are more than two segments.
    words = to_words(operands_of(700, 70), 700)
    whole, margins = wrong.run_bits(words, 70)
    for cuts in ([256], [1, 255, 256, 257, 699], [350, 351], list(range(7, 700, 97))):
        stream = wrong.stream(70)
        given = [stream.run(part) for part in np.split(words, cuts, axis=1)]
        assert np.array_equal(np.concatenate(given, axis=1), whole) and np.array_equal(stream.margins, margins)


@pytest.mark.parametrize("shape", [(2, 5, 1), (2, 5, 3), (2, 5), (1, 5, 2), (2, 0, 2)])
def test_a_stream_refuses_words_that_its_kernels_would_read_beyond(wrong, shape):
    message = f"words: got shape {shape}, expected (words, time, 2) with at least 2 words"
    with pytest.raises(ValueError, match=re.escape(message)):
        wrong.run_bits(np.zeros(shape, np.uint64), 70)


def test_a_stream_refuses_what_is_no_word_and_no_number_of_samples(wrong):
    with pytest.raises(ValueError, match="words: got dtype float64, expected uint64"):
        wrong.run_bits(np.zeros((1, 5, 2)), 64)
    for samples in (-1, 2.5, True):
        with pytest.raises(ValueError, match="samples: got"):
            wrong.stream(samples)
    # More words than the samples need give zeros.
    words = to_words(operands_of(9, 200), 9)
    whole, found = (wrong.run_bits(words, samples)[0] for samples in (200, 70))
    assert np.array_equal(found[0], whole[0]) and np.array_equal(found[1], whole[1] & 63) and not found[2:].any()


@pytest.mark.parametrize("bits", [63, 64, 65, PIECE_STEPS - 1, PIECE_STEPS, PIECE_STEPS + 9])
def test_tallies_are_those_that_python_counts(wrong, bits):
    pairs = [(a >> 1, b >> 1) for a, b in operands_of(bits, 67, seed=bits)]
    answers = wrong.add_many([(a, b + 2**bits) for a, b in pairs])  # a set bit above both: as many steps for each
    batch, found = Batch("random", 67, Digits.of(pairs, bits).planes), []
    tally = evaluate(wrong, Addition(bits), batch, found)
    differing = [(answer % 2**bits) ^ (a + b) for answer, (a, b) in zip(answers, pairs)]
    assert (tally.samples, tally.bits) == (67, 67 * bits)
    assert tally.wrong == sum(map(bool, differing)) > 0 and tally.wrong_bits == sum(map(int.bit_count, differing))
    first = [i for i, each in enumerate(differing) if each][:MOST_MISTAKES]
    assert found == [(pairs[i], answers[i] % 2**bits, sum(pairs[i])) for i in first]


@pytest.mark.parametrize("name", tasks())
def test_every_task_is_judged_the_same_in_pieces(monkeypatch, name):
    task = tasks()[name]().at(70)
    cell = Elman(4)
    shapes = {"w_ih": (4, task.input_size), "w_hh": (4, 4), "b_ih": (4,), "b_hh": (4,), "w_ho": (1, 4), "b_o": (1,)}
    model = Model(
        cell,
        {key: np.random.default_rng(3).uniform(-2, 2, shape).astype("float32") for key, shape in shapes.items()},
        task,
    )

    def judged():
        found, sums = [], []
        for batch in hard_batches(task):
            sums.append(evaluate(model, task, batch, found))
        return sums, found

    whole, mistakes = judged()
    monkeypatch.setattr("fastrnn.evaluate.PIECE_STEPS", 16)
    assert judged() == (whole, mistakes) and len(mistakes) == MOST_MISTAKES
    for operands, answer, truth in mistakes:
        assert answer != truth == task.oracle(operands)


def test_random_operands_do_not_depend_on_the_width_of_a_piece_and_keep_their_top_bit_clear():
    bits = 2 * PIECE_STEPS + 100
    (batch,) = random_batches(Addition(bits), 100, seed=4)
    starts = range(0, bits, PIECE_STEPS)
    planes = np.concatenate([batch.planes(start, min(bits, start + PIECE_STEPS)) for start in starts], axis=1)
    assert planes.shape == (2, bits, 2) and not planes[:, -1].any() and planes[:, :-1].any(axis=(0, 2)).all()
    assert len(np.unique(planes[:, :-1])) > 0.999 * planes[:, :-1].size
    assert not np.array_equal(planes[:1], next(random_batches(Addition(bits), 100, seed=5)).planes(0, bits)[:1])


def peak_of(work):
    """Most bytes of arrays alive at a time while work() runs."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_that_of_the_operands_whatever_the_width():
    model = proved().model
    # On one thread: whether two hold their workspaces at once is chance.
    sizes = {bits: peak_of(lambda bits=bits: [evaluate(model, Addition(bits), batch, threads=1)
                                              for batch in random_batches(Addition(bits), 40, 0)])
             for bits in (4 * PIECE_STEPS, 16 * PIECE_STEPS)}
    assert sizes[16 * PIECE_STEPS] < 1.05 * sizes[4 * PIECE_STEPS] < 2 << 20
    pairs = operands_of(16 * PIECE_STEPS, 64)
    # Both operands and the sum, as bytes and as ints.
    assert (
        peak_of(lambda: model.add_many(pairs))
        < peak_of(lambda: model.add_many(pairs[:1])) + 8 * 64 * 16 * PIECE_STEPS // 8
    )


def test_verification_may_end_with_the_first_mistake(wrong):
    whole, early = (
        fastrnn.verify(wrong, bits=200, samples=500),
        fastrnn.verify(wrong, bits=200, samples=500, whole=False),
    )
    assert 0 < early.wrong <= whole.wrong and early.samples < whole.samples and not early.exact
    assert early.mistakes[0] == whole.mistakes[0]


@pytest.mark.parametrize("operands, error, message", [
    ((1, -2), ValueError, "operand: got -2, expected a non-negative int"), ((1.5, 2), TypeError, "operand: got 1.5"),
    (("1", 2), TypeError, "operand: got '1'"), ((True, 2), TypeError, "operand: got True"),
    ((1, 2, 3), ValueError, "operands: got 3, this model adds 2"), ((1,), ValueError, "operands: got 1")])
def test_operands_that_do_not_fit_are_named(right, operands, error, message):
    with pytest.raises(error, match=message):
        right.add(*operands)


def test_without_a_task_there_is_nothing_to_hold_it_against(right):
    bare = Model(Elman(16), right.weights)
    with pytest.raises(ValueError, match="trained on arrays"):
        fastrnn.verify(bare)
    with pytest.raises(ValueError, match="trained on arrays"):
        bare.add(1, 2)
    with pytest.raises(ValueError, match="bits: got 1, expected at least 2"):
        fastrnn.verify(right, bits=1)


def test_a_width_that_nobody_asked_for_is_no_work_without_end(wrong):
    forged = Model(wrong.cell, wrong.weights, Addition(bits=1_000_000))
    with pytest.raises(
        ValueError,
        match=r"^bits: the model's task has 1,000,000, and 65,536 samples of this width take 6.6e\+10 steps; ",
    ):
        fastrnn.verify(forged)
    # Whoever asks for it, or for less, gets it.
    assert fastrnn.verify(forged, bits=8).samples == 16_384
    assert (
        fastrnn.verify(Model(wrong.cell, wrong.weights, Addition(bits=20_000)), samples=64, whole=False).bits == 20_000
    )
