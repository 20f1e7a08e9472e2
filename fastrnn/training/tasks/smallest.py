"""Searches for the smallest number of hidden units for which a network is proved right at every width.

A network of the smallest size has no unit to spare: one keeps the task's state, and others need intermediate values,
which the penalty of fastrnn.training.tasks.certified_finetune would push away. Therefore it is thirty times weaker
here, and there are fifty times the data.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fastrnn.cells.base import cells
from fastrnn.interrupt import checked_interrupt
from fastrnn.training.tasks.certified_finetune import certified_finetune
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.many import train_many

# The initial scale decides whether networks of this size learn the task at all: few do from small weights.
SCALES, LEARNING_SAMPLES = (2.0, 3.0), 60_000
RATES = {"tanh": 0.03, "sigmoid": 0.1}
PROOF_SATURATION, PROOF_SAMPLES, PROOF_ATTEMPTS = 0.003, 400_000, 3
# Elman networks of both activations, and units that learn their time constant.
CELL_OPTIONS = {"elman": tuple({"activation": activation} for activation in RATES), "leaky": ({"alpha": None},)}


def kinds(name, activations=tuple(RATES)):
    """Return the cells of this name, with one unit each, whose smallest network is searched for."""
    options = [each for each in CELL_OPTIONS.get(name, ({},)) if each.get("activation", activations[0]) in activations]
    return tuple(cells()[name](hidden_size=1, **each) for each in options)


class Tried(NamedTuple):
    """The results of networks of one cell: how many were trained, exact and certified.

    best: the Certification with the largest margin, or None; seed: of its network.
    """

    cell: object
    models: int
    exact: int
    certified: int
    best: object
    seed: int | None


def smallest_certified(task, prototypes=None, *, seeds=700, most=8, threads=None, progress=None):
    """Yield a Tried for each of the cells with one hidden unit, with two, and so on, up to the first size with a proof.

    prototypes: cells, as `kinds` gives them; default: kinds("elman").
    Networks 0 to seeds - 1 of each kind are trained side by side, then each that is exact is trained on to a proof.
    progress(done, total): called now and then within one kind. Raises ValueError as `train_many` and `certify` do.
    """
    for hidden in range(1, most + 1):
        done = []
        for cell in prototypes or kinds("elman"):
            done.append(_tried(replace(cell, hidden_size=hidden), task, seeds, threads, progress))
            yield done[-1]
        if any(tried.certified for tried in done):
            return


def _tried(cell, task, seeds, threads, progress):
    config = TrainConfig(learning_rate=RATES[getattr(cell, "activation", "tanh")], max_samples=LEARNING_SAMPLES)
    scales = np.resize(SCALES, seeds)
    with checked_interrupt():
        run = train_many(
            cell, task, config, seeds=range(seeds), initial_scale=scales, threads=threads, progress=progress
        )
    exact, found = np.flatnonzero(run.exact), {}
    for number, i in enumerate(exact):
        if progress:
            progress(number, len(exact))
        seed = int(run.seeds[i])
        found[seed] = certified_finetune(
            run.model(i), replace(config, seed=seed), attempts=PROOF_ATTEMPTS, threads=threads, samples=PROOF_SAMPLES,
            saturation_penalty=PROOF_SATURATION
        )[1]
    proved = {seed: each for seed, each in found.items() if each.proved}
    seed = max(proved, key=lambda seed: proved[seed].margin, default=None)
    return Tried(cell, seeds, len(exact), len(proved), proved.get(seed), seed)
