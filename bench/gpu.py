"""Section `gpu`, which runs only where it is named: fastrnn on a CPU's cores, and JAX on a GPU, at the same work."""

import subprocess

from bench.peers.table import ON_GPU, pythons
from fastrnn.bench import ladder
from fastrnn.bench.engines import ENGINES
from fastrnn.bench.workload import Workload
from fastrnn.cores import cores

BATCHES, MODELS = (1, 64, 512, 4096, 32768), (256, 4096, 32768)
WORKS = (*(Workload(batch=batch) for batch in BATCHES), *(Workload(batch=1, models=models) for models in MODELS))
OURS = tuple(engine for engine in ENGINES if engine.kind == "ours")


def gpu_name():
    """Return the name of the first GPU. Raises RuntimeError where there is none."""
    try:
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        raise RuntimeError("no NVIDIA GPU was found (nvidia-smi); this section compares with one") from None


class Gpu:
    """A table of fastrnn on one thread and on all, and of JAX on a GPU."""

    name, asked = "gpu", True

    def cases(self, quick):
        works = (WORKS[1], WORKS[-3]) if quick else WORKS
        # The process that drives the GPU may use all cores.
        driven = [ladder.Case(engine, work, cores()) for work in works for engine in ON_GPU if engine.takes(work)]
        return [*ladder.cases(works, OURS), *driven]

    def names(self, quick):
        return [(f"gpu {case.work.name}", case.name) for case in self.cases(quick)]

    def measure(self, quick, progress):
        name, found = gpu_name(), pythons()
        if "jax" not in found:
            raise RuntimeError("JAX is not installed: make bench-peers, and JAX's plugin for CUDA beside it")
        rounds, seconds = (3, 0.02) if quick else (5, 0.08)
        result = ladder.time_cases(
            self.cases(quick), rounds, seconds, self.name, {"gpu": found["jax"]}, progress
        )
        return {**result, "gpu": name}


SECTION = Gpu()
