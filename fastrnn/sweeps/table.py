"""The result of a sweep: one row for each model, as columns, as a file, and in summary."""

import itertools
import os
from dataclasses import dataclass, field

import numpy as np

from fastrnn.files import write_atomically
from fastrnn.program import install
from fastrnn.simd.host import arithmetic
from fastrnn.summaries import sweep_table, sweep_table_html
from fastrnn.sweeps.grid import AXES, Grid
from fastrnn.sweeps.statistics import summary
from fastrnn.sweeps.unit import MEASURES

TABLE_COLUMNS = (*AXES, "seed", *MEASURES, "arithmetic")


@dataclass
class Table:
    """The models of some points of a grid, with all seeds.

    points: the points; summaries: the Summary of each; rows: tuples of TABLE_COLUMNS, in the grid's order, then by
    seed; arithmetic: the kind that they were computed in.
    """

    grid: Grid
    points: tuple
    measured: list
    arithmetic: str = field(default_factory=arithmetic)

    @classmethod
    def of(cls, results, numbers):
        """Return the table of the complete points with these numbers."""
        return cls(results.grid, tuple(results.grid.points[i] for i in numbers), [results.rows[i] for i in numbers])

    @property
    def summaries(self):
        """[Summary] of the points."""
        return [summary(rows) for rows in self.measured]

    @property
    def rows(self):
        """Yield a tuple of TABLE_COLUMNS for each model."""
        first = self.grid.config.seed
        for point, rows in zip(self.points, self.measured):
            values = tuple(point.value(axis) for axis in AXES)
            for seed, row in enumerate(rows, first):
                yield (*values, seed, *row, self.arithmetic)

    @property
    def columns(self):
        """{name: array}: samples_to_exact is -1 where a model never became exact."""
        return {name: np.array(column) for name, column in zip(TABLE_COLUMNS, zip(*self.rows))}

    __repr__ = sweep_table

    def _repr_html_(self):
        return sweep_table_html(self, AXES)

    def __len__(self):
        return len(self.points) * self.grid.seeds

    def save(self, path):
        """Write .csv or .parquet: one row per model, TABLE_COLUMNS, samples_to_exact empty where it never became exact.

        Equal tables give equal bytes. Returns None. Raises ValueError for another ending, or without pyarrow for
        .parquet; OSError if the file cannot be written. An existing file is replaced.
        """
        if check_table_format(path) == "csv":
            lines = itertools.chain([TABLE_COLUMNS], map(_written, self.rows))
            write_atomically(path, "".join(",".join(line) + "\n" for line in lines).encode())
            return
        import pyarrow
        from pyarrow.parquet import write_table

        columns = {name: list(column) for name, column in zip(TABLE_COLUMNS, zip(*self.rows))}
        columns["samples_to_exact"] = [None if value < 0 else value for value in columns["samples_to_exact"]]
        # A column that may hold only nulls needs its type.
        types = {"activation": pyarrow.string(), "samples_to_exact": pyarrow.int64()}
        table = pyarrow.table({name: pyarrow.array(column, types.get(name)) for name, column in columns.items()})
        write_atomically(path, lambda file: write_table(table, file))


def check_table_format(path):
    """Return "csv" or "parquet", by the ending. Raises ValueError, in one line, for another ending, or without pyarrow.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in (".csv", ".parquet"):
        raise ValueError(f"output: got {os.fspath(path)!r}, expected a name that ends in .csv or .parquet")
    if ending == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise ValueError(f"output: pyarrow is missing ({error}): {install('pyarrow')}, or save as .csv") from error
    return ending[1:]


def _written(row):
    """Return the row's fields as text; repr gives the shortest digits that read back as the same float."""
    values = dict(zip(TABLE_COLUMNS, row))
    if values["samples_to_exact"] < 0:
        values["samples_to_exact"] = None
    return ["" if value is None else value if isinstance(value, str) else repr(value) for value in values.values()]
