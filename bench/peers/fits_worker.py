"""Fits as a user of JAX or PyTorch would write them at their best, in a process of their own.

The protocol is one JSON line each way:

    {"engine": ..., "cell": "gru", "hidden": H, "models": M, "dtype": ...}    makes a case: {"ready": true}
    {"epochs": n}                                                             runs it: {"seconds": s}

An epoch is one full-batch update (forward, back through time, AdamW) of every model, on 96 sequences of 60 steps,
3 inputs, 2 classes, with masks, and the loss of all.
"""

import json
import sys
import time

import numpy as np

SEQUENCES, STEPS, INPUTS, CLASSES = 96, 60, 3, 2
TOGETHER = 8
RATE, BETA1, BETA2, EPSILON = 0.005, 0.9, 0.999, 1e-8


def data(dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (STEPS, SEQUENCES, INPUTS)).astype(dtype)
    y = rng.integers(0, CLASSES, (STEPS, SEQUENCES))
    mask = (np.arange(STEPS)[:, None] < rng.integers(40, STEPS + 1, SEQUENCES)).astype(dtype)
    return x, y, mask


def initial(hidden, models, dtype):
    rng = np.random.default_rng(1)
    bound = hidden**-0.5
    shapes = {
        "w_ih": (3 * hidden, INPUTS),
        "w_hh": (3 * hidden, hidden),
        "b_ih": (3 * hidden,),
        "b_hh": (3 * hidden,),
        "w_ho": (CLASSES, hidden),
        "b_o": (CLASSES,),
    }
    return {name: rng.uniform(-bound, bound, (models, *shape)).astype(dtype) for name, shape in shapes.items()}


def jax_case(models_last):
    def make(hidden, models, dtype):
        import jax
        import jax.numpy as jnp
        from jax import lax

        jax.config.update("jax_enable_x64", dtype == "float64")
        x, y, mask = (jnp.asarray(each) for each in data(dtype))
        start = {name: jnp.asarray(values) for name, values in initial(hidden, models, dtype).items()}
        hot = jax.nn.one_hot(y, CLASSES, dtype=x.dtype)

        def one(w):
            """The loss of one model."""

            def step(h, now):
                x, hot, mask = now
                a, b = x @ w["w_ih"].T + w["b_ih"], h @ w["w_hh"].T + w["b_hh"]
                r = jax.nn.sigmoid(a[:, :hidden] + b[:, :hidden])
                z = jax.nn.sigmoid(a[:, hidden : 2 * hidden] + b[:, hidden : 2 * hidden])
                n = jnp.tanh(a[:, 2 * hidden :] + r * b[:, 2 * hidden :])
                h = n + z * (h - n)
                out = h @ w["w_ho"].T + w["b_o"]
                return h, ((jax.nn.logsumexp(out, -1) - (out * hot).sum(-1)) * mask).sum()

            return lax.scan(step, jnp.zeros((SEQUENCES, hidden), x.dtype), (x, hot, mask))[1].sum() / mask.sum()

        def last(w):
            """The sum of the losses of all models, which lie along the last axis."""
            w = {name: jnp.moveaxis(values, 0, -1) for name, values in w.items()}

            def product(weights, values):
                """sum over k of weights (G, K, M) values (B, K, M or 1): (B, G, M)"""
                return sum(weights[None, :, k] * values[:, None, k] for k in range(weights.shape[1]))

            def step(h, now):
                x, hot, mask = now
                a = product(w["w_ih"], x[:, :, None]) + w["b_ih"]
                b = product(w["w_hh"], h) + w["b_hh"]
                r = jax.nn.sigmoid(a[:, :hidden] + b[:, :hidden])
                z = jax.nn.sigmoid(a[:, hidden : 2 * hidden] + b[:, hidden : 2 * hidden])
                n = jnp.tanh(a[:, 2 * hidden :] + r * b[:, 2 * hidden :])
                h = n + z * (h - n)
                out = product(w["w_ho"], h) + w["b_o"]
                return h, ((jax.nn.logsumexp(out, 1) - (out * hot[:, :, None]).sum(1)) * mask[:, None]).sum(0)

            return (
                lax.scan(step, jnp.zeros((SEQUENCES, hidden, models), x.dtype), (x, hot, mask))[1].sum(0) / mask.sum()
            ).sum()

        gradient = jax.grad(last) if models_last else jax.vmap(jax.grad(one))

        def update(n, state):
            w, first, second = state
            grads = gradient(w)
            first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, grads)
            second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, grads)
            w = jax.tree.map(lambda w, m, v: w - RATE * m / (jnp.sqrt(v) + EPSILON), w, first, second)
            return w, first, second

        many = jax.jit(lambda state: lax.fori_loop(0, TOGETHER, update, state))
        state = [(start, jax.tree.map(jnp.zeros_like, start), jax.tree.map(jnp.zeros_like, start))]

        def run(epochs):
            for _ in range(-(-epochs // TOGETHER)):
                state[0] = many(state[0])
            jax.block_until_ready(state[0])
            return -(-epochs // TOGETHER) * TOGETHER

        return run

    return make


def torch_module(hidden, models, dtype):
    """nn.GRU, one model after the other, as fits are mostly written."""
    import torch

    torch.set_num_threads(1)
    kind = getattr(torch, dtype)
    x, y, mask = data(dtype)
    x, y, mask = torch.tensor(x), torch.tensor(y), torch.tensor(mask)
    rnn, out = torch.nn.GRU(INPUTS, hidden).to(kind), torch.nn.Linear(hidden, CLASSES).to(kind)
    optimizer = torch.optim.AdamW([*rnn.parameters(), *out.parameters()], lr=RATE)

    def run(epochs):
        for _ in range(epochs * models):
            optimizer.zero_grad()
            z = out(rnn(x)[0])
            loss = (
                torch.nn.functional.cross_entropy(z.reshape(-1, CLASSES), y.reshape(-1), reduction="none")
                * mask.reshape(-1)
            ).sum() / mask.sum()
            loss.backward()
            optimizer.step()
        return epochs

    return run


ENGINES = {"jax-vmap": jax_case(False), "jax-models-last": jax_case(True), "torch-nn.GRU": torch_module}


def main():
    run = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "engine" in asked:
            run = ENGINES[asked["engine"]](asked["hidden"], asked["models"], asked["dtype"])
            run(1)
            print(json.dumps({"ready": True}), flush=True)
        else:
            began = time.perf_counter()
            epochs = run(asked["epochs"])
            print(json.dumps({"seconds": (time.perf_counter() - began) * asked["epochs"] / epochs}), flush=True)


if __name__ == "__main__":
    main()
