"""NumPy as an expert would write it for speed: float32, no allocation, in-place ufuncs, pieces that fit the cache."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Samples that are taken through all steps together, and numbers of an array that is written and read again: such
# pieces stay in the second-level cache. The best of 256 to 16,384 samples at hidden 16.
PIECE_SAMPLES, PIECE_NUMBERS = 1024, 1 << 16


class Batched:
    """With several threads, each works on its share of the samples; the matrix products themselves run on one."""

    def __init__(self, work, threads, weights, x, y):
        self.w_ih, self.w_hh, self.w_ho = (weights[name].astype(np.float32) for name in ("w_ih", "w_hh", "w_ho"))
        self.x, self.y = x, y
        size = min(PIECE_SAMPLES, -(-work.batch // threads))
        self.pieces = [
            _Piece(work.hidden, x[first : first + size], y[first : first + size])
            for first in range(0, work.batch, size)
        ]
        self.scale = np.float32(work.rate / work.batch)
        self.pool = ThreadPoolExecutor(threads) if threads > 1 and len(self.pieces) > 1 else None

    def _update(self):
        pieces = self.pieces
        # The sign of the sigmoid's exponent goes into the weights: one ufunc less on every state.
        weights = -self.w_ih.T, np.ascontiguousarray(-self.w_hh.T), self.w_hh, self.w_ho
        if self.pool:
            list(self.pool.map(lambda piece: piece.learn(*weights), pieces))
        else:
            for piece in pieces:
                piece.learn(*weights)
        for piece in pieces:
            self.w_ih -= self.scale * piece.d_ih
            self.w_hh -= self.scale * piece.d_hh
            self.w_ho -= self.scale * piece.d_ho

    def run(self, updates):
        for _ in range(updates):
            self._update()

    def _weights(self):
        return {name: getattr(self, name).copy() for name in ("w_ih", "w_hh", "w_ho")}

    def sample(self):
        before = self._weights()
        self._update()
        return before, self.x, self.y, self._weights()


class _Piece:
    """Some samples, and all values that are computed for them, a span of steps at a time."""

    def __init__(self, hidden, x, y):
        batch, steps = x.shape[:2]
        self.x, self.y = (np.ascontiguousarray(each.transpose(1, 0, 2), np.float32) for each in (x, y))
        self.span = max(1, min(steps, PIECE_NUMBERS // (batch * hidden)))
        self.h = np.empty((steps, batch, hidden), np.float32)
        self.product = np.empty((batch, hidden), np.float32)
        self.slope = np.empty((self.span, batch, hidden), np.float32)
        self.d = np.empty((self.span + 1, batch, hidden), np.float32)
        self.o = np.empty((self.span, batch, 1), np.float32)
        self.d_z = np.empty_like(self.o)
        self.d_ih, self.d_hh, self.d_ho = (
            np.empty((hidden, 2), np.float32),
            np.empty((hidden, hidden), np.float32),
            np.empty((1, hidden), np.float32),
        )

    def learn(self, minus_ih, minus_hh, w_hh, w_ho):
        """Fill d_ih, d_hh and d_ho with this piece's sums of gradients."""
        steps, product = len(self.h), self.product
        for t in range(steps):
            h = self.h[t]
            if t % self.span == 0:
                ahead = self.h[t : t + self.span]
                np.dot(self.x[t : t + self.span].reshape(-1, 2), minus_ih, out=ahead.reshape(-1, h.shape[1]))
            if t:
                np.dot(self.h[t - 1], minus_hh, out=product)
                np.add(h, product, out=h)
            np.exp(h, out=h)
            np.add(h, 1, out=h)
            np.reciprocal(h, out=h)
        self.d_ih[:] = self.d_hh[:] = self.d_ho[:] = 0
        last = (steps - 1) // self.span * self.span
        for start in range(last, -1, -self.span):
            self._back(start, min(steps, start + self.span), w_hh, w_ho)

    def _back(self, start, end, w_hh, w_ho):
        """Go backwards through the steps of one span, after the steps that follow it."""
        count, product, hidden = end - start, self.product, self.h.shape[2]
        h, o, d_z, slope, d = self.h[start:end], self.o[:count], self.d_z[:count], self.slope[:count], self.d[:count]
        flat = h.reshape(-1, hidden)
        if end < len(self.h):
            self.d[-1] = self.d[0]
        np.dot(flat, -w_ho.T, out=o.reshape(-1, 1))
        np.exp(o, out=o)
        np.add(o, 1, out=o)
        np.reciprocal(o, out=o)
        np.subtract(o, self.y[start:end], out=d_z)
        np.multiply(d_z, o, out=d_z)
        np.subtract(1, o, out=o)
        np.multiply(d_z, o, out=d_z)
        np.subtract(1, h, out=slope)
        np.multiply(slope, h, out=slope)
        np.multiply(d_z, w_ho, out=d)
        for t in range(count - 1, -1, -1):
            if start + t + 1 < len(self.h):
                np.dot(self.d[t + 1] if t + 1 < count else self.d[-1], w_hh, out=product)
                np.add(d[t], product, out=d[t])
            np.multiply(d[t], slope[t], out=d[t])
        self.d_ih += np.dot(d.reshape(-1, hidden).T, self.x[start:end].reshape(-1, 2))
        self.d_ho += np.dot(d_z.reshape(1, -1), flat)
        behind = 0 if start else 1
        self.d_hh += np.dot(d[behind:].reshape(-1, hidden).T, self.h[start - 1 + behind : end - 1].reshape(-1, hidden))
