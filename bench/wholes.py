"""Sections that run only when they are named, by -k or --section: the cost of many fits from start to end, and fits to
real data."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from bench import fits
from fastrnn.bench import machine
from fastrnn.bench.processes import PACKAGE_ROOT

MEMORY = "from bench.fits import memory; print(memory({count}, None))"


class Row(NamedTuple):
    """One number: measure(quick) returns it, in `unit`; `bound` is an upper limit, or a lower one where `least`."""

    label: str
    measure: Callable
    bound: float
    unit: str
    least: bool = False


class Whole:
    """A section of Rows, each measured once. asked: whether it runs only when it is named."""

    asked = True

    def __init__(self, name, rows):
        self.name, self.rows = name, rows

    def names(self, quick):
        return [(self.name, name) for name in self.rows]

    def measure(self, quick, progress):
        rows = []
        for done, (name, row) in enumerate(self.rows.items()):
            label = f"{row.label}, a part" if quick else row.label
            progress(done, len(self.rows), label)
            began = time.perf_counter()
            try:
                value = row.measure(quick)
            except SystemExit as error:  # an example without its data
                raise RuntimeError(error) from error
            rows.append({
                "name": name, "label": label, "absent": None, "seconds": [time.perf_counter() - began],
                "value": value, "bound": row.bound, "unit": row.unit, "least": row.least,
            })
        return {"kind": self.name, "machine": machine.describe(), "versions": {}, "rounds": 1, "rows": rows}


def animal(dtype):
    """Return measure(quick) of one animal's grid of fits."""
    return lambda quick: fits.animal(
        dtype, None, 2 if quick else 10, [1, 2] if quick else fits.sizes_of(fits.ANIMAL_SIZES)
    )


def memory(quick):
    """Return the GB of memory that a separate process takes."""
    command = [sys.executable, "-c", MEMORY.format(count=1000 if quick else 100_000)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE_ROOT, check=True)
    return int(done.stdout.split()[-1]) / 1e9


def digits(quick):
    """Return the percentage of recordings that were classified correctly."""
    from examples import digits

    return 100 * digits.main(epochs=4 if quick else 40)


def laser(quick):
    """Return the normalised squared error of the network with the lowest validation loss."""
    from examples import laser

    return laser.main(seeds=2, epochs=50) if quick else laser.main()


def rat(quick):
    """Return the test loss, in nats, of 8 units."""
    from examples import rat

    return (rat.main(sizes=(8,), seeds=2, epochs=50) if quick else rat.main())[8]


WHOLES = (
    Whole("animal", {
        "animal-float32": Row("one animal, 5,670 fits, float32", animal("float32"), 300, "s"),
        "animal-float64": Row("one animal, 5,670 fits, float64", animal("float64"), 600, "s"),
    }),
    Whole("learners", {
        "learners": Row("10,000 learners on data of their own",
                        lambda quick: fits.learners(100 if quick else 10_000, None), 90, "s"),
    }),
    Whole("memory", {"memory": Row("peak memory, 100,000 models on one data set", memory, 2, "GB")}),
    Whole("digits", {"digits": Row("spoken digits, GRU of 32 units, right", digits, 97, "%", True)}),
    Whole("laser", {"laser": Row("laser, GRUs of 8 units, normalised squared error", laser, 0.191, "")}),
    Whole("rat", {"rat": Row("rat, GRUs of 8 units, test loss", rat, 0.6387, "nats")}),
)
