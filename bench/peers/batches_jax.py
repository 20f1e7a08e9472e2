"""One GRU or LSTM on batches of sequences in JAX: hand-written backward passes, many updates per call.

Forward, x, h and 1 are the operand of one product, apart from the part of the GRU that its reset gate multiplies.
Backward, each gate has products of its own, since XLA joins arrays slowly, and the scan carries the sums of gradients.
Slower, from 16 to 64 units: products with x of all steps at once, gradients from one product over all steps, unrolled
steps, parts of a batch one after the other, and grad.
"""

import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from fits_jax import adamw, joined, sigmoid
from fits_worker import RATE
from jax import lax


class Columns:
    """Layout: arrays (units, sequences)."""

    axis, order = 0, (0, 1, 3, 2)

    @staticmethod
    def product(weights, values):
        return weights @ values

    @staticmethod
    def over_sequences(a, b):
        """Return the sums of a b over sequences, for each unit of a and of b."""
        return a @ b.T

    @staticmethod
    def spread(weights, values):
        """Return weights (units,) times values (sequences,)."""
        return weights[:, None] * values


class Rows:
    """Layout: arrays (sequences, units)."""

    axis, order = 1, (0, 1, 2, 3)

    @staticmethod
    def product(weights, values):
        return values @ weights.T

    @staticmethod
    def over_sequences(a, b):
        return a.T @ b

    @staticmethod
    def spread(weights, values):
        return values[:, None] * weights


class GRU:
    """The steps of a GRU; its state is h.

    by_x, by_h: which of the derivatives that `backward` returns are those of W_ih x, and of W_hh h.
    """

    states, by_x, by_h = 1, (0, 1, 3), (0, 1, 2)

    def __init__(self, w, layout):
        size, self.layout = w["w_hh"].shape[1], layout
        self.gates = jnp.concatenate([w["w_ih"], joined(w["w_hh"], w["b_ih"] + w["b_hh"])], 1)[: 2 * size]
        self.outer = joined(w["w_ih"], w["b_ih"])[2 * size :]
        self.inner = joined(w["w_hh"], w["b_hh"])[2 * size :]

    def forward(self, states, operands):
        (h,), product = states, self.layout.product
        r, z = jnp.split(sigmoid(product(self.gates, operands.both)), 2, self.layout.axis)
        inner = product(self.inner, operands.h)
        n = jnp.tanh(product(self.outer, operands.x) + r * inner)
        return (n + z * (h - n),), (r, z, inner, n)

    def backward(self, states, saved, slopes):
        """Return the derivatives by the products, and by the states apart from those."""
        (h,), (r, z, inner, n), (e,) = states, saved, slopes
        dn = e * (1 - z) * (1 - n * n)
        return (dn * inner * r * (1 - r), e * (h - n) * z * (1 - z), dn * r, dn), (e * z,)


class LSTM:
    """The steps of an LSTM; its states are h and c."""

    states, by_x, by_h = 2, (0, 1, 2, 3), (0, 1, 2, 3)

    def __init__(self, w, layout):
        self.gates, self.layout = jnp.concatenate([w["w_ih"], joined(w["w_hh"], w["b_ih"] + w["b_hh"])], 1), layout

    def forward(self, states, operands):
        i, f, g, o = jnp.split(self.layout.product(self.gates, operands.both), 4, self.layout.axis)
        i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
        c = f * states[1] + i * g
        t = jnp.tanh(c)
        return (o * t, c), (i, f, g, o, t)

    def backward(self, states, saved, slopes):
        (_, c), (i, f, g, o, t), (e, dc) = states, saved, slopes
        dc = dc + e * o * (1 - t * t)
        return (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), e * t * o * (1 - o)), (0, dc * f)


class Operands(NamedTuple):
    """What weights and biases are multiplied by: x, h and 1, or a part of them."""

    both: jax.Array
    x: jax.Array
    h: jax.Array


def gradient(cell, layout, classes, w, states, x, y):
    """Return (the gradients of the mean loss, the last states) of x (T, K, B), or (T, B, K), and y (T, B)."""
    steps, scale, inputs = cell(w, layout), y.size, w["w_ih"].shape[1]
    # Two classes: only the difference of their outputs matters.
    w_out, b_out = (w[name][1] - w[name][0] if classes else w[name][0] for name in ("w_ho", "b_o"))
    ones = jnp.expand_dims(jnp.ones(y.shape[1], x.dtype), layout.axis)
    transposed = [part.T for part in jnp.split(w["w_hh"], len(cell.by_h))]

    def operands(x, h):
        return Operands(*(jnp.concatenate(each, layout.axis) for each in ((x, h, ones), (x, ones), (h, ones))))

    def forward(states, x):
        following, saved = steps.forward(states, operands(x, states[0]))
        return following, (states, saved)

    def backward(carry, now):
        (slopes, after, sums, do, dbo), (x, y, (states, saved)) = carry, now
        o = layout.product(w_out, after) + b_out
        d = (sigmoid(o) - y if classes else 2 * (o - y)) / scale
        products, rest = steps.backward(states, saved, (slopes[0] + layout.spread(w_out, d), *slopes[1:]))
        dh = rest[0] + sum(layout.product(part, products[g]) for part, g in zip(transposed, cell.by_h))
        own = operands(x, states[0])
        sums = [total + layout.over_sequences(each, own.both if g in cell.by_h else own.x)
                for g, (total, each) in enumerate(zip(sums, products))]
        do += jnp.tensordot(after, d, (1 - layout.axis, 0))
        return ((dh, *rest[1:]), states[0], sums, do, dbo + d.sum()), None

    last, saved = lax.scan(forward, states, x)
    size = len(w_out)
    zeros = [jnp.zeros((size, inputs + 1 + size * (g in cell.by_h)), x.dtype) for g in range(4)]
    start = tuple(map(jnp.zeros_like, last)), last[0], zeros, jnp.zeros_like(w_out), jnp.zeros_like(b_out)
    (_, _, sums, do, dbo), _ = lax.scan(backward, start, (x, y, saved), reverse=True)
    by_x, by_h = (jnp.concatenate([sums[g][:, part] for g in own]) for own, part in (
        (cell.by_x, slice(inputs)), (cell.by_h, slice(inputs, -1))))
    b_ih, b_hh = (jnp.concatenate([sums[g][:, -1] for g in own]) for own in (cell.by_x, cell.by_h))
    ends = (jnp.stack([-each, each]) if classes else each[None] for each in (do, dbo))
    return dict(zip(("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o"), (by_x, by_h, b_ih, b_hh, *ends))), last


class Batched:
    """The model of a task, with the optimizer's state, in the faster layout."""

    def __init__(self, task):
        jax.config.update("jax_enable_x64", task.dtype == "float64")
        self.task, self.updates = task, task.work.together
        weights = {name: jnp.asarray(values) for name, values in task.weights.items()}
        slots = (jax.tree.map(jnp.zeros_like, weights),) * 2 if task.work.optimizer == "adam" else ()
        self.state = weights, slots, 0
        calls = [self._compiled(layout) for layout in (Columns, Rows)]
        self.call = min(calls, key=lambda call: min(self._seconds(call) for _ in range(3)))

    def _seconds(self, call):
        began = time.perf_counter()
        jax.block_until_ready(call(self.state))
        return time.perf_counter() - began

    def _compiled(self, layout):
        task, cell = self.task, {"gru": GRU, "lstm": LSTM}[self.task.cell]
        x, y = jnp.asarray(task.x.transpose(layout.order)), jnp.asarray(task.y.astype(task.dtype))
        shape = np.moveaxis(np.empty((task.hidden, y.shape[2])), 0, layout.axis).shape
        zeros = (jnp.zeros(shape, x.dtype),) * cell.states

        def update(carry, now):
            weights, slots, count, states = carry
            slopes, states = gradient(cell, layout, task.work.classes, weights, states, *now)
            if slots:
                weights, *slots = adamw(weights, slopes, *slots, count + 1, 0.0)
            else:
                weights = jax.tree.map(lambda w, g: w - RATE * g, weights, slopes)
            return (weights, tuple(slots), count + 1, states), None

        def epoch(_, state):
            (*state, _), _ = lax.scan(update, (*state, zeros), (x, y))
            return tuple(state)

        call = jax.jit(lambda state: lax.fori_loop(0, self.updates, epoch, state))
        jax.block_until_ready(call(self.state))
        return call

    def run(self, calls):
        for _ in range(calls):
            self.state = self.call(self.state)
        jax.block_until_ready(self.state)

    def weights(self):
        return {name: np.asarray(values) for name, values in self.state[0].items()}
