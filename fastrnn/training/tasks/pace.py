"""The number of updates in one call of the kernels: Ctrl-C and progress wait for the end of a call."""

# The duration of one call of the kernels: short enough for Ctrl-C and progress, long enough that Python's share is
# negligible. The first call lasts that long on slow kernels, and has at most this many updates.
CHUNK_SECONDS = 0.1
FIRST_UPDATES, SLOW_FLOPS = 64, 2e9


class Pace:
    """`updates`: those of the next call, each of `samples` samples of `steps` steps.

    flops: operations of one step forward of a sample. The speed of the kernels is not known before the first call.
    """

    def __init__(self, flops, steps, samples):
        slow = CHUNK_SECONDS * SLOW_FLOPS / (3 * flops * steps * samples)
        self.updates = max(1, min(FIRST_UPDATES, int(slow)))

    def measured(self, updates, seconds):
        """Adapt to the measured speed of a call with these updates."""
        self.updates = max(1, min(2 * self.updates, int(updates * CHUNK_SECONDS / max(seconds, 1e-9))))

    def lengthened(self, before, after):
        """Adapt to a change of the length of sequences, from `before` to `after` steps."""
        self.updates = max(1, self.updates * before // after)
