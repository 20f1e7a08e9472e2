"""The client of fastrnn.bench.worker: starts workers, sends them commands, ends them."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fastrnn.bench.workload import Updates, starting_weights, sums

WORKER = Path(__file__).with_name("worker.py")
PACKAGE_ROOT = WORKER.parents[2]
# An idle process ends sooner.
END_SECONDS = 2


class WorkerError(RuntimeError):
    """A worker could not run a command; the message has one line, `trace` the traceback."""

    def __init__(self, message, trace=""):
        super().__init__(message)
        self.trace = trace


class Worker:
    """A process for engines. With `threads` = 1 it is pinned to one core, otherwise it is free."""

    def __init__(self, threads, python=sys.executable):
        self.threads = threads
        self.folder = tempfile.TemporaryDirectory(prefix="fastrnn-bench-")
        self.messages = open(os.path.join(self.folder.name, "stderr"), "w+")  # closed in `stop`
        core = max(os.sched_getaffinity(0)) if threads == 1 and hasattr(os, "sched_getaffinity") else None
        # -P: the folder of the script is not searched for modules, where files could be taken for libraries.
        self.process = subprocess.Popen(
            [python, "-P", str(WORKER), json.dumps(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.messages,
            text=True,
            env=environment(threads, python),
        )
        self.count = 0

    def ask(self, do, **arguments):
        """Return the worker's answer. Raises WorkerError."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words are in stderr
        line = self.process.stdout.readline()
        if not line:
            self.messages.seek(0)
            words = self.messages.read().strip()
            raise WorkerError(
                f"its process ended with status {self.process.wait()}: {(words.splitlines() or ['no message'])[-1]}",
                words,
            )
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"], answer["trace"])
        return answer["result"]

    def open(self, target, work, draws=False):
        """Return an Opened engine, ready to run; engines that draw their own batches get no data."""
        self.count += 1
        path = os.path.join(self.folder.name, f"{self.count}.npz")
        arrays = {f"w.{name}": weight for name, weight in starting_weights(work).items()}
        if not draws:
            arrays["x"], arrays["y"] = sums(work)
        np.savez(path, **arrays)
        together = self.ask(
            "open", key=self.count, target=target, work=[*work, work.rate], threads=self.threads, data=path
        )
        os.unlink(path)
        return Opened(self, self.count, together)

    def stop(self):
        """End the process, whatever it does."""
        with contextlib.suppress(BrokenPipeError):  # it may have ended by itself
            self.process.stdin.close()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.messages.close()
        self.folder.cleanup()


class Opened:
    """An engine with its workload, in a worker; it makes `together` updates per call."""

    def __init__(self, worker, key, together):
        self.worker, self.key, self.together = worker, key, together

    def run(self, updates):
        """Return the seconds that a number of updates take; the number is rounded up to whole calls of the engine."""
        made = -(-updates // self.together) * self.together
        return self.worker.ask("run", key=self.key, updates=made) * updates / made

    def sample(self):
        """Return the Updates of one call, to be checked."""
        path = os.path.join(self.worker.folder.name, f"sample-{self.key}.npz")
        self.worker.ask("sample", key=self.key, path=path)
        with np.load(path, allow_pickle=False) as arrays:
            sides = [{name[len(side) + 1 :]: arrays[name] for name in arrays.files if name.startswith(side + ".")}
                     for side in ("before", "after")]
            updates = Updates(sides[0], arrays["x"], arrays["y"], sides[1], self.together)
        os.unlink(path)
        return updates

    def close(self):
        """Release the engine."""
        self.worker.ask("close", key=self.key)


def environment(threads, python=sys.executable):
    """Return the environment variables of a worker with `threads` threads."""
    # NumPy's engine deals out threads itself, so its BLAS has one.
    numbers = {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": 1,
    }
    variables = {**os.environ, **{name: str(number) for name, number in numbers.items()}}
    if python == sys.executable:
        variables["PYTHONPATH"] = os.pathsep.join([str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    else:
        variables.pop("PYTHONPATH", None)
    return variables
