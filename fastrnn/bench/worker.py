"""A process in which engines wait to be timed: JSON lines in, JSON lines out. Stands alone, for any Python with NumPy.

Engines of different libraries do not share threads, allocators or environment variables, each has the threads it
was promised, and its peak memory is its own. Arrays travel in .npz files that hold no pickles.
"""

import importlib.util
import json
import os
import sys
import time
import traceback
from collections import namedtuple

Workload = namedtuple("Workload", "hidden steps batch dtype models rate")


def pin(core):
    """Keep this process, and all that its libraries start, on one core; before they are imported."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def peak_megabytes():
    """The most memory this process has held."""
    try:
        # ru_maxrss starts at the peak of the process that started this one; VmHWM at zero.
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def load(target):
    """The class that "FILE.py:Class" names."""
    path, name = target.rsplit(":", 1)
    module = os.path.splitext(os.path.basename(path))[0]
    if path not in load.known:
        spec = importlib.util.spec_from_file_location(f"engine_{module}", path)
        load.known[path] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(load.known[path])
    return getattr(load.known[path], name)


load.known = {}


class Commands:
    """The commands of a worker; each returns something that JSON can hold."""

    def __init__(self):
        self.engines = {}

    def open(self, key, target, work, threads, data):
        import numpy as np

        arrays = np.load(data, allow_pickle=False)
        weights = {name[2:]: arrays[name] for name in arrays.files if name.startswith("w.")}
        self.engines[key] = load(target)(Workload(*work), threads, weights, arrays.get("x"), arrays.get("y"))
        return getattr(self.engines[key], "together", 1)

    def sample(self, key, path):
        import numpy as np

        before, x, y, after = self.engines[key].sample()
        sides = {
            f"{side}.{name}": weight
            for side, weights in (("before", before), ("after", after))
            for name, weight in weights.items()
        }
        np.savez(path, x=x, y=y, **sides)

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
            answer({"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()})


def main():
    pin(json.loads(sys.argv[1]))
    # Libraries may print; only answers go where the answers are read.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message):
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    serve(sys.stdin, answer)


if __name__ == "__main__":
    main()
