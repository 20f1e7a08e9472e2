"""A unit of work: some seeds of one point of the grid, seconds of training, for any worker on any machine."""

from dataclasses import replace
from typing import NamedTuple

from fastrnn.checkpoint import code_version
from fastrnn.interrupt import checked_interrupt
from fastrnn.simd.host import arithmetic
from fastrnn.training.tasks import train_many


class Measures(NamedTuple):
    """What is known of a model; plain values, which every serializer knows."""

    stopped: str
    steps: int
    samples: int
    samples_to_exact: int
    loss: float
    exact_accuracy: float


MEASURES = Measures._fields


class Unit(NamedTuple):
    """Seeds first, first + 1, ..., first + count - 1 of a point."""

    point: object
    first: int
    count: int  # type: ignore[assignment]  # in place of a method of tuples

    def __str__(self):
        return f"hidden size {self.point.cell.hidden_size}, seeds {self.first} to {self.first + self.count - 1}"


class Done(NamedTuple):
    """The result of a unit.

    rows: an entry for each model, here Measures; seconds: of training; version: of the worker's code;
    arithmetic: of its processor.
    """

    rows: list
    seconds: float
    version: str
    arithmetic: str


class Stopped(Exception):
    """A unit was stopped before its end; it has no result."""


def run_unit(unit, stopped=None):
    """Train the models of a Unit, on one thread, and return the Done.

    The rows depend only on the point, the seeds and the kind of arithmetic. stopped(), called some twenty times per
    second, says whether to give up. Raises Stopped then, or when Ctrl-C reached this process.
    """
    def progress(*state):
        if stopped is not None and stopped():
            raise Stopped

    many = train_many(*unit.point, seeds=range(unit.first, unit.first + unit.count), threads=1, progress=progress)
    if "interrupted" in many.stopped:
        raise Stopped
    columns = (list(many.stopped), *(getattr(many, name).tolist() for name in MEASURES[1:]))
    return Done(list(map(Measures, *columns)), many.seconds, code_version(), arithmetic())


def note_of(unit, rows):
    """Return a unit's text for the progress display of a sweep."""
    exact = sum(row.samples_to_exact >= 0 for row in rows)
    return f"hidden {unit.point.cell.hidden_size}: {exact / len(rows):.0%} exact"


def compile_points(points):
    """Compile the kernels of the points, or load them from the disk cache: one update for each kind of kernel."""
    kinds = {}
    for cell, task, config in points:
        kinds[replace(cell, hidden_size=1), task.name, config.batch_size] = (
            cell,
            task,
            replace(config, max_samples=config.batch_size),
        )
    with checked_interrupt() as interrupt:
        for point in kinds.values():
            train_many(*point, seeds=range(1), threads=1)
            interrupt.check()
