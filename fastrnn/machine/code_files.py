"""Machine code in files, under the stamp of the package."""

import contextlib

from fastrnn.compiling import PackageCache, stamp


class CodeFiles:
    """Machine code by key (32 hex digits), in files where the cache of a Python function lies, under the stamp.

    No state of the disk stops a program: what cannot be read is not there, what cannot be written is not kept.
    """

    def __init__(self, function):
        self._files = self._locator = None
        if stamp():
            with contextlib.suppress(RuntimeError):  # numba found no directory that can be written
                cache = PackageCache(function)
                self._files, self._locator = cache._cache_file, cache._impl.locator

    def load(self, key):
        """Return the bytes that were saved under a key, or None."""
        with contextlib.suppress(OSError):
            return self._files and self._files.read_code(key)
        return None

    def save(self, key, code):
        """Save bytes under a key, and remove those of other stamps."""
        with contextlib.suppress(OSError):
            if self._files:
                self._locator.ensure_cache_path()
                self._files.write_code(key, code)
