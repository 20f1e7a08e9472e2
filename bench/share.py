"""Python's share of the time of `train_many`.

    python -m bench.share tasks     Elman networks of 2, 8 and 16 units on addition of 8 bits, one sample an update
    python -m bench.share fits      GRUs of 1 and 4 units on 96 sequences of 60 steps: all on the same ones, also with a
                                    schedule, each on those of one of 8 subjects, or each in folds of its own, all at
                                    once or in batches; 4 evaluations or more, at most 10 epochs apart. Folds have no
                                    sequences to validate: their models do not stop by --patience

Each takes a minute or two on two cores. Larger networks and long trainings, where Python's share is smaller, take some
ten minutes:

    python -m bench.share fits --sizes 1,4,16 --epochs 256

Times are those of the processor, of all threads together: in compiled code, in all that a thread does from its first
model to its last, and before and after that. Shares are of the time in compiled code.
"""

import time

import numpy as np

import fastrnn
from bench.arguments import parser_for
from bench.fits import table
from bench.threads import choices
from fastrnn.machine.execute import Program
from fastrnn.training.sequences import fitting
from fastrnn.training.sequences.fitting import Fitting
from fastrnn.training.tasks import many_driver

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


def tasks(sizes, models, threads, **_):
    """Return {row: seconds of `measured`}."""
    options = {"optimizer": "sgd", "batch_size": 1, "threads": threads, "max_samples": 100_000}
    places = [(Program, "run")], (many_driver.ManyTraining, "_work"), (many_driver, "on_threads")
    found = {}
    for hidden in sizes:
        cell = fastrnn.Elman(hidden)
        # Kernels are ready, and every thread has started once.
        fastrnn.train_many(cell, seeds=range(64 * threads), **options)
        found[f"Elman({hidden})"] = measured(
            lambda: fastrnn.train_many(cell, seeds=range(models), **options), *places
        )
    return found


def fits(sizes, models, threads, epochs, patience):
    """Return {row: seconds of `measured`}."""
    data = choices(SEQUENCES, groups={"subject": np.arange(SEQUENCES) % SUBJECTS})
    folds = np.tile(fastrnn.data.folds(data, FOLDS, None), (models // FOLDS, 1))
    kinds = {"the same sequences": {}, "with a schedule": {"schedule": "cosine"}, "a subject's": {"each": "subject"},
             "folds": {"roles": folds}, "folds in batches": {"roles": folds, "batch_size": 24}}
    places = [(Program, "run"), (Program, "run_all")], (Fitting, "_work"), (fitting, "on_threads")
    found = {}
    for hidden in sizes:
        for kind, options in kinds.items():
            count = len(folds) if "roles" in options else models // SUBJECTS * SUBJECTS
            options |= {"evaluate_every": min(10, max(1, epochs // 4)), "threads": threads, "patience": patience}

            def train(epochs=epochs):
                fastrnn.train_many(fastrnn.GRU(hidden), data, seeds=range(count), epochs=epochs, **options)

            train(1)
            found[f"GRU({hidden}), {kind}"] = measured(train, *places)
    return found


def main():
    parser = parser_for("share", __doc__)
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--sizes", help="hidden sizes (default: 2,8,16 of tasks, 1,4 of fits)")
    parser.add_argument("--models", type=int, default=2000, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=32, help="of fits (default: %(default)s)")
    parser.add_argument("--patience", type=int, default=20, help="of fits, in evaluations (default: %(default)s)")
    chosen = vars(parser.parse_args())
    measure, sizes = SECTIONS[chosen.pop("section")]
    chosen["sizes"] = [int(size) for size in (chosen["sizes"] or sizes).split(",")]
    print(", ".join(f"{name} {value}" for name, value in chosen.items()))
    rows = []
    for name, (kernels, calls, *python) in measure(**chosen).items():
        shares = [f"{seconds / kernels:.2%}" for seconds in (*python, sum(python))]
        rows.append([name, f"{kernels:.2f}", f"{1000 * kernels / calls:.1f}", *shares])
    table(["", "seconds", "ms per call", "Python before", "in threads", "after", "in all"], rows)


SECTIONS = {"tasks": (tasks, "2,8,16"), "fits": (fits, "1,4")}

if __name__ == "__main__":
    main()
