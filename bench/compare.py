"""Sections `ladder` and `shapes`: fastrnn compared with the scalar original, NumPy and the peers on the same work."""

from bench.peers.table import PEERS, pythons
from fastrnn.bench import ladder
from fastrnn.bench.engines import ENGINES
from fastrnn.bench.workload import Workload

# Long sequences, and two sizes at which matrix libraries are at home.
SHAPES = (Workload(16, 256, 256), Workload(64, 32, 256), Workload(128, 64, 256))


class Compare:
    """A table of engines on several workloads."""

    def __init__(self, name, works, quick_works):
        self.name, self.works, self.quick_works = name, works, quick_works

    def cases(self, quick):
        works = self.quick_works if quick else self.works
        # Compiling takes most of a peer's time: a quick look is for the core.
        return ladder.peak_cases() + ladder.cases(works, ENGINES if quick else ENGINES + PEERS)

    def names(self, quick):
        """Return the rows that can be measured here: (group, name)."""
        here = {"core", *pythons()}
        return [(f"{self.name} {case.work.name if case.engine.kind != 'peak' else 'peak'}", case.name)
                for case in self.cases(quick) if case.engine.worker in here]

    def measure(self, quick, progress):
        rounds, seconds = (3, 0.02) if quick else (9, 0.08)
        return ladder.time_cases(self.cases(quick), rounds, seconds, self.name, {} if quick else pythons(), progress)


# Online training of many networks at once: as much work as a batch of 256, but every sample has its own weights.
MODELS = Workload(batch=1, models=256)

LADDER = Compare(
    "ladder", (*(Workload(batch=batch) for batch in ladder.BATCHES), MODELS), (Workload(batch=1), Workload(batch=1024))
)
SHAPES_SECTION = Compare("shapes", SHAPES, (Workload(64, 32, 256),))
