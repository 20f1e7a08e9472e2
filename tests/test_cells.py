"""One law for all cells: what is derived from a formula is what its paper says, and is the same in every process."""

import math
import os
import subprocess
import sys
import weakref
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from fastrnn.cells.base import ACTIVATIONS, Cell, cells
from fastrnn.cells.coupled_lstm import CoupledLSTM
from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU
from fastrnn.cells.indrnn import IndRNN
from fastrnn.cells.leaky import Leaky
from fastrnn.cells.lstm import LSTM
from fastrnn.cells.peephole_lstm import PeepholeLSTM
from fastrnn.formula import exp, graph, greater, log, maximum, relu, sigmoid, softplus, square_root, tanh, where
from fastrnn.formula.evaluate import NUMPY, on_numpy
from fastrnn.formula.graph import Expr, ordered, symbol
from fastrnn.formula.written import written


def variants():
    """Every registered cell as it is by default, with each activation, and with what it can learn."""
    for kind in cells().values():
        yield kind(3)
        if any(each.name == "activation" for each in fields(kind)):
            yield from (kind(3, activation=name) for name in ACTIVATIONS if name != kind().activation)
    yield Leaky(3, alpha=None)
    yield Leaky(3, alpha=1, bias=False)
    yield GRU(3, reset="before")


class EveryOperation(Cell):
    """Not of any use, but it has all operations, and two states that depend on each other."""

    gates, separate, inputs_only, vectors, state = ("a", "b", "c"), ("a",), ("b",), ("u",), ("h", "s")

    def step(self, pre, h, s):
        s = maximum(square_root(1 + s * s) / (2 + pre.c**2), softplus(pre.a_x)) - log(1 + exp(pre.b - pre.u))
        return where(greater(h, pre.a_h), tanh(s), relu(sigmoid(pre.a_x) - 0.4) * h - 1), -s


class Operand(Cell):
    """Not of any use either: an operand of everything that there is."""

    gates, operand_gates, inputs_only, vectors, state = ("a", "b", "c"), ("a",), ("b",), ("u",), ("h", "s")

    def operand(self, pre, h, s):
        return tanh(pre.c) * h + pre.u * sigmoid(s) * pre.b

    def step(self, pre, h, s):
        return tanh(pre.a) * tanh(pre.c) + pre.u * s, sigmoid(pre.a) * pre.b + h * pre.c


CELLS = [*variants(), Operand(3), EveryOperation(3)]
NAMES = [f"{type(cell).__name__}-{getattr(cell, 'activation', '')}-{getattr(cell, 'alpha', getattr(cell, 'reset', ''))}"
         for cell in CELLS]


def random_values(step, count=40):
    rng = np.random.default_rng(5)
    return {each: rng.normal(size=count) for each in (*step.pre, *step.vectors, *step.old, *step.d_new)}


@pytest.mark.parametrize("cell", CELLS, ids=NAMES)
def test_the_step_backwards_is_the_central_difference(cell):
    step = cell.traced()
    values = random_values(step)
    new = on_numpy(step.new, values)
    kept = dict(zip(step.saved, on_numpy(step.saved, values))) | dict(zip(step.new, new))
    # Nothing but what the kernels keep: a pre-activation that is missed here would raise KeyError.
    known = kept | {each: values[each] for each in (*step.vectors, *step.old, *step.d_new)}
    back = on_numpy(step.back, known)
    assert len(back) == len(step.pre) + len(step.vectors) + len(step.old)

    def loss(changed):
        given = (values[each] for each in step.d_new)
        return sum(d * value for d, value in zip(given, on_numpy(step.new, values | changed)))

    for each, derivative in zip((*step.pre, *step.vectors, *step.old), back):
        difference = (loss({each: values[each] + 1e-6}) - loss({each: values[each] - 1e-6})) / 2e-6
        assert np.abs(difference - derivative).max() < 1e-8 * (1 + np.abs(difference).max()), each


@pytest.mark.parametrize("cell", [GRU(3, reset="before"), Operand(3)], ids=["gru", "every"])
def test_the_step_backwards_through_an_operand_is_the_central_difference(cell):
    step, rng = cell.traced(), np.random.default_rng(6)
    values, weight = random_values(step), rng.normal(size=40)
    inputs = (*step.pre, *step.vectors, *step.old)

    def run(changed):
        """{node: value} of a network of one unit: the first pre-activation gets the operand times a weight."""
        given = values | changed
        return given | {step.pre[0]: given[step.pre[0]] + weight * on_numpy([step.operand.node], given)[0]}

    def loss(changed):
        return sum(values[d] * new for d, new in zip(step.d_new, on_numpy(step.new, run(changed))))

    full = run({})
    known = {each: full[each] for each in (*step.vectors, *step.old, *step.d_new)}
    known |= dict(zip(step.saved, on_numpy(step.saved, full))) | dict(zip(step.new, on_numpy(step.new, full)))
    # What belongs to the operand does not wait for it.
    before = {each: value for each, value in values.items() if each is not step.pre[0]}
    assert step.operand.gates == 1 and len(on_numpy(step.saved[: step.operand.saved], before)) == step.operand.saved > 0
    back = on_numpy(step.back, known)
    more = on_numpy(step.operand.back, known | {step.operand.d_node: weight * back[0]})
    for each, own, through in zip(inputs, back, more):
        difference = (loss({each: values[each] + 1e-6}) - loss({each: values[each] - 1e-6})) / 2e-6
        assert np.abs(difference - own - through).max() < 1e-8 * (1 + np.abs(difference).max()), each


@pytest.mark.parametrize("cell", CELLS[:-1], ids=NAMES[:-1])
def test_the_step_backwards_takes_no_function_again(cell):
    step = cell.traced()
    known = {*step.saved, *step.new, *step.old, *step.vectors, *step.d_new}
    back = step.back if step.operand is None else (*step.back, *step.operand.back)
    again = [each.op for each in ordered(back, leaves=known) if each not in known]
    assert not set(again) & {"sigmoid", "tanh", "exp", "log", "softplus", "square_root"}


def texts():
    return [cell.traced().text for cell in CELLS]


def test_a_formula_has_the_same_text_in_another_process():
    # In the other order, so that every node has another number.
    code = (
        "import test_cells; [cell.traced() for cell in reversed(test_cells.CELLS)]; "
        "print(*test_cells.texts(), sep='\\n')"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=os.path.dirname(__file__), capture_output=True, text=True, timeout=100
    )
    assert there.stdout.splitlines() == texts(), there.stderr
    assert len(set(texts())) == len(CELLS)


def define(factor):
    class Mine(Cell):
        gates = ("a",)

        def step(self, pre, h):
            return tanh(pre.a) * factor

    return Mine


def test_classes_with_equal_formulas_have_equal_texts():
    first, second, other = define(0.5)(4), define(0.5)(4), define(0.25)(4)
    assert first.traced().text == second.traced().text != other.traced().text
    assert define(0.5)(4).traced().text == define(np.float64(0.5))(9).traced().text
    # The same formula of other sums is another text, or one would run the other's machine code.
    plain = type("Plain", (IndRNN,), {"inputs_only": ()})(4)
    assert plain.traced().new == IndRNN(4).traced().new and plain.traced().text != IndRNN(4).traced().text
    assert (plain.name, first.name, GRU.name) == ("Plain", "Mine", "gru")
    assert GRU(4) == GRU(4) and hash(GRU(4)) == hash(GRU(4)) and GRU(4) != GRU(4, bias=False) and first != second


def test_the_two_zeros_are_one_constant(monkeypatch):
    # Whichever a process meets first.
    for first in (-0.0, 0.0):
        monkeypatch.setattr(graph, "_nodes", weakref.WeakValueDictionary())
        assert graph.text([graph.lift(first), graph.lift(-first)]) == "return 0.0, 0.0"


@pytest.mark.parametrize("cell", CELLS, ids=NAMES)
def test_the_equations_compute_what_the_graph_does(cell):
    step, names = cell.traced(), ("sigmoid", "tanh", "relu", "exp", "log", "softplus", "square_root")
    values = {each: row[0] for each, row in random_values(step).items()}
    env = {name: NUMPY[name] for name in names}
    env |= {each.args[0].removeprefix("old_"): value for each, value in values.items()}
    gates = [line for line in cell.equation().splitlines() if "W_" in line]
    assert sorted(line.split(" = ")[0] for line in gates) == sorted(step.groups)
    for line in cell.equation().splitlines():
        if line not in gates:
            exec(line.replace("'", "_next"), {}, env)
    for name, value in zip(cell.state, on_numpy(step.new, values)):
        assert env[f"{name}_next"] == pytest.approx(value, rel=1e-13, abs=1e-15)


def test_equations_are_written_with_pytorchs_names():
    assert GRU(2).equation().splitlines() == [
        "r = W_ir x + b_ir + W_hr h + b_hr",
        "z = W_iz x + b_iz + W_hz h + b_hz",
        "n_x = W_in x + b_in",
        "n_h = W_hn h + b_hn",
        "v1 = tanh(n_x + sigmoid(r) * n_h)",
        "h' = v1 + sigmoid(z) * (h - v1)",
    ]
    assert GRU(2, bias=False, reset="before").equation().splitlines()[2:4] == [
        "operand = sigmoid(r) * h",
        "n = W_in x + W_hn operand",
    ]
    assert Elman(2, "tanh", False).equation() == "a = W_ih x + W_hh h\nh' = tanh(a)"
    assert IndRNN(2).equation() == "a = W_ih x + b_ih\nh' = relu(a + recurrent * h)"
    assert LSTM(2).equation().splitlines()[-2:] == [
        "c' = sigmoid(f) * c + sigmoid(i) * tanh(g)",
        "h' = sigmoid(o) * tanh(c')",
    ]


def test_equations_of_inputs_and_of_equal_results():
    a, b = symbol("a"), symbol("b")
    names = {a: "a", b: "b"}
    assert written({"p": a, "q": a - (b - a), "r": a - (b - a)}, names) == ["q = a - (b - a)", "p = a", "r = q"]
    assert written({"p": -a / (b * a) / 3 - 2 * (a - b)}, names) == ["p = (-a) / (b * a) / 3 - 2 * (a - b)"]
    assert written({"p": -(a - b) * 0.5 + 1}, names) == ["p = (-(a - b)) * 0.5 + 1"]


# The formulas of papers, unit by unit, as plain functions of Python's floats.


def squash(x):
    return 1 / (1 + math.exp(-x))


PAPERS = {
    GRU(3): lambda p, h: ((1 - squash(p["z"])) * math.tanh(p["n_x"] + squash(p["r"]) * p["n_h"]) + squash(p["z"]) * h,),
    GRU(3, reset="before"): lambda p, h: ((1 - squash(p["z"])) * math.tanh(p["n"]) + squash(p["z"]) * h,),
    LSTM(3): lambda p, h, c: _lstm(squash(p["i"]), squash(p["f"]), math.tanh(p["g"]), squash(p["o"]), c),
    CoupledLSTM(3): lambda p, h, c: _lstm(1 - squash(p["f"]), squash(p["f"]), math.tanh(p["g"]), squash(p["o"]), c),
    PeepholeLSTM(3): lambda p, h, c: _peephole(p, c),
    cells()["mgu"](3): lambda p, h: _mgu(p, h, squash(p["f"])),
    cells()["ugrnn"](3): lambda p, h: (squash(p["z"]) * h + (1 - squash(p["z"])) * math.tanh(p["n"]),),
    cells()["janet"](3): lambda p, h: (squash(p["f"]) * h + (1 - squash(p["f"] - 1)) * math.tanh(p["g"]),),
    cells()["mingru"](3): lambda p, h: ((1 - squash(p["z"])) * h + squash(p["z"]) * p["n"],),
    IndRNN(3): lambda p, h: (max(0.0, p["a"] + p["recurrent"] * h),),
    Leaky(3, alpha=0.3): lambda p, h: (0.7 * h + 0.3 * math.tanh(p["a"]),),
    Leaky(3, alpha=None): lambda p, h: ((1 - squash(p["leak"])) * h + squash(p["leak"]) * math.tanh(p["a"]),),
    Elman(3): lambda p, h: (squash(p["a"]),),
    cells()["fastgrnn"](3): lambda p, h: _fastgrnn(p, h, squash(p["a"] + p["shift"])),
    cells()["multiplicative"](3): lambda p, h: _multiplicative(p, p["a_x"], p["a_h"]),
}


def _mgu(p, h, f):
    return ((1 - f) * h + f * math.tanh(p["n_x"] + f * p["n_h"]),)


def _multiplicative(p, a_x, a_h):
    return (math.tanh(p["alpha"] * a_x * a_h + p["beta_h"] * a_h + p["beta_x"] * a_x),)


def _lstm(i, f, g, o, c):
    c = f * c + i * g
    return o * math.tanh(c), c


def _peephole(p, c):
    i, f = squash(p["i"] + p["peep_i"] * c), squash(p["f"] + p["peep_f"] * c)
    after = f * c + i * math.tanh(p["g"])
    return squash(p["o"] + p["peep_o"] * after) * math.tanh(after), after


def _fastgrnn(p, h, z):
    return ((squash(p["zeta"]) * (1 - z) + squash(p["nu"])) * math.tanh(p["a"]) + z * h,)


@pytest.mark.parametrize("cell", PAPERS, ids=lambda cell: cell.name)
def test_a_step_is_what_the_paper_says(cell):
    step = cell.traced()
    values = {each: row[:5] for each, row in random_values(step).items()}
    for n, results in enumerate(zip(*on_numpy(step.new, values))):
        own = {each.args[0]: values[each][n] for each in (*step.pre, *step.vectors)}
        assert results == pytest.approx(
            PAPERS[cell](own, *(values[each][n] for each in step.old)), rel=1e-13, abs=1e-15
        )


def test_every_cell_has_its_paper_here():
    assert {cell.name for cell in PAPERS} == set(cells())


# Faults of a formula, each said in one line.


def faulty(formula, **declared):
    body = {"gates": ("r", "n"), "separate": ("n",), "step": lambda self, pre, *state: formula(pre, *state), **declared}
    return type("Faulty", (Cell,), body)(2)


FAULTS = {
    "a branch": (
        lambda pre, h: h if pre.r > 0 else pre.r,
        TypeError,
        r"cannot branch .*where\(greater\(a, b\), x, y\)",
    ),
    "max": (lambda pre, h: max(pre.r, h), TypeError, "cannot branch"),
    "math": (
        lambda pre, h: math.tanh(pre.r),
        TypeError,
        "not numbers yet: in place of float.* those of fastrnn.formula",
    ),
    "float": (lambda pre, h: float(pre.r), TypeError, "not numbers yet"),
    "int": (lambda pre, h: int(pre.r), TypeError, "not numbers yet"),
    "NumPy": (lambda pre, h: np.tanh(pre.r), TypeError, "in place of np.tanh use the functions of fastrnn.formula"),
    "NumPy's maximum": (lambda pre, h: np.maximum(pre.r, 0), TypeError, "in place of np.maximum"),
    "an array": (lambda pre, h: np.ones((3, 3)) * pre.r, TypeError, "its own terms, got an array of shape"),
    "a large int": (lambda pre, h: pre.r * 10**400, TypeError, "numbers and its own terms, got 1000"),
    "a string": (lambda pre, h: pre.r + "1", TypeError, "numbers and its own terms, got '1'"),
    "not a number": (lambda pre, h: pre.r * float("nan"), TypeError, "numbers and its own terms, got nan"),
    "a cube": (lambda pre, h: pre.r**3, TypeError, r"squares, x \*\* 2, but no power 3"),
    "a condition": (lambda pre, h: where(pre.r, h, h), TypeError, r"expected greater\(a, b\)"),
    "too many states": (lambda pre, h: (h, h), ValueError, r"got 2 states back, expected 1 \(h\)"),
    "no state": (lambda pre, h: (), ValueError, r"got 0 states back, expected 1 \(h\)"),
    "nothing": (lambda pre, h: None, TypeError, "got None as the next h"),
    "an array as a state": (lambda pre, h: np.ones((3, 3)), TypeError, "got an array of shape .* as the next h"),
    "an array as a condition": (lambda pre, h: where(np.ones((3, 3)), h, h), TypeError, "got an array of shape"),
    "a number": (lambda pre, h: 0.5, TypeError, "got 0.5 as the next h"),
    "an unknown gate": (lambda pre, h: pre.z, AttributeError, "pre has no z; it has n_x, r, n_h"),
    "a separate gate": (lambda pre, h: pre.n, AttributeError, "pre has no n; n is separate: n_x, n_h"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_formula_that_cannot_be_traced_is_refused_in_one_line(case):
    formula, error, message = FAULTS[case]
    with pytest.raises(error, match=message) as raised:
        faulty(formula).traced()
    assert "\n" not in str(raised.value)


DECLARATIONS = {
    "gates as a string": ({"gates": "rn"}, TypeError, "gates: got 'rn', expected a tuple of names"),
    "no gates": ({"gates": (), "separate": ()}, ValueError, "at least one gate"),
    "an unknown separate": ({"separate": ("x",)}, ValueError, r"separate: got 'x', expected names of gates \(r, n\)"),
    "an unknown inputs_only": ({"inputs_only": ("x",)}, ValueError, "inputs_only: got 'x'"),
    "both": ({"inputs_only": ("n",)}, ValueError, "separate: got 'n', which inputs_only has as well"),
    "an operand of separate gates": (
        {"operand_gates": ("n",)},
        ValueError,
        "operand_gates: got 'n', which separate has as well",
    ),
    "an operand of nothing": ({"operand_gates": ("x",)}, ValueError, "operand_gates: got 'x', expected names of gates"),
    "an operand that is not there": (
        {"operand_gates": ("r",)},
        NotImplementedError,
        r"^Faulty has no operand\(self, pre, h\)$",
    ),
    "an operand of its own gate": (
        {"operand_gates": ("r",), "operand": lambda self, pre, h: pre.r * h},
        AttributeError,
        "pre has no r; it has n_x, n_h",
    ),
    "an operand of two states": (
        {"operand_gates": ("r",), "operand": lambda self, pre, h, c: h},
        TypeError,
        r"got operand\(self, pre, h, c\), expected operand\(self, pre, h\)",
    ),
    "a number as operand": (
        {"operand_gates": ("r",), "operand": lambda self, pre, h: 0.5},
        TypeError,
        "operand: got 0.5, expected a formula",
    ),
    "a gate called operand": (
        {"gates": ("operand", "n"), "operand_gates": ("operand",), "operand": lambda self, pre, h: h},
        ValueError,
        "got 'operand', which names something else",
    ),
    "twice": ({"vectors": ("r",)}, ValueError, "got a name twice in r, n, r"),
    "a state twice": ({"state": ("h", "h")}, ValueError, "state: got a name twice in h, h"),
    "a gate with the name of a state before": ({"gates": ("old_h",), "separate": ()}, ValueError, "got 'old_h', which"),
    "a gate with the name of a derivative": ({"gates": ("d_h",), "separate": ()}, ValueError, "got 'd_h', which"),
    "a gate with the name of a part": ({"gates": ("n", "n_x"), "separate": ("n",)}, ValueError, "got 'n_x', which"),
    "a vector with the name of a matrix": (
        {"vectors": ("w_hh",)},
        ValueError,
        "got 'w_hh', which names something else",
    ),
    "a vector with the name of a start": ({"vectors": ("initial_h",)}, ValueError, "got 'initial_h', which names"),
    "a start of nothing": (
        {"vectors": ("u",), "starts": {"v": 1.0}},
        ValueError,
        r"starts: got 'v', expected names of vectors \(u\)",
    ),
    "no name": ({"vectors": ("2 r",)}, TypeError, "vectors: got"),
    "two states": (
        {"state": ("h", "c"), "step": lambda self, pre, h: h},
        TypeError,
        r"got step\(self, pre, h\), expected step\(self, pre, h, c\)",
    ),
}


@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_declaration_that_does_not_fit_is_refused_in_one_line(case):
    declared, error, message = DECLARATIONS[case]
    with pytest.raises(error, match=message) as raised:
        faulty(lambda pre, h: h, **declared).traced()
    assert "\n" not in str(raised.value)


def test_a_cell_without_a_step_says_so():
    with pytest.raises(NotImplementedError, match=r"^Empty has no step\(self, pre, h, c\)$"):
        type("Empty", (Cell,), {"gates": ("a",), "state": ("h", "c")})().traced()


def test_numpys_numbers_are_numbers_of_a_formula():
    h = symbol("h")
    half = np.float32(0.5)
    for mine, plain in (
        (half * h, 0.5 * h),
        (half + h, 0.5 + h),
        (half - h, 0.5 - h),
        (half / h, 0.5 / h),
        (h * np.int64(2), h * 2),
    ):
        assert mine is plain and isinstance(mine, Expr)


@dataclass(frozen=True)
class WithOption(Cell):
    strength: object = 1.0
    gates = ("a",)


def test_options_are_plain_values():
    cell = GRU(np.int64(5), bias=np.bool_(False))
    assert type(cell.hidden_size) is int and cell.bias is False and cell == GRU(5, bias=False)
    assert type(Leaky(3, alpha=np.float32(0.5)).alpha) is float
    assert replace(GRU(3, reset="after", bias=False), hidden_size=4) == GRU(4, bias=False)
    assert Elman(np.int32(4), "tanh", False) == Elman(hidden_size=4, bias=False, activation="tanh")
    for size in (0, -1, 2.5, True, "4", None, [4]):
        with pytest.raises(ValueError, match="hidden_size: got .*, expected an integer of at least 1"):
            LSTM(size)
    for call, error, message in (
        (lambda: LSTM(4, bias=1), TypeError, "bias: got 1, expected True or False"),
        (lambda: WithOption(4, strength=[1]), TypeError, r"strength: got \[1\], expected a number, a string"),
        (lambda: Elman(4, "sine"), ValueError, "activation: got 'sine', expected one of sigmoid, tanh, relu"),
        (lambda: IndRNN(4, activation="sine"), ValueError, "activation: got 'sine'"),
        (lambda: Leaky(4, alpha=0), ValueError, "alpha: got 0, expected a number above 0 and at most 1"),
        (lambda: Leaky(4, alpha="0.5"), ValueError, "alpha: got '0.5'"),
        (lambda: GRU(4, reset="between"), ValueError, "reset: got 'between', expected one of after, before"),
    ):
        with pytest.raises(error, match=message) as raised:
            call()
        assert "\n" not in str(raised.value)
