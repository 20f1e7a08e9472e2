"""fastrnn compared with the fastest other library on the same work, as ratios within rounds."""

from typing import NamedTuple

from fastrnn.bench.report import find, samples_a_second, times_row, work_of
from fastrnn.bench.workload import Workload

# The way most people write it: nn.RNN and autograd.
COMMON = "torch-module"


class Wanted(NamedTuple):
    """The targets: how many times as fast as the fastest peer, and as the usual way to write it, fastrnn should be."""

    best: float
    common: float | None = None


WANTED = {
    Workload(16, 8, 1): Wanted(10, 1000),
    Workload(16, 8, 64): Wanted(4.5, 55),
    Workload(16, 8, 1024): Wanted(3.5, 10),
    Workload(16, 8, 16384): Wanted(3.5, 8),
    Workload(16, 256, 256): Wanted(4.5),
    Workload(64, 32, 256): Wanted(1.8),
    Workload(128, 64, 256): Wanted(1.5),
    Workload(16, 8, 1, models=256): Wanted(4.5),
}


class Duel(NamedTuple):
    """A workload on a number of threads: fastrnn's row, the fastest other row, the row of the usual way (or None), all
    peers' rows, and the ratios."""

    work: Workload
    threads: int
    ours: dict
    other: dict
    common: dict | None
    peers: int

    @property
    def complete(self):
        """Whether a peer was measured; NumPy alone does not count."""
        return self.peers > 0

    @property
    def best_times(self):
        return times_row(self.other, self.ours)

    @property
    def common_times(self):
        return times_row(self.common, self.ours) if self.common else None


def duels(result):
    """Return the Duels of a result, sorted by threads and then by workload.

    With all threads, the others too may have as many as serve them best: a faster row of one thread counts.
    """
    found, rows = [], [row for row in result["rows"] if row["seconds"]]
    ours = [row for row in rows if row["kind"] == "ours"]
    for row in sorted(ours, key=lambda row: row["threads"]):
        same = [other for other in rows if work_of(other) == work_of(row) and other["threads"] <= row["threads"]]
        others = [other for other in same if other["kind"] in ("peer", "batched")]
        common = [other for other in same if other["engine"] == COMMON]
        if others:
            found.append(
                Duel(
                    work_of(row),
                    row["threads"],
                    row,
                    max(others, key=samples_a_second),
                    max(common, key=samples_a_second, default=None),
                    sum(other["kind"] == "peer" for other in others),
                )
            )
    return found


def best_of(result, work, threads):
    """Return fastrnn's row of a workload, or None."""
    return find(result, kind="ours", threads=threads, **work._asdict())
