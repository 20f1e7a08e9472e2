"""Random numbers for simulated sessions: one independent stream for each model and session."""

import hashlib

import numpy as np

BUFFER = 256


class Draws:
    """Independent random numbers: `uniform()` and `normal()` return one for each model and session, (M, sessions)
    float64.

    The stream of a session depends on the seed, its number and its model's weights alone.
    """

    def __init__(self, seed, weights, sessions):
        self._streams = [
            np.random.Generator(np.random.PCG64([seed, *_words(own), session]))
            for own in weights
            for session in range(sessions)
        ]
        self._shape, self._buffers = (len(weights), sessions), {}

    def uniform(self):
        """Return numbers in [0, 1)."""
        return self._next("random")

    def normal(self):
        """Return numbers from the standard normal distribution."""
        return self._next("standard_normal")

    def _next(self, kind):
        values, used = self._buffers.get(kind, (None, BUFFER))
        if used == BUFFER:
            values, used = np.stack([getattr(stream, kind)(BUFFER) for stream in self._streams], 1), 0
        self._buffers[kind] = values, used + 1
        return values[used].reshape(self._shape)


def _words(weights):
    """Return integers that identify a model."""
    digest = hashlib.blake2b(digest_size=16)
    for name, values in weights.items():
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values))
    return np.frombuffer(digest.digest(), np.uint32).tolist()
