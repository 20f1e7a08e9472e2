"""Where results are written: checked before the work that makes them, and never over a file unless told to."""

import os
import shlex
import tempfile

from fastrnn.cli.errors import UserError

CERTIFICATE = "-certificate.safetensors"


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


def beside(model):
    """Where the certificate of a model goes: MODEL-certificate.safetensors."""
    return os.path.splitext(model)[0] + CERTIFICATE


def model_beside(certificate):
    """The model's name from that of its certificate; None if it does not say."""
    return certificate.removesuffix(CERTIFICATE) + ".safetensors" if certificate.endswith(CERTIFICATE) else None


def how_to_check(certificate, model):
    """The command that checks a certificate."""
    names = [certificate] if model_beside(certificate) == model else [certificate, model]
    return f"fastrnn check {' '.join(map(shlex.quote, names))}"


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
