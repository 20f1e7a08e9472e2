"""The least number of hidden units for which a network is proved right at every width.

A network of the smallest size has no unit to spare: one keeps the task's state, and others need intermediate values,
which the penalty of fastrnn.train.consolidate would push away. Therefore the penalty is thirty times weaker here, and
there are fifty times the data.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fastrnn.cells.elman import Elman
from fastrnn.train.config import TrainConfig
from fastrnn.train.consolidate import consolidate
from fastrnn.train.many import train_many

# The initial scale decides whether such small networks learn the task at all: few do from small weights.
SCALES, LEARN = (2.0, 3.0), 60_000
RATES = {"tanh": 0.03, "sigmoid": 0.1}
SATURATION, SAMPLES, ATTEMPTS = 0.003, 400_000, 3


class Tried(NamedTuple):
    """Results of networks with one hidden size and activation: how many were trained, exact and certified.

    best: the Certification with the largest margin, or None; seed: of its network.
    """

    hidden: int
    activation: str
    models: int
    exact: int
    certified: int
    best: object
    seed: int | None


def smallest(task, *, seeds=700, activations=tuple(RATES), most=8, threads=None, progress=None):
    """Yield a Tried for each activation of one hidden unit, of two, and so on, up to the first size that has a certificate.

    Networks 0 to seeds - 1 of each kind are trained side by side, then each that is exact is trained on to a proof.
    progress(done, total): called now and then within one kind. Raises ValueError as `train_many` and `certify` do.
    """
    for hidden in range(1, most + 1):
        done = []
        for activation in activations:
            done.append(_tried(Elman(hidden, activation), task, seeds, threads, progress))
            yield done[-1]
        if any(tried.certified for tried in done):
            return


def _tried(cell, task, seeds, threads, progress):
    config = TrainConfig(learning_rate=RATES[cell.activation], max_samples=LEARN)
    scales = np.resize(SCALES, seeds)
    run = train_many(cell, task, config, seeds=range(seeds), initial_scale=scales, threads=threads, progress=progress)
    if "interrupted" in run.stopped:
        raise KeyboardInterrupt
    exact, found = np.flatnonzero(run.exact), {}
    for number, i in enumerate(exact):
        if progress:
            progress(number, len(exact))
        seed = int(run.seeds[i])
        found[seed] = consolidate(run.model(i), replace(config, seed=seed), attempts=ATTEMPTS, threads=threads,
                                  saturation=SATURATION, samples=SAMPLES)[1]
    proved = {seed: each for seed, each in found.items() if each.proved}
    seed = max(proved, key=lambda seed: proved[seed].margin, default=None)
    return Tried(cell.hidden_size, cell.activation, seeds, len(exact), len(proved), proved.get(seed), seed)
