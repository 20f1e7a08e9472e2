"""Section `scaling`: fastrnn's speed and memory as one size grows."""

from contextlib import ExitStack

from fastrnn.bench import ladder, machine
from fastrnn.bench.engines import ENGINES
from fastrnn.bench.processes import Worker
from fastrnn.bench.timing import measure
from fastrnn.bench.workload import Workload
from fastrnn.cores import cores

FASTRNN, LANES = (next(engine for engine in ENGINES if engine.name == name) for name in ("fastrnn", "fastrnn-models"))
QUICK = 2  # the number of sizes of each series: its ends


def series(quick=False):
    """Return {name of the size that grows: cases}."""
    threads, doubling = cores(), [1 << n for n in range(17)]
    found = {
        "width": [(Workload(16, bits, 256), 1) for bits in doubling[3:13]],
        "hidden": [(Workload(hidden, 32, 256), 1) for hidden in doubling[3:10]],
        "batch": [(Workload(16, 8, batch), 1) for batch in doubling[::2]],
        "threads": [(Workload(16, 8, 4096), n) for n in range(1, threads + 1)],
        "dtype": [(Workload(16, 8, 1024, dtype), 1) for dtype in ("float32", "float64")],
        "models": [(Workload(16, 8, 1, models=n), 1) for n in (16, 64, 256, 1024)]
        + [(Workload(16, 8, 1, models=256), n) for n in range(2, threads + 1)]
        + [(Workload(hidden, 8, 1, models=256), 1) for hidden in (8, 32)],
    }
    cases = {
        name: [ladder.Case(LANES if work.models > 1 else FASTRNN, work, n) for work, n in each]
        for name, each in found.items()
    }
    if quick:
        # On one core there is one number of threads.
        cases = {name: list(dict.fromkeys((each[0], each[-1])))[:QUICK] for name, each in cases.items()}
    return cases


class Scaling:
    """Rows of all series, each measured in a process of its own, whose peak memory is the row's."""

    name = "scaling"

    def rows(self, quick):
        return [(name, case) for name, cases in series(quick).items() for case in cases]

    def names(self, quick):
        return [("scaling peak", case.name) for case in self.peaks()] + [
            (f"scaling {name}", f"{name}-{case.name}") for name, case in self.rows(quick)]

    def peaks(self):
        return ladder.peak_cases(dtypes=("float32", "float64"))

    def measure(self, quick, progress):
        rounds, seconds = (3, 0.02) if quick else (7, 0.08)
        rows, before, opened, absent = self.rows(quick), {}, {}, {}
        with ExitStack() as stack:
            for done, (name, case) in enumerate(rows):
                progress(done, len(rows), f"open {name} {case.name}")
                worker = Worker(case.threads)
                stack.callback(worker.stop)
                # What every process holds: Python, NumPy, numba, the kernels.
                least = case.work._replace(batch=min(16, case.work.batch), steps=8, models=min(2, case.work.models))
                small = worker.open(case.engine.target, least, draws=True)
                small.run(1)
                small.close()
                before[name, case] = worker.ask("memory")
                opened[name, case] = worker.open(case.engine.target, case.work, draws=True)
                ladder.checked(worker, case, opened[name, case])
            peaks = stack.enter_context(ladder.opened_engines(self.peaks(), {}, absent))
            runs = {("peak", case): engine for case, engine in peaks.items()} | opened
            taken = measure({key: engine.run for key, engine in runs.items()}, rounds, seconds,
                            lambda done, total, key: progress(done, total, f"{key[0]} {key[1].name}"))
            memory = {key: engine.worker.ask("memory") for key, engine in opened.items()}
        found = [ladder.row(case, *taken["peak", case]) for case in peaks]
        found += [
            ladder.row(
                case,
                *taken[name, case],
                name=f"{name}-{case.name}",
                series=name,
                memory=memory[name, case],
                memory_before=before[name, case],
            )
            for name, case in rows
        ]
        return {
            "kind": self.name,
            "machine": machine.describe(),
            "versions": {},
            "rounds": rounds,
            "round_seconds": seconds,
            "rows": found,
        }


SECTION = Scaling()
