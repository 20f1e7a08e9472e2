"""Targets for fastrnn and the measured values; each line depends on the stored results alone."""

from typing import NamedTuple

from bench.duels import WANTED, best_of, duels
from fastrnn.bench.report import (
    find,
    markdown_table,
    samples_a_second,
    shape_of,
    share_of_peak,
    three_digits,
    times_row,
)
from fastrnn.bench.timing import median
from fastrnn.bench.workload import Workload

ONLINE, SMALL, LARGE, MODELS = (
    Workload(16, 8, 1),
    Workload(16, 8, 64),
    Workload(16, 8, 16384),
    Workload(16, 8, 1, models=256),
)


# Sections whose rows have a bound of their own.
WHOLE = ("limits", "animal", "learners", "memory", "digits", "laser", "rat")


class Target(NamedTuple):
    """One line: a label, the value or None, and the bound: a lower bound, or an upper one where `most`."""

    what: str
    value: float | None
    bound: float
    unit: str = "×"
    most: bool = False

    @property
    def reached(self):
        return self.value <= self.bound if self.most else self.value >= self.bound

    def cells(self):
        bound = f"{'at most' if self.most else 'at least'} {spelled(self.bound)} {self.unit}"
        if self.value is None:
            return [self.what, "not measured", bound, ""]
        return [self.what, f"{spelled(self.value)} {self.unit}", bound, "reached" if self.reached else "missed"]


def spelled(value):
    """Return two or three digits, with none after the point where all of them would be zeros."""
    return f"{value:,.0f}" if value == round(value) else three_digits(value)


def targets(results):
    """Return all Targets. results: {section: stored result or None}."""
    return [
        *_ladder(results["ladder"]),
        *_duels(results),
        *_shares(results),
        *_scaling(results["scaling"]),
        *(each for section in WHOLE for each in _limits(results[section])),
    ]


def _threads(count):
    return f"{count} thread{'s' * (count > 1)}"


def _counts(result):
    """Return the thread counts of a result: (1, all)."""
    return sorted({row["threads"] for row in result["rows"] if row["kind"] == "ours"}) if result else (1, 2)


def _ladder(result):
    """Return the Targets against the scalar loop, on one thread and on two."""
    base = find(result, engine="scalar") if result else None

    def times(row):
        return times_row(base, row) if base and row else None

    for threads, bound in ((1, 1250), (2, 2400)):
        rows = (
            [
                row
                for row in result["rows"]
                if row["engine"] == "fastrnn" and row["seconds"] and row["threads"] == threads
            ]
            if result
            else []
        )
        yield Target(
            f"scalar Python loop, best batch, {_threads(threads)}",
            times(max(rows, key=samples_a_second, default=None)),
            bound,
        )
    one = {work: best_of(result, work, 1) if result else None for work in (ONLINE, SMALL, LARGE, MODELS)}
    yield Target("scalar Python loop, batch 1, 1 thread", times(one[ONLINE]), 400)
    yield Target("scalar Python loop, batch 1, 256 models, 1 thread", times(one[MODELS]), 900)
    yield Target(
        "batch 64 over batch 16,384, 1 thread",
        100 * times_row(one[LARGE], one[SMALL]) if one[SMALL] and one[LARGE] else None,
        85,
        "%",
    )


def _duels(results):
    """Return the Targets against the fastest other library, and against the usual way to write it."""
    found = {
        (duel.work, duel.threads): duel
        for section in ("ladder", "shapes")
        if results[section]
        for duel in duels(results[section])
    }
    for threads in _counts(results["ladder"] or results["shapes"]):
        for work, wanted in WANTED.items():
            duel = found.get((work, threads))
            yield Target(
                f"best peer, {shape_of(work)}, {_threads(threads)}",
                duel.best_times if duel and duel.complete else None,
                wanted.best,
            )
    for work, wanted in WANTED.items():
        duel = found.get((work, 1))
        if wanted.common:
            yield Target(f"nn.RNN with autograd, {shape_of(work)}, 1 thread", duel and duel.common_times, wanted.common)


def _shares(results):
    """Return the Targets for the share of one core's peak."""
    for section, work, bound in (
        ("ladder", Workload(16, 8, 1024), 70),
        ("shapes", Workload(64, 32, 256), 85),
        ("shapes", Workload(128, 64, 256), 85),
    ):
        row = best_of(results[section], work, 1) if results[section] else None
        share = row and share_of_peak(results[section], row)
        yield Target(f"share of the peak, {shape_of(work)}, 1 thread", 100 * share if share else None, bound, "%")


def _scaling(result):
    """Return the Targets for the cost of a time step by width, and for models in the lanes."""
    rows = {
        series: [row for row in result["rows"] if row.get("series") == series] if result else []
        for series in ("width", "models")
    }
    cost = [median(row["seconds"]) / row["batch"] / row["steps"] for row in rows["width"]]
    yield Target(
        "cost of a time step, most expensive width over 8 bits",
        100 * (max(cost) / cost[0] - 1) if cost else None,
        15,
        "%",
        True,
    )
    lanes = {(row["hidden"], row["models"], row["threads"]): row for row in rows["models"]}
    for hidden in (8, 16, 32):
        row = lanes.get((hidden, 256, 1))
        share = row and share_of_peak(result, row)
        yield Target(f"share of the peak, 256 models, H {hidden}, 1 thread", 100 * share if share else None, 60, "%")
    one, two = lanes.get((16, 256, 1)), lanes.get((16, 256, 2))
    yield Target("256 models, 2 threads over 1", times_row(one, two) if one and two else None, 1.9)


def _limits(result):
    """Return the Targets for complete runs: seconds and memory."""
    for row in result["rows"] if result else ():
        yield Target(row["label"], row["value"], row["bound"], row["unit"], not row.get("least", False))


def markdown(results):
    """Return the table of all Targets."""
    found = targets(results)
    measured = [target for target in found if target.value is not None]
    text = f"\n{sum(target.reached for target in measured)} of {len(measured)} reached.\n"
    head = "compared with, or share of", "measured", "target", ""
    return markdown_table(head, [target.cells() for target in found]) + text
