"""Python's share of the time of `train_many`: `python -m bench.share [MODELS [THREADS]]`, for 2, 8 and 16 units.

Addition of 8 bits, one sample an update. Times are those of the processor, of all threads together: in calls of the
kernels, and in all that a thread does from its first model to its last.
"""

import sys
import time

import fastrnn
from fastrnn.training.tasks import group, many_driver

HIDDEN = (2, 8, 16)


class Timed:
    """A function that adds up the time its calls take in this thread."""

    def __init__(self, function):
        self.function, self.seconds, self.calls = function, 0.0, 0

    def __call__(self, *arguments):
        began = time.thread_time()
        try:
            return self.function(*arguments)
        finally:
            self.seconds, self.calls = self.seconds + time.thread_time() - began, self.calls + 1


def measured(hidden, models, threads):
    """Return (seconds of all threads, seconds in kernels, calls of kernels)."""
    options = {"optimizer": "sgd", "batch_size": 1, "threads": threads, "max_samples": 100_000}
    cell = fastrnn.Elman(hidden)
    # Kernels are ready, and every thread has started once.
    fastrnn.train_many(cell, seeds=range(64 * threads), **options)
    kernels, own = Timed(group.run_models), Timed(many_driver.ManyTraining._work)
    group.run_models, many_driver.ManyTraining._work = kernels, lambda *arguments: own(*arguments)
    try:
        fastrnn.train_many(cell, seeds=range(models), **options)
    finally:
        group.run_models, many_driver.ManyTraining._work = kernels.function, own.function
    return own.seconds, kernels.seconds, kernels.calls


def main(models=2000, threads=2):
    print(f"{models} models, {threads} threads\nunits  seconds  calls  ms per call  Python")
    for hidden in HIDDEN:
        whole, kernels, calls = measured(hidden, models, threads)
        print(f"{hidden:5}{whole:9.2f}{calls:7}{1000 * kernels / calls:11.1f}{1 - kernels / whole:8.2%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
