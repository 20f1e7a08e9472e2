"""Tables and arrays in files: CSV, Parquet and npz."""

import csv
import itertools
import os

import numpy as np

from fastrnn.data.columns import Column, Table
from fastrnn.data.targets import nearest

# What stands for a missing value in a CSV file.
MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})
_TRUTHS = {"True": 1, "true": 1, "TRUE": 1, "False": 0, "false": 0, "FALSE": 0}

# Rows turned into columns at a time: few enough that their lists stay in the cache.
_BLOCK = 1 << 13


class CsvTable:
    """A CSV file as a Table: the first line has the names, other lines the values; see `parse` for their types.

    Fields are separated by what occurs most in the first line: comma, semicolon or tab.
    Raises ValueError, naming the line, for lines of another length and for bytes that are no UTF-8; OSError as open().
    """

    def __init__(self, path):
        self._path, self._delimiter = path, ","
        with self._open() as file:
            try:
                line = file.readline()
            except UnicodeDecodeError:
                raise ValueError("some bytes are no UTF-8, expected a text file in UTF-8") from None
        self._delimiter = max(",;\t", key=line.count)
        self.names = [name.strip() for name in next(self._reader([line]), [])]
        if not self.names:
            raise ValueError("the first line is empty, expected names of columns")

    def _open(self):
        return open(self._path, encoding="utf-8-sig", newline="")

    def _reader(self, lines):
        return csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True)

    def columns(self, wanted):
        """{name: Column} of these names."""
        places = {name: self.names.index(name) for name in wanted}
        texts = {name: [] for name in wanted}
        with self._open() as file:
            reader = self._reader(file)
            next(reader)
            try:
                while rows := list(itertools.islice(reader, _BLOCK)):
                    rows = [row for row in rows if row]
                    if set(map(len, rows)) - {len(self.names)}:
                        self._refuse_lengths()
                    fields = list(zip(*rows))
                    for name, place in places.items():
                        texts[name].extend(fields[place] if rows else ())
            except UnicodeDecodeError:
                raise ValueError(f"after line {reader.line_num}: some bytes are no UTF-8, expected UTF-8") from None
            except csv.Error as error:
                raise ValueError(f"line {reader.line_num}: {error}") from None
        return {name: parse(name, text) for name, text in texts.items()}

    def _refuse_lengths(self):
        """Raise ValueError for the first line of another length."""
        with self._open() as file:
            reader = self._reader(file)
            fields = next(row for row in reader if len(row) not in (0, len(self.names)))
            raise ValueError(f"line {reader.line_num}: got {len(fields)} fields, expected {len(self.names)} as the "
                             "first line has")

    def place(self, row):
        """A row in words: its line."""
        with self._open() as file:
            reader = self._reader(file)
            lines = (reader.line_num for fields in reader if fields)
            return f"line {next(itertools.islice(lines, row + 1, None))}"


def parse(name, texts):
    """The Column of a list of str: whole numbers, numbers, truths or text, the first that all are but for MISSING."""
    missing = np.zeros(len(texts), bool)
    for kind in (int, float):
        try:
            return Column.of(name, np.array(list(map(kind, texts)), np.int64 if kind is int else np.float64))
        except (ValueError, OverflowError):
            pass
    different = set(texts)
    if different & MISSING:
        missing = np.fromiter((text in MISSING for text in texts), bool, len(texts))
    if different <= MISSING | _TRUTHS.keys():
        return Column(np.array([_TRUTHS.get(text, 0) for text in texts], bool), missing)
    for kind in (int, float):
        try:
            values = np.array([0 if gone else kind(text) for text, gone in zip(texts, missing)], kind)
        except (ValueError, OverflowError):
            continue
        return Column(values, missing | np.isnan(values))
    return Column.of(name, np.ma.array(np.array(texts, object), mask=missing))


class ParquetTable:
    """A Parquet file as a Table. Raises ValueError without pyarrow, or where the file is none; OSError as open does."""

    def __init__(self, path):
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise ValueError(f"pyarrow is missing ({error}): pip install 'fastrnn[parquet]'") from error
        self._read, self._path = parquet.read_table, path
        with open(path, "rb"):
            pass
        try:
            self.names = list(parquet.read_schema(path).names)
        except Exception as error:  # pyarrow's own errors, which derive from ValueError or OSError
            raise ValueError(f"expected a Parquet file: {str(error).splitlines()[0]}") from None

    def columns(self, wanted):
        """{name: Column} of these names."""
        return Table(self._read(self._path, columns=list(wanted))).columns(wanted)

    def place(self, row):
        """A row in words; rows count from 0."""
        return f"row {row}"


def read_npz(path):
    """{name: array} of an .npz file. Raises ValueError where it is none or holds pickled objects."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError:
        raise
    except Exception as error:  # zipfile's and NumPy's own, depending on where the file is damaged
        raise ValueError(f"expected an .npz file of arrays without objects: {str(error).splitlines()[0]}") from None


def open_table(path):
    """The table in a file, by its ending. Raises ValueError for endings that are not known."""
    ending = os.path.splitext(path)[1].lower()
    kinds = {".csv": CsvTable, ".tsv": CsvTable, ".txt": CsvTable, ".parquet": ParquetTable, ".pq": ParquetTable,
             ".npz": lambda path: Table(read_npz(path))}
    if ending not in kinds:
        raise ValueError(f"got the ending {ending!r}, {nearest(ending, kinds)}")
    return kinds[ending](path)
