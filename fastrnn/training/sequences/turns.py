"""The groups of one thread, which run one after the other within each call of compiled code."""

from fastrnn.thread_choice import ThreadChoice
from fastrnn.training.tasks import pace

# Groups of a thread, at most: to make one takes about as long as four groups save.
MOST_GROUPS = 4


class Turns:
    """The engine of one thread (fastrnn.training.tasks.driver): one group, or several where all models of a short call
    end together.

    Python's work on a model takes several times as long just after a call, when it is in no cache any more, and other
    threads wait for it. `most`: the groups that may begin models; spare: the free lanes after which a call ends to
    begin others; running: the groups of the present call; seen: the evaluations that the caller has seen. team: the
    threads that share the work of a group, at most; stepwise: whether each evaluation ends a call.
    """

    def __init__(self, first, team=1, stepwise=False):
        self.groups, self.most, self.done, self.fresh = [first], 1, [], False
        self.choice, self.stepwise, self.spare, self.running, self.seen = ThreadChoice(team), stepwise, 1, [], 0

    @property
    def evaluated(self):
        """The number of evaluations so far."""
        return sum(group.evaluated for group in self.groups)

    def occupied(self):
        """Return the groups that have models."""
        return [group for group in self.groups if any(group.jobs)]

    def run(self, updates, stop, now):
        """Run at most `updates` rounds of each group, until one of its models is finished; return the fewest made.

        stop: the flag of the groups; now: not used.
        """
        groups, most = self.running, self.groups[0].to_evaluation() if self.stepwise else updates
        threads, rounds = self.choice.next(min(updates, most))
        # Whether all models begin with this call.
        self.fresh = not any(group.updates.any() for group in groups)
        if len(groups) == 1:
            made = [groups[0].run(rounds, threads)]
        else:
            for group in groups:
                # The table is that of the models that this prepares.
                count = group.prepare(rounds)
                group.point(group.table, count, group.recipe.config.every)
            groups[0].recipe.program.run_all([group.frame for group in groups])
            made = [group.ended() for group in groups]
        self.done = [(group, slots) for group, (_, slots) in zip(groups, made) if slots]
        return min(rounds for rounds, _ in made)

    def take(self):
        """Free the slots of finished models; return their FitResults."""
        left = [each for group in self.occupied() for each in group.left]
        return left + [each for group, slots in self.done for each in group.take(slots)]

    def adapt(self, seconds, room, make):
        """Choose the number of groups after a call of some seconds; room: those that all models that wait may fill.

        make: a function that returns a group beside another one.
        """
        if self.occupied():
            # Models that end one by one would leave many lanes of all these groups without work at the end.
            self.most = 1 if self.done else self.most // 2
        elif self.fresh and seconds < pace.CHUNK_SECONDS / 3:
            self.most *= 2
        self.most = max(1, min(self.most, room, MOST_GROUPS))
        while len(self.groups) < self.most:
            self.groups.append(make(self.groups[0]))
