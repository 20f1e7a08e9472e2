"""Runs fits as an expert in JAX or PyTorch writes them, in a process of their own.

    python bench/peers/fits_worker.py --check       every engine against PyTorch's modules and optimizers, in float64
    python bench/peers/fits_worker.py               one JSON line each way:

    {"engine": ..., "hidden": H, "dtype": ...}      makes a case of many models: {"models": M, "updates": of a call,
                                                    "steps": of a call, all models together}, M that is fastest
    {"engine": ..., "hidden": H, "dtype": ..., "work": ..., "cell": ...}    the same of one model on batches
    {"calls": n}                                    runs it: {"seconds": s}
    {}                                              its weights after all calls: {name: numbers}

Many models: an update is one epoch (forward, back through time, AdamW) of every model, on 96 sequences of up to 60
steps, 3 inputs, 2 classes; each model has its own training sequences. After every TOGETHER updates come the losses of
training and validation sequences. One model: an update is one epoch of a Work.
"""

import importlib
import json
import sys
import time
from typing import NamedTuple

import numpy as np

SEQUENCES, STEPS, INPUTS, CLASSES = 96, 60, 3, 2
TOGETHER = 32
RATE, BETA1, BETA2, EPSILON, DECAY = 0.005, 0.9, 0.999, 1e-8, 0.01
ENGINES = {"jax": ("fits_jax", "make"), "torch-compiled": ("fits_torch", "Compiled"),
           "torch-nn.GRU": ("fits_torch", "Module")}
BATCHED = {"jax": ("batches_jax", "Batched"), "torch": ("fits_torch", "Batched")}
# Sums in another order, in 32 updates.
TOLERANCE = 1e-9
# Units of the networks of checks of one model.
CHECKED = 5


class Work(NamedTuple):
    """One model on batches: an epoch is an update on each of some pieces of the same sequences, whose states are
    carried on from piece to piece.

    together: epochs of a call where a library makes several in one.
    """

    sequences: int
    pieces: int
    steps: int
    inputs: int
    outputs: int
    optimizer: str
    together: int

    @property
    def classes(self):
        """Whether the outputs are classes, with softmax, instead of one real number."""
        return self.outputs > 1


WORKS = {"sequences": Work(256, 1, 64, 3, 2, "sgd", TOGETHER), "segments": Work(50, 4, 1000, 1, 1, "adam", 1)}


def drawn(rng, cell, hidden, inputs, outputs, dtype, models=()):
    """Return random initial weights {name: (*models, ...)}, named, shaped and ordered as in PyTorch."""
    rows, bound = {"gru": 3, "lstm": 4}[cell] * hidden, hidden**-0.5
    shapes = {"w_ih": (rows, inputs), "w_hh": (rows, hidden), "b_ih": (rows,), "b_hh": (rows,),
              "w_ho": (outputs, hidden), "b_o": (outputs,)}
    return {name: rng.uniform(-bound, bound, (*models, *shape)).astype(dtype) for name, shape in shapes.items()}


class Task:
    """The data, roles and initial weights of many models.

    x (T, B, K); y (T, B), 0 or 1; mask (T, B); roles (2, B, M), weights of sequences in the mean training and
    validation loss; weights {name: (M, ...)}.
    """

    def __init__(self, hidden, models, dtype):
        self.hidden, self.models, self.dtype = hidden, models, dtype
        rng = np.random.default_rng(0)
        self.x = rng.integers(0, 2, (STEPS, SEQUENCES, INPUTS)).astype(dtype)
        self.y = rng.integers(0, CLASSES, (STEPS, SEQUENCES))
        self.mask = (np.arange(STEPS)[:, None] < rng.integers(40, STEPS + 1, SEQUENCES)).astype(dtype)
        train = rng.random((SEQUENCES, models)) < 0.9
        self.roles = np.stack([each / (self.mask.sum(0) @ each) for each in (train, ~train)]).astype(dtype)
        self.weights = drawn(rng, "gru", hidden, INPUTS, CLASSES, dtype, (models,))
        # Peers take all sequences as long as the longest; what they do in the padding is counted in their favour.
        self.steps = SEQUENCES * STEPS * models


class Batches:
    """The data and initial weights of one model.

    x (P, T, B, K); y (P, T, B): 0 or 1 of classes, else real numbers; weights {name: array}.
    """

    models = 1

    def __init__(self, work, cell, hidden, dtype):
        self.work, self.cell, self.hidden, self.dtype = work, cell, hidden, dtype
        rng, shape = np.random.default_rng(0), (work.pieces, work.steps, work.sequences)
        self.x = rng.normal(size=(*shape, work.inputs)).astype(dtype)
        self.y = rng.integers(0, work.outputs, shape) if work.classes else rng.normal(size=shape).astype(dtype)
        self.weights = drawn(rng, cell, hidden, work.inputs, work.outputs, dtype)
        self.steps = self.y.size


def made_by(file, name):
    """Return what a file of this folder defines."""
    return getattr(importlib.import_module(file), name)


def engine(name, hidden, dtype, models=None):
    """Make an engine with run(calls) of `updates` each, weights() and losses() (2, M); `models`: their number, None for
    the fastest one."""
    return made_by(*ENGINES[name])(lambda fastest: Task(hidden, models or fastest, dtype))


def batched(name, work, cell, hidden, dtype):
    """Make an engine of one model, with run(calls) of `updates` each and weights()."""
    return made_by(*BATCHED[name])(Batches(WORKS[work], cell, hidden, dtype))


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
            apart = float(np.abs(lost - losses).max())
            right = max(moved, apart) < TOLERANCE
            wrong += not right
            print(f"{'' if right else 'WRONG: '}{name}, {hidden} units: weights after {TOGETHER} updates within "
                  f"{moved:.0e}, losses within {apart:.0e}", flush=True)
    return 1 if wrong + check_batched() else 0


def off(start, found, expected):
    """Return the largest difference of two results {name: array} of the same start, divided by the largest movement."""
    moved = max(float(np.abs(expected[name] - start[name]).max()) for name in start)
    apart = [float(np.abs(np.asarray(found[name]) - expected[name]).max()) for name in start]
    return max(apart) / moved if np.isfinite(apart).all() else np.inf


def check_batched():
    """Print the largest difference of the movements of each network in one call; return how many are too large."""
    wrong = 0
    for work, its in WORKS.items():
        for cell in ("gru", "lstm"):
            both = [batched(name, work, cell, CHECKED, "float64") for name in BATCHED]
            for made in both:
                made.run(its.together // made.updates)
            apart = off(both[0].task.weights, *(made.weights() for made in both))
            wrong += not (right := apart < TOLERANCE)
            print(f"{'' if right else 'WRONG: '}jax, {work}, {cell}: weights after {its.together} epochs within "
                  f"{apart:.0e}", flush=True)
    return wrong


def main():
    made = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "engine" in asked:
            name = asked.pop("engine")
            made = (batched if "work" in asked else engine)(name, **asked)
            made.run(1)
            task = made.task
            answer = {"models": task.models, "updates": made.updates, "steps": task.steps * made.updates}
        elif "calls" in asked:
            began = time.perf_counter()
            made.run(asked["calls"])
            answer = {"seconds": time.perf_counter() - began}
        else:
            answer = {name: values.tolist() for name, values in made.weights().items()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(check() if "--check" in sys.argv else main())
