"""Output files: they are checked before the work that makes them, and no file is replaced without --force."""

import contextlib
import itertools
import os
import sys
import tempfile

from fastrnn.cli.errors import UserError
from fastrnn.files import check_regular, write_atomically
from fastrnn.program import program, quoted

CERTIFICATE = "-certificate.safetensors"


def check_writable(path, force, make=False):
    """Raise UserError unless a file can be written to `path`; make: create its folder if it is missing."""
    folder = os.path.dirname(path) or "."
    try:
        check_regular(path)
    except NotADirectoryError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    if os.path.lexists(path) and not force:
        raise UserError(f"{path}: exists; give --force to replace it")
    if not make and not os.path.lexists(folder):
        raise UserError(f"{path}: no folder {folder}; make it, or name another")
    try:
        os.makedirs(folder, exist_ok=True)
        # Asking for the permission is not enough: a full or read-only disk shows only when written to.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {folder}: {error.strerror}") from error


def check_different(paths):
    """Raise UserError where two of {option: path or None} are the same file."""
    options = {}
    for option, path in paths.items():
        if path and (other := options.setdefault(os.path.realpath(path), option)) != option:
            raise UserError(f"{path}: cannot be both the {other} and the {option}")


def write_text(text, path, what):
    """Write text to a file, and print what it contains; to standard output without a path."""
    if path:
        write_atomically(path, text.encode())
        print(f"saved {path}: {what}")
    else:
        sys.stdout.write(text)


def beside(model):
    """Return the path of a model's certificate: MODEL-certificate.safetensors."""
    return os.path.splitext(model)[0] + CERTIFICATE


def model_beside(certificate):
    """Return the model's path from that of its certificate; None for another name."""
    return certificate.removesuffix(CERTIFICATE) + ".safetensors" if certificate.endswith(CERTIFICATE) else None


def how_to_check(certificate, model):
    """Return the command that checks a certificate."""
    names = [certificate] if model_beside(certificate) == model else [certificate, model]
    return f"{program()} check {' '.join(map(quoted, names))}"


def save_under_free_name(save, path):
    """Call save(name) with `path`, or its stem with -2, -3, ... added, and return the name.

    `save` raises FileExistsError for a name that exists: whoever trains in the same folder meanwhile gets another.
    """
    for name in names_like(path):
        if not os.path.lexists(name):
            with contextlib.suppress(FileExistsError):
                save(name)
                return name


def names_like(path):
    """Yield `path`, then its stem with -2, -3, ... added."""
    stem, ending = os.path.splitext(path)
    yield path
    for attempt in itertools.count(2):
        yield f"{stem}-{attempt}{ending}"
