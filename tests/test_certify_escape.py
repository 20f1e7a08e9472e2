"""Attempts to escape: real kernels, on long random and adversarial runs, never leave the boxes of a proof."""

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from certified_models import double, proved
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_runs import batched, online, step, streaming
from params import quick

import fastrnn
from fastrnn.bits.label import label_words
from fastrnn.bits.planes import unpacked_bits
from fastrnn.cells.base import ACTIVATIONS
from fastrnn.formula.graph import symbol
from fastrnn.formula.intervals import Intervals
from fastrnn.model import Model
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.boxes import Boxes
from fastrnn.proofs.prove import image
from fastrnn.proofs.rounding import UNIT, Rounding, gamma, operations
from fastrnn.proofs.sequences import planes_of, rhythms, skewed

TESTS = str(Path(__file__).parent)
CASES = {
    "sigmoid": proved,
    "tanh": lambda: proved(16, "tanh"),
    "float64": double,
    "three": lambda: proved(16, operands=3),
}


@pytest.fixture(params=quick(CASES, lambda name: name in ("sigmoid", "float64")))
def found(request):
    return CASES[request.param]()


def nodes_of(graph, symbols):
    """(N, T): the node that each sequence is at after each step."""
    node, nodes = np.zeros(len(symbols), int), np.empty(symbols.shape, int)
    for t in range(symbols.shape[1]):
        node = nodes[:, t] = graph.following[node, symbols[:, t]]
    return nodes


def outside(found, symbols, states, first=0):
    """(how far states (N, T', H or P H) of steps `first` and on are outside of their boxes at most, how many there
    were)"""
    nodes = nodes_of(found.graph, symbols)[:, first : first + states.shape[1]]
    inside, parts = states.astype(float), states.shape[2]
    low, high = (end[:, :parts][nodes] for end in (found.proof.low, found.proof.high))
    return max((low - inside).max(), (inside - high).max()), nodes.size


def adversarial(found, count, steps, seed=0):
    """Sequences whose every symbol drives the state as near to an end of its box as one step can."""
    graph, rng = found.graph, np.random.default_rng(seed)
    symbols = rng.integers(0, graph.automaton.symbols, (count, 1))
    inputs = graph.automaton.inputs
    states = step(found.model, np.zeros((count, found.proof.low.shape[1])), inputs[symbols[:, 0]])
    node = nodes_of(graph, symbols)[:, -1]
    size = np.maximum(found.proof.high - found.proof.low, 1e-12)
    for _ in range(steps - 1):
        best, chosen = np.full(count, -np.inf), np.zeros(count, int)
        # Now and then a random symbol, or all of them settle in one cycle.
        noise = rng.uniform(size=(len(inputs), count)) * (rng.uniform(size=count) < 0.2)
        for number, bits in enumerate(inputs):
            after = step(found.model, states, np.tile(bits, (count, 1)))
            place = graph.following[node, number]
            near = np.maximum(after - found.proof.low[place], found.proof.high[place] - after) / size[place]
            score = near.max(axis=1) + noise[number]
            chosen, best = np.where(score > best, number, chosen), np.maximum(best, score)
        states = step(found.model, states, inputs[chosen])
        node = graph.following[node, chosen]
        symbols = np.column_stack([symbols, chosen])
    return symbols


def runs(found, count, steps, seed):
    """Random, skewed and rhythmic sequences, `count` of each."""
    rng, kinds = np.random.default_rng(seed), found.graph.automaton.symbols
    every = rhythms(kinds, steps)
    return np.concatenate([rng.integers(0, kinds, (count, steps)), skewed(kinds, count, steps, rng),
                           every[rng.permutation(len(every))[:count]]])


def escape(found, count, steps, seed):
    """Run all three kernels on hard sequences and return how many states were looked at."""
    symbols, seen = runs(found, count, steps, seed), 0
    states, logits = batched(found.model, symbols)
    distance, looked = outside(found, symbols, states)
    assert distance <= 0, f"batched: a state is {distance} outside"
    nodes = nodes_of(found.graph, symbols)
    assert ((found.graph.labels[nodes] * logits).min(axis=2) >= found.proof.margins[nodes]).all()
    seen += looked

    # Cells with an operand have no kernel for single samples.
    if found.model.cell.traced().operand is None:
        few = symbols[:: max(1, len(symbols) // 48)]
        distance, looked = outside(found, few, online(found.model, few))
        assert distance <= 0, f"online: a state is {distance} outside"
        seen += looked

    whole = symbols[: len(symbols) // 64 * 64]
    for segment in (steps, 7):
        states, first, out, least = streaming(found.model, whole, segment)
        distance, looked = outside(found, whole, states, first)
        assert distance <= 0, f"streaming: a state is {distance} outside"
        assert least >= found.margin
        assert np.array_equal(
            *(unpacked_bits(each, len(whole))
              for each in (out, label_words(found.task, planes_of(whole, found.model.input_size))))
        )
        seen += looked
    return seen


def test_no_kernel_leaves_the_boxes(found):
    assert escape(found, 128, 300, seed=1) > 100_000


def test_no_kernel_leaves_the_boxes_on_adversarial_runs(found):
    symbols = adversarial(found, 64, 200)
    for states in (batched(found.model, symbols)[0], online(found.model, symbols)):
        distance, looked = outside(found, symbols, states)
        assert distance <= 0 and looked > 12_000


def test_a_single_run_of_100_000_steps_stays_inside():
    found = proved()
    symbols = skewed(4, 64, 100_000, np.random.default_rng(3))
    states, first, _, least = streaming(found.model, symbols, 256)
    assert first > 99_000 and outside(found, symbols, states, first)[0] <= 0 and least >= found.margin


@pytest.mark.slow
def test_a_million_steps_stay_inside(found):
    assert sum(escape(found, 512, 500, seed) for seed in range(2, 5)) > 1_000_000
    symbols = np.concatenate([adversarial(found, 256, 1000, seed) for seed in range(4)])
    distance, looked = outside(found, symbols, batched(found.model, symbols)[0])
    assert distance <= 0 and looked > 1_000_000


def test_the_boxes_are_hardly_larger_than_what_the_kernels_reach():
    # Or the tests above would find nothing outside of boxes that hold everything.
    found = proved()
    symbols = runs(found, 512, 300, 5)
    nodes, states = nodes_of(found.graph, symbols), batched(found.model, symbols)[0]
    reached = np.zeros_like(found.proof.low)
    for node in range(1, found.graph.nodes):
        mine = states[nodes == node]
        reached[node] = mine.max(axis=0) - mine.min(axis=0)
    width = found.proof.high - found.proof.low
    # The others' width is all rounding error, four times what was ever measured.
    alive = width > 1e-4
    assert alive.any() and np.median(reached[alive] / width[alive]) > 0.5


def test_boxes_are_mapped_into_boxes_by_steps_from_their_corners(found):
    rng, graph, proof = np.random.default_rng(0), found.graph, found.proof
    nodes = rng.integers(0, graph.nodes, 2000)
    symbols = rng.integers(0, graph.automaton.symbols, 2000)
    dtype = found.model.dtype
    low, high = proof.low[nodes].astype(dtype), proof.high[nodes].astype(dtype)
    # Rounded to the model's type, inward.
    low = np.where(low < proof.low[nodes], np.nextafter(low, dtype.type(np.inf)), low)
    high = np.where(high > proof.high[nodes], np.nextafter(high, dtype.type(-np.inf)), high)
    after = step(found.model, np.where(rng.uniform(size=low.shape) < 0.5, low, high), graph.automaton.inputs[symbols])
    target = graph.following[nodes, symbols]
    assert (after >= proof.low[target]).all() and (after <= proof.high[target]).all()


def test_a_proof_is_a_fixed_point_and_a_tight_one(found):
    boxes = Boxes(found.model, found.graph.automaton)
    low, high = image(boxes, found.graph, found.proof.low, found.proof.high)
    assert (low >= found.proof.low).all() and (high <= found.proof.high).all()
    width = (found.proof.high - found.proof.low)[1:]
    slack = ((low - found.proof.low) + (found.proof.high - high))[1:]
    assert np.median(slack / width) < (1e-6 if found.model.dtype == np.float32 else 0.5)


def random_model(hidden, activation, dtype, scale, rng):
    cell = fastrnn.Elman(hidden, activation)
    shapes = {
        "w_ih": (hidden, 2),
        "w_hh": (hidden, hidden),
        "b_ih": (hidden,),
        "b_hh": (hidden,),
        "w_ho": (1, hidden),
        "b_o": (1,),
    }
    weights = {name: rng.normal(0, scale, shape).astype(dtype) for name, shape in shapes.items()}
    return Model(cell, weights, fastrnn.tasks.Addition(bits=8))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.sampled_from(["sigmoid", "tanh", "relu"]), st.sampled_from(["float32", "float64"]),
       st.floats(1e-3, 30), st.floats(0, 2), st.integers(0, 2**32))
def test_the_interval_cell_contains_the_float_cell(hidden, activation, dtype, scale, width, seed):
    rng = np.random.default_rng(seed)
    model = random_model(hidden, activation, dtype, scale, rng)
    automaton = automaton_of(model.task)
    boxes = Boxes(model, automaton)
    centre = rng.uniform(-1, 1, (16, hidden))
    low, high = (
        np.float32(centre - width * rng.uniform(size=centre.shape)),
        np.float32(centre + width * rng.uniform(size=centre.shape)),
    )
    points = (
        np.where(
            rng.uniform(size=low.shape) < 0.5,
            np.where(rng.uniform(size=low.shape) < 0.5, low, high),
            low + (high - low) * rng.uniform(size=low.shape).astype(np.float32),
        )
        .astype(np.float32)
        .clip(low, high)
    )
    ends = low.astype(float), high.astype(float)
    after_low, after_high = boxes.step(*ends, boxes.fed(*ends))
    for number, bits in enumerate(automaton.inputs):
        after = step(model, points, np.tile(bits, (16, 1)))
        assert (after_low[:, number] <= after).all() and (after <= after_high[:, number]).all()
        order = rng.permutation(hidden)
        pre = (points[:, order].astype(dtype)[:, None] * model.weights["w_hh"][:, order]).astype(dtype)
        total = np.zeros((16, hidden), dtype)
        for part in np.moveaxis(pre, 2, 0):  # another order of summation, and no fused operations
            total = total + part
        for part in (*(model.weights["w_ih"] * bits.astype(dtype)).T, model.weights["b_ih"], model.weights["b_hh"]):
            total = total + part
        (given_low, given_high), (low_pre, high_pre) = boxes.given[boxes.fed_pre[0]], boxes.fed(*ends)
        assert (low_pre + given_low[number] <= total).all() and (total <= high_pre + given_high[number]).all()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activation_bounds_hold_for_points_and_are_tight(activation, dtype):
    rng, z = np.random.default_rng(0), symbol("z")
    points = np.concatenate([rng.uniform(-30, 30, 4000), rng.uniform(-1e-3, 1e-3, 1000), [-1e29, 1e29, 0.0, -100, 100]])
    error = operations(dtype).functions.get(activation, (0.0, 0.0))[1]
    formula = Intervals([ACTIVATIONS[activation](z)], operations(dtype))
    ((low, high),), _ = formula({z: (points, points)})
    exact = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh, "relu": lambda x: x.clip(0)}[activation]
    with np.errstate(over="ignore"):
        values = exact(points.astype(np.longdouble))
    assert (low <= values - error).all() and (values + error <= high).all()
    assert (high - low <= 2 * error + 1e-14 * (1 + np.abs(values))).all()


def test_the_stated_activation_error_is_that_of_the_vector_functions():
    from fastrnn.simd import functions

    for name in ("sigmoid", "tanh"):
        stated = next(line.split() for line in functions.__doc__.splitlines() if line.split()[:1] == [name])
        for column, dtype in ((1, "float32"), (3, "float64")):
            assert 4 * float(stated[column]) <= allowed(name, dtype) <= 8 * float(stated[column])


def allowed(name, dtype):
    """What a proof allows for as the error of a function."""
    return operations(dtype).functions[name][1]


WITHOUT_FMA = {
    **os.environ,
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "PYTHONPATH": os.pathsep.join([TESTS, str(Path(TESTS).parent)]),
}


def without_fma(code, *arguments):
    """Run Python with kernels compiled for a machine without fused multiply-adds; its last line as JSON."""
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=WITHOUT_FMA, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_the_activation_error_allowed_for_holds_without_fused_multiply_adds():
    code = """if True:
        import json
        from test_certify_escape import activation_errors
        print(json.dumps(activation_errors()))
    """
    found, here = without_fma(code), activation_errors()
    for key, (error, checksum) in found.items():
        name, dtype = key.split()
        assert error < allowed(name, dtype), key
        assert here[key][0] < allowed(name, dtype) / 3, key
        assert checksum != here[key][1], "these were the instructions of this machine, again"


def activation_errors():
    """{"sigmoid float32": (largest error, checksum of all values), ...} of the functions on vectors."""
    from test_simd import apply

    # Every 4,999th float32 up to 100, of both signs, and a third as many float64 beside them.
    bits = np.arange(0, np.float32(100).view(np.uint32), 4999, dtype=np.uint32)
    single = np.concatenate([bits.view(np.float32), -bits.view(np.float32)])
    double = np.random.default_rng(0).uniform(-40, 40, 1 << 17)
    errors = {}
    for name in ("sigmoid", "tanh"):
        for x in (single[: len(single) // 16 * 16], double):
            out = apply(name, x)
            wide = x.astype(np.longdouble)
            right = 1 / (1 + np.exp(-wide)) if name == "sigmoid" else np.tanh(wide)
            errors[f"{name} {x.dtype}"] = float(abs(out - right).max()), zlib.crc32(out.tobytes())
    return errors


@pytest.mark.slow
def test_no_kernel_leaves_the_boxes_without_fused_multiply_adds(tmp_path):
    found = proved()
    found.model.save(tmp_path / "model.safetensors")
    code = """if True:
        import json, sys, zlib
        import fastrnn
        from test_certify_escape import escape
        from kernel_runs import batched
        import numpy as np
        found = fastrnn.certify(fastrnn.Model.load(sys.argv[1]))
        states = batched(found.model, np.arange(4096).reshape(64, 64) * 7 % 4)[0]
        print(json.dumps([escape(found, 128, 300, seed=1), zlib.crc32(states.tobytes())]))
    """
    seen, checksum = without_fma(code, tmp_path / "model.safetensors")
    assert seen > 100_000
    assert checksum != zlib.crc32(batched(found.model, np.arange(4096).reshape(64, 64) * 7 % 4)[0].tobytes())


def test_gamma_is_above_its_exact_value():
    from fractions import Fraction

    for u in UNIT.values():
        for n in (1, 3, 20, 500):
            exact = n * Fraction(u) / (1 - n * Fraction(u))
            assert exact <= Fraction(gamma(n, u)) <= exact * (1 + Fraction(1, 2**50))
    bound = Rounding.of(proved().model)
    assert bound.gamma_pre == gamma(20, 2.0**-24) and bound.gamma_out == gamma(17, 2.0**-24)
