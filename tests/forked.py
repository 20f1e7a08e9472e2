"""Programs in processes of their own that need not load NumPy and LLVM: that is done once, in a process of which they
are copies."""

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from pathlib import Path

import pytest

_COPIES = multiprocessing.get_context("forkserver")
_COPIES.set_forkserver_preload(["numpy", "llvmlite.ir", "llvmlite.binding"])


class Forked:
    """`code` as a program that has `argv`, in a folder whose modules it can import, with these variables alone.

    It talks with its `connection`, as this process does with the one here.
    """

    def __init__(self, folder, environment, code, *argv):
        self._errors = Path(folder) / f"errors-{len(list(Path(folder).glob('errors-*')))}"
        self._errors.touch()
        self.connection, other = _COPIES.Pipe()
        with pytest.MonkeyPatch.context() as context:
            # The only place where the process that is copied looks for what is of ours.
            context.setenv("PYTHONPATH", str(Path(__file__).parent))
            forkserver.ensure_running()
        arguments = (str(folder), environment, code, argv, str(self._errors), other)
        self._process = _COPIES.Process(target=_run, args=arguments)
        self._process.start()
        other.close()

    def receive(self):
        """What it sends next. Raises AssertionError, with what it printed as errors, where it ends instead."""
        try:
            return self.connection.recv()
        except EOFError:
            raise AssertionError(self._errors.read_text()) from None

    def finish(self):
        """What it sends last, before it ends without an error."""
        answer = self.receive()
        self._process.join(60)
        errors = self._errors.read_text()
        assert self._process.exitcode == 0 and not errors, errors
        return answer


def _run(folder, environment, code, argv, errors, connection):
    os.dup2(os.open(errors, os.O_WRONLY), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # Two edits within a second may look alike to Python's own cache.
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    sys.argv = ["-c", *argv]
    exec(code, {"__name__": "__main__", "connection": connection})
