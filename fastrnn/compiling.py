"""Machine code in a disk cache that is renewed after every edit; `jit`: numba's compiler with this cache.

Kernels are programs of fastrnn.machine; what numba compiles are the tutorial's loops, in fastrnn.original. numba's own
cache watches only the file a function is written in. Here machine code depends on files it never names, so each cache
entry carries a stamp of the whole package instead. Nothing of numba is patched: only functions decorated with this
module's `jit` get this cache.
"""

import contextlib
import functools
import gc
import hashlib
import os
import pickle
import re
import sys
import uuid

import llvmlite
import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.compiler_lock import global_compiler_lock

from fastrnn.interrupt import postponed

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_PYTHON = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
# Parts of the package that no kernel is made of, so that editing them recompiles nothing; a test holds that they
# define nothing that is compiled.
UNCOMPILED = frozenset(
    """
    analysis answers.py arguments.py bench check.py checkpoint.py cli cores.py data drawing.py errors.py evaluate.py
    exchange files.py generalization.py interrupt.py model.py networks.py pages plots.py program.py proofs reference.py
    reproduce runner.py sklearn summaries.py sweeps threads.py training verification.py
    """.split()
)
if numba.config.DISABLE_JIT:
    raise ImportError("numba's compiler is switched off, and fastrnn runs on it: unset NUMBA_DISABLE_JIT")

DIGEST_SIZE = 16
_ENTRY = re.compile(
    rf"\.{re.escape(_PYTHON)}\.(?P<stamp>[0-9a-f]{{16}})(\.[0-9a-f]{{32}})?\.nb[ic](\.tmp\.\w+)?$"
)


# A child of a fork that another thread's compilation was in the middle of would wait for these for ever.
_LOCKS = global_compiler_lock._lock, llvmlite.binding.ffi.lib._lock._lock


def _hold():
    for lock in _LOCKS:
        lock.acquire()


def _release():
    for lock in reversed(_LOCKS):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)


@contextlib.contextmanager
def uncollected():
    """Look for no cyclic garbage meanwhile, which takes a twentieth of the time; for who holds numba's lock."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def jit(function=None, /, **options):
    """Compile a function with numba, as `@jit` or `@jit(inline="always")`.

    Defaults: `error_model="numpy"` (a division is a division, with no branch that would stop
    vectorising), `nogil=True`, `cache=True`, `no_cfunc_wrapper=True`. Any option of `numba.njit` may be given.

    Returns numba's dispatcher. Its cache lies in `NUMBA_CACHE_DIR` if that is set, else in
    `__pycache__` next to the function's file, else in the user's cache directory; if none of them
    can be written, functions are compiled again in each process.
    Raises nothing itself; numba's errors come when the function is first called.
    """
    if function is None:
        return functools.partial(jit, **options)
    defaults = {"error_model": "numpy", "nogil": True, "cache": True, "no_cfunc_wrapper": True}
    options = {**defaults, **options}
    cached = options.pop("cache")
    dispatcher = numba.njit(**options)(function)
    compile_it = dispatcher.compile

    def compile_whole(signature):
        # LLVM's objects that an exception leaves half made complain on the error stream, and numba's lock stays locked
        # for other threads where it comes as it is locked or unlocked.
        with postponed(), global_compiler_lock, uncollected():
            return compile_it(signature)

    dispatcher.compile = compile_whole
    if cached:
        dispatcher._cache = _cache_of(function)
    return dispatcher


@functools.cache
def stamp():
    """Return 16 hex digits that change with any .py file that kernels are made of, and with numba or llvmlite.

    Computed from the files' contents, once per process. An empty string means that the sources
    cannot be read (a package inside an archive): then nothing is cached.
    """
    return _stamp_of(_PACKAGE, f"numba {numba.__version__} llvmlite {llvmlite.__version__}")


def _stamp_of(package, versions):
    try:
        contents = list(_sources(package))
    except OSError:
        return ""
    if not contents:
        return ""
    digest = hashlib.blake2b(versions.encode(), digest_size=8)
    for name, text in sorted(contents):
        # Lengths keep "ab" + "c" and "a" + "bc" apart.
        digest.update(f"\0{name}\0{len(text)}\0".encode())
        digest.update(text)
    return digest.hexdigest()


def _sources(package):
    for folder, _, files in os.walk(package):
        for file in files:
            if not file.endswith(".py"):
                continue
            path = os.path.join(folder, file)
            name = os.path.relpath(path, package)
            if name.split(os.sep)[0] not in UNCOMPILED:
                with open(path, "rb") as source:
                    yield name, source.read()


def _cache_of(function):
    if not stamp():
        return NullCache()
    try:
        return PackageCache(function)
    except RuntimeError:  # numba found no directory that can be written
        return NullCache()


class PackageCache(FunctionCache):
    """numba's cache of one function; its files lie where numba puts them, under the package's stamp.

    A cache only saves time, so no state of the disk may stop a program: an unreadable entry counts
    as none, and an entry that cannot be written is not written.
    """

    def __init__(self, function):
        super().__init__(function)
        # The function's own file joins in for functions defined outside the package.
        own_file = self._impl.locator.get_source_stamp()
        self._cache_file = _StampedFiles(self._cache_path, self._impl.filename_base, own_file)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged pickle may raise nearly anything
            self._without_failing(self.flush)
            return None

    def save_overload(self, sig, data):
        self._without_failing(super().save_overload, sig, data)

    def _without_failing(self, action, *arguments):
        try:
            action(*arguments)
        except OSError:
            self.disable()


class _StampedFiles(IndexDataCacheFile):
    """A function's index and data files, with the stamp in their names.

    numba numbers the data files 1, 2, 3 and writes the index before the data. Two processes that
    compile different signatures at once then share a number, and one killed between the two writes
    leaves a fresh index next to stale code. And it unpickles a stale index before it looks at the
    stamp, which fails when a type in it has been renamed. Names that hold the stamp, and data
    names that are never used twice, rule out all three; a race lost costs one compilation.

    Each file begins with a digest of its name and its content, of 16 bytes: machine code in which a bit has changed
    would end the process. A file whose digest is not right counts as none.
    """

    def __init__(self, cache_path, base, own_file):
        self._stem = f"{base}.{stamp()}"
        super().__init__(cache_path=cache_path, filename_base=self._stem,
                         source_stamp=(stamp(), own_file))

    def _data_name(self, number):
        return f"{self._stem}.{uuid.uuid4().hex}.nbc"

    def save(self, key, data):
        super().save(key, data)
        self._remove_stale(live=set(self._load_index().values()))

    def _load_index(self):
        content = self._read(self._index_name)
        stamp, overloads = pickle.loads(content) if content is not None else (None, {})
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads):
        self._write(self._index_name, self._dump((self._source_stamp, overloads)))

    def _load_data(self, name):
        content = self._read(name)
        if content is None:
            raise FileNotFoundError(name)  # `load` then makes no entry
        return pickle.loads(content)

    def _save_data(self, name, data):
        self._write(name, self._dump(data))

    def read_code(self, key):
        """Return the bytes that `write_code` wrote under a key, or None."""
        return self._read(f"{self._stem}.{key}.nbc")

    def write_code(self, key, code):
        """Write bytes under a key of 32 hex digits, and remove files with another stamp."""
        self._write(f"{self._stem}.{key}.nbc", code)
        self._remove_stale()

    def _read(self, name):
        """Return the content of a file; None if it does not exist or is damaged."""
        try:
            with open(self._data_path(name), "rb") as file:
                written = memoryview(file.read())
        except FileNotFoundError:
            return None
        digest, content = written[:DIGEST_SIZE], written[DIGEST_SIZE:]
        return content if digest == _digest(name, content) else None

    def _write(self, name, content):
        with self._open_for_write(self._data_path(name)) as file:
            file.write(_digest(name, content) + content)

    def _remove_stale(self, live=None):
        """Remove files that no process will read again: those of other stamps, and data that the index, if there is
        one, no longer lists."""
        for entry in os.scandir(self._cache_path):
            match = _ENTRY.search(entry.name)
            if match is None:
                continue
            ours = live is not None and entry.name.startswith(f"{self._stem}.") and entry.name.endswith(".nbc")
            if match["stamp"] != stamp() or (ours and entry.name not in live):
                with contextlib.suppress(OSError):  # gone already, or held open by Windows
                    os.unlink(entry.path)


def _digest(name, content):
    digest = hashlib.blake2b(name.encode() + b"\0", digest_size=DIGEST_SIZE)
    digest.update(content)
    return digest.digest()
