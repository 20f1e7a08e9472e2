"""JAX on the CPU: lax.scan over time under jit, many updates inside one call; by grad, and with a hand-written backward
pass."""

import os
import sys
import time

# Where there is a GPU, it is gpu_engines that runs there.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402

# Updates per call, so that small batches are not eaten by Python; fewer where one takes milliseconds.
TOGETHER, SAMPLES_TOGETHER = 32, 32768
# Steps that XLA unrolls, and the number of hidden units from which it does: more compile for long and gain nothing.
UNROLL, UNROLL_WIDE, WIDE = 8, 32, 64
# Samples that go through all steps together: their states stay in the cache.
PIECE = 1024
NAMES = ("w_ih", "w_hh", "w_ho")


# Compiled once, by bench.peers.check or the first run; inside the peers' environment, so that it goes with it.
jax.config.update("jax_compilation_cache_dir", os.path.join(sys.prefix, "jax-cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def unroll_of(w_hh):
    return UNROLL_WIDE if len(w_hh) >= WIDE else UNROLL


def by_exp(z):
    return 1 / (1 + jnp.exp(-z))


def by_tanh(z):
    return 0.5 * jnp.tanh(0.5 * z) + 0.5


class _Engine:
    """Base of the engines: gradients(weights, x, y) under jit, inside a loop of updates; x and y have the engine's
    layout."""

    def __init__(self, work, threads, weights, x, y):
        self.work, self.given = work, (x, y)
        self.together = max(1, min(TOGETHER, SAMPLES_TOGETHER * 8 // (work.batch * work.steps)))
        self.weights = tuple(jnp.asarray(weights[name]) for name in NAMES)
        # Samples last, and samples before features: which is faster depends on the batch, so it is tried.
        best = None
        for layout in self.layouts:
            call, data = self._compile(layout)
            jax.block_until_ready(call(self.weights, *data))
            seconds = min(self._time(call, data) for _ in range(3))
            if best is None or seconds < best:
                best, self.call, self.data = seconds, call, data

    def _time(self, call, data):
        began = time.perf_counter()
        jax.block_until_ready(call(self.weights, *data))
        return time.perf_counter() - began

    def _compile(self, layout):
        axes = (1, 2, 0) if layout == "samples last" else (1, 0, 2)
        size = min(PIECE, self.work.batch) if self.work.batch % PIECE == 0 else self.work.batch
        pieces = [
            jnp.stack(
                [
                    jnp.asarray(each[first : first + size].transpose(axes), jnp.float32)
                    for first in range(0, self.work.batch, size)
                ]
            )
            for each in self.given
        ]
        gradients = self.layouts[layout]

        def update(weights, x, y):
            if len(x) == 1:
                grads = gradients(weights, x[0], y[0])
            else:
                zero = jax.tree.map(jnp.zeros_like, weights)
                grads, _ = lax.scan(
                    lambda sums, piece: (jax.tree.map(jnp.add, sums, gradients(weights, *piece)), None), zero, (x, y)
                )
            return tuple(weight - self.work.rate / self.work.batch * grad for weight, grad in zip(weights, grads))

        def many(weights, x, y):
            return lax.fori_loop(0, self.together, lambda _, weights: update(weights, x, y), weights)

        return jax.jit(many), pieces

    def run(self, updates):
        for _ in range(updates // self.together):
            self.weights = self.call(self.weights, *self.data)
        jax.block_until_ready(self.weights)

    def _numpy(self):
        return {name: np.asarray(weight) for name, weight in zip(NAMES, self.weights)}

    def sample(self):
        before = self._numpy()
        self.run(self.together)
        return before, *self.given, self._numpy()


def _loss(weights, x, y):
    w_ih, w_hh, w_ho = weights

    def step(h, pre):
        h = by_exp(pre + h @ w_hh.T)
        return h, h

    _, states = lax.scan(step, jnp.zeros((x.shape[1], len(w_hh)), x.dtype), x @ w_ih.T, unroll=unroll_of(w_hh))
    return 0.5 * jnp.square(by_exp(states @ w_ho.T) - y).sum()


class Grad(_Engine):
    """The loss as most users write it, and jax.grad."""

    layouts = {"samples first": jax.grad(_loss)}


def _rows(weights, x, y):
    """Layout (T, B, features); the gradients of the weights are accumulated in the backward pass."""
    w_ih, w_hh, w_ho = weights
    hidden, zero = len(w_hh), jnp.zeros((x.shape[1], len(w_hh)), x.dtype)
    fused = jnp.concatenate([w_ih, w_hh], 1).T

    def forward(h, x_t):
        h = by_exp(jnp.concatenate([x_t, h], 1) @ fused)
        return h, h

    _, h = lax.scan(forward, zero, x, unroll=unroll_of(w_hh))
    before = jnp.concatenate([zero[None], h[:-1]])
    o = by_exp(h @ w_ho.T)
    d_z = (o - y) * o * (1 - o)

    def backward(carry, each):
        d, d_ih, d_hh = carry
        d_h, slope, h_before, x_t = each
        d = (d_h + d @ w_hh) * slope
        return (d, d_ih + d.T @ x_t, d_hh + d.T @ h_before), None

    start = zero, jnp.zeros_like(w_ih), jnp.zeros_like(w_hh)
    (_, d_ih, d_hh), _ = lax.scan(
        backward, start, (d_z * w_ho[None], h * (1 - h), before, x), reverse=True, unroll=unroll_of(w_hh)
    )
    return d_ih, d_hh, d_z.reshape(1, -1) @ h.reshape(-1, hidden)


def _columns(weights, x, y):
    """Layout (T, features, B): better where B fills vectors and H does not."""
    w_ih, w_hh, w_ho = weights
    zero = jnp.zeros((len(w_hh), x.shape[2]), x.dtype)
    fused = jnp.concatenate([w_ih, w_hh], 1)

    def forward(h, x_t):
        h = by_tanh(fused @ jnp.concatenate([x_t, h], 0))
        return h, h

    _, h = lax.scan(forward, zero, x, unroll=unroll_of(w_hh))
    before = jnp.concatenate([zero[None], h[:-1]])
    o = by_tanh(jnp.einsum("oh,thb->tob", w_ho, h))
    d_z = (o - y) * o * (1 - o)

    def backward(carry, each):
        d, d_ih, d_hh = carry
        d_h, slope, h_before, x_t = each
        d = (d_h + w_hh.T @ d) * slope
        return (d, d_ih + d @ x_t.T, d_hh + d @ h_before.T), None

    start = zero, jnp.zeros_like(w_ih), jnp.zeros_like(w_hh)
    (_, d_ih, d_hh), _ = lax.scan(
        backward, start, (w_ho.T[None] * d_z, h * (1 - h), before, x), reverse=True, unroll=unroll_of(w_hh)
    )
    return d_ih, d_hh, jnp.einsum("tob,thb->oh", d_z, h)


class Handwritten(_Engine):
    """x and h in one product, gradients accumulated in the backward pass; the faster of two layouts."""

    layouts = {"samples first": _rows, "samples last": _columns}


class Models:
    """Many models by vmap, each with its own samples, one at a time; time unrolled, many updates per call."""

    together = 64

    def __init__(self, work, threads, weights, x, y):
        if work.batch != 1:
            raise ValueError(f"batch: got {work.batch}, expected 1")
        self.given = x, y
        self.x, self.y = (jnp.asarray(each[:, 0], jnp.float32) for each in (x, y))
        self.weights = tuple(jnp.asarray(weights[name]) for name in NAMES)

        def update(_, weights):
            return tuple(
                weight - work.rate * grad for weight, grad in zip(weights, jax.vmap(_of_one)(weights, self.x, self.y))
            )

        self.call = jax.jit(lambda weights: lax.fori_loop(0, self.together, update, weights))

    def run(self, updates):
        for _ in range(updates // self.together):
            self.weights = self.call(self.weights)
        jax.block_until_ready(self.weights)

    def _numpy(self):
        return {name: np.asarray(weight) for name, weight in zip(NAMES, self.weights)}

    def sample(self):
        before = self._numpy()
        self.run(self.together)
        return before, *self.given, self._numpy()


def _of_one(weights, x, y):
    """Return the gradients of one model on one sample: x (T, 2), y (T, 1). Under vmap this is twice as fast as a layout
    with the models last."""
    w_ih, w_hh, w_ho = weights
    pre = x[:, :1] * w_ih[:, 0] + x[:, 1:] * w_ih[:, 1]
    states = [by_exp(pre[0])]
    for t in range(1, len(x)):
        states.append(by_exp(pre[t] + w_hh @ states[-1]))
    h = jnp.stack(states)
    o = by_exp(h @ w_ho.T)
    d_z = (o - y) * o * (1 - o)
    d_h, slope = d_z * w_ho, h * (1 - h)
    deltas = [d_h[-1] * slope[-1]]
    for t in range(len(x) - 2, -1, -1):
        deltas.append((d_h[t] + deltas[-1] @ w_hh) * slope[t])
    d = jnp.stack(deltas[::-1])
    return d.T @ x, d[1:].T @ h[:-1], d_z.T @ h
