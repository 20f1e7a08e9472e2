"""Many GRUs side by side in JAX: hand-written backward passes, many updates per call.

Which layout is fastest depends on the hidden size. Up to 2 units: an array (sequences, models) for each unit, which
XLA makes one loop of. Above: products of matrices, models in the batch and sequences in the last axis. Few models in a
call keep what the backward pass needs in the caches.
"""

import jax
import jax.numpy as jnp
import numpy as np
from fits_worker import BETA1, BETA2, DECAY, EPSILON, RATE, SEQUENCES, TOGETHER
from jax import lax


def sigmoid(v):
    """Return 0.5 tanh(v / 2) + 0.5; XLA's tanh is faster than its exponential and division."""
    return 0.5 * jnp.tanh(0.5 * v) + 0.5


def adamw(weights, gradient, first, second, count, decay):
    """Return (weights, first, second) after the update number `count`."""
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradient)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradient)
    by_first, by_second = 1 / (1 - BETA1**count), 1 / (1 - BETA2**count)

    def moved(w, m, v):
        step = m * by_first / (jnp.sqrt(v * by_second) + EPSILON)
        return ((1 - RATE * decay) * w - RATE * step).astype(w.dtype)

    return jax.tree.map(moved, weights, first, second), first, second


def make(task_of):
    """Make the engine with the fastest layout for a task."""
    hidden = task_of(1).hidden
    return Engine(task_of(64), Units) if hidden <= 2 else Engine(task_of(16 if hidden < 20 else 8), Products)


class Engine:
    """The models of a task, with AdamW's state."""

    updates = TOGETHER

    def __init__(self, task, layout):
        jax.config.update("jax_enable_x64", task.dtype == "float64")
        self.task, self.layout = task, layout(task)
        weights = {name: self.layout.put(values) for name, values in task.weights.items()}
        zeros = jax.tree.map(jnp.zeros_like, weights)
        self.state = weights, zeros, zeros, 0

        @jax.jit
        def call(state):
            state = lax.fori_loop(0, TOGETHER, lambda _, state: self._update(*state), state)
            return state, self.layout.losses(state[0])

        self.call = call

    def _update(self, weights, first, second, count):
        gradient, count = self.layout.gradient(weights), count + 1
        return *adamw(weights, gradient, first, second, count, DECAY), count

    def run(self, calls):
        for _ in range(calls):
            self.state, self.lost = self.call(self.state)
        jax.block_until_ready(self.state)

    def weights(self):
        return {name: self.layout.take(np.asarray(values)) for name, values in self.state[0].items()}

    def losses(self):
        return np.asarray(self.lost)


class Units:
    """Layout: one array (B, M) for each unit and gate."""

    def __init__(self, task):
        self.task = task
        self.x = jnp.asarray(task.x.transpose(0, 2, 1)[..., None])
        self.y = jnp.asarray(task.y[..., None].astype(task.dtype))
        self.mask, self.roles = jnp.asarray(task.mask[..., None]), jnp.asarray(task.roles)
        self.zero = jnp.zeros((SEQUENCES, task.models), task.dtype)

    def put(self, values):
        return jnp.asarray(np.moveaxis(values, 0, -1))

    def take(self, values):
        return np.moveaxis(values, -1, 0)

    def forward(self, w):
        units = range(self.task.hidden)
        size = len(units)

        def step(h, x):
            states, saved = [], []
            for j in units:
                a = [affine(w["b_ih"][g], w["w_ih"][g], x) for g in (j, size + j, 2 * size + j)]
                b = [affine(w["b_hh"][g], w["w_hh"][g], h) for g in (j, size + j, 2 * size + j)]
                r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
                n = jnp.tanh(a[2] + r * b[2])
                states.append(n + z * (h[j] - n))
                saved.append((r, z, b[2], n))
            return tuple(states), (h, tuple(saved))

        return lax.scan(step, (self.zero,) * size, self.x)

    def gradient(self, w):
        units = range(self.task.hidden)
        last, saved = self.forward(w)
        # Two classes: only the difference of their outputs matters.
        w_out, b_out = w["w_ho"][1] - w["w_ho"][0], w["b_o"][1] - w["b_o"][0]

        def step(carry, now):
            (dh, after, sums), (x, y, mask, (h, gates)) = carry, now
            d = (sigmoid(affine(b_out, w_out, after)) - y) * (mask * self.roles[0])
            reset, update, new, inner, direct = [], [], [], [], []
            for j in units:
                r, z, b, n = gates[j]
                e = dh[j] + d * w_out[j]
                dn = e * (1 - z) * (1 - n * n)
                new.append(dn)
                update.append(e * (h[j] - n) * z * (1 - z))
                reset.append(dn * b * r * (1 - r))
                inner.append(dn * r)
                direct.append(e * z)
            da, db = [*reset, *update, *new], [*reset, *update, *inner]
            dh = tuple(affine(direct[k], w["w_hh"][:, k], db) for k in units)
            own = (over_sequences(da, [*x, 1]), over_sequences(db, [*h, 1]), over_sequences([d], [*after, 1])[0])
            return (dh, h, jax.tree.map(jnp.add, sums, own)), None

        rows, inputs = 3 * len(units), self.x.shape[1]
        shapes = (rows, inputs + 1), (rows, len(units) + 1), (len(units) + 1,)
        zeros = tuple(jnp.zeros((*shape, self.task.models), self.zero.dtype) for shape in shapes)
        start = (self.zero,) * len(units), last, zeros
        (_, _, (di, dh, do)), _ = lax.scan(step, start, (self.x, self.y, self.mask, saved), reverse=True)
        return {"w_ih": di[:, :-1], "b_ih": di[:, -1], "w_hh": dh[:, :-1], "b_hh": dh[:, -1],
                "w_ho": jnp.stack([-do[:-1], do[:-1]]), "b_o": jnp.stack([-do[-1], do[-1]])}

    def losses(self, w):
        last, (states, _) = self.forward(w)
        after = [jnp.concatenate([own[1:], end[None]]) for own, end in zip(states, last)]
        o = affine(w["b_o"][1] - w["b_o"][0], w["w_ho"][1] - w["w_ho"][0], after)
        loss = (jnp.logaddexp(0, o) - self.y * o) * self.mask
        return (loss.sum(0) * self.roles).sum(1)


def affine(bias, weights, values):
    """Return bias + sum over k of weights[k] values[k]."""
    for weight, value in zip(weights, values):
        bias = bias + weight * value
    return bias


def over_sequences(a, b):
    """Return (len(a), len(b), M), sums over sequences; as a product with ones, which XLA vectorises better than a sum.
    """
    ones = jnp.ones((1, SEQUENCES), a[0].dtype)
    return jnp.stack([jnp.stack([(ones @ (p * q))[0] for q in b]) for p in a])


class Products:
    """Layout: arrays (M, units, B)."""

    def __init__(self, task):
        self.task = task
        ones = np.ones((*task.x.shape[:1], 1, SEQUENCES), task.dtype)
        self.x = jnp.asarray(np.concatenate([task.x.transpose(0, 2, 1), ones], 1))
        self.y, self.mask = jnp.asarray(task.y.astype(task.dtype)), jnp.asarray(task.mask)
        self.roles = jnp.asarray(task.roles.transpose(0, 2, 1))
        self.one = jnp.ones((task.models, 1, SEQUENCES), task.dtype)

    def put(self, values):
        return jnp.asarray(values)

    def take(self, values):
        return values

    def with_ones(self, h):
        return jnp.concatenate([h, self.one], 1)

    def forward(self, w):
        size = self.task.hidden
        w_in, w_back = joined(w["w_ih"], w["b_ih"]), joined(w["w_hh"], w["b_hh"])

        def step(h, x):
            a, b = jnp.einsum("mgk,kb->mgb", w_in, x), w_back @ self.with_ones(h)
            gates, inner = sigmoid(a[:, : 2 * size] + b[:, : 2 * size]), b[:, 2 * size :]
            n = jnp.tanh(a[:, 2 * size :] + gates[:, :size] * inner)
            return n + gates[:, size:] * (h - n), (h, gates, inner, n)

        return lax.scan(step, jnp.zeros((self.task.models, size, SEQUENCES), self.x.dtype), self.x)

    def gradient(self, w):
        size = self.task.hidden
        last, saved = self.forward(w)
        w_out = joined(w["w_ho"][:, 1] - w["w_ho"][:, 0], w["b_o"][:, 1] - w["b_o"][:, 0])

        def step(carry, now):
            (dh, after, di, dr, do), (x, y, mask, (h, gates, inner, n)) = carry, now
            r, z = gates[:, :size], gates[:, size:]
            after = self.with_ones(after)
            d = (sigmoid((w_out[:, None] @ after)[:, 0]) - y) * (mask * self.roles[0])
            e = dh + d[:, None] * w_out[:, :-1, None]
            dn = e * (1 - z) * (1 - n * n)
            both = [dn * inner * r * (1 - r), e * (h - n) * z * (1 - z)]
            da, db = jnp.concatenate([*both, dn], 1), jnp.concatenate([*both, dn * r], 1)
            di += jnp.einsum("mgb,kb->mgk", da, x)
            dr += jnp.einsum("mgb,mkb->mgk", db, self.with_ones(h))
            do += jnp.einsum("mb,mkb->mk", d, after)
            return (e * z + w["w_hh"].mT @ db, h, di, dr, do), None

        zeros = [jnp.zeros((*w["b_ih"].shape, width), self.x.dtype) for width in (self.x.shape[1], size + 1)]
        start = jnp.zeros_like(last), last, *zeros, jnp.zeros_like(w_out)
        (_, _, di, dr, do), _ = lax.scan(step, start, (self.x, self.y, self.mask, saved), reverse=True)
        return {"w_ih": di[..., :-1], "b_ih": di[..., -1], "w_hh": dr[..., :-1], "b_hh": dr[..., -1],
                "w_ho": jnp.stack([-do[:, :-1], do[:, :-1]], 1), "b_o": jnp.stack([-do[:, -1], do[:, -1]], 1)}

    def losses(self, w):
        last, (states, *_) = self.forward(w)
        after = jnp.concatenate([states[1:], last[None]])
        o = jnp.einsum("tmkb,mk->tmb", after, w["w_ho"][:, 1] - w["w_ho"][:, 0])
        o += (w["b_o"][:, 1] - w["b_o"][:, 0])[:, None]
        loss = (jnp.logaddexp(0, o) - self.y[:, None] * o) * self.mask[:, None]
        return (loss.sum(0) * self.roles).sum(2)


def joined(weights, bias):
    """Return the weights with the bias appended as a column."""
    return jnp.concatenate([weights, bias[..., None]], -1)
