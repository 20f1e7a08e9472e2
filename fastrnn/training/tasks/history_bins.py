"""From one row of statistics per update to a history of bounded length; of many models the kernels do the same."""

import numpy as np

from fastrnn.training.tasks.run import history_of

# Samples in one entry of the history, until there are too many entries.
BIN_SAMPLES = 256
MOST_STRETCHES = 4096


def bin_updates(batch_size):
    """Return the updates of one entry of the history, until there are too many entries."""
    return max(1, BIN_SAMPLES // batch_size)


class HistoryBins:
    """Sums statistics over stretches of updates; when there are too many stretches, neighbours are joined.

    The result depends on the updates alone, not on how they were divided into calls.
    """

    def __init__(self, batch_size, saved=None):
        self.batch_size = batch_size
        self.length = saved["length"] if saved else bin_updates(batch_size)
        # One row per stretch: updates, loss, counted outputs, wrong ones, samples with a wrong one, seconds at its end.
        self.rows = [list(row) for row in saved["rows"]] if saved else []
        self._before = self.length, list(self.rows)

    def add(self, statistics, seconds):
        """Add statistics (updates, 4), as the kernels give them; seconds (updates): the time at the end of each."""
        if len(statistics) == 0:
            return
        self._add(statistics[:-1], seconds[:-1])
        self._before = self.length, list(self.rows)
        self._add(statistics[-1:], seconds[-1:])

    def drop_last(self):
        """Forget the last update that was added; not twice in a row."""
        self.length, self.rows = self._before

    def _add(self, statistics, seconds):
        # A loop over updates in Python took longer than the online kernel; accumulate adds in the same order.
        first = 0
        while first < len(statistics):
            left, open_row = len(statistics) - first, self.rows and self.rows[-1][0] < self.length
            if not open_row and len(self.rows) >= MOST_STRETCHES:
                self._join()
                continue
            updates, *sums = self.rows.pop()[:5] if open_row else (0, 0.0, 0.0, 0.0, 0.0)
            count = min(self.length - updates, left)
            stretches = 1 if open_row else max(1, min(left // self.length, MOST_STRETCHES - len(self.rows)))
            end = first + stretches * count
            block = statistics[first:end].reshape(stretches, count, 4)
            block = np.concatenate([np.broadcast_to(sums, (stretches, 1, 4)), block], axis=1)
            totals = np.add.accumulate(block, axis=1)[:, -1]
            self.rows += [[updates + count, *total, second]
                          for total, second in zip(totals.tolist(), seconds[first + count - 1 : end : count].tolist())]
            first = end

    def _join(self):
        joined = []
        for a, b in zip(self.rows[::2], self.rows[1::2]):
            joined.append([x + y for x, y in zip(a[:5], b[:5])] + [b[5]])
        self.rows = joined + self.rows[len(joined) * 2 :]
        self.length *= 2

    def saved(self):
        """Return plain values, from which another object continues."""
        return {"length": self.length, "rows": [list(row) for row in self.rows]}

    def history(self):
        table = np.array(self.rows, float).reshape(-1, 6)
        return history_of(table[:, 0], table[:, 1:5], table[:, 5], self.batch_size)
