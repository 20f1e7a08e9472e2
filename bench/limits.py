"""Section `limits`: waiting times and memory of training, each compared with its target."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from fastrnn.bench import machine
from fastrnn.bench.processes import PACKAGE_ROOT

SHELL = [sys.executable, "-m", "fastrnn", "train", "--quiet", "--force", "--output"]

# The bar of the command line, on a screen that nobody sees; alternating with none, so that a drift hits both.
PROGRESS = """
import os, sys, time
import fastrnn
from fastrnn.cli.progress import Bar

rounds, samples = int(sys.argv[1]), 1 << 20
sys.stderr = open(os.devnull, "w")
bar = Bar(samples, delay=0)
bar.enabled = True
options = dict(batch_size=64, until="samples", max_samples=samples, threads=1)
fastrnn.train(**options, progress=lambda samples, loss, exact: bar(samples, f"loss {loss:.4f}"))
for _ in range(rounds):
    for progress in (lambda samples, loss, exact: bar(samples, f"loss {loss:.4f}"), None):
        print(fastrnn.train(**options, progress=progress).seconds)
"""

# As many updates as make every buffer and every thread of a long training.
MEMORY = """
import sys
import fastrnn
from fastrnn.bench.worker import peak_megabytes

%s
print(peak_megabytes())
"""
WIDE = """
task = fastrnn.tasks.Addition(bits=4096)
fastrnn.train(fastrnn.Elman(), task, batch_size=16384, until="samples", max_samples=2 * 16384)
"""
MANY = """
options = dict(until="samples", max_samples=200, batch_size=1, optimizer="sgd", learning_rate=0.1)
fastrnn.train_many(seeds=range(1000), **options)
"""


def process(command, cache=None):
    """Run a command in a fresh process and return (seconds, printed lines); cache: a folder for machine code, None
    for the default one."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip().splitlines()[-1:]}")
    return seconds, done.stdout.split()


def shell(rounds, empty):
    """Return the seconds of `fastrnn train`: (the first run with this cache, each later run); empty: start with an
    empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*SHELL, os.path.join(folder, "model.safetensors")]
        first, *warm = [
            process(command, os.path.join(folder, "cache") if empty else None)[0] for _ in range(1 + rounds)
        ]
    return [first], warm


def progress_cost(rounds):
    """Return the slowdown of training with a progress bar in each round, in percent."""
    _, words = process([sys.executable, "-c", PROGRESS, str(rounds)])
    seconds = [float(word) for word in words]
    return seconds, [100 * (shown / hidden - 1) for shown, hidden in zip(seconds[::2], seconds[1::2])]


def memory(code):
    """Return (seconds, peak MB) of a fresh process."""
    process([sys.executable, "-c", "import fastrnn; fastrnn.train()"])
    seconds, (megabytes,) = process([sys.executable, "-c", MEMORY % code])
    return [seconds], float(megabytes)


class Limits:
    """Rows of the section: a label, seconds, the figure that is compared with its unit, and its upper limit."""

    name = "limits"
    LABELS = {
        "shell-warm": "`fastrnn train` in the shell, warm",
        "shell-cold": "`fastrnn train` in the shell, first time ever",
        "progress": "cost of the progress bar",
        "memory-wide": "peak memory, batch 16,384 at 4,096 bits",
        "memory-many": "peak memory, 1,000 models at hidden 16",
    }

    def names(self, quick):
        return [("limits", name) for name in self.LABELS if not quick or name == "shell-warm"]

    def measure(self, quick, progress):
        rounds, rows = 2 if quick else 7, []

        def add(name, seconds, value, bound, unit):
            rows.append(
                {
                    "name": name,
                    "label": self.LABELS[name],
                    "absent": None,
                    "seconds": seconds,
                    "value": value,
                    "bound": bound,
                    "unit": unit,
                }
            )

        progress(0, 4, "fastrnn train")
        cold, warm = shell(rounds, not quick)
        add("shell-warm", warm, statistics.median(warm), 1.5, "s")
        if not quick:
            add("shell-cold", cold, cold[0], 12, "s")
            progress(1, 4, "progress bar")
            seconds, costs = progress_cost(rounds)
            add("progress", seconds[::2], statistics.median(costs), 1, "%")
            for done, (name, code, bound) in enumerate((("memory-wide", WIDE, 500), ("memory-many", MANY, 300))):
                progress(2 + done, 4, self.LABELS[name])
                seconds, megabytes = memory(code)
                add(name, seconds, megabytes, bound, "MB")
        return {"kind": self.name, "machine": machine.describe(), "versions": {}, "rounds": rounds, "rows": rows}


SECTION = Limits()
