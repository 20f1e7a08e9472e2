"""Where results are written: checked before the work that makes them, and never over a file unless told to."""

import os
import tempfile

from fastrnn.cli.errors import UserError


def check_writable(path, force):
    """Raise UserError unless a file can be written to `path`; its folder is made."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.path.basename(path):
        raise UserError(f"{path}: is a directory, expected the name of a file")
    if os.path.lexists(path) and not force:
        raise UserError(f"{path}: exists; give --force to replace it")
    try:
        os.makedirs(folder, exist_ok=True)
        # Asking for the permission is not enough: a full or read-only disk shows only when written to.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {folder}: {error.strerror}") from error


def claim(path):
    """Create an empty file that did not exist and return its name: `path`, or its stem with -2, -3, ... added.

    Whoever trains in the same folder at the same time gets another name. Raises OSError if the folder cannot
    be written.
    """
    stem, ending = os.path.splitext(path)
    attempt = 1
    while True:
        name = path if attempt == 1 else f"{stem}-{attempt}{ending}"
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return name
        except FileExistsError:
            attempt += 1
