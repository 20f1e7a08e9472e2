"""Five workloads on one core: fastrnn compared with PyTorch, JAX and the tutorial's program, and on several
processors."""

from bench.duels import COMMON, duels
from fastrnn.bench import report
from fastrnn.bench.report import mark, markdown_table, percent, samples_a_second, share_of_peak, short_rate, work_of
from fastrnn.bench.timing import median
from fastrnn.bench.workload import Workload

# (what a reader calls it, the section that measures it, the workload)
ROWS = (
    ("16 units, 8 steps, 1 sample per update", "ladder", Workload(16, 8, 1)),
    ("16 units, 8 steps, 64 samples per update", "ladder", Workload(16, 8, 64)),
    ("16 units, 8 steps, 256 networks at once", "ladder", Workload(16, 8, 1, models=256)),
    ("16 units, 256 steps, 256 samples per update", "shapes", Workload(16, 256, 256)),
    ("128 units, 64 steps, 256 samples per update", "shapes", Workload(128, 64, 256)),
)
HEADER = ("training on one core, samples per second", "fastrnn", "JAX", "PyTorch", "PyTorch, `nn.RNN`",
          "the tutorial's program", "fastrnn over the best of the others")


def best(rows, *engines):
    """Return the rate, with its mark, of the fastest of the engines whose names begin with one of these; nothing
    without any."""
    rows = [row for row in rows if row["engine"].startswith(engines)]
    row = max(rows, key=samples_a_second, default=None)
    return short_rate(samples_a_second(row)) + mark(row) if row else ""


def duel_of(result, work):
    """Return the Duel of a workload on one thread, or None."""
    return next((each for each in duels(result) if each.work == work and each.threads == 1), None)


def summary(results):
    """Return the table and a note on how it was measured.

    `results` maps "ladder" and "shapes" to their saved results, or to None; rows without a result are left out.
    """
    rows = []
    for name, section, work in ROWS:
        if not results[section]:
            continue
        duel = duel_of(results[section], work)
        same = [row for row in results[section]["rows"]
                if row["seconds"] and row["threads"] == 1 and row["kind"] != "peak" and work_of(row) == work]
        if duel:
            cells = (best(same, "fastrnn"), best(same, "jax"), best(same, "torch"), best(same, COMMON),
                     best(same, "scalar"))
            rows.append([name, *cells, f"{duel.best_times:.1f} ×"])
    # The peak says nothing here.
    timed = [row for row in results["ladder"]["rows"] if row["kind"] != "peak"]
    return markdown_table(HEADER, rows) + "\n" + report.note({**results["ladder"], "rows": timed})


def side_by_side(processors):
    """Return the same workloads with a column for each processor: samples per second, share of the peak, ratio to the
    others.

    processors: {column's name: results as above}.
    """
    rows = [["one core's peak, GFLOP/s", *map(_peak, processors.values())]]
    for name, section, work in ROWS:
        rows.append([name, *(_cell(results[section], work) for results in processors.values())])
    return markdown_table(("fastrnn on one core", *processors), rows)


def _peak(results):
    peaks = report.peak_gflops(results["ladder"], 1)
    return f"{median(peaks):.0f}" if peaks else ""


def _cell(result, work):
    duel = duel_of(result, work) if result else None
    if not duel:
        return ""
    cells = [short_rate(samples_a_second(duel.ours)) + mark(duel.ours), percent(share_of_peak(result, duel.ours))]
    return ", ".join([*cells, *([f"{duel.best_times:.1f} ×"] if duel.complete else [])])
