"""The results of many models in training, and their tables in a checkpoint."""

import numpy as np

from fastrnn.kernels.recurrent.tally import Statistics
from fastrnn.training.tasks.many_run import Histories

# Why a model ended; the first two are EXACT and SAMPLES of fastrnn.kernels.model_queue.
REASONS = ("exact", "samples", "diverged", "interrupted")
INTERRUPTED = REASONS.index("interrupted")
# Columns of the tables of finished models.
FINISHED_COLUMNS = ("model", "stopped", "exact", "steps", "samples_to_exact", "rows", "length")
FINISHED_NUMBERS = ("loss", "exact_accuracy", "began", "ended")


class ModelResults:
    """Arrays with one value for each of `count` models, as in a ManyRun; `finished`: which ended; `done`: their number.

    width: weights of a model; reason: its place in REASONS; began, ended: seconds of training before its first update,
    and at its end; first, rows, length: of its history.
    """

    def __init__(self, count, width, dtype, batch_size):
        self.batch_size, self.done = batch_size, 0
        self.weights = np.empty((count, width), dtype)
        self.exact, self.finished = np.zeros(count, bool), np.zeros(count, bool)
        self.reason = np.full(count, INTERRUPTED)
        self.steps, self.first, self.rows = (np.zeros(count, np.int64) for _ in range(3))
        self.samples_to_exact, self.length = np.full(count, -1), np.ones(count, np.int64)
        self.loss, self.exact_accuracy = np.full(count, np.nan), np.full(count, np.nan)
        self.began, self.ended = np.zeros(count), np.zeros(count)
        self._sums, self._rows, self._ended = [np.zeros((0, 4))], 0, []

    def begin(self, model, seconds, samples_to_exact):
        """Record that a model is in training, since `seconds`, as a checkpoint says."""
        self.began[model], self.samples_to_exact[model] = seconds, samples_to_exact

    def found_exact(self, model, steps):
        """Record that a model was found right after these updates."""
        if self.samples_to_exact[model] < 0:
            self.samples_to_exact[model] = steps * self.batch_size

    def end(self, model, state, stopped, exact, seconds):
        """Record that a model ended in a lane with this LaneState."""
        self.weights[model], history, counts = state.vectors[0], state.whole_history(), state.counts
        row = model, REASONS.index(stopped), exact, counts.step, len(history), counts.length
        self.end_all(np.array([row]), history, seconds)

    def end_all(self, table, history, seconds):
        """Record models that ended, whose weights are already stored: table and history as an Ended of
        fastrnn.kernels.model_queue."""
        self._ended.append((table, history, seconds))
        self.done += len(table)

    def absorb(self):
        """Move the records of `end_all` into the arrays, many calls at once, since each costs Python time."""
        ended, self._ended = self._ended, []
        if not ended:
            return self
        tables, histories, seconds = zip(*ended)
        model, reason, exact, steps, rows, length = np.concatenate(tables).T
        self.reason[model], self.exact[model], self.steps[model] = reason, exact, steps
        self.ended[model] = np.repeat(seconds, [len(table) for table in tables])
        self._take(model, rows, length, np.concatenate(histories))
        self._summarise(model[rows > 0])
        self.finished[model] = reason != INTERRUPTED
        return self

    def _take(self, model, rows, length, history):
        """Store histories that lie one after the other."""
        self.first[model], self.rows[model] = self._rows + np.cumsum(rows) - rows, rows
        self.length[model] = length
        self._sums.append(history)
        self._rows += len(history)

    def _summarise(self, model):
        """Compute the mean loss and accuracy over the last whole stretch and the updates after it."""
        rows, length, steps, history = self.rows[model], self.length[model], self.steps[model], self._sums[-1]
        last = self.first[model] + rows - 1 - (self._rows - len(history))
        whole = (rows > 1) & (steps % length > 0)
        sums = history[last] + np.where(whole[:, None], history[last - 1], 0)
        samples = (steps - length * (rows - 1 - whole)) * self.batch_size
        found = Statistics(*sums.T)
        self.loss[model], self.exact_accuracy[model] = found.loss / samples, 1 - found.wrong_samples / samples

    def stopped(self):
        """Return the reasons of all models, as words."""
        return [REASONS[reason] for reason in self.reason.tolist()]

    def histories(self):
        """Return the Histories of all models."""
        self._sums = [np.concatenate(self._sums)]
        return Histories(self._sums[0], self.first, self.rows, self.length, self.began, self.ended)

    def arrays(self):
        """Return {name: array} of the finished models, from which `restore` continues."""
        done, histories = np.flatnonzero(self.finished), self.histories()
        counts = (done, *(each[done] for each in (self.reason, self.exact, self.steps, self.samples_to_exact,
                                                  self.rows, self.length)))
        numbers = (each[done] for each in (self.loss, self.exact_accuracy, self.began, self.ended))
        return {
            "finished": np.stack([np.asarray(each, np.int64) for each in counts], 1),
            "finished.numbers": np.stack(list(numbers), 1),
            "finished.weights": self.weights[done],
            "finished.history": stacked(map(histories.of, done)),
        }

    def restore(self, arrays):
        """Continue from `arrays`. Raises ValueError for unknown reasons to stop."""
        finished, numbers = arrays["finished"], arrays["finished.numbers"]
        if len(finished) and not 0 <= finished[:, 1].min() <= finished[:, 1].max() < INTERRUPTED:
            raise ValueError(f"finished: expected reasons from 0 to {INTERRUPTED - 1}")
        done = finished[:, 0]
        self.finished[done], self.weights[done] = True, arrays["finished.weights"]
        self.reason[done], self.exact[done], self.steps[done], self.samples_to_exact[done] = finished[:, 1:5].T
        self.loss[done], self.exact_accuracy[done], self.began[done], self.ended[done] = numbers.T
        self._take(done, finished[:, 5], finished[:, 6], arrays["finished.history"])
        self.done = len(done)


def tabulated(rows, columns, dtype):
    """Return rows as an array, also where there are none."""
    return np.array([tuple(row) for row in rows], dtype).reshape(-1, columns)


def stacked(histories):
    """Return histories (entries, 4), one after the other."""
    return np.concatenate([np.zeros((0, 4)), *histories])


def parts(rows, counts):
    """Split stacked rows into arrays of counts[i] rows; the inverse of `stacked`."""
    return np.split(rows, np.cumsum(counts)[:-1]) if len(counts) else []
