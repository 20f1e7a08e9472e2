"""Engines of users: a class in a file, `FILE.py:Class`, that does the work of a Workload."""

import os
import sys

from fastrnn.bench import machine
from fastrnn.bench.engines import Engine
from fastrnn.bench.processes import Worker, WorkerError


def own_engine(target, number=0, python=sys.executable):
    """Return the Engine for a user's "FILE.py:Class"; number: its place among the engines of one run.

    The file is run once, in a process of its own, by `python`.
    Raises ValueError, in one line, where there is no file, the file fails, or the class is no engine.
    """
    path, _, name = target.rpartition(":")
    if not name.isidentifier() or not path.endswith(".py"):
        raise ValueError(f"got {target!r}, expected FILE.py:Class")
    if not os.path.isfile(path):
        raise ValueError(f"{path}: no such file")
    target = f"{os.path.abspath(path)}:{name}"
    worker = Worker(1, python)
    try:
        says = worker.ask("describe", target=target)
    except WorkerError as error:
        machine.note_absence(error.trace)
        raise ValueError(f"{path}: {error}") from error
    finally:
        worker.stop()
    label, packages = says.pop("label"), tuple(says.pop("packages"))
    label = label or f"{os.path.basename(path)}:{name}"
    return Engine(f"own-{number}", label, "own", target, f"own-{number}", packages=packages, **says)
