"""What is known about each of many models in training, and the tables of it in a checkpoint."""

import numpy as np

from fastrnn.train.many_run import Entry

REASONS = ("exact", "samples", "diverged")
# Columns of the tables of finished models.
FINISHED_COLUMNS = ("model", "stopped", "exact", "steps", "samples_to_exact", "rows", "length")
FINISHED_NUMBERS = ("loss", "exact_accuracy", "began", "ended")


class ModelResults:
    """Arrays with one value for each of `count` models, as in a ManyRun, of those that ended: `finished`, `done` many.

    width: weights of a model; began: seconds of training before its first update.
    """

    def __init__(self, count, width, dtype, batch_size):
        self.batch_size, self.done = batch_size, 0
        self.stopped, self.entries = ["interrupted"] * count, [None] * count
        self.weights = np.empty((count, width), dtype)
        self.exact, self.finished = np.zeros(count, bool), np.zeros(count, bool)
        self.steps, self.samples_to_exact = np.zeros(count, np.int64), np.full(count, -1, np.int64)
        self.loss, self.exact_accuracy = np.full(count, np.nan), np.full(count, np.nan)
        self.began = np.zeros(count)

    def begin(self, model, seconds, samples_to_exact=None):
        """A model is in training, since `seconds`; samples_to_exact: where a checkpoint held it."""
        self.began[model] = seconds
        if samples_to_exact is not None:
            self.samples_to_exact[model] = samples_to_exact

    def found_exact(self, model, steps):
        """A model was found right after these updates."""
        if self.samples_to_exact[model] < 0:
            self.samples_to_exact[model] = steps * self.batch_size

    def end(self, model, taken, stopped, exact, seconds):
        """A model ended, with the Taken content of its lane."""
        self.weights[model], self.steps[model] = taken.weights, taken.steps
        self.stopped[model], self.exact[model] = stopped, exact
        self.entries[model] = Entry(taken.history, taken.length, taken.steps, self.began[model], seconds)
        if len(taken.history):
            whole = len(taken.history) > 1 and taken.steps % taken.length > 0
            last = taken.history[-1 - whole :].sum(0)
            samples = (taken.steps - taken.length * (len(taken.history) - 1 - whole)) * self.batch_size
            self.loss[model], self.exact_accuracy[model] = last[0] / samples, 1 - last[3] / samples
        self.finished[model] = stopped != "interrupted"
        self.done += 1

    def end_unbegun(self, initial):
        """Models that never began keep the weights that initial(model) gives."""
        for model, entry in enumerate(self.entries):
            if entry is None:
                self.weights[model] = initial(model)
                self.entries[model] = Entry(np.zeros((0, 4)), 1, 0, 0.0, 0.0)

    def arrays(self):
        """{name: array} of the finished models, from which `restore` continues."""
        done = np.flatnonzero(self.finished)
        entries = [self.entries[model] for model in done]
        ends = (REASONS.index(self.stopped[model]) for model in done)
        rows, lengths = (len(entry.history) for entry in entries), (entry.length for entry in entries)
        counts = zip(done, ends, self.exact[done], self.steps[done], self.samples_to_exact[done], rows, lengths)
        times = ((entry.began, entry.ended) for entry in entries)
        numbers = zip(self.loss[done], self.exact_accuracy[done], *zip(*times))
        return {
            "finished": tabulated(counts, len(FINISHED_COLUMNS), np.int64),
            "finished.numbers": tabulated(numbers, len(FINISHED_NUMBERS), np.float64),
            "finished.weights": self.weights[done],
            "finished.history": stacked(entry.history for entry in entries),
        }

    def restore(self, arrays):
        """Continue from `arrays`. Raises ValueError for reasons to stop that are none."""
        finished, numbers = arrays["finished"], arrays["finished.numbers"]
        if len(finished) and not 0 <= finished[:, 1].min() <= finished[:, 1].max() < len(REASONS):
            raise ValueError(f"finished: expected reasons from 0 to {len(REASONS) - 1}")
        done = finished[:, 0]
        self.finished[done], self.weights[done] = True, arrays["finished.weights"]
        self.exact[done], self.steps[done], self.samples_to_exact[done] = finished[:, 2:5].T
        self.loss[done], self.exact_accuracy[done] = numbers[:, :2].T
        histories = parts(arrays["finished.history"], finished[:, FINISHED_COLUMNS.index("rows")])
        for row, (_, _, began, ended), history in zip(finished.tolist(), numbers.tolist(), histories):
            self.stopped[row[0]] = REASONS[row[1]]
            self.entries[row[0]] = Entry(history, row[6], row[3], began, ended)
        self.done = len(done)


def tabulated(rows, columns, dtype):
    """Rows as an array, also where there are none."""
    return np.array([tuple(row) for row in rows], dtype).reshape(-1, columns)


def stacked(histories):
    """Histories (entries, 4), one after the other."""
    return np.concatenate([np.zeros((0, 4)), *histories])


def parts(rows, counts):
    """The arrays of counts[i] rows that were stacked."""
    return np.split(rows, np.cumsum(counts)[:-1]) if len(counts) else []
