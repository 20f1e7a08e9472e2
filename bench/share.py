"""Python's share of the time of `train_many`: `python -m bench.share [SECTION [MODELS [THREADS [EPOCHS [PATIENCE]]]]]`.

    tasks   Elman networks of 2, 8 and 16 units on addition of 8 bits, one sample an update
    fits    GRUs of 1, 4 and 16 units on 96 sequences of 60 steps: all on the same ones, each on those of one of 8
            subjects, or each in folds of its own; 4 evaluations or more, at most 10 epochs apart. Folds have no
            sequences to validate: their models do not stop by PATIENCE

Times are those of the processor, of all threads together: in compiled code, in all that a thread does from its first
model to its last, and before and after that. Shares are of the time in compiled code.
"""

import sys
import time

import numpy as np

import fastrnn
from bench.fits import table
from bench.threads import choices
from fastrnn.machine.execute import Program
from fastrnn.training.sequences import fitting
from fastrnn.training.sequences.fitting import Fitting
from fastrnn.training.tasks import group, many_driver

SEQUENCES, SUBJECTS, FOLDS = 96, 8, 8


class Timed:
    """A function that adds up the time its calls take in their threads."""

    def __init__(self, function):
        self.function, self.taken = function, []

    def __call__(self, *arguments):
        began = time.thread_time()
        try:
            return self.function(*arguments)
        finally:
            self.taken.append(time.thread_time() - began)

    @property
    def seconds(self):
        return sum(self.taken)


class Moments:
    """A function that remembers when its caller called it, and went on, by the caller's own time."""

    def __init__(self, function):
        self.function, self.began, self.ended = function, None, None

    def __call__(self, *arguments):
        self.began = time.thread_time()
        try:
            return self.function(*arguments)
        finally:
            self.ended = time.thread_time()


def measured(train, compiled, work, threads):
    """Return (seconds in compiled code, calls of it, seconds before, in and after the threads besides) of train().

    compiled, work, threads: (object, name) of functions: compiled ones, what each thread does, and what runs it.
    """
    replaced = [(place, name, Timed(getattr(place, name))) for place, name in (*compiled, work)]
    replaced.append((*threads, Moments(getattr(*threads))))
    for place, name, timed in replaced:
        # As a function it is a method, too.
        setattr(place, name, lambda *arguments, timed=timed: timed(*arguments))
    began = time.thread_time()
    try:
        train()
    finally:
        for place, name, timed in replaced:
            setattr(place, name, timed.function)
    ended = time.thread_time()
    *inner, whole, moments = (timed for _, _, timed in replaced)
    kernels = sum(timed.seconds for timed in inner)
    calls = sum(len(timed.taken) for timed in inner)
    return kernels, calls, moments.began - began, whole.seconds - kernels, ended - moments.ended


def tasks(models, threads, epochs, patience):
    """Return {row: seconds of `measured`}."""
    options = {"optimizer": "sgd", "batch_size": 1, "threads": threads, "max_samples": 100_000}
    places = [(group, "run_models")], (many_driver.ManyTraining, "_work"), (many_driver, "on_threads")
    found = {}
    for hidden in (2, 8, 16):
        cell = fastrnn.Elman(hidden)
        # Kernels are ready, and every thread has started once.
        fastrnn.train_many(cell, seeds=range(64 * threads), **options)
        found[f"Elman({hidden})"] = measured(
            lambda: fastrnn.train_many(cell, seeds=range(models), **options), *places
        )
    return found


def fits(models, threads, epochs, patience):
    """Return {row: seconds of `measured`}."""
    data = choices(SEQUENCES, groups={"subject": np.arange(SEQUENCES) % SUBJECTS})
    folds = np.tile(fastrnn.data.folds(data, FOLDS, None), (models // FOLDS, 1))
    kinds = {"the same sequences": {}, "a subject's": {"each": "subject"}, "folds": {"roles": folds}}
    places = [(Program, "run"), (Program, "run_all")], (Fitting, "_work"), (fitting, "on_threads")
    found = {}
    for hidden in (1, 4, 16):
        for kind, options in kinds.items():
            count = len(folds) if kind == "folds" else models // SUBJECTS * SUBJECTS
            options |= {"evaluate_every": min(10, max(1, epochs // 4)), "threads": threads, "patience": patience}

            def train(epochs=epochs):
                fastrnn.train_many(fastrnn.GRU(hidden), data, seeds=range(count), epochs=epochs, **options)

            train(1)
            found[f"GRU({hidden}), {kind}"] = measured(train, *places)
    return found


def main(section="tasks", models=2000, threads=2, epochs=16, patience=20):
    sections = {"tasks": tasks, "fits": fits}
    if section not in sections:
        sys.exit(f"section: got {section!r}, expected tasks or fits, as in: python -m bench.share tasks 2000 2")
    print(f"{models} models, {threads} threads" + f", {epochs} epochs, patience {patience}" * (section == "fits"))
    found, rows = sections[section](int(models), int(threads), int(epochs), int(patience)), []
    for name, (kernels, calls, *python) in found.items():
        shares = [f"{seconds / kernels:.2%}" for seconds in (*python, sum(python))]
        rows.append([name, f"{kernels:.2f}", f"{1000 * kernels / calls:.1f}", *shares])
    table(["", "seconds", "ms per call", "Python before", "in threads", "after", "in all"], rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
