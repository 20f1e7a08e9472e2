"""The base of all sessions of training: calls of the kernels, weights by name, and the state from which they continue.
"""

import time

import numpy as np

from fastrnn.bits.stream import flops_of_step
from fastrnn.kernels.batches import DIVERGED, RAN
from fastrnn.kernels.workspace import GOES_ON
from fastrnn.schedules import rates
from fastrnn.thread_choice import ThreadChoice
from fastrnn.training.tasks.engine import optimizer_of, options_of, running_at, slots_named, terms_of


class BaseSession:
    """One network in training on `source` (a task's kernel, or Arrays) with sequences of `steps` steps.

    net: its Network; places: {name: places} of the weights; threads: at most this many.
    What derives from it makes programs and arrays: {name: array}, of which slots (K, R) and running (K') belong to an
    update; theta: the present weights (R,); counter (1,): samples since the last mistake; and has _call(threads,
    patience, rates, history, stop), which returns the number of threads that worked, updates made, and why
    the kernel stopped, and _gradient(statistics), which returns the gradient (R,).
    """

    def __init__(self, net, places, cell, source, steps, config, threads=1):
        self.net, self.places, self.source, self.steps, self.config = net, places, source, steps, config
        self.dtype, self.flops = np.dtype(config.dtype), flops_of_step(net.sizes, len(net.step.pre))
        self.optimizer = optimizer_of(config)
        self.terms = terms_of(net, cell, config, steps, [options_of(config, self.optimizer)])
        self.threads, self.choice = threads, ThreadChoice(threads)
        self.step = self.first_step = 0

    def run(self, updates, patience=0, stop=GOES_ON):
        """Make updates; return (statistics of the updates made (n, 4), why the kernel stopped).

        patience: samples without a mistake after which it stops, 0: never; stop (1), int64: once it is not 0, the call
        ends within one block of samples, without the update that it began.
        DIVERGED takes the last update back: self.step may be one less than before the call.
        """
        config, history, made = self.config, np.zeros((updates, 4)), 0
        steps = rates(config.schedule, config.rate, self.step, updates, config.updates)
        while True:
            threads, count = self.choice.next(updates - made)
            part = slice(made, made + count)
            began = time.perf_counter()
            threads, more, why = self._call(threads, patience, steps[part], history[part], stop)
            self.choice.measured(threads, more, time.perf_counter() - began)
            if why == DIVERGED:
                # The weights before the last update came with a finite loss, those after it did not or are not finite.
                # That update may have been the last one of the call before.
                more = max(more - 1, self.first_step - self.step)
            self.step, made = self.step + more, made + more
            if why != RAN or made == updates:
                return history[: max(made, 0)], why

    def gradient(self):
        """Return (gradients by name, statistics (4)) of the batch of the present step, without an update."""
        row = np.zeros(4)
        return self._named(self._gradient(row)), row

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
            for slot, rows in zip(slots_named(self.optimizer), self.arrays["slots"])
            for name, array in self._named(rows.reshape(-1)).items()
        }
        running = self.arrays["running"].reshape(-1)[: len(self.optimizer.running)].tolist()
        return arrays, {"step": self.step, "clean": self.clean_samples, "bits": self.steps, "running": running}

    def restore(self, arrays, numbers):
        """Continue from the result of `state`; the weights are arguments of the constructor."""
        running = numbers.get("running")
        running = running_at(self.optimizer, self.config, numbers["step"]) if running is None else running
        for slot, rows in zip(slots_named(self.optimizer), self.arrays["slots"]):
            for name, places in self.places.items():
                rows.reshape(-1)[places] = arrays[f"{slot}.{name}"]
        self.arrays["running"].reshape(-1)[: len(running)] = running
        self.step = self.first_step = numbers["step"]
        self.clean(numbers["clean"])


def nothing():
    """Do nothing: the default of a function that is called while waiting."""
