"""Models trained one after the other, behind the interface of training many at once."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from fastrnn.train import train


def train_many(cell, task, config, *, seeds, threads=None, progress=None):
    """What training each of the seeds by itself gives, in arrays of one entry a model."""
    began = time.perf_counter()
    runs = [train(cell, task, replace(config, seed=int(seed)), threads=threads, progress=progress) for seed in seeds]
    last = [(run.history.loss[-1], run.history.exact_accuracy[-1]) if len(run.history.loss) else (np.nan, np.nan) for run in runs]
    loss, exact_accuracy = np.array(last).T
    return SimpleNamespace(
        stopped=[run.stopped for run in runs], steps=np.array([run.steps for run in runs]), samples=np.array([run.samples for run in runs]),
        samples_to_exact=np.array([run.samples if run.stopped == "exact" else -1 for run in runs]), loss=loss,
        exact_accuracy=exact_accuracy, seconds=time.perf_counter() - began)
