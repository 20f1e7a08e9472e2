"""Compares engines: opens them, checks their gradients, times them in interleaved rounds, stores the result."""

from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from fastrnn.bench import machine
from fastrnn.bench.engines import ENGINES, HERE
from fastrnn.bench.processes import Worker, WorkerError
from fastrnn.bench.timing import measure
from fastrnn.bench.workload import Workload, check
from fastrnn.cores import cores

# Batches of the ladder: online updates, the smallest that fills a word, one that fills the cache, one that does not.
BATCHES = (1, 64, 1024, 16384)
# More updates than any engine makes within a round.
UPDATE_LIMIT = 1 << 30


class Case(NamedTuple):
    """An engine on a workload and a number of threads."""

    engine: object
    work: Workload
    threads: int

    @property
    def name(self):
        return f"{self.engine.name}-{self.work.name}-{self.threads}t"


def cases(works, engines=ENGINES, everything=None):
    """Return the cases of a table: each engine on each workload it takes, on one thread and, if it can, on `everything`
    of them."""
    everything = everything or cores()
    counts = (1,) if everything == 1 else (1, everything)
    return [Case(engine, work, threads) for work in works for engine in engines if engine.takes(work)
            for threads in (counts if engine.threads == "each" else (1,))]


class Peaks(NamedTuple):
    """The machine's peak, measured like an engine."""

    name: str
    label: str
    target: str
    kind: str = "peak"
    worker: str = "core"
    draws: bool = True


FMA = Peaks("fma", "fused multiply-adds", f"{HERE}/peak.py:MultiplyAdd")
TRIAD = Peaks("triad", "memory triad", f"{HERE}/peak.py:Triad")
CACHE = Peaks("triad-cache", "triad in the second-level cache", f"{HERE}/peak.py:NearTriad")
NEAR = Peaks("fma-near", "multiply-adds from the nearest cache", f"{HERE}/peak.py:NearMultiplyAdd")
FAR = Peaks("fma-far", "multiply-adds from the second-level cache", f"{HERE}/peak.py:FarMultiplyAdd")


def peak_cases(everything=None, dtypes=("float32",)):
    """Return the peaks of one thread and of all."""
    everything = everything or cores()
    work = Workload(hidden=1, steps=1, batch=1)
    return [
        Case(FMA, work._replace(dtype=dtype), threads) for dtype in dtypes for threads in sorted({1, everything})
    ] + [Case(TRIAD, work, threads) for threads in sorted({1, everything})]


@contextmanager
def opened_engines(wanted, pythons, absent, progress=None):
    """Return {case: its engine in a worker, checked}; engines that cannot run are put into `absent` with the reason.

    pythons: {worker: path of a Python} besides "core". Raises WrongGradient for an engine that computes something else,
    and WorkerError for a user's engine that cannot run.
    """
    with ExitStack() as stack:
        workers, found = {}, {}
        # Users' engines first: what is wrong with them shows before anything is compiled.
        for done, case in enumerate(sorted(wanted, key=lambda case: case.engine.kind != "own")):
            if progress:
                progress(done, len(wanted), f"open {case.name}")
            key, own = (case.engine.worker, case.threads), case.engine.kind == "own"
            try:
                if not own and key[0] != "core" and key[0] not in pythons:
                    raise WorkerError("not installed: make bench-peers")
                if key not in workers:
                    workers[key] = Worker(case.threads, *([pythons[key[0]]] if key[0] in pythons else []))
                    stack.callback(workers[key].stop)
                found[case] = workers[key].open(case.engine.target, case.work, case.engine.draws)
                if case.engine.kind != "peak":
                    checked(workers[key], case, found[case])
            except WorkerError as error:
                machine.note_absence(error.trace)
                if own:
                    raise named_error(case, error) from error
                found.pop(case, None)
                absent[case] = str(error)
        yield found


def named_error(case, error):
    """Return the WorkerError with the name of the engine and the workload at which it failed."""
    return WorkerError(f"{case.engine.label}, {case.work.name}: {error}", error.trace)


def running(case, engine):
    """Return run(updates) of an opened engine, whose error names the engine."""

    def run(updates):
        try:
            if updates > UPDATE_LIMIT:
                raise WorkerError(f"run({updates}) returns at once; it must return after its updates are made")
            return engine.run(updates)
        except WorkerError as error:
            machine.note_absence(error.trace)
            raise named_error(case, error) from error

    return run


def checked(worker, case, opened_engine):
    """Compare one update of the engine with the true gradient, on a smaller batch where the workload's is too large."""
    small = case.work.to_check()
    engine = opened_engine if small == case.work else worker.open(case.engine.target, small, case.engine.draws)
    check(small, engine.sample(), case.engine.label, case.engine.activation)
    if engine is not opened_engine:
        engine.close()


def time_cases(wanted, rounds, seconds, kind="ladder", pythons=None, progress=None):
    """Check and time the cases; return a result that JSON can store, with a row for each case, absent ones included.

    Raises WrongGradient for an engine that computes something else, and WorkerError for one that fails while it is
    timed.
    """
    absent, wanted = {}, list(wanted)
    with opened_engines(wanted, pythons or {}, absent, progress) as found:
        taken = measure({case: running(case, engine) for case, engine in found.items()}, rounds, seconds,
                        progress and (lambda done, total, case: progress(done, total, case.name)))
        versions = {case.engine.worker: engine.worker.ask("versions", modules=machine.modules_of(case.engine))
                    for case, engine in found.items()}
    rows = [row(case, *taken[case]) if case in taken else row(case, 0, [], absent[case]) for case in wanted]
    return {
        "kind": kind,
        "machine": machine.describe(),
        "versions": versions,
        "rounds": rounds,
        "round_seconds": seconds,
        "rows": rows,
    }


def row(case, updates, seconds, absent=None, **more):
    """Return one row of a result: engine, workload, and the seconds per update in each round."""
    engine, work = case.engine, case.work
    return {
        "name": case.name,
        "engine": engine.name,
        "label": engine.label,
        "kind": engine.kind,
        "threads": case.threads,
        **work._asdict(),
        "updates": updates,
        "seconds": seconds,
        "absent": absent,
        **work_done(case),
        **more,
    }


def work_done(case):
    """Return the operations or bytes of one update of a peak."""
    if not isinstance(case.engine, Peaks):
        return {}
    from fastrnn.bench.engines import peak

    measured = getattr(peak, case.engine.target.rpartition(":")[2])
    if case.engine in (TRIAD, CACHE):
        return {"bytes": measured.bytes(case.threads)}
    return {"flops": measured.flops(*([case.work.dtype, case.threads] if case.engine is FMA else []))}
