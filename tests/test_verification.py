"""`verify` and `Model.add` against Python's int."""

import itertools

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, Model
from fastrnn.tasks import Addition
from fastrnn.tasks.planes import counting, from_words, to_words


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
        assert result.exact and result.exhaustive and result.samples == samples and result.families == {"all": (samples, 0)}
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
