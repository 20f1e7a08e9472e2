"""The checker itself: what it imports, its tasks, formulas, activations and sums."""

import ast
import subprocess
import sys
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from check_runs import SOURCE, Files, automaton_in_file, files  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import MPIntervalContext, mp
from mpmath.libmp import to_rational
from task_runs import variants

import fastrnn
from fastrnn import formula as formulas
from fastrnn.cells.base import cells
from fastrnn.check import ACTIVATION_ERROR, FORMULAS, STEPS, Formula, Network, Refused, check, inputs_of, scaled
from fastrnn.check import FIELDS as TASK_FIELDS
from fastrnn.check import text_of as checked_text
from fastrnn.formula.graph import symbol as symbol_of
from fastrnn.formula.intervals import Intervals
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.file import description_of, formula_of
from fastrnn.proofs.rounding import operations

# ---- the checker itself


def test_it_imports_nothing_but_the_standard_library_numpy_and_mpmath():
    tree = ast.parse(SOURCE.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {
        "hashlib",
        "itertools",
        "json",
        "math",
        "os",
        "re",
        "stat",
        "sys",
        "fractions",
        "numpy",
        "mpmath",
        "mpmath.libmp",
    }
    code = ("import importlib.util, sys\n"
            f"spec = importlib.util.spec_from_file_location('checker', {str(SOURCE)!r})\n"
            "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
            "import mpmath\n"
            "print(sorted({'numba', 'fastrnn', 'safetensors'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


TASKS = variants()
SMALL = [name for name, task in TASKS.items() if task.input_size <= 8]


@pytest.mark.parametrize("name", SMALL)
def test_its_tasks_are_those_that_were_trained(name):
    task = TASKS[name]
    description = description_of(task)
    assert inputs_of(description) == task.input_size
    ours, step = automaton_of(task), STEPS[task.name](description)
    meanings, order = {0: 0}, [0]
    for state in order:
        for symbol in range(ours.symbols):
            after, (bit,) = step(meanings[state], [symbol >> i & 1 for i in range(task.input_size)])
            assert bit == ours.outputs[state, symbol, 0]
            if (following := ours.following[state, symbol]) not in meanings:
                order.append(following)
            # One state here for each state there: or a node could mean two things to the checker.
            assert meanings.setdefault(following, after) == after
    assert len(set(meanings.values())) == ours.states


@settings(max_examples=20, deadline=None)
@given(st.data(), st.sampled_from(SMALL))
def test_its_steps_give_what_python_computes(data, name):
    task = TASKS[name].at(40)
    operands = tuple(data.draw(st.integers(0, 2**task.free_bits - 1)) for _ in range(task.input_size))
    step, state, answer = STEPS[task.name](description_of(task)), 0, 0
    for t in range(task.bits):
        state, (bit,) = step(state, [operand >> t & 1 for operand in operands])
        answer = bit if task.last_only else answer | bit << t
    assert answer == task.oracle(operands)


@pytest.mark.parametrize(
    "task",
    [
        {"name": "addition", "operands": 1},
        {"name": "addition", "operands": 9},
        {"name": "addition"},
        {"name": "addition", "operands": True},
        {"name": "multiplication", "factor": 0},
        {"name": "copy", "delay": -1},
        {"name": "parity", "delay": 1},
        {"name": ["copy"]},
        "addition",
        None,
    ],
)
def test_tasks_that_make_no_sense_are_refused(task):
    with pytest.raises(Refused, match="^task: got"):
        inputs_of(task)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in SMALL
        if not name.startswith("addition") and TASKS[name].input_size <= 2 and TASKS[name] == type(TASKS[name])()
    ],
)
def test_a_certificate_of_each_task_is_accepted_and_of_no_other(tmp_path, name):
    task = TASKS[name]
    run = fastrnn.train(fastrnn.Elman(8), task, until="certified")
    assert run.certified
    files = Files(tmp_path, run.certification)
    assert check(files.certificate, files.model)["task"]["name"] == task.name
    others = [other for other in STEPS if other not in (task.name, "addition", "comparison", "running-comparison")]
    lies = [{**dict.fromkeys(TASK_FIELDS.get(other, ()), 1), "name": other} for other in others]
    for lie in lies:
        if inputs_of(lie) == task.input_size:
            def rename(boxes, claim, lie=lie):
                claim["task"] = dict(lie)

            def replace_task(boxes, claim, lie=lie):
                claim.update(task=dict(lie), automaton=automaton_in_file(lie))

            def replace_model(weights, header, lie=lie):
                header["task"] = {**lie, "bits": 8}

            assert f"automaton: not that of the task {lie['name']}" in files.refuses(rename, replace_model)
            assert "two ways" in (said := files.refuses(replace_task, replace_model)) or "margin" in said, (lie, said)


def test_its_activation_errors_are_those_of_the_prover():
    for (activation, dtype), bound in ACTIVATION_ERROR.items():
        right = operations(dtype).functions.get(activation, (0.0, 0.0))[1]
        assert abs(float(Fraction(bound)) - right) <= 1e-12 * right


def test_its_formulas_are_those_of_the_cells():
    known = {name: made_of for name, made_of in cells().items() if name in FORMULAS}
    for name, made_of in known.items():
        variants = {name: {}, f"{name}, before": {"reset": "before"}, f"{name}, learned": {"alpha": None}}
        for key, options in variants.items():
            if key in FORMULAS:
                cell = made_of(3, **options)
                fields = {"name": name, **asdict(cell)}
                claim = {"format": 4, "cell": fields, "formula": formula_of(cell)}
                assert checked_text(claim) == formula_of(cell) == FORMULAS[key].format(**fields)
    assert len(known) == len([key for key in FORMULAS if "," not in key]) >= 8


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["sigmoid", "tanh", "relu"]), st.floats(-40, 40), st.floats(0, 3), st.floats(0, 1))
def test_its_activations_contain_those_of_real_numbers(activation, low, width, place):
    iv = MPIntervalContext()
    iv.prec = 80
    z = min(low + width * place, low + width)
    formula = Formula(f"v0 = {activation}(a); return v0", ["a"], 1, iv, "float64")
    (found,) = formula({"a": iv.mpf([low, low + width])}, 1e300)
    with mp.workprec(200):
        exact = {"sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "tanh": mp.tanh, "relu": lambda x: max(x, mp.mpf(0))}[
            activation
        ](mp.mpf(z))
        assert mp.mpf(found.a.mid) <= exact <= mp.mpf(found.b.mid)


def test_relu_may_take_a_subnormal_number_for_zero():
    iv, least = MPIntervalContext(), 2.0**-126
    z, formula = formulas.relu(symbol_of("a")), Formula("v0 = relu(a); return v0", ["a"], 1, iv, "float32")
    for low, high, right in ((1e-40, 1.0, 0.0), (least, 1.0, least), (-1.0, 2.0, 0.0), (-1.0, -0.5, 0.0)):
        (found,) = formula({"a": iv.mpf([low, high])}, 1e30)
        ends = Intervals([z], operations("float32"))({symbol_of("a"): (np.array([low]), np.array([high]))})[0][0]
        assert (float(found.a), float(found.b)) == (ends[0][0], ends[1][0]) == (right, max(high, 0.0))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.sampled_from(["float32", "float64"]), st.floats(-12, 12), st.integers(0, 2**32))
def test_its_sums_are_those_of_fractions(hidden, dtype, scale, seed):
    rng, inputs = np.random.default_rng(seed), 2
    shapes = {
        "w_ih": (hidden, inputs),
        "w_hh": (hidden, hidden),
        "b_ih": (hidden,),
        "b_hh": (hidden,),
        "w_ho": (1, hidden),
        "b_o": (1,),
    }
    weights = {name: (10.0**scale * rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()}
    cell = fastrnn.Elman(hidden, "relu")
    network = Network(weights, asdict(cell), formula_of(cell), dtype, inputs, 1)
    low, high = np.sort(10.0 ** rng.uniform(-9, 9, (2, hidden)) * rng.choice([-1, 1], (2, hidden)), axis=0)
    w = {name: [[Fraction(float(x)) for x in row] for row in np.atleast_2d(weight)] for name, weight in weights.items()}
    ends = list(zip(map(Fraction, low.tolist()), map(Fraction, high.tolist())))
    u, eta = {
        "float32": (Fraction(1, 2**24), Fraction(1, 2**126)),
        "float64": (Fraction(1, 2**53), Fraction(1, 2**1022)),
    }[dtype]
    largest, far = (
        max(abs(x) for rows in w.values() for row in rows for x in row),
        max(abs(end) for pair in ends for end in pair),
    )
    bits = [int(bit) for bit in rng.integers(0, 2, inputs)]

    def bounds(row, given, n):
        """The least and the largest that a kernel may compute."""
        size = sum(abs(x) * max(abs(a), abs(b)) for x, (a, b) in zip(row, ends)) + sum(map(abs, given))
        error = n * u / (1 - n * u) * size + 2 * (inputs + hidden + 2) * eta * (3 + largest + far)
        least, most = (sum(end(x * a, x * b) for x, (a, b) in zip(row, ends)) for end in (min, max))
        return least + sum(given) - error, most + sum(given) + error

    state = scaled(low, network.places), scaled(high, network.places, up=True)
    after = network.step(network.fed(*state), [network.iv.mpf(0)] * hidden, bits)
    slack = Fraction(1, 2**45)
    for unit, interval in enumerate(after):
        given_here = [x for x, bit in zip(w["w_ih"][unit], bits) if bit] + [w["b_ih"][0][unit], w["b_hh"][0][unit]]
        right = [max(end, 0) for end in bounds(w["w_hh"][unit], given_here, inputs + hidden + 2)]
        found = [Fraction(*to_rational(end)) for end in interval._mpi_]
        assert found[0] <= right[0] and right[1] <= found[1]
        assert found[1] - found[0] <= (right[1] - right[0]) * (1 + slack) + slack * right[1]
    least, most = bounds(w["w_ho"][0], w["b_o"][0], hidden + 1)
    for output, distance in ((1, least), (0, -most)):
        found = Fraction(network.margin(*state, output))
        assert found <= distance and distance - found <= slack * (abs(distance) + most - least)


def test_it_leaves_mpmath_as_it_was(files):
    from mpmath import iv

    before = iv.prec, mp.prec
    check(files.certificate, files.model)
    assert (iv.prec, mp.prec) == before
