"""NumPy as its users would write it for speed: float32, no allocation, one product for x and h, in-place ufuncs."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Samples that are taken through all steps together: their states stay in the second-level cache. The best of
# 256 to 16,384 at hidden 16.
PIECE = 1024


class Batched:
    """x and h side by side in one array (T + 1, B, 2 + H), so that each step is one matrix product.

    With several threads each takes its share of the samples; the matrix products themselves run on one.
    """

    def __init__(self, work, threads, weights, x, y):
        self.steps, hidden = work.steps, work.hidden
        self.w = np.hstack([weights["w_ih"], weights["w_hh"]]).astype(np.float32)
        self.w_ho = weights["w_ho"].astype(np.float32)
        self.x, self.y = x, y
        size = min(PIECE, -(-work.batch // threads))
        self.pieces = [_Piece(self.steps, hidden, x[first : first + size], y[first : first + size])
                       for first in range(0, work.batch, size)]
        self.scale = np.float32(work.rate / work.batch)
        self.pool = ThreadPoolExecutor(threads) if threads > 1 and len(self.pieces) > 1 else None

    def _update(self):
        pieces = self.pieces
        # The sign of the sigmoid's exponent goes into the weights: one ufunc less on every state.
        minus_wt, w_hh = np.ascontiguousarray(-self.w.T), np.ascontiguousarray(self.w[:, 2:])
        if self.pool:
            list(self.pool.map(lambda piece: piece.learn(minus_wt, w_hh, self.w_ho), pieces))
        else:
            for piece in pieces:
                piece.learn(minus_wt, w_hh, self.w_ho)
        for piece in pieces:
            self.w -= self.scale * piece.d_w
            self.w_ho -= self.scale * piece.d_ho

    def run(self, updates):
        for _ in range(updates):
            self._update()

    def _weights(self):
        return {"w_ih": self.w[:, :2].copy(), "w_hh": self.w[:, 2:].copy(), "w_ho": self.w_ho.copy()}

    def sample(self):
        before = self._weights()
        self._update()
        return before, self.x, self.y, self._weights()


class _Piece:
    """Some samples, and everything that is computed about them."""

    def __init__(self, steps, hidden, x, y):
        batch = len(x)
        self.states = np.zeros((steps + 1, batch, 2 + hidden), np.float32)
        self.states[:steps, :, :2] = x.transpose(1, 0, 2)
        self.y = np.ascontiguousarray(y.transpose(1, 0, 2), np.float32)
        self.h = np.empty((steps, batch, hidden), np.float32)
        self.slope = np.empty_like(self.h)
        self.d_pre = np.empty_like(self.h)
        self.back = np.empty((batch, hidden), np.float32)
        self.o = np.empty((steps, batch, 1), np.float32)
        self.d_z = np.empty_like(self.o)
        self.d_w = np.empty((hidden, 2 + hidden), np.float32)
        self.d_ho = np.empty((1, hidden), np.float32)

    def learn(self, minus_wt, w_hh, w_ho):
        """Fill d_w and d_ho with this piece's sums of gradients."""
        steps, batch, hidden = self.h.shape
        for t in range(steps):
            h = self.h[t]
            np.dot(self.states[t], minus_wt, out=h)
            np.exp(h, out=h)
            np.add(h, 1, out=h)
            np.reciprocal(h, out=h)
            self.states[t + 1, :, 2:] = h
        flat, o, d_z = self.h.reshape(-1, hidden), self.o, self.d_z
        np.dot(flat, -w_ho.T, out=o.reshape(-1, 1))
        np.exp(o, out=o)
        np.add(o, 1, out=o)
        np.reciprocal(o, out=o)
        np.subtract(o, self.y, out=d_z)
        np.multiply(d_z, o, out=d_z)
        np.subtract(1, o, out=o)
        np.multiply(d_z, o, out=d_z)
        np.subtract(1, self.h, out=self.slope)
        np.multiply(self.slope, self.h, out=self.slope)
        np.multiply(d_z, w_ho, out=self.d_pre)
        for t in range(steps - 1, -1, -1):
            if t + 1 < steps:
                np.dot(self.d_pre[t + 1], w_hh, out=self.back)
                np.add(self.d_pre[t], self.back, out=self.d_pre[t])
            np.multiply(self.d_pre[t], self.slope[t], out=self.d_pre[t])
        np.dot(self.d_pre.reshape(-1, hidden).T, self.states[:steps].reshape(steps * batch, -1), out=self.d_w)
        np.dot(d_z.reshape(1, -1), flat, out=self.d_ho)
