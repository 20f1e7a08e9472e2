"""Proofs of gated networks: their kernels never leave the boxes, wrong ones are never proved, intervals hold points."""

import importlib
import re
import time
from dataclasses import replace

import numpy as np
import pytest
from certified_models import FIXTURES
from kernel_runs import batched, step
from params import quick
from test_certify_escape import adversarial, escape, nodes_of, outside

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.check import check
from fastrnn.cli.text import equations
from fastrnn.formula.evaluate import NUMPY, evaluate_graph
from fastrnn.formula.graph import symbol
from fastrnn.formula.intervals import Intervals
from fastrnn.initializers import initial_weights
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.proofs import certify
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.boxes import Boxes
from fastrnn.proofs.network import Float64Network
from fastrnn.proofs.rounding import operations
from fastrnn.proofs.sequences import skewed
from fastrnn.training.tasks.smallest import kinds, smallest_certified

finetuning = importlib.import_module("fastrnn.training.tasks.certified_finetune")
NAMES = ("gru", "gru-before", "mgu", "lstm", "leaky")
ADDITION = fastrnn.tasks.Addition(8)
_found = {}


def proved(name):
    """The Certification of a network that was trained on to a proof."""
    if name not in _found:
        _found[name] = certify(Model.load(FIXTURES / f"proved-{name}.safetensors"), find=False)
    return _found[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_gated_network_is_proved_and_its_certificate_accepted(tmp_path, name):
    found = proved(name)
    assert found.proved and found.margin > 1
    found.save(tmp_path / "certificate")
    claim = check(tmp_path / "certificate", FIXTURES / f"proved-{name}.safetensors")
    assert claim["format"] == 4 and claim["margin"] == found.margin and claim["head"] == "sigmoid"
    assert claim["formula"].endswith(found.model.cell.traced().text)
    assert fastrnn.verify(found.model, bits=1024, samples=128).margin >= found.margin


@pytest.mark.parametrize("name", quick(NAMES, lambda name: name in ("gru", "lstm")))
def test_its_kernels_never_leave_the_boxes(name):
    found = proved(name)
    symbols = np.concatenate([adversarial(found, 32, 100), skewed(4, 96, 100, np.random.default_rng(0))])
    states, logits = batched(found.model, symbols)
    distance, looked = outside(found, symbols, states)
    assert distance <= 0 and looked == symbols.size
    nodes = nodes_of(found.graph, symbols)
    assert ((found.graph.labels[nodes] * logits).min(axis=2) >= found.proof.margins[nodes]).all()


@pytest.mark.parametrize("name", NAMES)
def test_all_parts_of_its_state_stay_inside_from_the_corners_of_boxes(name):
    found, rng = proved(name), np.random.default_rng(0)
    graph, proof = found.graph, found.proof
    nodes = rng.integers(0, graph.nodes, 1000)
    symbols = rng.integers(0, graph.automaton.symbols, 1000)
    low, high = (proof.low[nodes].astype(np.float32), proof.high[nodes].astype(np.float32))
    low = np.where(low < proof.low[nodes], np.nextafter(low, np.float32(np.inf)), low)
    high = np.where(high > proof.high[nodes], np.nextafter(high, np.float32(-np.inf)), high)
    after = step(found.model, np.where(rng.uniform(size=low.shape) < 0.5, low, high), graph.automaton.inputs[symbols])
    target = graph.following[nodes, symbols]
    assert (after >= proof.low[target]).all() and (after <= proof.high[target]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_million_steps_of_every_kernel_stay_inside(name):
    found = proved(name)
    assert sum(escape(found, 512, 500, seed) for seed in range(2, 5)) > 1_000_000
    symbols = np.concatenate([adversarial(found, 256, 1000, seed) for seed in range(4)])
    distance, looked = outside(found, symbols, batched(found.model, symbols)[0])
    assert distance <= 0 and looked > 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_gated_network_that_is_wrong_at_some_width_is_never_proved_and_the_width_is_found(name):
    model = Model.load(FIXTURES / f"near-{name}.safetensors")
    assert fastrnn.verify(model).exact
    found = certify(model)
    assert found.refuted and found.counterexample.bits > 8
    a, b = found.counterexample.operands
    assert found.counterexample.truth == (a + b,) != found.counterexample.answer


@pytest.mark.parametrize("name", NAMES)
def test_a_proof_takes_less_than_100_ms_where_kernels_are_warm(name):
    model, times = proved(name).model, []
    for _ in range(5):
        began = time.perf_counter()
        assert certify(model, find=False).proved
        times.append(time.perf_counter() - began)
    assert min(times) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_networks_near_a_proved_one_are_proved_only_if_they_are_right(name):
    model, rng, proofs, wrong = proved(name).model, np.random.default_rng(1), 0, 0
    for size in np.repeat([0.01, 0.1, 0.3, 0.6], 4):
        weights = {
            each: (w * (1 + size * rng.normal(size=w.shape))).astype(w.dtype) for each, w in model.weights.items()
        }
        near = Model(model.cell, weights, model.task)
        right = fastrnn.verify(near, bits=256, samples=256).exact
        found = certify(near, find=False)
        assert right or not found.proved
        proofs, wrong = proofs + found.proved, wrong + (not right)
    assert proofs > 2 and wrong > 2


# ---- intervals


def variants():
    """Every cell, and its options that change the formula."""
    made = {name: made_of(3) for name, made_of in cells().items()}
    return made | {"gru before": fastrnn.GRU(3, reset="before"), "leaky learned": fastrnn.Leaky(3, alpha=None)}


def fused(dtype):
    """Operations that round to dtype, or, as within a fused multiply-add, do not."""

    def operation(function):
        def apply(*values):
            exact = function(*(np.asarray(value, np.float64) for value in values))
            return np.where(
                np.random.default_rng(len(exact)).uniform(size=exact.shape) < 0.5, exact, exact.astype(dtype)
            )

        return apply

    return {op: operation(NUMPY[op]) for op in ("+", "-", "*", "sigmoid", "tanh", "relu")}


@pytest.mark.parametrize("name", variants())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_intervals_of_a_formula_hold_what_kernels_may_compute_from_points(name, dtype):
    cell, rng = variants()[name], np.random.default_rng(0)
    traced = cell.traced()
    outputs = [*traced.new, *([traced.operand.node] if traced.operand else [])]
    formula, values, points = Intervals(outputs, operations(dtype)), {}, {}
    for each in (*traced.pre, *traced.vectors, *traced.old):
        centre, radius = rng.normal(0, 3, 4000), rng.choice([0, 1e-6, 0.1, 2], 4000)
        low, high = (centre - radius).astype(dtype).astype(float), (centre + radius).astype(dtype).astype(float)
        inside = (low + rng.choice([0, 0.3, 1], 4000) * (high - low)).astype(dtype).astype(float)
        values[each], points[each] = (low, high), np.clip(inside, low, high)
    bounds, largest = formula(values)
    plain = evaluate_graph(
        outputs, {each: point.astype(dtype) for each, point in points.items()}, NUMPY, np.dtype(dtype).type
    )
    mixed = evaluate_graph(outputs, points, fused(dtype), np.dtype(dtype).type)
    for computed in (plain, mixed):
        for (low, high), point in zip(bounds, computed):
            assert (low <= point).all() and (point <= high).all() and np.abs(point).max() <= largest


def test_a_convex_combination_stays_between_its_parts():
    h, n, z = map(symbol, "hnz")
    formula = Intervals([n + z * (h - n), z * h + (1 - z) * n, h + z * (n - h)], operations("float32"))
    box = np.array([-1.0]), np.array([1.0])
    bounds, _ = formula({h: box, n: box, z: (np.array([0.0]), np.array([1.0]))})
    for low, high in bounds:
        assert -1 - 1e-6 < low[0] <= -1 and 1 <= high[0] < 1 + 1e-6
    # Operation by operation it would be three times as wide.
    (held,), _ = Intervals([n + z * (h - n)], operations("float32"))(
        {h: (np.array([0.5]), np.array([0.75])), n: box, z: (np.array([1.0]), np.array([1.0]))})
    assert abs(held[0][0] - 0.5) < 1e-6 and abs(held[1][0] - 0.75) < 1e-6


def test_squares_are_bounded_operation_by_operation():
    x, y = symbol("x"), symbol("y")
    formula = Intervals([x * x - x * y], operations("float64"))
    assert not formula.together
    ((low, high),), _ = formula({x: (np.array([-1.0]), np.array([2.0])), y: (np.array([0.0]), np.array([1.0]))})
    assert -4.001 < low[0] <= -4 and 5 <= high[0] < 5.001


def test_formulas_whose_rounding_is_not_bounded_are_refused():
    class Divided(fastrnn.Cell):
        gates = ("a",)

        def step(self, pre, h):
            return pre.a / (1 + h * h)

    model = Model(Divided(2), initial_weights("pytorch", shapes_of(Divided(2), 2, 1), 0), ADDITION)
    with pytest.raises(ValueError, match="^certify: the formula of the cell Divided has '/'"):
        certify(model)


@pytest.mark.parametrize("name", variants())
def test_boxes_hold_the_network_in_float64(name):
    cell, rng = variants()[name], np.random.default_rng(3)
    automaton = automaton_of(ADDITION)
    weights = {each: rng.normal(0, 1, shape) for each, shape in shapes_of(cell, 2, 1).items()}
    model = Model(cell, weights, ADDITION)
    boxes, network = Boxes(model, automaton), Float64Network(model, automaton)
    centre, radius = rng.uniform(-1, 1, (50, 3 * boxes.parts)), rng.choice([0, 1e-3, 0.3], (50, 3 * boxes.parts))
    low, high = centre - radius, centre + radius
    points = low + rng.choice([0, 0.5, 1], low.shape) * (high - low)
    after_low, after_high = boxes.step(low, high, boxes.fed(low, high))
    after = network.step(np.clip(points, low, high), np.zeros(50, int))[0].reshape(after_low.shape)
    assert (after_low <= after).all() and (after <= after_high).all()
    # And all that a step computes is less than what it says.
    assert boxes.magnitude(low, high) >= np.abs(after).max()


# ---- training


@pytest.mark.parametrize("cell", [fastrnn.GRU(8), fastrnn.Leaky(8, alpha=None)], ids=str)
def test_training_ends_proved(cell):
    run = fastrnn.train(cell, ADDITION, until="certified", seed=0)
    assert run.certified and run.certification.proved and fastrnn.verify(run.model, bits=512, samples=128).exact


def test_the_recipe_of_units_that_keep_is_theirs_alone():
    of, covers = finetuning.recipe_of, finetuning.covers
    assert of(fastrnn.Elman(4)) == of(fastrnn.Leaky(4, alpha=0.9)) == finetuning.AFRESH
    assert of(fastrnn.GRU(4)) == of(fastrnn.LSTM(4)) == of(fastrnn.Leaky(4, alpha=None)) == finetuning.KEEPING
    assert covers(fastrnn.GRU(4), ADDITION) and covers(fastrnn.LSTM(4), ADDITION) and covers(fastrnn.MGU(4), ADDITION)
    # What a unit always keeps no training takes from it.
    assert covers(fastrnn.Leaky(4, alpha=0.9), ADDITION) and not covers(fastrnn.Leaky(4, alpha=0.2), ADDITION)


@pytest.mark.slow
@pytest.mark.parametrize("cell, least", [(fastrnn.GRU(16), 18), (fastrnn.MGU(16), 16), (fastrnn.LSTM(16), 16),
                                         (fastrnn.Leaky(16, alpha=None), 18)], ids=lambda value: str(value)[:4])
def test_the_recipe_proves_most_of_20_seeds(cell, least):
    runs = (fastrnn.train(cell, ADDITION, until="certified", seed=seed) for seed in range(20))
    assert sum(run.certified for run in runs) >= least


# ---- the smallest, written out


@pytest.mark.parametrize("name", variants())
def test_a_network_written_as_formulas_is_the_network(name):
    cell, rng = replace(variants()[name], hidden_size=2), np.random.default_rng(0)
    model = Model(cell, {each: rng.normal(0, 1, shape) for each, shape in shapes_of(cell, 2, 1).items()}, ADDITION)
    parts, state = len(cell.state), rng.uniform(-1, 1, 2 * len(cell.state))
    known = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "relu": lambda z: max(z, 0.0),
        "a": 1.0,
        "b": 0.0,
    }
    known |= {f"{part}{unit}": state[n * 2 + unit] for n, part in enumerate(cell.state) for unit in range(2)}
    after = {}
    for line in equations(model):
        left, right = line.split(" = ")
        spelled = re.sub(r"(?<=\d) (?=[a-z])", " * ", right.replace("'", "_"))
        after[left.replace("'", "_")] = eval(
            spelled, {**known, **{key: v for key, v in after.items() if key not in known}}
        )
    wanted = Float64Network(model, automaton_of(ADDITION)).step(state[None], np.zeros(1, int))[0][1].reshape(parts, 2)
    mark = "_" if "h0_" in after else ""
    for n, part in enumerate(cell.state):
        assert np.allclose([after[f"{part}{unit}{mark}"] for unit in range(2)], wanted[n], atol=1e-5)
    assert np.isclose(
        after["z"], model.weights["w_ho"][0] @ (wanted[0] if mark else state[:2]) + model.weights["b_o"][0], atol=1e-5
    )


def test_the_smallest_of_a_cell_is_searched_for_among_its_kinds():
    assert kinds("gru") == (fastrnn.GRU(1),) and kinds("leaky") == (fastrnn.Leaky(1, alpha=None),)
    assert (
        kinds("elman") == (fastrnn.Elman(1, "tanh"), fastrnn.Elman(1))
        and kinds("elman", ("tanh",)) == kinds("elman")[:1]
    )


@pytest.mark.slow
def test_two_units_of_a_gated_cell_add():
    for name in ("gru", "mgu", "lstm"):
        *_, last = smallest_certified(ADDITION, kinds(name), seeds=64, most=2)
        assert last.cell.hidden_size == 2 and last.best.proved and last.certified > 0
