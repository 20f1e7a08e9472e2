"""Columns of a table of any library: their numbers or text, and where values are missing."""

import datetime
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from fastrnn.arguments import shown
from fastrnn.data.targets import nearest


class Column(NamedTuple):
    """values: (rows,) int64, float64, bool, datetime64 or timedelta64; missing: (rows,) bool.

    names: None, or of a column of text its different texts in order; values are then their numbers.
    """

    values: np.ndarray
    missing: np.ndarray
    names: tuple | None = None

    @classmethod
    def of(cls, name, given):
        """Make the Column of a pandas, polars or pyarrow column, an array or a list.

        Raises TypeError for text among numbers and for what is neither, ValueError for more than one value a row.
        """
        values = np.ma.getdata(np.asanyarray(given))
        if values.ndim != 1:
            raise ValueError(f"column {name!r}: got shape {values.shape}, expected one value per row")
        missing = _missing(given, values)
        if values.dtype.kind == "S":
            values = np.char.decode(values)
        if values.dtype.kind in "UO":
            return _of_objects(name, values.astype(object), missing)
        if values.dtype.kind in "iu" and values.dtype != np.uint64:
            return cls(values.astype(np.int64), missing)
        if values.dtype.kind in "fu":
            return cls(values.astype(np.float64), missing | np.isnan(values))
        if values.dtype.kind in "mM":
            return cls(values, missing | np.isnat(values))
        if values.dtype.kind != "b":
            raise TypeError(f"column {name!r}: got {values.dtype}, expected numbers or text")
        return cls(values, missing)

    def numbers(self):
        """Return (rows,) float64, nan where missing; for columns without text and times."""
        return np.where(self.missing, np.nan, self.values.astype(np.float64))

    def contents(self, rows=slice(None)):
        """Return numbers, or an object array of str, of these rows."""
        return self.values[rows] if self.names is None else np.array(self.names or ("",), object)[self.values[rows]]

    def take(self, order):
        """Return the Column with its rows in another order."""
        return self._replace(values=self.values[order], missing=self.missing[order])


class ColumnTable:
    """Columns by name, each read when first needed.

    table: a pandas or polars frame, a pyarrow table, a dict of columns, or a structured array.
    """

    # The names of what a pandas frame keeps in its index instead of in columns.
    index = ()

    def __init__(self, table):
        if isinstance(table, Mapping):
            names = list(table)
        elif isinstance(table, np.ndarray) and table.dtype.names:
            names = list(table.dtype.names)
        elif hasattr(table, "column_names"):
            names = list(table.column_names)
        elif hasattr(table, "shape") and hasattr(table, "columns"):
            names = list(table.columns)
            self.index = tuple(map(str, getattr(getattr(table, "index", None), "names", ())))
        else:
            raise TypeError(f"table: got {type(table).__name__}, expected a pandas or polars frame, a pyarrow table, "
                            "a dict of columns or a structured array; a lazy frame is given as table.collect(), a file "
                            "to Sequences.read(path, ...)")
        self.names = list(map(str, names))
        self._table, self._keys = table, dict(zip(self.names, names))

    def columns(self, wanted):
        """Return {name: Column} of these names."""
        return {name: Column.of(name, self._table[self._keys[name]]) for name in wanted}

    def place(self, row):
        """Return a row in words; rows are counted from 0."""
        return f"row {row}"


def read_columns(table, wanted):
    """Return {name: Column} of the names in `wanted`, {name: the argument it came from}.

    Raises ValueError, in one line, for names that the table does not have or has twice, and for columns of different
    lengths or without rows.
    """
    for name, argument in wanted.items():
        if name not in table.names:
            index = name in table.index
            hint = "it is in the frame's index: give table.reset_index()" if index else nearest(name, table.names)
            raise ValueError(f"{argument}: no column {name!r}: {hint}")
        if table.names.count(name) > 1:
            raise ValueError(f"{argument}: the table has {table.names.count(name)} columns {name!r}, expected one")
    columns = table.columns(wanted)
    first = next(iter(columns))
    for name, column in columns.items():
        if len(column.values) != len(columns[first].values):
            raise ValueError(f"column {name!r} has {len(column.values)} rows, column {first!r} "
                             f"{len(columns[first].values)}: expected the same number")
    if not len(columns[first].values):
        raise ValueError("table: got no rows, expected at least one")
    return columns


def listed(argument, names):
    """Return names of columns as a list, from one or several. Raises ValueError for a repeated name."""
    names = [names] if isinstance(names, str) else () if names is None else names
    if not isinstance(names, Iterable):
        raise TypeError(f"{argument}: got {names!r}, expected names of columns")
    given, names = names, list(names)
    # A column of numbers, in place of its name.
    if not all(isinstance(name, str) or isinstance(name, Hashable) and not hasattr(given, "dtype") for name in names):
        raise TypeError(f"{argument}: got {shown(given)}, expected names of columns")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{argument}: got {name!r} twice, expected each column once")
    return list(map(str, names))


def refuse_text(column, argument, name, place, hint=""):
    """Raise TypeError, with the first place, if a column contains text or times instead of numbers."""
    refuse_times(column, argument, name)
    if column.names is not None and column.names:
        # Where a few words stand among numbers that came as text, the first word is the fault.
        words = [code for code, text in enumerate(column.names) if not _reads_as_number(text)]
        fault = np.isin(column.values, words) & ~column.missing if words else ~column.missing
        row = int(np.argmax(fault))
        text = column.names[column.values[row]]
        raise TypeError(f"{argument}: column {name!r} holds text ({text!r} at {place(row)}), expected numbers{hint}")


def refuse_times(column, argument, name, expected="numbers"):
    """Raise TypeError if a column contains times."""
    if column.values.dtype.kind in "mM":
        raise TypeError(f"{argument}: column {name!r} holds times ({column.values.dtype}), expected {expected}")


def _missing(given, values):
    """Return (rows,) bool, as far as the library knows; the caller finds nan and NaT."""
    for method in ("isna", "is_null"):
        if hasattr(given, method):
            return np.array(getattr(given, method)(), bool)
    if isinstance(given, np.ma.MaskedArray):
        return np.ma.getmaskarray(given).copy()
    return np.zeros(len(values), bool)


def _of_objects(name, values, missing):
    """Return the Column of objects that are all numbers or all str, except None, nan and NA; empty text is missing,
    too."""
    present = values.tolist()
    kinds = set(map(type, present))
    if missing.any() or kinds - {str, int, float, bool}:
        given = np.where(missing, None, values)
        missing |= np.fromiter((each is None or each != each for each in given), bool, len(given))
        present = values[~missing].tolist()
        kinds = set(map(type, present))
    if all(issubclass(kind, str) for kind in kinds):
        if "" in (known := set(present)):
            # As an empty cell of a CSV file.
            missing[~missing] = values[~missing] == ""
            present, known = [each for each in present if each], known - {""}
        names = sorted(known)
        number = {each: code for code, each in enumerate(names)}
        codes = np.zeros(len(values), np.int64)
        codes[~missing] = np.fromiter(map(number.__getitem__, present), np.int64, len(present))
        return Column(codes, missing, tuple(map(str, names)))
    if all(issubclass(kind, datetime.date) for kind in kinds):
        out = np.full(len(values), "NaT", "M8[us]")
        out[~missing] = [_without_zone(each) for each in present]
        return Column(out, missing)
    if not all(issubclass(kind, (bool, int, float, np.number, np.bool)) for kind in kinds):
        texts = [isinstance(each, str) for each in present]
        if any(texts):
            text, other = present[texts.index(True)], present[texts.index(False)]
            raise TypeError(f"column {name!r}: got text ({text!r}) and {other!r}, expected numbers or text alone")
        raise TypeError(f"column {name!r}: got {type(present[0]).__name__}, expected numbers or text")
    truths = all(issubclass(kind, (bool, np.bool)) for kind in kinds)
    whole = all(issubclass(kind, (bool, int, np.integer, np.bool)) for kind in kinds)
    if whole and not truths:
        whole = all(-(2**63) <= each < 2**63 for each in present)
    out = np.zeros(len(values), bool if truths else np.int64 if whole else np.float64)
    try:
        out[~missing] = present
    except OverflowError:
        raise ValueError(f"column {name!r}: got an integer beyond all floats, expected numbers") from None
    return Column(out, missing | np.isnan(out))


def _without_zone(time):
    """Return the time in UTC, for NumPy; a date, or a time without a zone, is unchanged."""
    if getattr(time, "tzinfo", None) is None:
        return time
    return time.astimezone(datetime.UTC).replace(tzinfo=None)


def _reads_as_number(text):
    try:
        return float(text) is not None
    except ValueError:
        return False
