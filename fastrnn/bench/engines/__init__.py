"""The table of engines: programs that do the work of a Workload, registered once for tests and benchmarks.

An engine is a class `Engine(work, threads, weights, x, y)` with two methods. `run(updates)` makes that many
updates and is timed. `sample()` makes one update by the same code and returns (before, x, y, after). If the
engine has a number `together`, it makes that number of updates per call: `run` is asked for multiples of it, and
`sample` makes that many. weights, x and y are as in fastrnn.bench.workload, the learning rate is work.rate.
"""

import os
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True)
class Engine:
    """One row of the table.

    name: unique; label: for people; kind: "scalar", "batched", "ours", "peer" or "own" (a user's); target:
    "FILE.py:Class"; worker: engines of one worker share a process ("core": this Python, as for a user's; else a peer's
    library, which the peers' Python must be able to import); threads: "one", or "each" for both one thread and all;
    most_samples: the largest batch it is timed at, 0 for any; most_steps likewise; dtypes: those it knows; activation:
    of its hidden units, for the check; draws: it draws its own batches, and is given None for x and y; models: it
    trains several independent models at once, and nothing else; packages: whose versions are noted.
    """

    name: str
    label: str
    kind: str
    target: str
    worker: str = "core"
    threads: str = "each"
    most_samples: int = 0
    most_steps: int = 0
    dtypes: tuple = ("float32",)
    activation: str = "sigmoid"
    draws: bool = False
    models: bool = False
    packages: tuple = ()

    def takes(self, work):
        """Return whether this engine is timed on this Workload."""
        return (work.batch <= (self.most_samples or work.batch) and work.steps <= (self.most_steps or work.steps)
                and work.dtype in self.dtypes and self.models == (work.models > 1))


def _target(file, name):
    return f"{os.path.join(HERE, file)}:{name}"


BOTH = ("float32", "float64")

ENGINES = (
    # float64, as the tutorial computes; timed in the float32 rows because it is what they are compared with.
    Engine("scalar", "scalar Python loop", "scalar", _target("scalar.py", "Scalar"), "core", "one", 1, 16, draws=True),
    Engine("compiled", "scalar loop, numba", "scalar", _target("scalar.py", "Compiled"), "core", "one", 1, 30,
           draws=True),
    Engine("numpy", "NumPy, batched", "batched", _target("batched.py", "Batched")),
    Engine("fastrnn", "fastrnn", "ours", _target("ours.py", "Fastrnn"), dtypes=BOTH, draws=True),
    Engine(
        "fastrnn-models",
        "fastrnn, a model in each lane",
        "ours",
        _target("ours.py", "ManyModels"),
        dtypes=BOTH,
        draws=True,
        models=True,
    ),
)
