"""How many threads share the updates of one network: as many as are fastest for it."""

# A trial takes about PROBE_SECONDS. Trials are made within calls of at least CALL_SECONDS, and again after as much
# training as there was before, at most AGAIN_SECONDS, as other programs come and go.
PROBE_SECONDS, CALL_SECONDS, FIRST_SECONDS, AGAIN_SECONDS = 0.005, 0.05, 0.5, 5.0
# Trials of each number: a single one may have been disturbed.
ROUNDS = 3
# Where a trial takes this much longer than the fastest, still fewer threads are not tried.
HOPELESS = 2.0
# Fewer threads than all are used where they are faster by this factor.
MARGIN = 1.05


class ThreadChoice:
    """Of 1 to `most` threads, the number to use: ask `next`, make the updates, and report with `measured`.

    Tried are `most` threads, half as many, and so on, ROUNDS times each; the fastest trial of each counts.
    """

    def __init__(self, most):
        self.best, self.most = most, most
        # Seconds per update by number of threads, at the latest; those of the trials; and of training since the trials.
        self.pace, self.tried, self.since = {}, {}, FIRST_SECONDS
        # The training after which they are repeated.
        self.wait, self.trials = FIRST_SECONDS / 2, []

    def next(self, updates):
        """(threads, updates) of the next call, which is to make at most this many updates."""
        pace = self.pace.get(self.best)
        if self.most == 1 or pace is None:
            return self.best, updates
        if not self.trials and self.since >= self.wait and updates * pace >= CALL_SECONDS:
            self.tried, self.since, self.wait = {}, 0.0, min(2 * self.wait, AGAIN_SECONDS)
            self.trials = ROUNDS * [self.most >> n for n in range(self.most.bit_length())]
        if not self.trials:
            return self.best, updates
        threads = self.trials[0]
        # An unknown number of threads takes as long as one thread may, at most.
        pace = self.pace.get(threads, pace * max(1, self.best / threads))
        return threads, max(1, min(updates, int(PROBE_SECONDS / pace)))

    def measured(self, threads, updates, seconds):
        """Follow a call on this many threads; fewer than were asked for may have been granted."""
        if updates < 1:
            return
        pace, self.since = seconds / updates, self.since + seconds
        self.pace[threads] = pace
        if not self.trials:
            return
        if self.trials.pop(0) == threads:
            self.tried[threads] = min(pace, self.tried.get(threads, pace))
            if threads < self.most and pace > HOPELESS * min(self.tried.values()):
                self.trials = [trial for trial in self.trials if trial > threads]
        if not self.trials and self.tried:
            self.best = min(self.tried, key=lambda number: self.tried[number] * (MARGIN if number < self.most else 1))
