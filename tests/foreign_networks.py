"""Networks of other libraries in plain NumPy, float64: each runs on the weights as its library keeps them.

Written from the libraries' documented equations, not from fastrnn's formulas.
"""

import numpy as np

from tests.numpy_network import sigmoid


def run(step, states, hidden, x, w_o, b_o):
    """z (T, O) of a sequence x (T, I): step(x, states) gives the next states; the first is the output."""
    state, z = tuple(np.zeros(hidden) for _ in range(states)), []
    for row in np.asarray(x, float):
        state = step(row, state)
        z.append(state[0] @ w_o + b_o)
    return np.array(z)


def keras(arrays, x, reset="after", function=np.tanh):
    """A SimpleRNN, GRU or LSTM with a Dense; reset and function are the layer's options."""
    arrays = [array.astype(float) for array in arrays]
    (w, u), (w_o, b_o) = arrays[:2], arrays[-2:]
    b, n = arrays[2], len(u)

    def simple(x, state):
        return (function(x @ w + b + state[0] @ u),)

    def gru(x, state):
        (h,) = state
        if reset == "after":
            given, inner = x @ w + b[0], h @ u + b[1]
            z, r = (sigmoid(given[k * n : (k + 1) * n] + inner[k * n : (k + 1) * n]) for k in (0, 1))
            candidate = np.tanh(given[2 * n :] + r * inner[2 * n :])
        else:
            given, inner = x @ w + b, h @ u[:, : 2 * n]
            z, r = (sigmoid(given[k * n : (k + 1) * n] + inner[k * n : (k + 1) * n]) for k in (0, 1))
            candidate = np.tanh(given[2 * n :] + (r * h) @ u[:, 2 * n :])
        return (z * h + (1 - z) * candidate,)

    def lstm(x, state):
        h, c = state
        i, f, g, o = np.split(x @ w + h @ u + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    step, states = {1: (simple, 1), 3: (gru, 1), 4: (lstm, 2)}[u.shape[1] // n]
    return run(step, states, n, x, w_o, b_o)


def flax(tree, x, function=np.tanh):
    """SimpleCell, GRUCell or LSTMCell with a Dense, of the names that fastrnn gives to both."""
    cell, dense = tree["params"]["cell"], tree["params"]["linear"]
    n = len(dense["kernel"])

    def layer(name, values):
        own = cell[name]
        return values @ own["kernel"].astype(float) + own.get("bias", np.zeros(n)).astype(float)

    def simple(x, state):
        return (function(layer("i", x) + layer("h", state[0])),)

    def gru(x, state):
        (h,) = state
        r, z = (sigmoid(layer(f"i{gate}", x) + layer(f"h{gate}", h)) for gate in "rz")
        return ((1 - z) * np.tanh(layer("in", x) + r * layer("hn", h)) + z * h,)

    def lstm(x, state):
        h, c = state
        i, f, g, o = (layer(f"i{gate}", x) + layer(f"h{gate}", h) for gate in "ifgo")
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    step, states = {2: (simple, 1), 6: (gru, 1), 8: (lstm, 2)}[len(cell)]
    return run(step, states, n, x, dense["kernel"].astype(float), dense["bias"].astype(float))


def nnx(tree, x, function=np.tanh):
    """SimpleCell, GRUCell or OptimizedLSTMCell with a Linear, of the names that fastrnn gives to both."""
    cell, last = tree["cell"], {name: array.astype(float) for name, array in tree["linear"].items()}
    n = len(last["kernel"])

    def dense(name, values):
        own = {key: array.astype(float) for key, array in cell[name].items()}
        return values @ own["kernel"] + own.get("bias", 0)

    def simple(x, state):
        return (function(dense("dense_i", x) + dense("dense_h", state[0])),)

    def gru(x, state):
        (h,) = state
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(dense("dense_i", x), 3), np.split(dense("dense_h", h), 3)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        return ((1 - z) * np.tanh(x_n + r * h_n) + z * h,)

    def lstm(x, state):
        h, c = state
        i, f, g, o = np.split(dense("dense_i", x) + dense("dense_h", h), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    gates = cell["dense_h"]["kernel"].shape[1] // n
    step, states = {1: (simple, 1), 3: (gru, 1), 4: (lstm, 2)}[gates]
    return run(step, states, n, x, last["kernel"], last["bias"])


def equinox(tree, x):
    """GRUCell or LSTMCell with a Linear."""
    cell, linear = ({name: array.astype(float) for name, array in tree[part].items()} for part in ("cell", "linear"))
    n = linear["weight"].shape[1]

    def gru(x, state):
        (h,) = state
        given, inner = np.split(cell["weight_ih"] @ x + cell["bias"], 3), np.split(cell["weight_hh"] @ h, 3)
        reset, update = sigmoid(given[0] + inner[0]), sigmoid(given[1] + inner[1])
        new = np.tanh(given[2] + reset * (inner[2] + cell["bias_n"]))
        return (new + update * (h - new),)

    def lstm(x, state):
        h, c = state
        i, f, g, o = np.split(cell["weight_ih"] @ x + cell["weight_hh"] @ h + cell["bias"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    step, states = (gru, 1) if "bias_n" in cell else (lstm, 2)
    return run(step, states, n, x, linear["weight"].T, linear["bias"])


def haiku(tree, x):
    """VanillaRNN, GRU or LSTM with a Linear."""
    own = {name: {key: array.astype(float) for key, array in part.items()} for name, part in tree.items()}
    linear = own["linear"]
    n = len(linear["w"])

    def vanilla(x, state):
        first, second = own["vanilla_rnn/linear"], own["vanilla_rnn/linear_1"]
        return (np.maximum(x @ first["w"] + first["b"] + state[0] @ second["w"] + second["b"], 0),)

    def gru(x, state):
        (h,) = state
        w_i, w_h, b = (own["gru"][name] for name in ("w_i", "w_h", "b"))
        z, r = np.split(sigmoid(x @ w_i[:, : 2 * n] + h @ w_h[:, : 2 * n] + b[: 2 * n]), 2)
        a = np.tanh(x @ w_i[:, 2 * n :] + (r * h) @ w_h[:, 2 * n :] + b[2 * n :])
        return ((1 - z) * h + z * a,)

    def lstm(x, state):
        h, c = state
        gated = np.concatenate([x, h]) @ own["lstm/linear"]["w"] + own["lstm/linear"]["b"]
        i, g, f, o = np.split(gated, 4)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    step, states = (gru, 1) if "gru" in own else (lstm, 2) if "lstm/linear" in own else (vanilla, 1)
    return run(step, states, n, x, linear["w"], linear["b"])


def rtneural(found, x):
    """A gru or lstm layer and a dense one with its activation: o (T, O)."""
    layer, dense = found["layers"]
    z = keras([np.asarray(array) for array in layer["weights"] + dense["weights"]], x)
    return {"": lambda z: z, "sigmoid": sigmoid, "softmax": lambda z: np.exp(z) / np.exp(z).sum(1, keepdims=True)}[
        dense["activation"]
    ](z)


def nam(found, x):
    """An LSTM of one layer: o (T, 1)."""
    numbers = iter(np.asarray(found["weights"], float).tolist())
    inputs, n = found["config"]["input_size"], found["config"]["hidden_size"]
    w = np.array([[next(numbers) for _ in range(inputs + n)] for _ in range(4 * n)])
    b, h, c, head = (np.array([next(numbers) for _ in range(size)]) for size in (4 * n, n, n, n))
    bias, out = next(numbers), []
    assert next(numbers, None) is None
    for row in np.asarray(x, float):
        i, f, g, o = np.split(w @ np.concatenate([row, h]) + b, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append([head @ h + bias])
    return np.array(out)


def coreaudioml(found, x):
    """PyTorch's RNN, GRU or LSTM of the module rec, and the Linear lin, whose output gets `skip` inputs added."""
    state = {name: np.asarray(values, float) for name, values in found["state_dict"].items()}
    w, u, b, c = (state[f"rec.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    n = u.shape[1]

    def gru(x, h):
        (h,) = h
        given, inner = np.split(w @ x + b, 3), np.split(u @ h + c, 3)
        r, z = sigmoid(given[0] + inner[0]), sigmoid(given[1] + inner[1])
        return ((1 - z) * np.tanh(given[2] + r * inner[2]) + z * h,)

    def lstm(x, h):
        h, memory = h
        i, f, g, o = np.split(w @ x + b + u @ h + c, 4)
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(memory), memory

    step, states = {
        "RNN": (lambda x, h: (np.tanh(w @ x + b + u @ h[0] + c),), 1),
        "GRU": (gru, 1),
        "LSTM": (lstm, 2),
    }[found["model_data"]["unit_type"]]
    skip = np.asarray(x, float)[:, : found["model_data"]["skip"]]
    return run(step, states, n, x, state["lin.weight"].T, state["lin.bias"]) + (skip if skip.size else 0)
