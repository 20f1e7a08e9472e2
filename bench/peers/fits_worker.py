"""Runs fits as an expert in JAX or PyTorch writes them, in a process of their own.

    python bench/peers/fits_worker.py --check       every engine against nn.GRU and AdamW of PyTorch, in float64
    python bench/peers/fits_worker.py               one JSON line each way:

    {"engine": ..., "hidden": H, "dtype": ...}      makes a case: {"models": M, "updates": of a call}, M that is fastest
    {"calls": n}                                    runs it: {"seconds": s}

An update is one epoch (forward, back through time, AdamW) of every model, on 96 sequences of up to 60 steps, 3 inputs,
2 classes; each model has its own training sequences. After every TOGETHER updates come the losses of training and
validation sequences.
"""

import importlib
import json
import sys
import time

import numpy as np

SEQUENCES, STEPS, INPUTS, CLASSES = 96, 60, 3, 2
TOGETHER = 32
RATE, BETA1, BETA2, EPSILON, DECAY = 0.005, 0.9, 0.999, 1e-8, 0.01
ENGINES = {"jax": ("fits_jax", "make"), "torch-compiled": ("fits_torch", "Compiled"),
           "torch-nn.GRU": ("fits_torch", "Module")}
# Sums in another order, in 32 updates.
TOLERANCE = 1e-9


class Task:
    """The data, roles and initial weights.

    x (T, B, K); y (T, B), 0 or 1; mask (T, B); roles (2, B, M), weights of sequences in the mean training and
    validation loss; weights {name: (M, ...)}, named and shaped as in PyTorch.
    """

    def __init__(self, hidden, models, dtype):
        self.hidden, self.models, self.dtype = hidden, models, dtype
        rng = np.random.default_rng(0)
        self.x = rng.integers(0, 2, (STEPS, SEQUENCES, INPUTS)).astype(dtype)
        self.y = rng.integers(0, CLASSES, (STEPS, SEQUENCES))
        self.mask = (np.arange(STEPS)[:, None] < rng.integers(40, STEPS + 1, SEQUENCES)).astype(dtype)
        train = rng.random((SEQUENCES, models)) < 0.9
        self.roles = np.stack([each / (self.mask.sum(0) @ each) for each in (train, ~train)]).astype(dtype)
        bound = hidden**-0.5
        shapes = {"w_ih": (3 * hidden, INPUTS), "w_hh": (3 * hidden, hidden), "b_ih": (3 * hidden,),
                  "b_hh": (3 * hidden,), "w_ho": (CLASSES, hidden), "b_o": (CLASSES,)}
        self.weights = {n: rng.uniform(-bound, bound, (models, *s)).astype(dtype) for n, s in shapes.items()}


def engine(name, hidden, dtype, models=None):
    """Make an engine with run(calls) of `updates` each, weights() and losses() (2, M); `models`: their number, None for
    the fastest one."""
    file, made = ENGINES[name]
    make = getattr(importlib.import_module(file), made)
    return make(lambda fastest: Task(hidden, models or fastest, dtype))


def check():
    """Print the largest differences of weights and losses after one call; return 1 if one exceeds the tolerance."""
    wrong = 0
    for hidden in (1, 2, 4, 10, 20):
        results = {}
        for name in reversed(ENGINES):
            made = engine(name, hidden, "float64", 3)
            made.run(TOGETHER // made.updates)
            results[name] = made.weights(), made.losses()
        weights, losses = results.pop("torch-nn.GRU")
        for name, (found, lost) in results.items():
            moved = max(float(np.abs(found[each] - weights[each]).max()) for each in weights)
            off = float(np.abs(lost - losses).max())
            right = max(moved, off) < TOLERANCE
            wrong += not right
            print(f"{'' if right else 'WRONG: '}{name}, {hidden} units: weights after {TOGETHER} updates within "
                  f"{moved:.0e}, losses within {off:.0e}", flush=True)
    return 1 if wrong else 0


def main():
    made = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "engine" in asked:
            made = engine(asked["engine"], asked["hidden"], asked["dtype"])
            made.run(1)
            print(json.dumps({"models": made.task.models, "updates": made.updates}), flush=True)
        else:
            began = time.perf_counter()
            made.run(asked["calls"])
            print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else main())
