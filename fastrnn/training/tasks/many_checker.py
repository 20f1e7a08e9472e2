"""Tests of many networks in training: whether one of them is right."""

import numpy as np

from fastrnn.bits.tree import Tree
from fastrnn.kernels.arrays import Arrays
from fastrnn.verification import enumerable, exactness, right_on_all


class TaskChecker:
    """A thread's tests of networks on all samples of a task.

    made(weights): the Model with these weights; rows: the place of each weight in a vector of the kernels.
    """

    def __init__(self, cell, task, dtype, rows, made):
        self.task, self.rows, self.made = task, rows, made
        self.tree = Tree(cell, task, dtype) if enumerable(task) else None
        self.theta = np.zeros_like(self.tree.theta) if self.tree else None

    def exactness(self, model, weights, stop):
        """Return (whether a network is right, the Verification that says so or None); stop: an Interrupt."""
        if self.tree is None:
            found = exactness(self.made(weights), stop.check)
        else:
            # The fastest search for a mistake.
            self.theta[self.rows] = weights
            found = None if self.tree.has_mistake(self.theta, stop.flag) else right_on_all(self.task)
        # An unfinished test proves nothing.
        stop.check()
        return found is not None, found


class DataChecker:
    """Tests of networks on their own data; source: ModelArrays; checks: the Checks of each model."""

    def __init__(self, source, checks, made):
        self.source, self.checks, self.made = source, checks, made

    def exactness(self, model, weights, stop):
        """Return (whether network number `model` is right, None); stop: an Interrupt."""
        own = model if len(self.source.x) > 1 else 0
        arrays = Arrays(*(array[own] for array in self.source[:-1]), 0)
        return self.checks[model].passes(self.made(weights), arrays, threads=1, progress=stop.check), None
