"""The oracle of fits: networks in plain NumPy, float64, written from the papers and not from fastrnn's formulas."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def elman(w, x, h):
    return (np.tanh(w["w_ih"] @ x + w["b_ih"] + w["w_hh"] @ h[0] + w["b_hh"]),)


def gru(w, x, h):
    (h,) = h
    a, b = w["w_ih"] @ x + w["b_ih"], w["w_hh"] @ h + w["b_hh"]
    n = len(h)
    r, z = sigmoid(a[:n] + b[:n]), sigmoid(a[n : 2 * n] + b[n : 2 * n])
    return ((1 - z) * np.tanh(a[2 * n :] + r * b[2 * n :]) + z * h,)


def keras_gru(w, x, h):
    """Keras' GRU(reset_after=False), of a kernel (I, 3 H), a recurrent kernel (H, 3 H) and a bias (3 H), z r h."""
    (h,) = h
    order = [1, 0, 2]  # PyTorch stacks r z n
    kernel, recurrent, b_ih, b_hh = (np.concatenate([np.split(w[name], 3)[k] for k in order]).T
                                     for name in ("w_ih", "w_hh", "b_ih", "b_hh"))
    bias = b_ih + b_hh
    n = len(h)
    z = sigmoid(x @ kernel[:, :n] + h @ recurrent[:, :n] + bias[:n])
    r = sigmoid(x @ kernel[:, n : 2 * n] + h @ recurrent[:, n : 2 * n] + bias[n : 2 * n])
    hh = np.tanh(x @ kernel[:, 2 * n :] + (r * h) @ recurrent[:, 2 * n :] + bias[2 * n :])
    return (z * h + (1 - z) * hh,)


def lstm(w, x, h):
    h, c = h
    i, f, g, o = np.split(w["w_ih"] @ x + w["b_ih"] + w["w_hh"] @ h + w["b_hh"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


STATES = {elman: 1, gru: 1, keras_gru: 1, lstm: 2}


def outputs(step, w, x, before=False):
    """z (T, O) of one sequence x (T, I)."""
    hidden = w["w_hh"].shape[1]
    state = tuple(w.get(f"initial_{name}", np.zeros(hidden)) for name in ("h", "c")[: STATES[step]])
    z = []
    for row in x:
        old, state = state, step(w, row, state)
        z.append(w["w_ho"] @ (old if before else state)[0] + w["b_o"])
    return np.array(z)


def states(step, w, x):
    """h (T, H) after each step of one sequence x (T, I)."""
    hidden = w["w_hh"].shape[1]
    state = tuple(w.get(f"initial_{name}", np.zeros(hidden)) for name in ("h", "c")[: STATES[step]])
    h = []
    for row in x:
        state = step(w, row, state)
        h.append(state[0])
    return np.array(h)


def cross_entropy(z, y):
    """(T,) of class numbers y."""
    z = z - z.max(-1, keepdims=True)
    return np.log(np.exp(z).sum(-1)) - z[np.arange(len(y)), y]


def mean_loss(step, w, data, chosen, loss=cross_entropy, before=False):
    """Mean loss of a counted step of the chosen sequences."""
    total = count = 0.0
    for n in chosen:
        x, y, weight = data[int(n)]
        counted = weight > 0
        total += (loss(outputs(step, w, x, before)[counted], y[counted]) * weight[counted]).sum()
        count += weight[counted].sum()
    return total / count


def numerical_gradient(function, w, size=1e-6):
    """Central differences by every weight."""
    gradient = {}
    for name, values in w.items():
        gradient[name] = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            ends = []
            for sign in (1, -1):
                moved = {**w, name: values.copy()}
                moved[name][place] += sign * size
                ends.append(function(moved))
            gradient[name][place] = (ends[0] - ends[1]) / (2 * size)
    return gradient
