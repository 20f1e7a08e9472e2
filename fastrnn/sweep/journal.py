"""The results so far, on disk: a file to which units are appended, each whole or not at all.

Every line is a checksum and JSON: first the grid's identity, the version of the code and the kind of arithmetic, then for each unit the number of its point, the offset
of its first seed and its rows, and FINISHED before the output is written. A line that a crash has torn fails its
checksum and is cut off with all after it.
"""

import json
import os
import zlib
from typing import NamedTuple

from fastrnn.files import sync_folder
from fastrnn.simd.host import arithmetic
from fastrnn.sweep.unit import code_version

FINISHED = "finished"


class ForeignJournal(Exception):
    """The file belongs to another sweep, or to no sweep at all; the message is one line."""


def journal_of(output):
    """Where the results so far are kept, beside the output."""
    return f"{os.fspath(output)}.partial"


class Kept(NamedTuple):
    """A journal's units (point's number, offset, rows), whether it is finished, and how many bytes of it are whole."""

    units: list
    finished: bool
    whole: int


def read_journal(path, grid):
    """The Kept of the file at `path`.

    Raises FileNotFoundError, and ForeignJournal unless the file is this grid's.
    """
    with open(path, "rb") as file:
        content = file.read()
    # A crash may have torn the first line as well.
    if _header(grid).startswith(content):
        return Kept([], False, 0)
    header, *lines = content.split(b"\n")
    identity = _decoded(header)
    if not isinstance(identity, dict):
        raise ForeignJournal(f"{path}: is not the partial result of a sweep")
    wanted = _decoded(_header(grid).rstrip())
    for name in {**wanted, **identity}:
        if identity.get(name) != wanted.get(name):
            raise ForeignJournal(f"{path}: belongs to another sweep: {_difference(name, identity.get(name), wanted.get(name))}")
    units, finished, whole = [], False, len(header) + 1
    # What follows the last line's end is torn, or nothing.
    for line in lines[:-1]:
        entry = _decoded(line)
        if entry is None:
            break
        if entry == FINISHED:
            finished = True
        else:
            units.append((entry[0], entry[1], [tuple(row) for row in entry[2]]))
        whole += len(line) + 1
    return Kept(units, finished, whole)


class Journal:
    """An open journal: `units` that it held, and `append`.

    replace: begin anew if the file is not this grid's. Raises ForeignJournal if it is not, or if another process
    appends to it; OSError if it cannot be written.
    """

    def __init__(self, path, grid, replace=False):
        self.path = path
        self.file = _locked(path)
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
        os.ftruncate(self.file, kept.whole)
        if not kept.whole:
            self._write(_header(grid))
            sync_folder(os.path.dirname(self.path) or ".")
        return kept.units

    def append(self, point, offset, rows):
        """Add a unit's rows; once this returns, they survive a crash."""
        self._write(_encoded([point, offset, rows]))

    def finish(self):
        """Note that nothing is missing: an output that exists from now on is this sweep's own."""
        self._write(_encoded(FINISHED))

    def _write(self, line):
        line = memoryview(line)
        while line:
            line = line[os.write(self.file, line) :]
        os.fsync(self.file)

    def remove(self):
        """Delete the file, which the output has made superfluous."""
        os.unlink(self.path)

    def close(self):
        """Let go of the file."""
        os.close(self.file)


def _locked(path):
    """A descriptor of the file at `path`, made where there is none, to which no other process appends."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _lock(file, path)
            # Whoever held the lock until now may have finished and deleted the file.
            if os.path.exists(path) and os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file, path):
    try:
        import fcntl
    except ImportError:  # Windows; there two sweeps into one file are not told apart
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise ForeignJournal(f"{path}: another sweep is writing it at this moment") from None


def _header(grid):
    return _encoded({**grid.identity(), "version": code_version(), "arithmetic": arithmetic()})


def _encoded(value):
    text = json.dumps(value, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _decoded(line):
    """What `_encoded` wrote, or None."""
    checksum, _, text = line.partition(b" ")
    return json.loads(text) if checksum == b"%08x" % zlib.crc32(text) else None


def _difference(name, theirs, ours):
    if name == "version":
        return "begun by another version of fastrnn"
    if name == "arithmetic":
        return f"begun in {theirs} arithmetic, this processor's is {ours}: go on with it on a processor of that kind"
    if isinstance(theirs, dict) and isinstance(ours, dict):
        name = next(each for each in {**ours, **theirs} if theirs.get(each) != ours.get(each))
        theirs, ours = theirs.get(name), ours.get(name)
    return f"{name} is {_short(theirs)} there, {_short(ours)} here"


def _short(value):
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}"
