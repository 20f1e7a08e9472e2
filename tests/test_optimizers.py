"""One law for all optimizers: their formulas are what their papers say, and hold in float32, too."""

import math

import numpy as np
import pytest

from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.graph import symbol
from fastrnn.kernels.recurrent.update import traced_optimizer
from fastrnn.optimizers.adam import Adam
from fastrnn.optimizers.amsgrad import AMSGrad
from fastrnn.optimizers.base import checked_options, corrected, optimizers
from fastrnn.optimizers.momentum import Momentum
from fastrnn.optimizers.nesterov import Nesterov
from fastrnn.optimizers.rmsprop import RMSprop
from fastrnn.optimizers.sgd import SGD


def descend(optimizer, w, gradients, rate, dtype=np.float64):
    """w after each update, by the formula on NumPy."""
    own = traced_optimizer(optimizer)
    options = {symbol(name): dtype(value) for name, value in zip(own.options, optimizer)}
    slots, running = [np.zeros_like(w, dtype) for _ in own.slots], [dtype(0)] * len(own.running)
    w, path = w.astype(dtype), []
    for g in gradients:
        running = on_numpy(own.advance, options | dict(zip(map(symbol, own.running), running)))
        values = options | dict(zip(map(symbol, (*own.running, *own.slots)), (*running, *slots)))
        w, *slots = on_numpy(own.update,
                             values | {symbol("w"): w, symbol("g"): g.astype(dtype), symbol("rate"): dtype(rate)})
        path.append(w)
    return np.array(path)


# Each optimizer once more, as its paper has it, for one weight: (w, state, g, n, rate) -> w, for update n = 1, 2, ...

def sgd(o, w, state, g, n, rate):
    return w - rate * g


def momentum(o, w, state, g, n, rate):
    state["m"] = o.beta * state["m"] + g
    return w - rate * state["m"]


def nesterov(o, w, state, g, n, rate):
    state["m"] = o.beta * state["m"] + g
    return w - rate * (g + o.beta * state["m"])


def rmsprop(o, w, state, g, n, rate):
    state["v"] = o.alpha * state["v"] + (1 - o.alpha) * g * g
    state["m"] = o.momentum * state["m"] + g / (math.sqrt(state["v"]) + o.epsilon)
    return w - rate * state["m"]


def adam(o, w, state, g, n, rate):
    state["m"] = o.beta1 * state["m"] + (1 - o.beta1) * g
    state["v"] = o.beta2 * state["v"] + (1 - o.beta2) * g * g
    state["top"] = max(state["top"], state["v"])
    v = state["top"] if isinstance(o, AMSGrad) else state["v"]
    return w - rate * state["m"] / (1 - o.beta1**n) / (math.sqrt(v / (1 - o.beta2**n)) + o.epsilon)


# A list of pairs: NamedTuples of different classes are equal where their numbers are.
PAPERS = [(SGD(), sgd), (Momentum(), momentum), (Momentum(0.5), momentum), (Nesterov(), nesterov),
          (Nesterov(0.3), nesterov),
          (RMSprop(), rmsprop), (RMSprop(0.9, 0.8, 1e-3), rmsprop), (Adam(), adam), (Adam(0.8, 0.999, 1e-2), adam),
          (AMSGrad(), adam),
          (AMSGrad(0.5, 0.9, 1e-4), adam)]
NAMES = [repr(optimizer) for optimizer, _ in PAPERS]


@pytest.mark.parametrize("optimizer, paper", PAPERS, ids=NAMES)
def test_twenty_updates_are_those_of_the_paper(optimizer, paper):
    rng = np.random.default_rng(3)
    w, rate = rng.normal(size=6), 0.05
    # Some gradients are large and then small, so that AMSGrad keeps what Adam forgets; one weight has none.
    gradients = rng.normal(size=(20, 6)) * np.where(np.arange(20) < 5, 3, 0.1)[:, None]
    gradients[:, 5] = 0
    path = descend(optimizer, w, gradients, rate)
    for i in range(6):
        expected, state = w[i], {"m": 0.0, "v": 0.0, "top": 0.0}
        for n in range(20):
            expected = paper(optimizer, expected, state, gradients[n, i], n + 1, rate)
            assert path[n, i] == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_every_optimizer_is_among_them_and_has_names_of_its_own():
    assert {optimizer.name for optimizer, _ in PAPERS} == set(optimizers())
    for name, kind in optimizers().items():
        names = ("w", "g", "rate", *kind._fields, *kind.slots, *getattr(kind, "running", ()))
        assert len(set(names)) == len(names), name
        assert kind.learning_rate > 0 and len(traced_optimizer(kind()).update) == 1 + len(kind.slots)


@pytest.mark.parametrize("kind, name", [(kind, name) for kind in optimizers().values() for name in kind._fields],
                         ids=lambda each: getattr(each, "name", each))
def test_an_option_of_0_is_refused_or_leaves_weights_without_a_gradient_finite(kind, name):
    w, gradients = np.array([0.5, -0.5]), np.array([[0.0, 0.1]] * 3)
    with np.errstate(all="ignore"):
        sound = np.isfinite(descend(kind()._replace(**{name: 0.0}), w, gradients, 0.1)).all()
    if sound:
        assert checked_options(kind.name, {name: 0}, "options") == ((name, 0.0),)
        return
    # 1e-50 is 0 in float32.
    tiny = {"float32": "1.2e-38", "float64": "2.2e-308"}
    for value, dtype in ((0, "float64"), (1e-310, "float64"), (0, "float32"), (1e-50, "float32")):
        message = f"options: got {name}={value}, expected at least {tiny[dtype]} in {dtype}"
        with pytest.raises(ValueError, match=message):
            checked_options(kind.name, {name: value}, "options", dtype)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999])
def test_bias_corrections_are_exact_in_float32(beta):
    beta = np.float32(beta)
    q = rest = np.float32(0)
    for n in range(1, 5001):
        q, rest = corrected(beta, q, rest)
        exact = -math.expm1(n * math.log(beta)) if beta else 1.0
        assert abs(q / exact - 1) < 1.2e-7, n
    assert type(q) is np.float32


@pytest.mark.parametrize("optimizer", [optimizer for optimizer, _ in PAPERS], ids=NAMES)
def test_float32_follows_float64(optimizer):
    rng = np.random.default_rng(4)
    w, gradients = rng.normal(size=50), rng.normal(size=(400, 50))
    # The same numbers on both sides.
    plain = type(optimizer)(*(float(np.float32(value)) for value in optimizer))
    gradients, rate = gradients.astype(np.float32), float(np.float32(0.01))
    wide, narrow = (descend(plain, w.astype(np.float32), gradients, rate, dtype) for dtype in (np.float64, np.float32))
    assert narrow.dtype == np.float32
    assert np.abs(wide - narrow).max() < 1e-4 * np.abs(wide).max()
