"""The base of all sessions of training: weights by name, and the state from which they continue."""

import numpy as np

from fastrnn.training.tasks.engine import running_at


class Resumable:
    """Base of sessions.

    places: {name: places} of the weights; arrays: of each thread, {name: array}, of which slots (K, R) and running (K')
    belong to the optimizer; theta: the present weights (R,); counter (1,): samples since the last mistake.
    """

    def _named(self, rows):
        return {name: np.ascontiguousarray(rows[places]) for name, places in self.places.items()}

    def weights(self):
        """The present weights by name."""
        return self._named(self.theta)

    @property
    def clean_samples(self):
        """Samples since the last mistake."""
        return int(self.counter[0])

    def clean(self, samples):
        """Set the count of samples since the last mistake."""
        self.counter[0] = samples

    def state(self):
        """Return ({name: array}, {name: value}), from which `restore` continues to the same bytes."""
        arrays = {
            f"{slot}.{name}": array
            for slot, rows in zip(self.slots, self.arrays[0]["slots"])
            for name, array in self._named(rows.reshape(-1)).items()
        }
        running = self.arrays[0]["running"].reshape(-1)[: len(self.optimizer.running)].tolist()
        return arrays, {"step": self.step, "clean": self.clean_samples, "bits": self.steps, "running": running}

    def restore(self, arrays, numbers):
        """Continue from the result of `state`; the weights are arguments of the constructor."""
        running = numbers.get("running")
        running = running_at(self.optimizer, self.config, numbers["step"]) if running is None else running
        for own in self.arrays:
            for slot, rows in zip(self.slots, own["slots"]):
                for name, places in self.places.items():
                    rows.reshape(-1)[places] = arrays[f"{slot}.{name}"]
            own["running"].reshape(-1)[: len(running)] = running
        self.step = self.first_step = numbers["step"]
        self.clean(numbers["clean"])


def nothing():
    """Do nothing: the default of a function that is called while waiting."""
