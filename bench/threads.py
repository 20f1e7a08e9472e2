"""What more threads bring: `python -m bench.threads [SECTION ...] [--threads 1,2,4]`.

    batches    one network on a task, batches of 64 to 16,384
    models     10,000 networks of 2, 8, 16 and 32 units with `train_many`, on addition, one sample per update, until
               exact or for a number of samples
    fits       GRUs on own sequences: one network whose blocks threads share, and 2,000 networks, and 16, side by side

Every row is the speed on 1 thread, and how many times that on more. The first row is what the machine's peak grows by:
fused multiply-adds in registers on each thread. All rows run in each round; medians over
rounds of the ratios within a round.
"""

import time

import numpy as np

import fastrnn
from bench.arguments import add_sections, parser_for
from bench.fits import table
from bench.fits_ours import Ours
from fastrnn.bench import machine, timing
from fastrnn.bench.engines.ours import Fastrnn
from fastrnn.bench.engines.peak import MultiplyAdd
from fastrnn.bench.workload import Workload, starting_weights
from fastrnn.cores import cores

BATCHES, MODELS = (64, 256, 1024, 4096, 16384), 10_000
# Samples of a model at most, by its number of units: a few seconds on one thread.
SAMPLES = {2: 16384, 8: 16384, 16: 16384, 32: 2048}
FITS = {
    "one GRU(16), all at once": (16, {}),
    "one GRU(64), all at once": (64, {}),
    "one GRU(16), batches of 256": (16, {"batch_size": 256}),
}
SIDE_BY_SIDE, EPOCHS, FEW, LONG = 2000, 16, 16, 400
SECONDS = 0.1


def seconds_of(run, *arguments):
    began = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - began


def repeated(run):
    """Return () -> seconds of one call, from as many calls as take SECONDS."""
    number = timing.calibrate(lambda calls: seconds_of(run, calls), SECONDS)
    return lambda: seconds_of(run, number) / number


def batch(size, threads):
    """Return () -> seconds of an update of one network."""
    work = Workload(batch=size)
    return repeated(Fastrnn(work, threads, starting_weights(work), None, None).run)


def models(hidden, threads):
    """Return () -> seconds of `train_many`."""
    options = {"optimizer": "sgd", "batch_size": 1, "threads": threads, "max_samples": SAMPLES[hidden]}
    cell = fastrnn.Elman(hidden)
    # Kernels are ready, and every thread has started once.
    fastrnn.train_many(cell, seeds=range(64 * threads), **options)
    return lambda: seconds_of(lambda: fastrnn.train_many(cell, seeds=range(MODELS), **options))


def choices(sequences, **options):
    """Return sequences of 60 steps, 3 inputs and 2 classes."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(sequences, 60, 3)), rng.integers(0, 2, (sequences, 60))
    return fastrnn.Sequences(x, y, kind="classes", classes=2, **options)


def fits(threads):
    """Return {row: () -> seconds} on own sequences."""
    data, few = choices(1000), choices(96)
    found = {
        name: repeated(Ours(fastrnn.GRU(hidden), data, "float32", "sequences", threads=threads, **options).run)
        for name, (hidden, options) in FITS.items()
    }

    def many(cell, count, epochs):
        fastrnn.train_many(
            cell, few, seeds=range(count), epochs=epochs, evaluate_every=4, patience=None, threads=threads
        )

    # Kernels are ready, and every thread has started once.
    many(fastrnn.GRU(4), 64 * threads, EPOCHS)
    many(fastrnn.GRU(16), 1, EPOCHS)
    return found | {
        f"{SIDE_BY_SIDE:,} GRU(4), `train_many`": lambda: seconds_of(many, fastrnn.GRU(4), SIDE_BY_SIDE, EPOCHS),
        f"{FEW} GRU(16), `train_many`": lambda: seconds_of(many, fastrnn.GRU(16), FEW, LONG),
    }


def cases(sections, threads):
    """Return {row: () -> seconds} on a number of threads."""
    peak = MultiplyAdd(Workload(), threads, None, None, None)
    found = {"the machine's peak": repeated(peak.run)}
    if "batches" in sections:
        found |= {f"Elman(16), batches of {size:,}": batch(size, threads) for size in BATCHES}
    if "models" in sections:
        found |= {f"{MODELS:,} Elman({hidden}), `train_many`": models(hidden, threads) for hidden in SAMPLES}
    return found | (fits(threads) if "fits" in sections else {})


def main():
    parser = parser_for("threads", __doc__)
    add_sections(parser, ("batches", "models", "fits"))
    doubled = [1 << n for n in range(10) if 1 << n < cores()] + [cores()]
    parser.add_argument("--threads", default=",".join(map(str, doubled)), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    numbers = [int(number) for number in chosen.threads.split(",")]
    print(f"{machine.describe()['processor']}, {machine.describe()['cores']} cores", flush=True)
    found = {number: cases(chosen.sections, number) for number in numbers}
    names = list(found[numbers[0]])
    taken = {(name, number): [] for name in names for number in numbers}
    for name in names * chosen.rounds:
        for number in numbers:
            taken[name, number].append(found[number][name]())
    rows = []
    for name in names:
        alone = taken[name, numbers[0]]
        # An update of the peak is as much work on each thread.
        grown = [
            (number if name == names[0] else 1) * timing.times(alone, taken[name, number]) for number in numbers[1:]
        ]
        rows.append([name, f"{1e3 * timing.median(alone):.3g}", *(f"{each:.2f}" for each in grown)])
    table(["", f"ms on {numbers[0]}", *(f"× on {number}" for number in numbers[1:])], rows)


if __name__ == "__main__":
    main()
