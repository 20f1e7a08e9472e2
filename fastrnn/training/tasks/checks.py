"""When a network in training is tested on all of its own data, and whether it is right there.

A check may cost more than the training before it. Therefore it waits for a number of samples without a mistake, which
doubles after each failed check, and for a number of samples trained on, in proportion to the sequences tested so far.
Only updates are counted, so that the result does not depend on measured time.
"""

import numpy as np

# Samples trained on for each sequence looked at. One run forward costs about a third of one trained on: at most a
# tenth of the time goes into checks.
CHECK_SHARE = 4
# Sequences in the first and in the largest piece of a check.
FIRST_PIECE, LARGEST_PIECE = 64, 1 << 13
# Sequences that are run side by side, for as many steps as the longest of them has.
SAME_LENGTH = 64
# The count of samples without a mistake stays exact in float32 up to twice as many updates.
MOST_UPDATES = 1 << 23


class Checks:
    """The tests of one network on `rows` sequences; failed: the number of failed tests; looked_at: sequences tested so
    far."""

    def __init__(self, rows, config, failed=0, looked_at=0):
        self.rows, self.config, self.failed, self.looked_at = rows, config, failed, looked_at

    @property
    def patience(self):
        """Samples without a mistake before the next test; 0: no test is made."""
        return min(self.config.verify_after << min(self.failed, 64), MOST_UPDATES * self.config.batch_size)

    @property
    def first_step(self):
        """The number of updates before the next test, however few mistakes there are."""
        return -(-CHECK_SHARE * (self.looked_at + self.rows) // self.config.batch_size)

    def ahead(self, step, limit):
        """Return (samples without a mistake, updates in all) of which either leads to the next test, after `step`
        updates; at most `limit` updates."""
        return (0, min(self.first_step, limit)) if step < self.first_step else (self.patience, limit)

    def passes(self, model, arrays, threads=None, progress=None):
        """Return whether a Model is right on the Arrays; if not, the next test is postponed."""
        wrong = first_wrong(model, arrays, threads, progress)
        if wrong is None:
            return True
        self.failed, self.looked_at = self.failed + 1, self.looked_at + wrong + 1
        return False

    def saved(self):
        """Return plain values: the arguments of a Checks that continues from here."""
        return {"failed": self.failed, "looked_at": self.looked_at}


def first_wrong(model, arrays, threads=None, progress=None):
    """Return the number of the first sequence of Arrays in which a Model has a wrong output at a step that counts, or
    None.

    progress(share of a piece): called now and then; what it raises ends this.
    """
    start, size = 0, FIRST_PIECE
    while start < len(arrays.x):
        wrong = _wrong_of(model, *(array[start : start + size] for array in arrays[:4]), threads, progress)
        if len(wrong):
            return start + int(wrong.min())
        start, size = start + size, min(2 * size, LARGEST_PIECE)
    return None


def _wrong_of(model, x, y, mask, lengths, threads, progress):
    """Return the numbers of a piece's sequences that have a wrong output; those of similar length are run side by side.
    """
    order, wrong = np.argsort(lengths, kind="stable"), []
    for first in range(0, len(x), SAME_LENGTH):
        rows = order[first : first + SAME_LENGTH]
        steps = max(1, lengths[rows[-1]])
        right = (model.logits(x[rows, :steps], threads, progress) > 0) == (y[rows, :steps] > 0.5)
        wrong.append(rows[(~right.all(2) & (mask[rows, :steps] > 0)).any(1)])
    return np.concatenate(wrong)
