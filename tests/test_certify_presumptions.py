"""Networks forged for each presumption of the lemma on rounding errors: none is proved, and no certificate accepted.

A forged certificate is what the prover would make of a network if it did not watch over the presumption in question.
"""

from contextlib import ExitStack
from unittest import mock

import numpy as np
import pytest
from test_simd import apply

import fastrnn
from fastrnn.check import Refused, check
from fastrnn.formula import intervals
from fastrnn.formula.intervals import Errors
from fastrnn.model import Model
from fastrnn.proofs import boxes as boxes_module
from fastrnn.proofs import certify
from fastrnn.proofs import prove as prove_module
from fastrnn.proofs.boxes import Boxes
from fastrnn.proofs.file import write_certificate
from fastrnn.proofs.prove import prove
from fastrnn.proofs.rounding import LARGEST, Rounding, operations
from fastrnn.tasks import And, Copy, Xor

LARGE = {"float32": 1e28, "float64": 1e280}
MOST = {"float32": 3e38, "float64": 1.7e308}


def network(task, activation, dtype="float32", **weights):
    """A Model of these weights; biases that are left out are 0."""
    hidden = len(weights["w_hh"])
    weights = {"b_ih": [0] * hidden, "b_hh": [0] * hidden, "b_o": [0], **weights}
    arrays = {name: np.array(weight, float).astype(dtype) for name, weight in weights.items()}
    return Model(fastrnn.Elman(hidden, activation), arrays, task)


def chain(*weights, bias=0.0, dtype="float32"):
    """A relu network whose unit i takes weights[i] times unit i - 1, the first the input; copies with a delay."""
    size = len(weights)
    w_hh = np.diag(weights[1:], -1)
    w_ih = np.zeros((size, 1))
    w_ih[0] = weights[0]
    w_ho = np.zeros((1, size))
    w_ho[0, -1] = 1
    return network(Copy(8, delay=size - 1), "relu", dtype, w_ih=w_ih, w_hh=w_hh, w_ho=w_ho, b_o=[-0.5 + bias])


def infinite_state(dtype, task=Copy(8, delay=0)):
    """A unit that copies the input, beside two that grow beyond all numbers: 0 times infinity reaches all sums."""
    large, inputs = LARGE[dtype], task.input_size
    w_ih = [[1] * inputs, [large] * inputs, [0] * inputs]
    return network(
        task, "relu", dtype, w_ih=w_ih, w_hh=[[0, 0, 0], [0, 0, 0], [0, large, 0]], w_ho=[[1, 0, 0]], b_o=[-0.5]
    )


def infinite_sum(dtype):
    """Both inputs: 0.6 M + 0.6 M - 0.8 M - 0.8 M is negative, but in no order of the additions without an infinity."""
    most = MOST[dtype]
    return network(
        And(8, delay=0),
        "sigmoid",
        dtype,
        w_ih=[[-0.8 * most] * 2],
        w_hh=[[0]],
        b_ih=[0.6 * most],
        b_hh=[0.6 * most],
        w_ho=[[-20]],
        b_o=[10],
    )


def infinite_logit(dtype):
    """A logit with a term beyond all numbers."""
    large = LARGE[dtype]
    return network(Copy(8, delay=0), "relu", dtype, w_ih=[[large]], w_hh=[[0]], w_ho=[[large]], b_o=[-large])


def subnormal_weight(dtype):
    """A subnormal weight of a large state: right, but on a machine that takes subnormal operands for zero."""
    tiny, large = {"float32": (1e-40, 1e29), "float64": (1e-310, 1e299)}[dtype]
    return chain(large**0.5, large**0.5, tiny, 1 / (tiny * large), dtype=dtype)


def subnormal_product(dtype):
    """A product that is subnormal, and a number again after large weights."""
    small, large = {"float32": (1e-20, 1e20), "float64": (1e-155, 1e155)}[dtype]
    return chain(small, small, large, large, dtype=dtype)


def fused(dtype):
    """(1 + e)^2 - (1 + 2 e) is e^2 where the product is fused into the sum, else 0."""
    e = {"float32": 2.0**-12, "float64": 2.0**-27}[dtype]
    return network(
        Copy(8, delay=2),
        "relu",
        dtype,
        w_ih=[[1 + e], [0], [0]],
        w_hh=[[0, 0, 0], [1 + e, 0, 0], [0, e**-2, 0]],
        b_ih=[0, -(1 + 2 * e), 0],
        w_ho=[[0, 0, 1]],
        b_o=[-0.5],
    )


def reordered(dtype):
    """x + M - M: 0 where x goes first."""
    large = {"float32": 2.0**26, "float64": 2.0**55}[dtype]
    return network(
        Copy(8, delay=0), "relu", dtype, w_ih=[[1]], w_hh=[[0]], b_ih=[large], b_hh=[-large], w_ho=[[1]], b_o=[-0.5]
    )


def saturated(dtype):
    """Lives on digits of sigmoid(-40) that the kernels' bound on its error does not promise."""
    return network(
        Copy(8, delay=0), "sigmoid", dtype, w_ih=[[2]], w_hh=[[0]], b_ih=[-40], w_ho=[[np.exp(39)]], b_o=[-1]
    )


def near_zero(dtype):
    """Its logits are so near zero that the sigmoid of them may round to one half."""
    return network(Copy(8, delay=0), "relu", dtype, w_ih=[[1]], w_hh=[[0]], w_ho=[[2.0**-20]], b_o=[-(2.0**-21)])


def stepwise(model, inputs, flush=lambda array: array):
    """Output bits for inputs (T, I), term after term in NumPy's arithmetic, nothing fused; all numbers are flushed."""
    w = {name: flush(array) for name, array in model.weights.items()}
    h, bits = np.zeros(model.hidden_size, model.dtype), []
    for x in np.array(inputs, model.dtype):
        pre = w["b_ih"] + w["b_hh"]
        for column, value in zip((*w["w_hh"].T, *w["w_ih"].T), (*h, *x)):
            pre = flush(pre + flush(column * value))
        h = np.maximum(pre, 0)
        z = w["b_o"][0]
        for weight, value in zip(w["w_ho"][0], h):
            z = flush(z + flush(weight * value))
        bits.append(int(z > 0))
    return bits


def without_subnormals(array):
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, array.dtype.type(0), array)


def ignoring(*patches):
    stack = ExitStack()
    for patch in patches:
        stack.enter_context(patch)
    return stack


def no_limit():
    return mock.patch.object(boxes_module, "LARGEST", dict.fromkeys(LARGEST, np.inf))


def no_underflow():
    return mock.patch.object(Boxes, "_lost", lambda self, far: 0.0)


def no_flush():
    """A subnormal number stays what it is."""
    return mock.patch.object(intervals, "_flushed", lambda low, least: low)


def no_subnormal_weights():
    """A subnormal weight loses itself times the state."""
    return mock.patch.object(Boxes, "_lost", lambda self, far: self.underflow * (3 + self.weights.largest))


def no_errors():
    exact = Errors(0.0, 0.0, {"sigmoid": (0.0, 0.0), "tanh": (0.0, 0.0)}, "float64")
    return mock.patch.object(Rounding, "of", classmethod(lambda cls, model: cls(0.0, 0.0, 0.0, exact)))


def no_margin():
    return mock.patch.object(prove_module, "LEAST_MARGIN", 0.0)


# A network, how a prover ignores what it breaks, and the checker's reason. Where states are so large that they
# overflow, what underflow may lose is large as well. Without patches: a prover in float64 cannot be made to believe it.
BOTH = ("float32", "float64")
FORGED = {
    "infinite state": (infinite_state, {"float32": (no_limit, no_underflow), "float64": ()}, "could overflow"),
    "infinite sum": (infinite_sum, {"float32": (no_limit, no_underflow), "float64": ()}, "could overflow"),
    "infinite logit": (infinite_logit, {"float32": (no_limit, no_underflow), "float64": ()}, "could overflow"),
    "subnormal weight": (subnormal_weight, dict.fromkeys(BOTH, (no_subnormal_weights,)), "leaves its box"),
    "subnormal product": (subnormal_product, dict.fromkeys(BOTH, (no_underflow, no_flush)), "leaves its box"),
    "fused or not": (fused, {"float32": (no_errors,), "float64": ()}, "leaves its box"),
    "order of sums": (reordered, {"float32": (no_errors,), "float64": ()}, "leaves its box"),
    "activation": (
        saturated,
        dict.fromkeys(BOTH, (no_errors, lambda: mock.patch.object(intervals, "OWN_FUNCTION", 0.0))),
        "leaves its box",
    ),
    "near zero": (near_zero, dict.fromkeys(BOTH, (no_margin,)), "wrong side"),
}


def forged(folder, model, found):
    """Paths of a certificate that states the right errors beside the boxes of what was found, and of the model."""
    paths = folder / "forged.safetensors", folder / "model.safetensors"
    write_certificate(paths[0], model, model.task, found.graph, found.proof)
    model.save(paths[1])
    return paths


def believed(model, *ignore):
    """What a prover says that ignores something."""
    with ignoring(*(patch() for patch in ignore)):
        found = certify(model, find=False)
    assert found.proved, f"forged for something else: {found}"
    return found


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("name", FORGED)
def test_a_network_that_breaks_a_presumption_is_neither_proved_nor_accepted(tmp_path, name, dtype):
    make, ignored, said = FORGED[name]
    model = make(dtype)
    assert not certify(model, find=False).proved
    if ignored[dtype]:
        with pytest.raises(Refused, match=said):
            check(*forged(tmp_path, model, believed(model, *ignored[dtype])))


def test_sums_of_float64_that_overflow_are_refused_by_the_checker_too(tmp_path):
    # What float32's sigmoid allows for is enough for that of float64.
    found = believed(infinite_sum("float32"), no_limit, no_underflow)
    with pytest.raises(Refused, match="could overflow"):
        check(*forged(tmp_path, infinite_sum("float64"), found))


@pytest.mark.parametrize("task", [Copy(8, delay=0), Xor(8, delay=0)], ids=lambda task: task.name)
def test_a_network_with_an_infinite_state_is_refuted_by_its_kernels(task):
    model = infinite_state("float32", task)
    assert certify(model).refuted


def test_the_forged_networks_are_wrong_on_some_machine():
    given = [[1], [0], [1], [1], [0], [0], [1]]
    for make, flush in (
        (subnormal_weight, without_subnormals),
        (subnormal_product, without_subnormals),
        (fused, lambda array: array),
    ):
        for dtype in BOTH:
            model = make(dtype)
            right = [0] * model.task.delay + [x for (x,) in given][: -model.task.delay]
            assert stepwise(model, given, flush) != right
            if flush is without_subnormals:
                assert stepwise(model, given) == right
    both = infinite_sum("float32").weights
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan((both["b_ih"] + both["b_hh"]) + both["w_ih"].sum())


@pytest.mark.parametrize("dtype", BOTH)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weight", ["w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o"])
def test_a_network_with_a_weight_that_is_no_number_is_neither_proved_nor_accepted(tmp_path, weight, value, dtype):
    model = network(Copy(8, delay=0), "relu", dtype, w_ih=[[1]], w_hh=[[0]], w_ho=[[1]], b_o=[-0.5])
    found = certify(model)
    paths = forged(tmp_path, model, found)
    check(*paths)
    model.weights[weight].flat[0] = value
    with np.errstate(invalid="ignore"):
        assert not prove(Boxes(model, found.graph.automaton), found.graph).proved
    with pytest.raises(ValueError, match=f"{weight}: holds values that are not finite"):
        certify(model)
    with pytest.raises(Refused, match=f"{weight}: holds values that are not finite"):
        check(*forged(tmp_path, model, found))


@pytest.mark.parametrize("dtype", BOTH)
def test_large_relu_states_are_proved_as_long_as_nothing_overflows(tmp_path, dtype):
    large = 2.0**100 if dtype == "float32" else 2.0**900
    model = chain(large, 1 / large, dtype=dtype)
    found = certify(model)
    assert found.proved
    assert check(*forged(tmp_path, model, found))["task"] == {"name": "copy", "delay": 1}


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", BOTH)
def test_activations_keep_their_bound_at_extreme_arguments(activation, dtype):
    info = np.finfo(dtype)
    edges = [
        9.4,
        9.5,
        9.6,
        19.9,
        20.1,
        40,
        86.9,
        87,
        87.1,
        88.8,
        104,
        707,
        708,
        709.8,
        745.2,
        1e4,
        LARGEST[dtype] * 2,
        info.max,
    ]
    small = [0, info.smallest_subnormal, info.tiny / 3, info.tiny, info.eps]
    z = np.array([sign * value for value in (*edges, *small) for sign in (1, -1)], dtype)
    found = apply(activation, z)
    wide = z.astype(np.longdouble)
    with np.errstate(over="ignore"):
        right = 1 / (1 + np.exp(-wide)) if activation == "sigmoid" else np.tanh(wide)
    assert np.abs(found - right).max() <= operations(dtype).functions[activation][1] / 4
