"""Models that take the lanes of a group's models that end within a call of the kernels."""

import numpy as np

from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.decide import CRITERIA, PROGRESS
from fastrnn.training.sequences.job import results_of

# The most of them that are offered for a call, and those that are offered for the first one.
MOST_OFFERED, FIRST_OFFERED = 256, 16


class Successors:
    """Those of one FitGroup. most: how many to offer for the next call, about twice as many as began in the last one.
    """

    def __init__(self, group):
        self.group, self.jobs, self.most = group, [], FIRST_OFFERED
        self.room = 0

    def offer(self, jobs, free):
        """Let these FitJobs begin in the next call, in this order, which ends where as many other lanes are free."""
        group, count = self.group, len(jobs)
        self.jobs = jobs
        if count > self.room:
            self._allocate(count)
        if jobs:
            options, criteria = group.given(jobs)
            given = {"theta": np.array([job.weights for job in jobs]), "options": options, "criteria": criteria}
            for name, values in given.items():
                group.arrays[f"next_{name}"][:count] = values
        group.set_words(waiting=count, free=free, suited=group.suited())

    def _allocate(self, count):
        recipe, self.room = self.group.recipe, count
        widths = {
            "next_theta": recipe.rows,
            "next_options": len(recipe.options),
            "next_criteria": len(CRITERIA),
            "left_theta": recipe.rows,
            "left_best": recipe.rows,
            "left_progress": len(PROGRESS),
        }
        for name, width in widths.items():
            self.group.allocate(name, (count, width))
        self.group.take_array("lanes", np.zeros(count, np.int64))

    def rest(self):
        """Return the FitJobs that did not begin."""
        rest, self.jobs = self.jobs, []
        return rest

    def begun(self, history):
        """Return (the FitResults of models whose lanes others took in a call, {slot: the number of evaluations of the
        call before its present model began}); history: all evaluations of the call."""
        group, count = self.group, int(self.group.counters[loops.BEGAN])
        if not count:
            return [], {}
        self.most = min(MOST_OFFERED, FIRST_OFFERED + 2 * count)
        every, firsts, left, histories = group.recipe.config.every, {}, [], []
        began, self.jobs = self.jobs[:count], self.jobs[count:]
        progress = group.arrays["left_progress"][:count].T.astype(np.int64)
        evaluations = (progress[PROGRESS.index("rounds")] // every + 1).tolist()
        for slot, job, number in zip(group.arrays["lanes"][:count].tolist(), began, evaluations):
            first, parts = firsts.get(slot, 0), group.parts[slot]
            last = first + number - sum(map(len, parts))
            left.append(group.jobs[slot])
            histories.append([*parts, history[first:last, :, slot]])
            group.begin(slot, job)
            firsts[slot] = last
        best, theta = (group.arrays[name][:count].copy() for name in ("left_best", "left_theta"))
        return results_of(group.recipe.config, left, progress, best, theta, histories), firsts
