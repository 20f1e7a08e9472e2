"""Tables in CSV files: a column is numbers, truth values or text, according to all of its fields."""

import csv
import itertools
from collections import defaultdict

import numpy as np

from fastrnn.data.columns import Column, ColumnTable

# What stands for a missing value in a CSV file.
MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})
_TRUTHS = {"True": 1, "true": 1, "TRUE": 1, "False": 0, "false": 0, "FALSE": 0}

# Of the kinds of columns; None: all is missing.
_DTYPES = {int: np.int64, float: np.float64, bool: np.bool_, None: np.float64}

# Rows turned into columns at a time, few enough that their texts are still in the cache: 512 rows take half the time of
# 8,192 and more.
_BLOCK = 1 << 9


class CsvTable(ColumnTable):
    """A CSV file as a ColumnTable: the first line has the names, other lines the values; see `_Parser` for their types.

    Fields are separated by what occurs most in the first line: comma, semicolon or tab.
    Raises ValueError, naming the line, for lines of another length and for bytes that are no UTF-8; OSError as open().
    """

    def __init__(self, path):
        self._path, self._delimiter = path, ","
        with self._open() as file:
            try:
                line = file.readline()
            except UnicodeDecodeError:
                raise ValueError("some bytes are not UTF-8, expected a text file in UTF-8") from None
        self._delimiter = max(",;\t", key=line.count)
        self.names = [name.strip() for name in next(self._reader([line]), [])]
        if not self.names:
            raise ValueError("the first line is empty, expected names of columns")

    def _open(self):
        return open(self._path, encoding="utf-8-sig", newline="")

    def _reader(self, lines):
        return csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True)

    def columns(self, wanted):
        """Return {name: Column} of these names."""
        text = set()
        while True:  # once more for each column that turns out to be text behind its first block
            parsers = {name: _Parser(self.names.index(name), name in text) for name in wanted}
            try:
                self._parse(parsers.values())
                return {name: parser.column() for name, parser in parsers.items()}
            except _NoNumbers:
                text |= {name for name, parser in parsers.items() if parser.failed}

    def _parse(self, parsers):
        with self._open() as file:
            reader = self._reader(file)
            next(reader)
            try:
                while rows := list(itertools.islice(reader, _BLOCK)):
                    if set(map(len, rows)) != {len(self.names)}:
                        rows = [row for row in rows if row]
                        if set(map(len, rows)) - {len(self.names)}:
                            self._refuse_lengths()
                    fields = list(zip(*rows))
                    for parser in parsers:
                        parser.add(fields[parser.place] if rows else ())
            except UnicodeDecodeError:
                raise ValueError(f"after line {reader.line_num}: some bytes are not UTF-8") from None
            except csv.Error as error:
                raise ValueError(f"line {reader.line_num}: {error}") from None

    def _refuse_lengths(self):
        """Raise ValueError for the first line with another number of fields."""
        with self._open() as file:
            reader = self._reader(file)
            fields = next(row for row in reader if len(row) not in (0, len(self.names)))
            raise ValueError(f"line {reader.line_num}: got {len(fields)} fields, expected {len(self.names)} as the "
                             "first line has")

    def place(self, row):
        """Return a row in words: its line."""
        with self._open() as file:
            reader = self._reader(file)
            lines = (reader.line_num for fields in reader if fields)
            return f"line {next(itertools.islice(lines, row + 1, None))}"


class _NoNumbers(Exception):
    """Text follows numbers: the column has to be read again as text."""


class _Parser:
    """Makes a Column from blocks of str: integers, numbers, truth values or text, the first kind that fits all fields
    but MISSING."""

    def __init__(self, place, text):
        self.place, self.failed = place, False
        self._kind, self._blocks, self._missing = str if text else None, [], []
        self._codes = defaultdict()
        self._codes.default_factory = self._codes.__len__

    def add(self, texts):
        """Add a block, a tuple of str. Raises _NoNumbers where it is text and earlier blocks were not."""
        kind, values, missing = (str, None, None) if self._kind is str else _parsed(texts, self._kind)
        if {self._kind, kind} == {int, float}:
            self._kind = float
        elif kind not in (None, self._kind):
            if self._kind is not None or kind is str and self._blocks:
                self.failed = True
                raise _NoNumbers
            self._kind = kind
        if self._kind is str:
            self._blocks.append(np.fromiter(map(self._codes.__getitem__, texts), np.int64, len(texts)))
        else:
            self._blocks.append(values)
            self._missing.append(missing)

    def column(self):
        """Return the Column of all blocks."""
        if self._kind is not str:
            none = np.zeros(0, bool)
            values = np.concatenate([none, *self._blocks]).astype(_DTYPES[self._kind])
            return Column(values, np.concatenate([none, *self._missing]) | np.isnan(values))
        codes, texts = np.concatenate(self._blocks), list(self._codes)
        names = sorted(self._codes.keys() - MISSING)
        number = {text: code for code, text in enumerate(names)}
        missing = np.array([text in MISSING for text in texts])
        return Column(np.array([number.get(text, 0) for text in texts])[codes], missing[codes], tuple(names))


def _parsed(texts, likely):
    """Return (kind, values, missing) of a block: int, float or bool; str where it is text; None where all is missing.
    """
    # Python would read the name 1_0 as the number 10.
    if "_" in "".join(texts):
        return str, None, None
    for kind in (float,) if likely is float else (int, float):
        try:
            return kind, np.fromiter(map(kind, texts), _DTYPES[kind], len(texts)), np.zeros(len(texts), bool)
        except (ValueError, OverflowError):
            pass
    missing = np.fromiter(map(MISSING.__contains__, texts), bool, len(texts))
    present = [text for text, gone in zip(texts, missing) if not gone]
    for kind, convert in ((None, ()), (bool, _TRUTHS.__getitem__), (int, int), (float, float)):
        try:
            values = np.zeros(len(texts), _DTYPES[kind])
            values[~missing] = [convert(text) for text in present] if kind else present
            return kind, values, missing
        except (ValueError, KeyError, OverflowError):
            pass
    return str, None, None
