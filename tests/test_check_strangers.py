"""Certificates of cells and tasks that the checker does not define: what it says of them, and what it refuses."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import strangers
from certified_models import FIXTURES
from check_runs import SOURCE, Files, accepted
from safetensors.numpy import save_file
from strangers import Floored, HalfAdder, Sums, automata, described_cell, formulas, is_true, logits, proved_stranger

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.check import Refused, check, main, verdict
from fastrnn.formula import exp, sigmoid, tanh
from fastrnn.networks import shapes_of
from fastrnn.proofs import certify, file
from fastrnn.proofs.boxes import check_formula
from fastrnn.proofs.file import formula_of

STATEMENT = """\
proved for every width, for the automaton in this file (2 states and 4 symbols): every |logit| at least 8.42
this checker has no definition of its own of the task 'my.sums'
  state 0, inputs 00: outputs 0, next state 0
  state 0, inputs 10: outputs 1, next state 0
  state 0, inputs 01: outputs 1, next state 0
  state 0, inputs 11: outputs 0, next state 1
  state 1, inputs 00: outputs 1, next state 0
  state 1, inputs 10: outputs 0, next state 1
  state 1, inputs 01: outputs 0, next state 1
  state 1, inputs 11: outputs 1, next state 1
this checker has no definition of its own of the cell 'Floored': the proof is for these weights and this formula
  gates: f n
  pre-activations: n_x f n_h (2, 2)
  vectors: none
  state: h
  step: v0 = sigmoid(f); v1 = *(0.984375, v0); v2 = +(0.015625, v1); v3 = *(v0, n_h); v4 = +(n_x, v3); v5 = tanh(v4); \
v6 = -(v5, old_h); v7 = *(v2, v6); v8 = +(old_h, v7); return v8
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("strangers"), proved_stranger())


def test_what_it_does_not_define_it_says_openly(files):
    assert "\n".join(verdict(check(files.certificate, files.model))) == STATEMENT.rstrip()


def test_the_file_of_the_checker_alone_checks_it(files, tmp_path):
    shutil.copy(SOURCE, tmp_path / "check.py")

    def run(*paths):
        return subprocess.run([sys.executable, "-I", "check.py", *paths], cwd=tmp_path, capture_output=True, text=True)

    done = run(files.certificate, files.model)
    assert (done.returncode, done.stdout, done.stderr) == (0, STATEMENT, "")
    done = run(files.certificate, FIXTURES / "proved-gru.safetensors")
    assert done.returncode == 1 and done.stdout.startswith("refused: ") and done.stdout.count("\n") == 1
    done = run(files.certificate)
    assert done.returncode == 2 and done.stderr.startswith("usage: ")


def test_known_cells_on_unknown_tasks_and_unknown_cells_on_known_ones(tmp_path):
    weights = fastrnn.Model.load(FIXTURES / "proved-mgu.safetensors").weights
    for name, cell, task in (("task", fastrnn.MGU(8), Sums(8)), ("cell", Floored(8), fastrnn.tasks.Addition(8))):
        (tmp_path / name).mkdir()
        lines = verdict(accepted(tmp_path / name, certify(fastrnn.Model(cell, weights, task))))
        said = [line for line in lines if "no definition of its own" in line]
        assert len(said) == 1 and f"of the {name} " in said[0]
        assert lines[0].startswith("proved for every width, for the automaton" if name == "task" else
                                   "proved for every width: addition")


def test_tasks_may_have_several_outputs(tmp_path):
    weights = {"w_ih": [[20, 20], [20, 20]], "w_hh": [[0, 0], [0, 0]], "b_ih": [-10, -30], "b_hh": [0, 0],
               "w_ho": [[20, -20], [0, 20]], "b_o": [-10, -10]}
    arrays = {name: np.array(weight, np.float32) for name, weight in weights.items()}
    found = certify(fastrnn.Model(fastrnn.Elman(2), arrays, HalfAdder(8)))
    assert found.proved
    claim = accepted(tmp_path, found)
    assert claim["automaton"] == {"next": [[0, 0, 0, 0]], "outputs": [[0, 1, 1, 2]]}
    assert "  state 0, inputs 11: outputs 01, next state 0" in verdict(claim)
    files = Files(tmp_path, found)
    for outputs in ([[0, 1, 1, 3]], [[0, 1, 1, 0]], [[0, 1, 3, 2]], [[0, 1, 1, 4]]):
        files.refuses(lambda boxes, claim, outputs=outputs: claim["automaton"].update(outputs=outputs))
    # The same network with one output less is none of this task.
    one = {"w_ho": arrays["w_ho"][:1], "b_o": arrays["b_o"][:1]}
    assert "outputs: expected" in files.refuses(change_model=lambda weights, header: weights.update(one), rehash=True)


# ---- what a file says is what its network does


def test_the_statement_is_true_of_the_network(files):
    weights, claim = files.load(files.model, "fastrnn")[0], files.load(files.certificate, "certificate")[1]
    assert is_true(claim, weights)
    claim["automaton"]["outputs"][1][3] = 0
    assert not is_true(claim, weights)


@pytest.mark.parametrize("name", [*cells(), "gru before"])
def test_formulas_as_text_are_the_networks(name):
    cell = fastrnn.GRU(3, reset="before") if name == "gru before" else cells()[name](3)
    rng = np.random.default_rng(0)
    weights = {each: rng.normal(0, 0.7, shape) for each, shape in shapes_of(cell, 2, 1).items()}
    x = rng.integers(0, 2, (4, 9, 2))
    made = fastrnn.Model(cell, weights).logits(x.astype(float))
    assert np.abs(made - logits(formula_of(cell), weights, x)).max() < 1e-9


# ---- forgeries


def of_stranger(kind):
    claim = {"automaton": strangers.described(proved_stranger()), "formula": formula_of(proved_stranger().model.cell)}
    return automata(claim) if kind == "automaton" else formulas(claim["formula"])


# Forgeries that are well-formed: what the network does refuses them.
WELL_FORMED = {
    "automaton": r"(output|next) \d \d|another first state|rows of states exchanged|a state left out, and ways to it|"
                 r"symbols in another order|twice the symbols|all outputs 0|outputs exchanged for states",
    "formula": r"gates in another order|doubled|squared|another constant at \d+",
}


@pytest.mark.parametrize("kind, least", [("automaton", 50), ("formula", 70)])
def test_no_forged_statement_is_accepted(files, kind, least):
    made = of_stranger(kind)
    reasons = {what: files.refuses(lambda boxes, claim, change=change: change(claim)) for what, change in made.items()}
    assert len(reasons) >= least
    for what, reason in reasons.items():
        # Where one entry is changed, the only way to a state may be lost.
        lost = "automaton: no way leads to 1 of its states" in reason
        assert lost or reason.startswith(f"{kind}: ") != bool(re.fullmatch(WELL_FORMED[kind], what)), (what, reason)


def told_twice(task=None, cell=None):
    """Another description of task or cell in both files."""
    new = {name: value for name, value in (("task", task), ("cell", cell)) if value is not None}
    return {"change": lambda boxes, claim: claim.update(new), "change_model": lambda weights, header: header.update(
        {**new, **({"task": {**task, "bits": 8}} if isinstance(task, dict) else {})})}


@pytest.mark.parametrize("name", strangers.NAMES, ids=ascii)
def test_names_that_could_pass_for_others_are_refused(files, name):
    cell = described_cell(Floored(8))
    assert files.refuses(**told_twice(task={"name": name})).startswith("task: got")
    assert files.refuses(**told_twice(cell={**cell, "name": name})).startswith("cell: got")


def test_a_name_that_is_known_but_for_its_case_is_unknown(tmp_path):
    found = proved_stranger()
    cell, task = type("Floored", (Floored,), {"name": "MGU"})(8), type("Sums", (Sums,), {"name": "Addition"})(8)
    lines = verdict(accepted(tmp_path, certify(fastrnn.Model(cell, found.model.weights, task))))
    said = "\n".join(lines)
    assert "definition of its own of the task 'Addition'" in said and "definition of its own of the cell 'MGU'" in said


def test_a_known_name_needs_its_own_automaton_and_formula(files):
    for task in ({"name": "subtraction"}, {"name": "xor", "delay": 0}, {"name": "comparison"}):
        assert f"automaton: not that of the task {task['name']}" in files.refuses(**told_twice(task=task))
    assert "expected 2 symbols" in files.refuses(**told_twice(task={"name": "parity"}))
    assert "expected the fields" in files.refuses(**told_twice(task={"name": "addition"}))
    for cell in (fastrnn.MGU(8), fastrnn.GRU(8), fastrnn.Elman(8)):
        assert "formula: not that of the cell" in files.refuses(**told_twice(cell=described_cell(cell)))
    # A right name for it, and the automaton of an adder that is another in one entry.
    renamed = told_twice(task={"name": "addition", "operands": 2})
    for what, change in of_stranger("automaton").items():
        def forge(boxes, claim, change=change):
            renamed["change"](boxes, claim)
            change(claim)

        assert files.refuses(forge, renamed["change_model"]).startswith("automaton: "), what


def test_letters_that_look_like_others_are_printed_as_what_they_are(files, tmp_path, capsys):
    found = proved_stranger()
    lookalike = type("Floored", (Floored,), {"name": "gr\u03c5"})(8)
    task = type("Sums", (Sums,), {"name": "\u0430ddition"})(8)
    files = Files(tmp_path, certify(fastrnn.Model(lookalike, found.model.weights, task)))
    assert main([files.certificate, files.model]) == 0
    out = capsys.readouterr().out
    assert out.isascii() and r"the task '\u0430ddition'" in out and r"the cell 'gr\u03c5'" in out


def test_a_description_that_is_incomplete_is_refused(files):
    cell = described_cell(Floored(8))
    for wrong in ({"hidden_size": 7}, {"hidden_size": 8.0}, {"hidden_size": 0}, {"bias": 1}, {"bias": False}):
        files.refuses(**told_twice(cell={**cell, **wrong}))
    for name in ("hidden_size", "bias", "name"):
        files.refuses(**told_twice(cell={each: value for each, value in cell.items() if each != name}))
    # Of one that is known every option counts.
    assert "cell: got" in files.refuses(**told_twice(cell={**described_cell(fastrnn.MGU(8)), "floor": 0.1}))


def test_older_formats_are_of_known_cells_and_tasks_alone(files, tmp_path):
    def as_format_3(boxes, claim):
        claim.pop("automaton")
        claim["format"] = 3

    assert "task: got" in files.refuses(as_format_3)
    renamed = told_twice(task={"name": "addition", "operands": 2})
    assert "this checker knows elman" in files.refuses(
        lambda boxes, claim: (renamed["change"](boxes, claim), as_format_3(boxes, claim)), renamed["change_model"])
    old = FIXTURES / "proved-gru-certificate.safetensors", FIXTURES / "proved-gru.safetensors"
    assert check(*old)["format"] == 3 and verdict(check(*old)) == [
        "proved for every width: addition, every |logit| at least 9.06"]


# ---- what the prover refuses, so that no certificate is made that the checker does not take


@pytest.mark.parametrize("step, said", [
    (lambda self, pre, h: tanh(pre.a), "does not read b"),
    (lambda self, pre, h: tanh(pre.a) + exp(pre.b), "has 'exp', whose rounding is not bounded"),
])
def test_a_formula_without_a_proof_is_refused_in_a_sentence(step, said):
    cell = type("Odd", (fastrnn.Cell,), {"gates": ("a", "b"), "step": step})(4)
    with pytest.raises(ValueError, match=said):
        check_formula(cell)


def test_gates_may_be_called_as_they_like(tmp_path):
    """Names of gates that end like the parts of others."""
    class Odd(fastrnn.Cell):
        gates, extremes = ("n", "n_h", "f_x"), (-1.0, 1.0)

        def step(self, pre, h):
            return h + sigmoid(pre.n_h) * (tanh(pre.n) + 0.0 * pre.f_x - h)

    class Read(Odd):
        def step(self, pre, h):
            return h + sigmoid(pre.n_h) * (tanh(pre.n) + 2.0**-40 * pre.f_x - h)

    cell, weights = Read(8), dict(fastrnn.Model.load(FIXTURES / "proved-mgu.safetensors").weights)
    weights = {"w_ih": np.zeros((24, 2)), "w_hh": np.zeros((24, 8)), "b_ih": np.zeros(24), "b_hh": np.zeros(24),
               "w_ho": np.zeros((1, 8)), "b_o": np.array([-1.0])}
    # Unit 0 is the last input, which its gate takes at once.
    weights["w_ih"][0, 1], weights["b_ih"][0], weights["b_ih"][8:16] = 20, -10, 20
    weights["w_ho"][0, 0], weights["b_o"][0] = 10, 0
    arrays = {name: weight.astype(np.float32) for name, weight in weights.items()}

    class Second(Sums):
        name, states = "second", 1

        def label(self, x, state):
            return x[1:], []

    found = certify(fastrnn.Model(cell, arrays, Second(8)))
    assert found.proved, str(found)
    accepted(tmp_path, found)
    with pytest.raises(ValueError, match="does not read f_x"):
        check_formula(Odd(8))


# ---- from training to the check


class Mine(fastrnn.MGU):
    """A cell of one's own, with kernels that other tests have compiled."""


def test_a_cell_and_a_task_of_ones_own_are_trained_to_a_proof(tmp_path):
    run = fastrnn.train(Mine(8), Sums(8), until="certified", seed=1)
    assert run.certified
    lines = verdict(accepted(tmp_path, run.certification))
    assert "cell 'Mine'" in "\n".join(lines) and "task 'my.sums'" in "\n".join(lines)
    assert fastrnn.verify(run.model, bits=200, samples=256).exact


# ---- what would take long or much memory


def largest(folder, gates, units, symbols, dtype):
    """Files of a formula without statements, whose gates are all its states: as large as the checker takes."""
    names, parts = ([f"{letter}{i}" for i in range(gates)] for letter in "gs")
    weights = {"w_ih": np.full((gates * units, symbols.bit_length() - 1), 1e-3, dtype),
               "w_hh": np.zeros((0, units), dtype), "w_ho": np.full((1, units), 1e-3, dtype)}
    cell = {"name": "large", "hidden_size": units, "bias": False}
    claim = {"format": 4, "task": {"name": "none"}, "cell": cell, "head": "sigmoid", "dtype": dtype, "margin": 1.0,
             "automaton": {"next": [[0] * symbols], "outputs": [[0] * symbols]}, "weights": file.hash_of(weights),
             "formula": f"{' '.join(names)} | {' '.join(names)} ({gates}, 0) |  | {' '.join(parts)} | "
                        f"return {', '.join(names)}"}
    header = {"format": 1, "versions": {}, "metadata": {}, "cell": cell, "task": {"name": "none", "bits": 8}}
    boxes = {"low": np.full((2, gates * units), -3.0), "high": np.full((2, gates * units), 3.0),
             "following": np.ones((2, symbols), np.int64)}
    save_file(boxes, folder / "certificate", {"certificate": json.dumps(claim)})
    save_file(weights, folder / "model", {"fastrnn": json.dumps(header)})
    return folder / "certificate", folder / "model"


# Long since all is checked, up to the margin.
@pytest.mark.slow
@pytest.mark.parametrize("gates, units, symbols, dtype", [(16, 1900, 2, "float32"), (1, 16000, 2, "float32"),
                                                          (16, 63, 256, "float64")])
def test_the_largest_formulas_take_less_than_100_megabytes(tmp_path, gates, units, symbols, dtype):
    code = ("import sys\nfrom fastrnn.check import main\nmain(sys.argv[1:])\n"
            "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))")
    paths = map(str, largest(tmp_path, gates, units, symbols, dtype))
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    reason, kilobytes = done.stdout.splitlines()
    assert reason.startswith("refused: margin") and int(kilobytes) < 100_000
    assert "larger than this checker takes" in reason_of(largest(tmp_path, gates, 2 * units, symbols, dtype))


def reason_of(paths):
    with pytest.raises(Refused) as refused:
        check(*paths)
    return str(refused.value)
