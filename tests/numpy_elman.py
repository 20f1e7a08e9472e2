"""An Elman network in plain NumPy, float64, whole batch at a time: the oracle of the kernels."""

import numpy as np

ACTIVATIONS = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h * h),
    "relu": (lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(float)),
}


def losses(z, y):
    """{name: (loss, derivative by z)} for logits z and targets y."""
    o = 1 / (1 + np.exp(-z))
    return {
        "squared": ((o - y) ** 2 / 2, (o - y) * o * (1 - o)),
        "cross-entropy": (np.logaddexp(0, z) - y * z, o - y),
    }


def random_weights(rng, hidden, inputs, outputs, bias=True):
    shapes = {"w_ih": (hidden, inputs), "w_hh": (hidden, hidden), "b_ih": (hidden,), "b_hh": (hidden,),
              "w_ho": (outputs, hidden), "b_o": (outputs,)}
    return {
        name: rng.uniform(-1, 1, shape) / np.sqrt(shape[-1]) for name, shape in shapes.items() if bias or name[0] == "w"
    }


def forward(weights, activation, x):
    """(logits (B, T, O), states (B, T, H)) for x (B, T, I)."""
    f = ACTIVATIONS[activation][0]
    hidden, outputs = weights["w_hh"].shape[0], weights["w_ho"].shape[0]
    b = weights.get("b_ih", np.zeros(hidden)) + weights.get("b_hh", np.zeros(hidden))
    h, states = np.zeros((len(x), hidden)), []
    for t in range(x.shape[1]):
        h = f(x[:, t] @ weights["w_ih"].T + h @ weights["w_hh"].T + b)
        states.append(h)
    states = np.stack(states, 1)
    return states @ weights["w_ho"].T + weights.get("b_o", np.zeros(outputs)), states


def loss_and_grad(weights, activation, loss, x, y, mask=None, saturation=0.0, truncate=None):
    """(loss, {name: gradient}), summed over batch, time and outputs, weighted by mask (B, T).

    truncate: segments of `truncate` steps; the state at the start of each is a constant in it.
    """
    mask = np.ones(x.shape[:2]) if mask is None else mask
    z, states = forward(weights, activation, x)
    value, d_z = losses(z, y)[loss]
    value, d_z = (value * mask[:, :, None]).sum(), d_z * mask[:, :, None]
    slope = ACTIVATIONS[activation][1]
    gradient = {name: np.zeros_like(weight) for name, weight in weights.items()}
    later = np.zeros_like(states[:, 0])
    for t in reversed(range(x.shape[1])):
        h = states[:, t]
        before = states[:, t - 1] if t else np.zeros_like(h)
        rest = saturation * mask[:, t, None] * {"sigmoid": 1 - 2 * h, "tanh": -h / 2, "relu": 0 * h}[activation]
        d_pre = (later + d_z[:, t] @ weights["w_ho"] + rest) * slope(h)
        for name, term in (("w_ih", d_pre.T @ x[:, t]), ("w_hh", d_pre.T @ before), ("b_ih", d_pre.sum(0)),
                           ("b_hh", d_pre.sum(0)), ("w_ho", d_z[:, t].T @ h), ("b_o", d_z[:, t].sum(0))):
            if name in gradient:
                gradient[name] += term
        later = d_pre @ weights["w_hh"] * (not truncate or t % truncate != 0)
    return value, gradient
