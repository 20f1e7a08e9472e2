"""Is a network right? Every pair of operands where that is feasible, else random and hard ones.

The truth is the task's own boolean algebra on words, which the tests hold against Python's int.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from fastrnn.tasks.base import label_words
from fastrnn.tasks.planes import answers_of, counting, from_words, sample_bits, to_words

# Operands with so many free bits together are tried in every combination: 16.7 million samples.
EXHAUSTIVE_BITS = 24

# Words of 64 samples in one piece, and the bits a piece may hold: bounds memory at any width.
PIECE_WORDS, PIECE_BITS = 4096, 1 << 26

# Wrong answers that are kept to be shown.
KEPT = 5


@dataclass
class Verification:
    """What `verify` found: `exact`, and the counts behind it.

    samples and wrong: how many were tried and how many had a wrong bit; exhaustive: whether these were
    all; families: {name: (samples, wrong)}; mistakes: the first (operands, answer, truth); margin: the
    smallest |logit|; seconds: the time it took.
    """

    bits: int
    exhaustive: bool
    samples: int = 0
    wrong: int = 0
    families: dict = field(default_factory=dict)
    mistakes: list = field(default_factory=list)
    margin: float = float("inf")
    seconds: float = 0.0

    @property
    def exact(self):
        return self.wrong == 0


def verify(model, bits=None, samples=65536, seed=0, threads=None, progress=None):
    """Run the model on its task at a width of `bits` (default: the width it was trained at).

    All operands where they have at most 24 free bits together (8 bits: 16,384 pairs; 13 bits: 16.7
    million), else the task's hard cases and `samples` random ones. progress(done, total) is called now and
    then. Returns a Verification. Raises ValueError for a model without a task or an impossible width.
    """
    if model.task is None:
        raise ValueError("verify: this model was trained on arrays, so there is no task to hold it against")
    task = model.task.at(bits) if bits is not None else model.task
    started = time.perf_counter()
    result = Verification(task.bits, task.free_bits * task.input_size <= EXHAUSTIVE_BITS)
    pieces = _all(task) if result.exhaustive else _sampled(task, samples, seed)
    total = 2 ** (task.free_bits * task.input_size) if result.exhaustive else samples + len(task.hard_cases())
    for family, words, count in pieces:
        _check(model, task, family, words, count, threads, result)
        if progress:
            progress(result.samples, total)
    result.seconds = time.perf_counter() - started
    return result


def is_exact(model):
    """Whether `verify` finds no mistake, on one thread."""
    return verify(model, threads=1).exact


def warm_up(model):
    """Compile what `verify` will call, or load it from the cache."""
    _check(model, model.task, "all", np.zeros((1, model.task.bits, model.input_size), np.uint64), 1, 1, Verification(1, False))


def _piece(task):
    return max(1, min(PIECE_WORDS, PIECE_BITS // (64 * task.bits * (task.input_size + 1))))


def _all(task):
    count = 2 ** (task.free_bits * task.input_size)
    for first in range(0, -(-count // 64), _piece(task)):
        words = min(_piece(task), -(-count // 64) - first)
        planes = counting(first, words, task.bits, task.free_bits, task.input_size)
        yield "all", planes, min(64 * words, count - 64 * first)


def _sampled(task, samples, seed):
    hard = task.hard_cases()
    names = list(dict.fromkeys(name for name, _ in hard))
    for name in names:
        cases = [operands for family, operands in hard if family == name]
        for first in range(0, len(cases), 64 * _piece(task)):
            part = cases[first : first + 64 * _piece(task)]
            yield name, to_words(part, task.bits), len(part)
    rng = np.random.Generator(np.random.Philox(key=[seed, 3]))
    for first in range(0, samples, 64 * _piece(task)):
        count = min(64 * _piece(task), samples - first)
        planes = rng.integers(0, 2**64, (-(-count // 64), task.bits, task.input_size), np.uint64)
        planes[:, task.free_bits :] = 0
        yield "random", planes, count


def _check(model, task, family, words, count, threads, result):
    """Add one piece to the result."""
    truth = np.zeros((*words.shape[:2], task.output_size), np.uint64)
    label_words(task.kernel, words, truth, np.zeros((len(words), 64), np.uint64))
    answer, margins = model.run_bits(words, count, threads, last_only=task.last_only)
    wrong = sample_bits(np.bitwise_or.reduce((answer ^ truth)[:, task.counted], axis=(1, 2))).reshape(-1)[:count]
    result.samples += count
    result.wrong += int(wrong.sum())
    result.margin = min(result.margin, float(margins.min()))
    before = result.families.get(family, (0, 0))
    result.families[family] = (before[0] + count, before[1] + int(wrong.sum()))
    for index in np.flatnonzero(wrong)[: KEPT - len(result.mistakes)]:
        word = slice(index // 64, index // 64 + 1)
        operands = tuple(_int(words[word, :, i], index % 64) for i in range(task.input_size))
        given, wanted = (answers_of(task, planes[word], 64)[index % 64] for planes in (answer, truth))
        result.mistakes.append((operands, given, wanted))


def _int(planes, sample):
    return from_words(planes, 64)[sample]
