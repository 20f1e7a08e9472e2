"""A process that times engines on request: JSON lines in, JSON lines out. It imports only NumPy, so any Python can run
it.

Engines of different libraries do not share threads, allocators or environment variables, each has the threads it
was promised, and its peak memory is its own. Arrays travel in .npz files that hold no pickles.
"""

import importlib.util
import inspect
import json
import os
import sys
import time
import traceback
from collections import namedtuple

Workload = namedtuple("Workload", "hidden steps batch dtype models rate")


def pin(core):
    """Pin this process, and all that its libraries start, to one core; call this before they are imported."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def peak_megabytes():
    """Return the largest amount of memory that this process has held, in MB."""
    try:
        # ru_maxrss starts at the peak of the process that started this one; VmHWM at zero.
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024


class Unfit(Exception):
    """The engine's class lacks something; the message says what."""


def load(target):
    """Return the class that "FILE.py:Class" names."""
    path, name = target.rsplit(":", 1)
    if path not in load.known:
        spec = importlib.util.spec_from_file_location(f"engine_{os.path.splitext(os.path.basename(path))[0]}", path)
        # Dataclasses look their module up. Files next to it may be imported, but hide no library.
        sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
        sys.path.append(os.path.dirname(path))
        spec.loader.exec_module(module)
        load.known[path] = module
    module = load.known[path]
    if not isinstance(getattr(module, name, None), type):
        classes = [key for key, value in vars(module).items()
                   if isinstance(value, type) and value.__module__ == module.__name__]
        raise Unfit(f"the file has no class {name!r}; it has {', '.join(classes) or 'none'}")
    return getattr(module, name)


load.known = {}


METHODS = {"__init__": "work threads weights x y", "run": "updates", "sample": ""}
# What an engine may say of itself: the default, and what is allowed.
SAYS = {
    "label": (None, "text", lambda value: isinstance(value, str) and value.strip()),
    "activation": ("sigmoid", "'sigmoid' or 'tanh'", lambda value: value in ("sigmoid", "tanh")),
    "threads": ("each", "'one' or 'each'", lambda value: value in ("one", "each")),
    "most_samples": (0, "an integer from 0 on", lambda value: type(value) is int and value >= 0),
    "packages": ((), "a tuple of names", lambda value: type(value) is tuple and all(type(n) is str for n in value)),
}


def said(engine):
    """Return {name: value} of the attributes that a class declares. Raises Unfit where it is not an engine."""
    for name, arguments in METHODS.items():
        method, names = getattr(engine, name, None), arguments.split()
        try:
            inspect.signature(method).bind("self", *names)
        except (TypeError, ValueError):
            raise Unfit(f"{engine.__name__} needs a method {name}({', '.join(['self', *names])})") from None
    found = {}
    for name, (default, expected, allowed) in SAYS.items():
        found[name] = getattr(engine, name, default)
        if found[name] is not default and not allowed(found[name]):
            raise Unfit(f"{name}: got {found[name]!r}, expected {expected}")
    return found


class Commands:
    """The commands of a worker; each returns something that JSON can store."""

    def __init__(self):
        self.engines = {}

    def describe(self, target):
        found = said(load(target))
        self.versions(found["packages"])  # which fails where one of them is not installed
        return found

    def open(self, key, target, work, threads, data):
        import numpy as np

        arrays = np.load(data, allow_pickle=False)
        weights = {name[2:]: arrays[name] for name in arrays.files if name.startswith("w.")}
        self.engines[key] = load(target)(Workload(*work), threads, weights, arrays.get("x"), arrays.get("y"))
        together = getattr(self.engines[key], "together", 1)
        if type(together) is not int or together < 1:
            raise Unfit(f"together: got {together!r}, expected a positive integer")
        return together

    def sample(self, key, path):
        import numpy as np

        sample = self.engines[key].sample()
        try:
            before, x, y, after = sample
            sides = {f"{side}.{name}": np.asarray(weight, np.float64)
                     for side, weights in (("before", before), ("after", after)) for name, weight in weights.items()}
            np.savez(path, x=np.asarray(x, np.float64), y=np.asarray(y, np.float64), **sides)
        except (TypeError, ValueError, AttributeError) as error:
            raise Unfit(f"sample() must return (before, x, y, after), two of them dicts: {error}") from error

    def run(self, key, updates):
        began = time.perf_counter()
        self.engines[key].run(updates)
        return time.perf_counter() - began

    def close(self, key):
        del self.engines[key]

    def memory(self):
        return peak_megabytes()

    def versions(self, modules):
        from importlib.metadata import version

        return {"python": sys.version.split()[0], **{module: version(module) for module in modules}}


def serve(lines, answer):
    commands = Commands()
    for line in lines:
        request = json.loads(line)
        try:
            result = getattr(commands, request.pop("do"))(**request)
            answer({"result": result})
        except Exception as error:
            kind = "" if isinstance(error, Unfit) else f"{type(error).__name__}: "
            answer({"error": f"{kind}{error}", "trace": traceback.format_exc()})


def main():
    pin(json.loads(sys.argv[1]))
    # Libraries may print and read; only answers go where the answers are read, only `serve` reads requests.
    requests, channel = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    if hasattr(os, "register_at_fork"):
        # A child that outlives this process must not keep the reader of answers waiting.
        os.register_at_fork(after_in_child=lambda: os.close(channel.fileno()))

    def answer(message):
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    serve(requests, answer)


if __name__ == "__main__":
    main()
