"""From one row of statistics an update to a history of bounded length."""

import numpy as np

from fastrnn.train.run import History

# Samples in one entry of the history, until there are too many entries.
STRETCH_SAMPLES = 256
MOST = 4096


class Stretches:
    """Sums statistics over stretches of updates; when there are too many, neighbours are joined.

    What comes out depends on the updates alone, not on how they were cut into calls.
    """

    def __init__(self, batch_size, saved=None):
        self.batch_size = batch_size
        self.length = saved["length"] if saved else max(1, STRETCH_SAMPLES // batch_size)
        # One row a stretch: updates, loss, outputs asked for, wrong ones, samples with a wrong one, seconds at its end.
        self.rows = [list(row) for row in saved["rows"]] if saved else []

    def add(self, statistics, seconds):
        """statistics (updates, 4), as the kernels give them; seconds (updates): since the start, at each one's end."""
        for row, second in zip(statistics.tolist(), seconds.tolist()):
            if not self.rows or self.rows[-1][0] >= self.length:
                if len(self.rows) >= MOST:
                    self._join()
                if not self.rows or self.rows[-1][0] >= self.length:
                    self.rows.append([0, 0.0, 0.0, 0.0, 0.0, 0.0])
            last = self.rows[-1]
            last[0] += 1
            for column, value in enumerate(row):
                last[column + 1] += value
            last[5] = second

    def _join(self):
        joined = []
        for a, b in zip(self.rows[::2], self.rows[1::2]):
            joined.append([x + y for x, y in zip(a[:5], b[:5])] + [b[5]])
        self.rows = joined + self.rows[len(joined) * 2 :]
        self.length *= 2

    def saved(self):
        """Plain values, from which another object goes on."""
        return {"length": self.length, "rows": [list(row) for row in self.rows]}

    def history(self):
        table = np.array(self.rows, float).reshape(-1, 6)
        updates = table[:, 0]
        samples = updates * self.batch_size
        steps = np.cumsum(updates).astype(np.int64)
        return History(steps, steps * self.batch_size, table[:, 1] / samples, 1 - table[:, 3] / np.maximum(table[:, 2], 1),
                       1 - table[:, 4] / samples, table[:, 5])
