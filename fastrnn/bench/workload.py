"""The work that is timed: one update of a network that learns to add, its data, its operations, and the true gradient.

Every engine does the same work for the same weights: forward, back-propagation through time, the gradients of
all weights, and one step of gradient descent on the batch's mean of sum_t (o[t] - y[t])^2 / 2. The network is
h[t] = sigmoid(w_ih x[t] + w_hh h[t-1]), o[t] = sigmoid(w_ho h[t]), without biases, as the tutorial has it.
"""

import hashlib
from typing import NamedTuple

import numpy as np

INPUTS, OUTPUTS = 2, 1
# The true gradient is formed from float64 states of at most this number of numbers: 128 MB.
LARGEST_CHECK = 1 << 24
# Models whose updates are checked, one after the other.
MOST_MODELS = 1024

# A float32 update read back from the weights has an error of about 1e-5; a term forgotten shows as 1e-2 or more.
TOLERANCE = 1e-3


class WrongGradient(ValueError):
    """An engine's update is not the update that the true gradient makes."""


class Workload(NamedTuple):
    """Hidden units, time steps (bits of the sum), samples in one update, floating-point type, independent models.

    With more than one model, each has weights and samples of its own: all arrays have a leading axis of models.
    """

    hidden: int = 16
    steps: int = 8
    batch: int = 64
    dtype: str = "float32"
    models: int = 1

    @property
    def samples(self):
        """Samples of all models in one update."""
        return self.batch * self.models

    @property
    def flops(self):
        """Floating-point operations per sample: products of weights, forward and backward; nothing else is counted.

        The step from the zero state has no recurrent product, and nothing flows back into that state.
        """
        h, t = self.hidden, self.steps
        return t * 6 * h + (t - 1) * 2 * h * h + t * 8 * h + (t - 1) * 4 * h * h

    @property
    def rate(self):
        """The learning rate: the tutorial's at 8 steps; the loss is a sum over time, so longer sequences have smaller
        rates."""
        return 0.8 / self.steps

    @property
    def name(self):
        """A short, unique name that can be part of a file name."""
        models = "" if self.models == 1 else f"-m{self.models}"
        return f"h{self.hidden}-t{self.steps}-b{self.batch}{models}" + (
            "" if self.dtype == "float32" else f"-{self.dtype}"
        )

    def to_check(self):
        """Return the same work on a batch that is small enough to check, and on at most MOST_MODELS models."""
        return self._replace(batch=max(1, min(self.batch, LARGEST_CHECK // (self.hidden * self.steps))),
                             models=min(self.models, MOST_MODELS))


class Updates(NamedTuple):
    """`count` updates that an engine made on one batch: x (B, T, 2), y (B, T, 1), and the weights before and after, by
    name.

    Of several models, all arrays have a leading axis of models.
    """

    before: dict
    x: np.ndarray
    y: np.ndarray
    after: dict
    count: int = 1


def starting_weights(work, seed=0):
    """Return {"w_ih": (H, 2), "w_hh": (H, H), "w_ho": (1, H)}, uniform, of the workload's dtype, scaled so that units
    are neither inactive nor saturated."""
    if work.models > 1:
        each = [starting_weights(work._replace(models=1), model) for model in range(work.models)]
        return {name: np.stack([weights[name] for weights in each]) for name in each[0]}
    rng = np.random.default_rng([seed, work.hidden])
    return {name: (rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))).astype(work.dtype)
            for name, shape in weight_shapes(work).items()}


def weight_shapes(work):
    """Return {name: shape} of one model's weights."""
    return {"w_ih": (work.hidden, INPUTS), "w_hh": (work.hidden, work.hidden), "w_ho": (OUTPUTS, work.hidden)}


def sums(work, seed=0):
    """Return the bits of random sums, least significant first: x (B, T, 2) and y (B, T, 1), uint8; the top bits of x
    are 0."""
    shape = (work.batch, work.steps, INPUTS) if work.models == 1 else (work.models, work.batch, work.steps, INPUTS)
    x = np.random.default_rng([seed, 1]).integers(0, 2, shape, np.uint8)
    x[..., -1, :] = 0
    return x, added(x)


def added(x):
    """Return the bits (..., T, 1) of the sums of the operands' bits x (..., T, 2)."""
    y, carry = np.empty((*x.shape[:-1], OUTPUTS), x.dtype), np.zeros(x.shape[:-2], x.dtype)
    for t in range(x.shape[-2]):
        total = x[..., t, 0] + x[..., t, 1] + carry
        y[..., t, 0], carry = total % 2, total // 2
    return y


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gradient(weights, x, y, activation="sigmoid"):
    """Return the true gradient {name: array} in float64: the equations above, one step after the other; h by "sigmoid"
    or "tanh"."""
    w_ih, w_hh, w_ho = (weights[name].astype(np.float64) for name in ("w_ih", "w_hh", "w_ho"))
    batch, steps = x.shape[:2]
    h = np.zeros((steps + 1, batch, len(w_hh)))
    for t in range(steps):
        h[t + 1] = (np.tanh if activation == "tanh" else sigmoid)(x[:, t] @ w_ih.T + h[t] @ w_hh.T)
    slope = 1 - h * h if activation == "tanh" else h * (1 - h)
    grads = {name: np.zeros(np.shape(weight)) for name, weight in weights.items()}
    d_pre = np.zeros_like(h[0])
    for t in range(steps - 1, -1, -1):
        o = sigmoid(h[t + 1] @ w_ho.T)
        d_z = (o - y[:, t]) * o * (1 - o) / batch
        d_pre = (d_pre @ w_hh + d_z @ w_ho) * slope[t + 1]
        grads["w_ih"] += d_pre.T @ x[:, t]
        grads["w_hh"] += d_pre.T @ h[t]
        grads["w_ho"] += d_z.T @ h[t + 1]
    return grads


# The last trajectories of weights: engines of the same workload start from the same weights on the same batch.
_KNOWN, _MOST_KNOWN = {}, 8


def _stepped(before, x, rate, activation, count):
    """Return the weights after `count` steps along the true gradient on the sums x."""
    digest = hashlib.sha256(np.packbits(x))
    for name, value in sorted(before.items()):
        digest.update(name.encode() + value.tobytes())
    key = digest.digest(), x.shape, rate, activation
    path = _KNOWN.setdefault(key, [before])
    while len(path) <= count:
        grads = gradient(path[-1], x.astype(np.float64), added(x).astype(np.float64), activation)
        path.append({name: value - rate * grads[name] for name, value in path[-1].items()})
    while len(_KNOWN) > _MOST_KNOWN:
        del _KNOWN[next(iter(_KNOWN))]
    return path[count]


def check(work, updates, name="engine", activation="sigmoid"):
    """Raise WrongGradient unless the Updates equal steps along the true gradient of `work`."""
    x, y = np.asarray(updates.x), np.asarray(updates.y)
    if work.models > 1:
        return _check_models(work, updates, name, activation)
    if x.shape != (work.batch, work.steps, INPUTS) or y.shape != (work.batch, work.steps, OUTPUTS):
        raise WrongGradient(f"{name}: its batch has shapes {x.shape} and {y.shape}, not those of {work.name}")
    if not np.array_equal(added(x.astype(np.uint8)), y) or (
        work.batch * work.steps > 256 and not 0.2 < x[:, :-1].mean() < 0.8
    ):
        raise WrongGradient(f"{name}: its batch does not consist of random sums")
    for side, weights in (("before", updates.before), ("after", updates.after)):
        found = {weight: np.shape(value) for weight, value in weights.items()}
        if found != weight_shapes(work):
            raise WrongGradient(
                f"{name}: its weights {side} the update have shapes {found}, expected {weight_shapes(work)}"
            )
    before = {weight: updates.before[weight].astype(np.float64) for weight in weight_shapes(work)}
    truth = _stepped(before, x.astype(np.uint8), work.rate, activation, updates.count)
    for weight, start in before.items():
        moved, should = np.asarray(updates.after[weight], np.float64) - start, truth[weight] - start
        size = np.linalg.norm(should)
        error = np.linalg.norm(moved - should) / size
        if not error < TOLERANCE:
            # One at least is off by its share of the tolerance, or is not a number.
            place = tuple(map(int, np.argwhere(~(abs(moved - should) < TOLERANCE * size / should.size**0.5))[0]))
            raise WrongGradient(
                f"{name}: its gradient of {weight} is off by {error:.1e} of its norm at {work.name}, allowed "
                f"{TOLERANCE:.0e}; the first wrong weight, {weight}{list(place)}, moved by {moved[place]:.3g}, "
                f"expected {should[place]:.3g}"
            )


def _check_models(work, updates, name, activation):
    before, x, y, after, count = updates
    for each in (x, y, *before.values(), *after.values()):
        if len(each) != work.models:
            raise WrongGradient(f"{name}: it has {len(each)} models, not the {work.models} of {work.name}")
    for model in range(work.models):
        of = Updates({key: value[model] for key, value in before.items()}, x[model], y[model],
                     {key: value[model] for key, value in after.items()}, count)
        check(work._replace(models=1), of, f"{name}, model {model}", activation)
