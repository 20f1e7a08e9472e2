"""Section `compiling`: what the first training in a new process costs, with an empty cache and with a warm one."""

import os
import subprocess
import sys
import tempfile
import time

from fastrnn.bench import machine
from fastrnn.bench.processes import PACKAGE_ROOT
from fastrnn.cells.elman import ACTIVATIONS

CODE = """
import sys, time
began = time.perf_counter()
import fastrnn
imported = time.perf_counter()
cell, batch_size = fastrnn.Elman(activation=sys.argv[1]), int(sys.argv[2])
fastrnn.train(cell, batch_size=batch_size, until="samples", max_samples=16, threads=1)
print(imported - began, time.perf_counter() - imported)
"""


def first_training(cell, batch, cache):
    """Return (seconds of the import, seconds of the first 16 samples) in a new process; cache: a folder for machine
    code, None for the default one."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    done = subprocess.run(
        [sys.executable, "-c", CODE, cell, str(batch)], env=environment, capture_output=True, text=True, check=True
    )
    return tuple(map(float, done.stdout.split()))


class Compiling:
    """Rows of the section: a cell, batched or online, with a cold or a warm cache; seconds are those of the first
    training."""

    name = "compiling"

    def cells(self, quick):
        batched = [(cell, 16) for cell in ACTIVATIONS]
        # Batch 1 has kernels of its own; one cell shows what they cost.
        return batched[:1] if quick else [*batched, (batched[0][0], 1)]

    def names(self, quick):
        return [
            ("compiling", f"{cell}-b{batch}-{state}")
            for cell, batch in self.cells(quick)
            for state in (("warm",) if quick else ("cold", "warm"))
        ]

    def measure(self, quick, progress):
        rounds, rows, cells = (1 if quick else 3), [], self.cells(quick)
        began = time.perf_counter()
        for done, (cell, batch) in enumerate(cells):
            progress(done, len(cells), f"compile {cell}, batch {batch}")
            with tempfile.TemporaryDirectory() as cache:
                # A quick look has no time for compiling: what the usual cache does not have yet goes into it first.
                cold = [first_training(cell, batch, None if quick else cache)]
                warm = [first_training(cell, batch, None if quick else cache) for _ in range(rounds)]
            for state, taken in (("warm", warm),) if quick else (("cold", cold), ("warm", warm)):
                rows.append(
                    {
                        "name": f"{cell}-b{batch}-{state}",
                        "cell": cell,
                        "batch": batch,
                        "state": state,
                        "absent": None,
                        "imports": [each[0] for each in taken],
                        "seconds": [each[1] for each in taken],
                    }
                )
        return {"kind": self.name, "machine": machine.describe(), "versions": {}, "rounds": rounds, "rows": rows,
                "took": time.perf_counter() - began}


SECTION = Compiling()
