"""Counts of a model in training after each block of samples, in its own lane: sums, samples without a mistake, and
whether a decision is needed.

In float32 sums are pairs of numbers, high + low, so that adding a small number to a large one loses nothing that
float64 would keep; in float64 low stays 0: D. E. Knuth, "The Art of Computer Programming", vol. 2, section 4.2.2,
theorem B.
"""

from typing import NamedTuple


class Statistics(NamedTuple):
    """Sums over a batch, or a stretch of updates, float64: the loss, the outputs that count, the wrong ones, and the
    samples with a wrong one."""

    loss: float
    outputs: float
    wrong: float
    wrong_samples: float


STATISTICS = Statistics._fields
# Rows of `open`: pairs for the loss, wrong outputs, and samples with a wrong output.
SUMS = ("loss", "wrong", "wrong_samples")
# patience, streak (L): samples without a mistake that are enough (infinity for none), and how many there are, below 0
# where the batch has had one.
TALLY_POINTERS = ("open", "patience", "streak")
# samples: in the block; left: in the batch after it; seen: becomes the lanes that somebody must look at, as bits.
TALLY_WORDS = ("samples", "left", "seen")


def tally(m, frame, totals):
    """Add the block's SUMS."""
    zero = m.constant(0.0)
    for n, total in enumerate(totals):
        high, low = 2 * n, 2 * n + 1
        before = m.load(frame.open, high)
        after = before + total
        m.store(frame.open, high, after)
        if str(m.dtype) == "float64":
            continue
        added = after - before
        lost = (before - (after - added)) + (total - added)
        m.store(frame.open, low, m.load(frame.open, low) + lost)
    mistakes, loss = totals[2], m.load(frame.open, 0)
    streak = m.load(frame.streak, 0) + m.from_integer(m.word("samples"))
    streak = m.select(mistakes > 0.0, zero - m.from_integer(m.word("left")), streak)
    m.store(frame.streak, 0, streak)
    # A sum that was infinite or no number once stays so; 0 times it is no number, which is not less than any.
    well = m.fma(loss, zero, streak) < m.load(frame.patience, 0)
    active = m.mask_bits(m.load(frame.active, 0) > 0.0)
    m.set_word("seen", active - m.mask_bits(well).both(active))
