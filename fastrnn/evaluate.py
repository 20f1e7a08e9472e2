"""Compares a network with the right answers, on batches of operands of any width, segment by segment in time.

The truth is the task's own boolean algebra on words, which the tests hold against Python's int. What is held in
memory is the operands of one batch and one piece of everything else.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastrnn import streams
from fastrnn.bits.label import STATE_WORDS, label_words
from fastrnn.bits.planes import Digits, answers_of, counting, from_words, packed_bits, unpacked_bits

# Steps of time in one piece, a multiple of 8; words of 64 samples in one batch, and the bits that a piece may hold.
PIECE_STEPS = 1 << 13
BATCH_WORDS, PIECE_BITS = 4096, 1 << 26
# Wrong samples that are shown.
MOST_MISTAKES = 5


class Batch(NamedTuple):
    """`samples` samples of one family; planes(start, stop): bit planes of these steps, start a multiple of
    PIECE_STEPS."""

    family: str
    samples: int
    planes: object


@dataclass
class Tally:
    """The number of samples, and of those with a wrong bit; the number of bits, and of wrong ones; the smallest
    |logit|."""

    samples: int = 0
    wrong: int = 0
    bits: int = 0
    wrong_bits: int = 0
    margin: float = float("inf")

    def add(self, other):
        """Add another Tally's counts."""
        self.samples, self.wrong = self.samples + other.samples, self.wrong + other.wrong
        self.bits, self.wrong_bits = self.bits + other.bits, self.wrong_bits + other.wrong_bits
        self.margin = min(self.margin, other.margin)

    @property
    def exact_accuracy(self):
        """The share of samples without a wrong bit."""
        return 1 - self.wrong / self.samples

    @property
    def bit_accuracy(self):
        """The share of right bits."""
        return 1 - self.wrong_bits / self.bits


def every_batch(task):
    """Yield batches of all operands that the task can have."""
    count, words = 2 ** (task.free_bits * task.input_size), _words(task)
    for first in range(0, -(-count // 64), words):
        planes = counting(first, min(words, -(-count // 64) - first), task.bits, task.free_bits, task.input_size)
        yield Batch(
            "all", min(64 * words, count - 64 * first), lambda start, stop, planes=planes: planes[:, start:stop]
        )


def hard_batches(task):
    """Yield batches of the task's hard cases, family after family."""
    hard, most = task.hard_cases(), 64 * _words(task)
    for name in dict.fromkeys(name for name, _ in hard):
        cases = [operands for family, operands in hard if family == name]
        for first in range(0, len(cases), most):
            part = cases[first : first + most]
            yield Batch(name, len(part), Digits.of(part, task.bits).planes)


def random_batches(task, samples, seed):
    """Yield batches of `samples` uniformly random operands; the bits of each depend only on the seed and the batch's
    number."""
    most = 64 * _words(task)
    for number, first in enumerate(range(0, samples, most)):
        count = min(most, samples - first)

        def planes(start, stop, number=number, count=count):
            key, counter = [seed, streams.OPERAND_STREAM], [0, 0, start, number]
            rng = np.random.Generator(np.random.Philox(key=key, counter=counter))
            drawn = rng.integers(0, 2**64, (-(-count // 64), stop - start, task.input_size), np.uint64)
            drawn[:, max(0, task.free_bits - start) :] = 0
            return drawn

        yield Batch("random", count, planes)


def evaluate(model, task, batch, mistakes=None, threads=None, progress=None):
    """Return the Tally of a Model on one Batch, in pieces of time; mistakes: a list to which (operands, answer, truth)
    of wrong samples are added, as long as it has fewer than MOST_MISTAKES, or None.

    progress(share): called with the share of the batch that is done.
    """
    tally, ever = Tally(batch.samples), np.zeros(-(-batch.samples // 64), np.uint64)
    counts = packed_bits(np.ones(batch.samples, np.uint8))
    for start, stop, _, given, truth, margins in _run(model, task, batch, threads, progress):
        differing = (given ^ truth) & counts[:, None, None]
        differing[:, : _silent(task, start, stop)] = 0
        ever |= np.bitwise_or.reduce(differing, axis=(1, 2))
        tally.wrong_bits += int(np.bitwise_count(differing).sum())
    tally.bits = batch.samples * task.output_size * (task.bits - _silent(task, 0, task.bits))
    tally.wrong, tally.margin = int(np.bitwise_count(ever).sum()), float(margins.min())
    if mistakes is not None and tally.wrong and len(mistakes) < MOST_MISTAKES:
        wrong = np.flatnonzero(unpacked_bits(ever, batch.samples))[: MOST_MISTAKES - len(mistakes)]
        mistakes += _shown(model, task, batch, wrong, threads)
    return tally


def tallies_of(model, task, batches, mistakes=None, threads=None, progress=None, whole=True):
    """Return {family: Tally} of a Model on Batches; arguments as for `evaluate`.

    progress(done): called with the number of samples that are done; whole: False: stop after the first batch with a
    wrong sample.
    """
    tallies, done = {}, 0
    for batch in batches:
        tell = progress and (lambda share, done=done, batch=batch: progress(done + share * batch.samples))
        tally = evaluate(model, task, batch, mistakes, threads, tell)
        tallies.setdefault(batch.family, Tally()).add(tally)
        done += batch.samples
        if tally.wrong and not whole:
            break
    return tallies


def total_of(tallies):
    """Return the sum of Tallies."""
    total = Tally()
    for each in tallies:
        total.add(each)
    return total


def _run(model, task, batch, threads, progress=None):
    """Yield (start, stop, planes, outputs, right outputs, margins so far) of each piece of time."""
    stream = model.stream(batch.samples, threads)
    state = np.zeros((-(-batch.samples // 64), STATE_WORDS), np.uint64)
    for start in range(0, task.bits, PIECE_STEPS):
        stop = min(task.bits, start + PIECE_STEPS)
        words = batch.planes(start, stop)
        truth = label_words(task, words, state)
        tell = progress and (
            lambda share, start=start, stop=stop: progress((start + share * (stop - start)) / task.bits)
        )
        yield start, stop, words, stream.run(words, _silent(task, start, stop), tell), truth, stream.margins


def _silent(task, start, stop):
    """Return how many of the steps start to stop - 1 have outputs that do not count."""
    return min(stop, task.bits - 1) - start if task.last_only else 0


def _shown(model, task, batch, samples, threads):
    """Return [(operands, answer, truth)] of a few samples; this runs the batch once more."""
    pieces = [[_picked(planes, samples) for planes in (words, given, truth)]
              for _, _, words, given, truth, _ in _run(model, task, batch, threads)]
    words, given, truth = (np.concatenate(columns, axis=1) for columns in zip(*pieces))
    operands = zip(*(from_words(words[:, :, i], len(samples)) for i in range(task.input_size)))
    return list(zip(operands, *(answers_of(task, planes, len(samples)) for planes in (given, truth))))


def _picked(planes, samples):
    """Return planes (1, T, C) of a few samples of planes (W, T, C)."""
    return packed_bits(planes[samples // 64] >> (samples % 64).astype(np.uint64)[:, None, None] & np.uint64(1))


def _words(task):
    return max(1, min(BATCH_WORDS, PIECE_BITS // (64 * min(task.bits, PIECE_STEPS) * (task.input_size + 1))))
