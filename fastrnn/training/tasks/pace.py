"""The number of updates in one call of the kernels: Ctrl-C and progress wait for the end of a call."""

# The duration of one call of the kernels: short enough for Ctrl-C and progress, long enough that Python's share is
# negligible. The first call lasts that long on slow kernels, and has at most this many updates.
CHUNK_SECONDS = 0.1
FIRST_UPDATES, SLOW_FLOPS = 64, 2e9


class Pace:
    """`updates`: those of the next call, or its rounds; at most `growth` times as many as before."""

    def __init__(self, updates=1, growth=2):
        self.updates, self.growth = updates, growth

    @classmethod
    def of_network(cls, flops, steps, samples):
        """Return the Pace of updates of `samples` samples of `steps` steps, before their speed is known.

        flops: operations of one step forward of a sample.
        """
        slow = CHUNK_SECONDS * SLOW_FLOPS / (3 * flops * steps * samples)
        return cls(max(1, min(FIRST_UPDATES, int(slow))))

    def measured(self, updates, seconds):
        """Adapt to the measured speed of a call with these updates."""
        updates = int(updates * CHUNK_SECONDS / max(seconds, 1e-9))
        self.updates = max(1, min(self.growth * self.updates, updates))

    def lengthened(self, before, after):
        """Adapt to a change of the length of sequences, from `before` to `after` steps."""
        self.updates = max(1, self.updates * before // after)
