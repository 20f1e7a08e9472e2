"""Models that wait for lanes: those of one Division together, since neighbours with the same sequences take less work.
"""

from collections import OrderedDict, deque


class Waiting:
    """FitJobs, in the order in which their Divisions come, and then their own."""

    def __init__(self, jobs):
        self._queues, self._count = OrderedDict(), 0
        self.give_back(jobs)

    def __len__(self):
        return self._count

    def __contains__(self, division):
        """Return whether a model with a Division waits."""
        return division in self._queues

    def following(self):
        """Return the Division to go on with, or None: whoever comes next goes on with another one, so that each thread
        has few of them."""
        if not self._queues:
            return None
        division = next(iter(self._queues))
        self._queues.move_to_end(division)
        return division

    def take(self, most, division, others=False):
        """Return at most this many models: of a Division first, and then, if `others`, of other ones, each after the
        other."""
        taken = []
        while len(taken) < most and self._queues:
            if division not in self._queues:
                if not others:
                    break
                division = self.following()
            queue = self._queues[division]
            while queue and len(taken) < most:
                taken.append(queue.popleft())
            if not queue:
                del self._queues[division]
        self._count -= len(taken)
        return taken

    def give_back(self, jobs):
        """Let models wait, before the others of their Divisions."""
        own = {}
        for job in jobs:
            own.setdefault(job.division, []).append(job)
        for division, each in own.items():
            self._queues.setdefault(division, deque()).extendleft(reversed(each))
        self._count += len(jobs)
