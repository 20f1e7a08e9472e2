"""The results so far, on disk: a file to which units are appended, each in full or not at all.

Every line is a checksum and JSON: first the grid's identity, the version of the code and the kind of arithmetic, then
for each unit the number of its point, the offset of its first seed and its rows, and FINISHED before the output is
written. A line that a crash has torn fails its checksum and is cut off with all after it.
"""

import contextlib
import json
import os
import zlib
from typing import NamedTuple

from fastrnn.checkpoint import code_version
from fastrnn.files import check_regular, locked, sync_folder
from fastrnn.simd.host import arithmetic
from fastrnn.sweeps.unit import MEASURES, Measures
from fastrnn.training.tasks.continuation import difference

FINISHED = "finished"
# What no line holds.
TORN = object()
TYPES = list(Measures.__annotations__.values())


class ForeignJournal(Exception):
    """The file belongs to another sweep or to none, or is damaged; the message has one line."""


def journal_of(output):
    """Return the path of the file with the results so far, next to the output."""
    return f"{os.fspath(output)}.partial"


class Kept(NamedTuple):
    """A journal's units (point's number, offset, rows), whether it is finished, and the number of undamaged bytes."""

    units: list
    finished: bool
    whole: int


def read_journal(path, grid):
    """Return the Kept of the file at `path`.

    Raises FileNotFoundError, OSError for what is no regular file, and ForeignJournal unless the file is this grid's and
    every line that has not been torn is a unit that it can have.
    """
    check_regular(os.fspath(path))
    with open(path, "rb") as file:
        content = file.read()
    # A crash may have torn the first line as well.
    if _header(grid).startswith(content):
        return Kept([], False, 0)
    header, *lines = content.split(b"\n")
    try:
        identity = _decoded(header)
    except ValueError:
        identity = None
    if not isinstance(identity, dict):
        raise ForeignJournal(f"{path}: is not the partial result of a sweep")
    if differing := difference(identity, _decoded(_header(grid).rstrip())):
        raise ForeignJournal(f"{path}: belongs to another sweep: {differing}")
    units, finished, whole, seen = [], False, len(header) + 1, set()
    # What follows the last line's end is torn, or nothing.
    for number, line in enumerate(lines[:-1], 2):
        try:
            entry = _decoded(line)
            if entry is TORN:
                break
            if entry == FINISHED:
                finished = True
            else:
                units.append(_checked(entry, grid, seen))
        except ValueError as error:
            raise ForeignJournal(f"{path}: line {number} is damaged: {error}") from error
        whole += len(line) + 1
    return Kept(units, finished, whole)


def _checked(entry, grid, seen):
    """Return (point, offset, rows) of a line.

    Raises ValueError unless they are ones that `run_unit` can have given, and none is in `seen`.
    """
    if not (isinstance(entry, list) and len(entry) == 3 and type(entry[0]) is int and type(entry[1]) is int
            and isinstance(entry[2], list)):
        raise ValueError("expected a point, an offset and rows")
    point, offset, rows = entry
    if not (0 <= point < len(grid.points) and 0 <= offset and 1 <= len(rows) and offset + len(rows) <= grid.seeds):
        raise ValueError(f"got {len(rows)} rows of point {point} from seed number {offset} on, expected points below "
                         f"{len(grid.points)} and {grid.seeds} seeds")
    if not seen.isdisjoint(places := {(point, seed) for seed in range(offset, offset + len(rows))}):
        raise ValueError("holds models that another line has, too")
    seen |= places
    config = grid.points[point].config
    for row in rows:
        if not (isinstance(row, list) and [type(value) for value in row] == TYPES and _is_possible(row, config)):
            raise ValueError(f"got {row!r:.100}, expected {', '.join(MEASURES)}")
    return point, offset, [Measures(*row) for row in rows]


def _is_possible(row, config):
    stopped, steps, samples, to_exact, _, accuracy = row
    right = {"exact": to_exact == samples, "samples": steps == config.updates, "diverged": steps < config.updates}
    return (right.get(stopped, False) and 0 <= steps <= config.updates and samples == steps * config.batch_size
            and (to_exact == -1 or 0 < to_exact <= samples) and not (accuracy < 0 or accuracy > 1))


class Journal:
    """An open journal: `units`, those found in the file, and `append`.

    replace: start over if the file is not this grid's. Raises ForeignJournal if it is not, or if another process
    appends to it; OSError if it cannot be written.
    """

    def __init__(self, path, grid, replace=False):
        self.path = path
        self.file = _opened(path)
        try:
            self.units = self._begun(grid, replace)
        except BaseException:
            self.close()
            raise

    def _begun(self, grid, replace):
        try:
            kept = read_journal(self.path, grid)
        except ForeignJournal:
            if not replace:
                raise
            kept = Kept([], False, 0)
        self.file.truncate(kept.whole)
        self.file.seek(0, os.SEEK_END)
        if not kept.whole:
            self._write(_header(grid))
            sync_folder(os.path.dirname(self.path) or ".")
        return kept.units

    def append(self, point, offset, rows):
        """Add a unit's rows; once this returns, they survive a crash."""
        self._write(_encoded([point, offset, rows]))

    def finish(self):
        """Record that nothing is missing: an output that exists from now on belongs to this sweep."""
        self._write(_encoded(FINISHED))

    def _write(self, line):
        line = memoryview(line)
        try:
            while line:
                line = line[os.write(self.file.fileno(), line) :]
            os.fsync(self.file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, os.fspath(self.path)) from error

    def remove(self):
        """Delete the file, which the output has replaced."""
        os.unlink(self.path)

    def close(self):
        """Release the file."""
        self.file.close()


def _opened(path):
    """Return the file at `path`, open, created if necessary, that no other process can append to."""
    check_regular(os.fspath(path))
    while True:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666))
        # Whoever holds the lock may finish and delete the file.
        with contextlib.suppress(FileNotFoundError):
            file = locked(path)
            if file is None:
                raise ForeignJournal(f"{path}: another sweep is writing it at this moment")
            if os.path.exists(path) and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
            file.close()


def _header(grid):
    return _encoded({**grid.identity(), "version": code_version(), "arithmetic": arithmetic()})


def _encoded(value):
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _decoded(line):
    """Return what `_encoded` wrote, or TORN. Raises ValueError for bytes that it cannot have written."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return TORN
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({error})") from error
