"""Section `answer`: seconds until a network is exact on every pair of 8-bit numbers, for many seeds.

"from the first update" is training alone; "from the start of the process" is everything a user waits for. The
scalar original needs so many samples that only its compiled twin, which makes the same updates, is run to the
end; its seconds are those samples at the speed of the scalar loop, measured in the same run.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.peers.table import pythons
from fastrnn import reference
from fastrnn.bench import machine
from fastrnn.bench.processes import PACKAGE_ROOT
from fastrnn.original import update_per_sample

SEEDS, COLD = 20, 3
HERE = Path(__file__).resolve().parent

PROCESS = """
import sys, time
import fastrnn
run = fastrnn.train(seed=int(sys.argv[1]))
print(run.exact, run.samples, run.seconds)
"""

# Samples between two looks at all pairs, and when the original gives up.
LOOK, MOST = 1000, 400_000


def process(command, **environment):
    """Run a command in a fresh process and return (seconds, printed words)."""
    began = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT), **environment}
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip().splitlines()[-1:]}")
    return seconds, done.stdout.split()


def fastrnn_process(seed, cache):
    seconds, (exact, samples, training) = process([sys.executable, "-c", PROCESS, str(seed)], NUMBA_CACHE_DIR=cache)
    return outcome(seed, exact == "True", int(samples), float(training), seconds)


def outcome(seed, exact, samples, training, total):
    return {"seed": seed, "exact": exact, "samples": samples, "training": training, "process": total}


def all_pairs(bits=8):
    """Return all operand pairs (16,384, 2) and their bits, least significant first: x (T, N, 2), y (T, N)."""
    pairs = np.stack(np.meshgrid(*[np.arange(2 ** (bits - 1))] * 2), -1).reshape(-1, 2)
    shifts = np.arange(bits)[:, None]
    return pairs, np.stack([pairs[:, 0] >> shifts & 1, pairs[:, 1] >> shifts & 1], -1), pairs.sum(1) >> shifts & 1


def exact(synapses, x, y):
    """Return whether the tutorial's network is right on all pairs."""
    h = np.zeros((x.shape[1], len(synapses.synapse_h)))
    for x_t, y_t in zip(x, y):
        h = 1 / (1 + np.exp(-(x_t @ synapses.synapse_0 + h @ synapses.synapse_h)))
        if ((h @ synapses.synapse_1 > 0)[:, 0] != y_t).any():
            return False
    return True


def original(seed):
    """Train as the tutorial does, with its compiled twin, until exact or for MOST samples."""
    rng = np.random.RandomState(seed)
    synapses = reference.initial_synapses(rng)
    _, x, y = all_pairs()
    samples, began = 0, time.perf_counter()
    training = 0.0
    while samples < MOST:
        started = time.perf_counter()
        update_per_sample(synapses, rng.randint(128, size=(LOOK, 2)), 0.1, 8)
        training += time.perf_counter() - started
        samples += LOOK
        if exact(synapses, x, y):
            break
    else:
        return outcome(seed, False, samples, training, time.perf_counter() - began)
    return outcome(seed, True, samples, training, time.perf_counter() - began)


def scalar_speed():
    """Measure the scalar loop's samples per second, and the start-up seconds of it and of its compiled twin in a new
    process."""
    began = time.perf_counter()
    list(reference.train(samples=500, report_every=500))
    rate = 500 / (time.perf_counter() - began)
    start, _ = process([sys.executable, "-c", "import numpy"])
    compiled_start, _ = process([sys.executable, "-c", "from fastrnn import original; list(original.run(samples=1))"])
    return rate, start, compiled_start


def peer(python, seeds):
    """Run the fastest peer with fastrnn's own recipe in one process; each seed is charged the start-up that a user
    would have."""
    began = time.perf_counter()
    done = subprocess.run([python, str(HERE / "peers" / "jax_answer.py"), str(seeds)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    _, (start, *rest) = time.perf_counter() - began, done.stdout.split("\n")
    return [outcome(int(seed), right == "True", int(samples), float(training), float(start) + float(training))
            for seed, right, samples, training in (line.split() for line in rest if line)]


class Answer:
    """Rows of the section: an engine, and one outcome for each seed."""

    name = "answer"
    LABELS = {
        "fastrnn-cold": "fastrnn, first run ever",
        "fastrnn-warm": "fastrnn",
        "compiled": "the original recipe, compiled",
        "scalar": "the original scalar loop",
        "jax": "JAX, fastrnn's recipe, many updates per call",
    }

    def names(self, quick):
        wanted = ["fastrnn-warm", "compiled", "scalar"] if quick else list(self.LABELS)
        return [("answer", name) for name in wanted if name != "jax" or "jax" in pythons()]

    def measure(self, quick, progress):
        seeds, cold = (2, 0) if quick else (SEEDS, COLD)
        total, outcomes, absent, cold_cost = 3 * seeds + cold, {name: [] for name in self.LABELS}, {}, None
        with tempfile.TemporaryDirectory() as cache:
            for seed in range(cold):
                progress(seed, total, "fastrnn, cold")
                with tempfile.TemporaryDirectory() as empty:
                    outcomes["fastrnn-cold"].append(fastrnn_process(seed, empty))
            fastrnn_process(0, cache)
            original(0)
            for seed in range(seeds):
                progress(cold + seed, total, f"fastrnn and the original, seed {seed}")
                outcomes["fastrnn-warm"].append(fastrnn_process(seed, cache))
                outcomes["compiled"].append(original(seed))
        if cold:
            warm = outcomes["fastrnn-warm"]
            cold_cost = float(
                np.median([first["process"] - then["process"] for first, then in zip(outcomes["fastrnn-cold"], warm)])
            )
            outcomes["fastrnn-cold"] += [{**each, "process": each["process"] + cold_cost} for each in warm[cold:]]
        rate, start, compiled_start = scalar_speed()
        for one in outcomes["compiled"]:
            one["process"] += compiled_start
        outcomes["scalar"] = [{**each, "training": each["samples"] / rate, "process": start + each["samples"] / rate}
                              for each in outcomes["compiled"]]
        python = None if quick else pythons().get("jax")
        if python:
            progress(cold + 2 * seeds, total, "JAX")
            outcomes["jax"] = peer(python, seeds)
        elif not quick:
            absent["jax"] = "not installed: make bench-peers"
        rows = [{"name": name, "label": self.LABELS[name], "absent": absent.get(name), "outcomes": each,
                 "seconds": [one["process"] for one in each]}
                for name, each in outcomes.items() if each or name in absent]
        return {"kind": self.name, "machine": machine.describe(), "versions": {}, "rounds": seeds, "scalar_rate": rate,
                "cold_measured": cold, "cold_cost": cold_cost, "rows": rows}


SECTION = Answer()
