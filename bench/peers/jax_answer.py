"""fastrnn's recipe in JAX: Adam, squared error, batches of 16, many updates per call, until exact on all 8-bit pairs.

Run as a script with a number of seeds. Prints the seconds that start-up and compiling took, then for each seed:
seed, whether it became exact, samples, seconds of training.
"""

import sys
import time

BEGAN = time.perf_counter()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402

HIDDEN, BITS, BATCH, RATE, MOST = 16, 8, 16, 0.1, 400_000
# Updates per call; all pairs are looked at after each.
TOGETHER = 16


def outputs(w, x):
    """Return the logits (T, B) for x (T, B, 2)."""

    def step(h, x_t):
        h = jax.nn.sigmoid(x_t @ w["w_ih"] + w["b"] + h @ w["w_hh"])
        return h, h

    _, h = lax.scan(step, jnp.zeros((x.shape[1], HIDDEN)), x, unroll=BITS)
    return h @ w["w_ho"] + w["b_o"]


def loss(w, x, y):
    return 0.5 * jnp.square(jax.nn.sigmoid(outputs(w, x)) - y).sum() / BATCH


@jax.jit
def train(state, xs, ys):
    def update(state, batch):
        w, m, v, n = state
        g, n = jax.grad(loss)(w, *batch), n + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        w = jax.tree.map(lambda w, m, v: w - RATE * (m / (1 - 0.9**n)) / (jnp.sqrt(v / (1 - 0.999**n)) + 1e-8), w, m, v)
        return (w, m, v, n), None

    return lax.scan(update, state, (xs, ys))[0]


@jax.jit
def right(w, x, y):
    return ((outputs(w, x) > 0) == (y > 0.5)).all()


def batches(rng):
    operands = rng.integers(0, 2 ** (BITS - 1), (TOGETHER, BATCH, 2))
    shifts = np.arange(BITS)[None, :, None]
    x = np.stack([operands[:, None, :, k] >> shifts & 1 for k in (0, 1)], -1)
    return x.astype(np.float32), (operands.sum(2)[:, None] >> shifts & 1).astype(np.float32)


def start(rng):
    shapes = {"w_ih": (2, HIDDEN), "w_hh": (HIDDEN, HIDDEN), "w_ho": (HIDDEN,)}
    w = {name: jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32) for name, shape in shapes.items()}
    w |= {"b": jnp.zeros(HIDDEN), "b_o": jnp.zeros(())}
    zero = jax.tree.map(jnp.zeros_like, w)
    return w, zero, zero, jnp.zeros(())


def main(seeds):
    pairs = np.stack(np.meshgrid(*[np.arange(2 ** (BITS - 1))] * 2), -1).reshape(-1, 2)
    shifts = np.arange(BITS)[:, None]
    x = jnp.asarray(np.stack([pairs[:, k] >> shifts & 1 for k in (0, 1)], -1), jnp.float32)
    y = jnp.asarray(pairs.sum(1) >> shifts & 1, jnp.float32)
    rng = np.random.default_rng(10**6)
    state = train(start(rng), *batches(rng))
    jax.block_until_ready(right(state[0], x, y))
    print(time.perf_counter() - BEGAN)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        state, samples, exact, began = start(rng), 0, False, time.perf_counter()
        while samples < MOST and not exact:
            state = train(state, *batches(rng))
            samples += TOGETHER * BATCH
            exact = bool(right(state[0], x, y))
        print(seed, exact, samples, time.perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]))
