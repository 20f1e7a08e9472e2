"""The table of many GRUs on one data set, compared with JAX and PyTorch, and ratios within rounds."""

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.peers.table import PYTHON
from fastrnn.bench import timing

WORKER = Path(__file__).parent / "peers" / "fits_worker.py"
MANY, LOOP = ("jax", "torch-compiled"), "torch-nn.GRU"
OURS = (16, 270)


class Peer:
    """A case that runs in a process of another library, on one thread."""

    def __init__(self, engine, hidden, dtype, **more):
        """more: `work` and `cell` of one model, see fits_worker.py."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS")}
        environment |= {
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
            "OMP_NUM_THREADS": "1",
        }
        python = os.environ.get("FASTRNN_PEERS") or PYTHON
        self.process = subprocess.Popen(
            [python, WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        made = self._ask({"engine": engine, "hidden": hidden, "dtype": dtype, **more})
        self.models, self.updates, self.steps = (made[each] for each in ("models", "updates", "steps"))

    def _ask(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {line} ended; its error is above")
        return json.loads(answer)

    def run(self, calls):
        return self._ask({"calls": calls})["seconds"]

    def weights(self):
        """Return {name: numbers}, as lists."""
        return self._ask({})

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def compare(ours_of, sizes, dtypes, rounds, seconds):
    """Return (head, rows) of the table; ours_of(hidden, dtype, models) makes a case with `steps` and run(epochs) ->
    seconds."""
    head = ["dtype", "H", *(f"ours, {models} models" for models in OURS), "JAX (models)", "PyTorch compiled (models)",
            "nn.GRU", *(f"{models}: over best, over nn.GRU" for models in OURS)]
    rows = []
    for dtype in dtypes:
        for hidden in sizes:
            report(f"{dtype}, {hidden} units: compiling")
            cases = {models: ours_of(hidden, dtype, models) for models in OURS}
            cases |= {engine: Peer(engine, hidden, dtype) for engine in (*MANY, LOOP)}
            try:
                runs = {key: case.run for key, case in cases.items()}
                measured = timing.measure(
                    runs, rounds, seconds, lambda done, total, _: report(f"{dtype}, {hidden} units: {done} of {total}")
                )
            finally:
                for key in (*MANY, LOOP):
                    cases[key].close()
            rows.append([dtype, hidden, *cells(cases, {key: taken for key, (_, taken) in measured.items()})])
    report("")
    return head, rows


def cells(cases, taken):
    """Return the table's cells: rates in M model-steps/s, and ratios."""
    rate = {key: [case.steps / each / 1e6 for each in taken[key]] for key, case in cases.items()}
    middle = {key: timing.median(values) for key, values in rate.items()}
    best = max(MANY, key=middle.get)
    row = [f"{middle[models]:,.1f}" for models in OURS]
    row += [f"{middle[engine]:,.2f} ({cases[engine].models})" for engine in MANY] + [f"{middle[LOOP]:,.2f}"]
    for models in OURS:
        ratios = [timing.median([a / b for a, b in zip(rate[models], rate[other])]) for other in (best, LOOP)]
        row.append(", ".join(f"{ratio:,.1f} x" for ratio in ratios))
    return row


def report(line):
    """Print progress on stderr."""
    if sys.stderr.isatty():
        print(f"\r{line:<60}", end="" if line else "\r", file=sys.stderr, flush=True)
    elif line.endswith("compiling"):
        print(line, file=sys.stderr, flush=True)
