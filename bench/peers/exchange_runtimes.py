"""Runs exchanged networks in the libraries themselves, in float32.

`python exchange_runtimes.py FOLDER`

FOLDER has jobs.json, a list of {"name", "library", "cell", "hidden", "outputs", "activation", "reset", "ending"}, and
x.npy (T, I). NAME + ending is a network's file. For each, NAME.npy gets its outputs (T, O); NAME-theirs + ending gets a
network that the library drew itself, NAME-theirs.npy its outputs.
"""

import json
import os
import sys
from pathlib import Path

os.environ.update(KERAS_BACKEND="jax", JAX_PLATFORMS="cpu", TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np


def random_biases(arrays):
    """Return the same arrays with random numbers in place of zeros, with which libraries initialize biases."""
    rng = np.random.default_rng(0)
    return [np.asarray(a) if np.any(a) else rng.normal(size=np.shape(a)).astype(np.float32) for a in arrays]


def torch(job, x, load, save):
    import torch
    from safetensors.torch import load_file, save_file

    kind = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[job["cell"]]
    options = {"nonlinearity": job["activation"]} if job["cell"] == "elman" else {}

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = kind(x.shape[1], job["hidden"], batch_first=True, **options)
            self.lin = torch.nn.Linear(job["hidden"], job["outputs"])

    def run():
        with torch.no_grad():
            return network.lin(network.rnn(torch.tensor(x)[None])[0])[0].numpy()

    network = Network()
    save_file(network.state_dict(), save)
    theirs = run()
    network.load_state_dict(load_file(load))
    return run(), theirs


def keras(job, x, load, save):
    import keras

    cell, options = job["cell"], {"return_sequences": True}
    if cell == "gru":
        options["reset_after"] = job["reset"] == "after"
    if cell == "elman":
        options["activation"] = job["activation"]
    kind = {"elman": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[cell]
    network = keras.Sequential(
        [keras.Input((None, x.shape[1])), kind(job["hidden"], **options), keras.layers.Dense(job["outputs"])]
    )
    network.set_weights(random_biases(network.get_weights()))
    network.save_weights(save)
    theirs = np.array(network(x[None]))[0]
    network.load_weights(load)
    return np.array(network(x[None]))[0], theirs


def flax(job, x, load, save):
    import flax.linen as nn
    import jax
    from flax.traverse_util import flatten_dict, unflatten_dict

    kinds = {"elman": nn.SimpleCell, "gru": nn.GRUCell, "lstm": nn.OptimizedLSTMCell}
    options = {"activation_fn": getattr(nn, job["activation"])} if job["cell"] == "elman" else {}

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            cell = kinds[job["cell"]](job["hidden"], name="cell", **options)
            return nn.Dense(job["outputs"], name="linear")(nn.RNN(cell)(x))

    network = Network()
    leaves, form = jax.tree.flatten(network.init(jax.random.key(0), x[None]))
    drawn = jax.tree.unflatten(form, random_biases(leaves))
    np.savez(save, **flatten_dict(drawn, sep="/"))
    ours = unflatten_dict(dict(np.load(load)), sep="/")
    return tuple(np.array(network.apply(each, x[None]))[0] for each in (ours, drawn))


def nnx(job, x, load, save):
    import jax
    from flax import nnx
    from flax.traverse_util import flatten_dict, unflatten_dict

    kind = {"elman": nnx.SimpleCell, "gru": nnx.GRUCell, "lstm": nnx.OptimizedLSTMCell}[job["cell"]]
    options = {"activation_fn": getattr(nnx, job["activation"])} if job["cell"] == "elman" else {}

    class Network(nnx.Module):
        def __init__(self, rngs):
            self.cell = kind(x.shape[1], job["hidden"], rngs=rngs, **options)
            self.linear = nnx.Linear(job["hidden"], job["outputs"], rngs=rngs)

        def __call__(self, x):
            return self.linear(nnx.RNN(self.cell)(x, rngs=nnx.Rngs(0)))

    network = Network(nnx.Rngs(0))
    state = nnx.state(network, nnx.Param)
    leaves, form = jax.tree.flatten(nnx.to_pure_dict(state))
    drawn = jax.tree.unflatten(form, random_biases(leaves))
    np.savez(save, **flatten_dict(drawn, sep="/"))

    def run(tree):
        nnx.replace_by_pure_dict(state, tree)
        nnx.update(network, state)
        return np.array(network(x[None]))[0]

    ours = unflatten_dict(dict(np.load(load)), sep="/")
    assert jax.tree.structure(ours) == form
    return run(ours), run(drawn)


def equinox(job, x, load, save):
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    kind = {"gru": eqx.nn.GRUCell, "lstm": eqx.nn.LSTMCell}[job["cell"]]
    keys = jax.random.split(jax.random.key(0))
    parts = {
        "cell": kind(x.shape[1], job["hidden"], key=keys[0]),
        "linear": eqx.nn.Linear(job["hidden"], job["outputs"], key=keys[1]),
    }
    places = {"cell": ["weight_ih", "weight_hh", "bias"] + ["bias_n"] * (job["cell"] == "gru"),
              "linear": ["weight", "bias"]}

    def run(parts):
        def step(state, row):
            state = parts["cell"](row, state)
            return state, parts["linear"](state[0] if isinstance(state, tuple) else state)

        zero = jnp.zeros(job["hidden"])
        return np.array(jax.lax.scan(step, (zero, zero) if job["cell"] == "lstm" else zero, x)[1])

    np.savez(save, **{f"{part}/{name}": getattr(parts[part], name) for part in parts for name in places[part]})
    file = np.load(load)
    assert set(file) == {f"{part}/{name}" for part in parts for name in places[part]}
    loaded = {
        part: eqx.tree_at(
            lambda module, part=part: [getattr(module, name) for name in places[part]],
            module,
            [jnp.array(file[f"{part}/{name}"]) for name in places[part]],
        )
        for part, module in parts.items()
    }
    return run(loaded), run(parts)


def haiku(job, x, load, save):
    import haiku as hk
    import jax

    kind = {"elman": hk.VanillaRNN, "gru": hk.GRU, "lstm": hk.LSTM}[job["cell"]]

    def network(x):
        core = kind(job["hidden"])
        return hk.Linear(job["outputs"])(hk.dynamic_unroll(core, x, core.initial_state(None))[0])

    network = hk.without_apply_rng(hk.transform(network))
    leaves, form = jax.tree.flatten(network.init(jax.random.key(0), x))
    drawn = jax.tree.unflatten(form, random_biases(leaves))
    np.savez(save, **{f"{module}/{name}": array for module, own in drawn.items() for name, array in own.items()})
    ours = {}
    for place, array in np.load(load).items():
        module, _, name = place.rpartition("/")
        ours.setdefault(module, {})[name] = array
    assert {module: set(own) for module, own in ours.items()} == {module: set(own) for module, own in drawn.items()}
    return tuple(np.array(network.apply(each, x)) for each in (ours, drawn))


def main(folder):
    folder = Path(folder)
    x = np.load(folder / "x.npy")
    for job in json.loads((folder / "jobs.json").read_text()):
        name, ending = job["name"], job["ending"]
        files = str(folder / (name + ending)), str(folder / (f"{name}-theirs" + ending))
        ours, theirs = globals()[job["library"]](job, x, *files)
        np.save(folder / f"{name}.npy", ours)
        np.save(folder / f"{name}-theirs.npy", theirs)


if __name__ == "__main__":
    main(*sys.argv[1:])
