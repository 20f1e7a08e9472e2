"""Machine code in files, under the stamp of the package."""

import contextlib
import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

from fastrnn.files import write_atomically
from fastrnn.machine.stamp import edited, stamp

_HERE = Path(__file__).resolve().parent
_PYTHON = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
# Of this Python, numba's among them.
_ENTRY = re.compile(rf"\.{re.escape(_PYTHON)}\.(?P<stamp>[0-9a-f]{{16}})(\.[0-9a-f]{{32}})?\.nb[ic](\.tmp\.\w+)?$")
DIGEST_SIZE = 16


class CodeFiles:
    """Machine code by key (32 hex digits), in files of the first of `folders` that can be written, or nowhere.

    No state of the disk stops a program: what cannot be read is not there, what cannot be written is not kept. Each
    file begins with a digest of its name and its content, of 16 bytes: machine code in which a bit has changed would
    end the process.
    """

    def __init__(self):
        self.folder = next(filter(_can_be_written, folders()), None) if stamp() else None

    def _path(self, key):
        return self.folder / f"program.{_PYTHON}.{stamp()}.{key}.nbc"

    def load(self, key):
        """Return the bytes that were saved under a key, or None."""
        if self.folder:
            with contextlib.suppress(OSError):
                path = self._path(key)
                content = path.read_bytes()
                digest, code = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
                if digest == _digest(path.name, code):
                    return code
        return None

    def save(self, key, code):
        """Save bytes under a key, and remove those of other stamps."""
        # A module that is imported now may be another than the stamp says.
        if self.folder and not edited():
            with contextlib.suppress(OSError):
                path = self._path(key)
                self.folder.mkdir(parents=True, exist_ok=True)
                write_atomically(path, _digest(path.name, code) + code)
                for entry in os.scandir(self.folder):
                    found = _ENTRY.search(entry.name)
                    if found and found["stamp"] != stamp():
                        with contextlib.suppress(OSError):  # gone already, or held open by Windows
                            os.unlink(entry.path)


def folders():
    """Yield folders for machine code: in NUMBA_CACHE_DIR, if that is set, `__pycache__` here, and among the user's
    caches."""
    # Copies of the package, which have other stamps, share none.
    own = f"{_HERE.name}_{hashlib.sha1(str(_HERE).encode()).hexdigest()}"
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen, own).absolute()  # wherever the process goes later
    yield _HERE / "__pycache__"
    caches = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    with contextlib.suppress(RuntimeError):  # nobody's home
        yield Path(caches or Path.home() / ".cache", "fastrnn", own)


def _can_be_written(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _digest(name, content):
    return hashlib.blake2b(name.encode() + b"\0" + content, digest_size=DIGEST_SIZE).digest()
