"""Section `roofline`: each part of an update compared with the machine's peak and memory bandwidth, on one thread."""

from collections import namedtuple

from fastrnn.bench import ladder
from fastrnn.bench.engines import ENGINES, HERE
from fastrnn.bench.engines.parts import REPEATS, work_of_block
from fastrnn.bench.workload import Workload

PARTS = {"data": "Data", "forward": "Forward", "learn": "Learn", "update": "Update"}
WORKS = (Workload(16, 8, 1024), Workload(64, 32, 256), Workload(128, 64, 256))
FASTRNN = next(engine for engine in ENGINES if engine.name == "fastrnn")

Part = namedtuple("Part", "name label target kind worker draws part")


def part(name):
    return Part(f"part-{name}", name, f"{HERE}/parts.py:{PARTS[name]}", "peak", "core", True, name)


class Roofline:
    """Rows of the section: the peaks, the parts of an update, and the whole update."""

    name = "roofline"

    def cases(self, quick):
        works = WORKS[:1] if quick else WORKS
        peaks = [case for case in ladder.peak_cases() if case.threads == 1] + [
            ladder.Case(ladder.CACHE, Workload(1, 1, 1), 1)
        ]
        return peaks + [ladder.Case(engine, work, 1) for work in works for engine in (FASTRNN, *map(part, PARTS))]

    def names(self, quick):
        return [
            (
                f"roofline {case.work.name if case.engine not in (ladder.FMA, ladder.TRIAD, ladder.CACHE) else 'peak'}",
                case.name,
            )
            for case in self.cases(quick)
        ]

    def measure(self, quick, progress):
        rounds, seconds = (3, 0.02) if quick else (9, 0.08)
        result = ladder.time_cases(self.cases(quick), rounds, seconds, self.name, progress=progress)
        for row in result["rows"]:
            if row["engine"].startswith("part-"):
                name = row["label"]
                work = Workload(row["hidden"], row["steps"], row["batch"], row["dtype"])
                flops, size = work_of_block(name, work)
                row |= {"part": name, "blocks": REPEATS, "flops": flops * REPEATS, "bytes": size * REPEATS}
        return result


SECTION = Roofline()
