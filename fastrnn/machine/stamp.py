"""The stamp of the package, under which machine code is kept: code of another stamp is not run.

A kernel depends on files that it never names, so the stamp is that of the whole package.
"""

import functools
import hashlib
import sys
from pathlib import Path

import llvmlite

from fastrnn.beginning import IMPORTED_AT

_PACKAGE = Path(__file__).resolve().parent.parent
# Parts of the package that no kernel is made of, so that editing them recompiles nothing. The kernels of benchmarks
# follow their own files.
UNCOMPILED = frozenset(
    """
    analysis answers.py arguments.py bench check.py checkpoint.py cli cores.py data drawing.py errors.py evaluate.py
    exchange files.py generalization.py interrupt.py model.py networks.py pages plots.py program.py progress.py proofs
    reference.py reproduce runner.py sklearn summaries.py sweeps threads.py training verification.py
    """.split()
)


@functools.cache
def stamp():
    """Return 16 hex digits that change with any .py file that kernels are made of, and with llvmlite.

    Computed from the files' contents, once per process. An empty string means that the sources cannot be read (a
    package inside an archive), or were edited after this process imported them: then nothing is kept.
    """
    return "" if edited() else stamp_of(_PACKAGE, f"llvmlite {llvmlite.__version__}")


def stamp_of(package, versions):
    """Return the `stamp` of a package in the folder of this path."""
    digest, found = hashlib.blake2b(versions.encode(), digest_size=8), False
    try:
        for path in _files(package):
            found, content = True, path.read_bytes()
            # Lengths keep "ab" + "c" and "a" + "bc" apart.
            digest.update(f"\0{path.relative_to(package).as_posix()}\0{len(content)}\0".encode() + content)
    except OSError:
        return ""
    return digest.hexdigest() if found else ""


def edited():
    """Return whether a file that the stamp follows has changed since this process imported the package."""
    try:
        changes = [max(status.st_mtime, status.st_ctime) for status in map(Path.stat, _files(_PACKAGE))]
    except OSError:
        return True
    return max(changes, default=0) > IMPORTED_AT


@functools.cache
def stamp_of_module(name):
    """Return a digest of the file of a module that the package's stamp does not follow; "" for others."""
    path = Path(getattr(sys.modules.get(name), "__file__", None) or "").resolve()
    if not path.is_file() or _follows(_PACKAGE, path):
        return ""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _files(package):
    """Return the files that the stamp of a package follows."""
    return [path for path in sorted(package.rglob("*.py")) if _follows(package, path)]


def _follows(package, path):
    """Return whether the stamp of a package changes with a file."""
    return path.is_relative_to(package) and path.relative_to(package).parts[0] not in UNCOMPILED
