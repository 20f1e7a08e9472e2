"""The checker accepts complete certificates for exactly these weights, and refuses everything else."""

import ast
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from certified_models import FIXTURES, WRONG, double, proved
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import MPIntervalContext, mp
from mpmath.libmp import to_rational
from safetensors import safe_open
from safetensors.numpy import save_file
from task_runs import variants

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.certify import certify
from fastrnn.certify.automaton import automaton_of
from fastrnn.certify.file import description_of, formula_of, hash_of
from fastrnn.certify.rounding import operations
from fastrnn.check import ACTIVATION_ERROR, FORMULAS, STEPS, Formula, Network, Refused, check, inputs_of, scaled
from fastrnn.check import FIELDS as TASK_FIELDS
from fastrnn.check import formula_of as checked_formula
from fastrnn.model import Model

SOURCE = Path(sys.modules["fastrnn.check"].__file__)


def digest_of(arrays, header):
    """The digest that a model file has."""
    return hashlib.sha256(f"{hash_of(arrays)}\n{json.dumps(header, sort_keys=True)}".encode()).hexdigest()


class Files:
    """A certificate and its model in files, to be read, changed and checked."""

    def __init__(self, folder, found):
        self.folder, self.certificate, self.model = (
            folder,
            folder / "certificate.safetensors",
            folder / "model.safetensors",
        )
        found.save(self.certificate)
        found.model.save(self.model)

    @classmethod
    def of(cls, folder, certificate, model):
        """Files that exist already."""
        made = cls.__new__(cls)
        made.folder, made.certificate, made.model = folder, certificate, model
        return made

    def load(self, path, key):
        with safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()[key])

    def refuses(self, change=None, change_model=None, rehash=False):
        """Check a changed copy, which must be refused; return the reason. change(arrays, metadata) works in place."""
        boxes, claim = self.load(self.certificate, "certificate")
        weights, header = self.load(self.model, "fastrnn")
        if change_model:
            change_model(weights, header)
        if rehash:
            claim["weights"] = hash_of(weights)
        if change:
            change(boxes, claim)
        forged, model = self.folder / "forged.safetensors", self.folder / "other.safetensors"
        save_file(
            {name: np.ascontiguousarray(array) for name, array in boxes.items()},
            forged,
            {"certificate": json.dumps(claim)},
        )
        weights = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        # What was forged has the right digest: damage alone is another test's.
        header["digest"] = digest_of(weights, {name: value for name, value in header.items() if name != "digest"})
        save_file(weights, model, {"fastrnn": json.dumps(header)})
        with pytest.raises(Refused) as refused:
            check(forged, model)
        assert "\n" not in str(refused.value)
        return str(refused.value)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("files"), proved())


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("small"), proved(8))


def accepted(tmp_path, found):
    files = Files(tmp_path, found)
    claim = check(files.certificate, files.model)
    assert claim["margin"] == found.margin and claim["weights"] == hash_of(found.model.weights)
    return claim


def test_certificates_of_every_kind_are_accepted(tmp_path):
    for name, found in (
        ("sigmoid", proved()),
        ("tanh", proved(16, "tanh")),
        ("float64", double()),
        ("small", proved(8)),
        ("without biases", proved(bias=False)),
    ):
        (tmp_path / name).mkdir()
        claim = accepted(tmp_path / name, found)
        assert claim["task"] == {"name": "addition", "operands": 2}, "a proof has no width"


@pytest.mark.slow
def test_a_certificate_for_sums_of_three_is_accepted(tmp_path):
    found = proved(16, operands=3)
    assert accepted(tmp_path, certify(found.model, k=found.k))["task"]["operands"] == 3


def test_the_smallest_adder_has_two_hidden_units_and_is_proved(tmp_path):
    model = Model.load(FIXTURES / "smallest-adder.safetensors")
    assert model.hidden_size == 2
    found = certify(model)
    assert found.proved and found.k == 4 and found.margin > 1
    accepted(tmp_path, found)
    assert model.add(3**2000, 7**1500) == 3**2000 + 7**1500


def test_checking_three_symbols_at_hidden_16_takes_less_than_30_seconds(tmp_path):
    found = certify(proved().model, k=3)
    began = time.perf_counter()
    accepted(tmp_path, found)
    assert time.perf_counter() - began < 30


# ---- what must be refused

FIELDS = {
    "format": lambda claim: claim.update(format=1),
    "format as a float": lambda claim: claim.update(format=2.0),
    "task name": lambda claim: claim["task"].update(name="subtraction"),
    "task operands": lambda claim: claim["task"].update(operands=3),
    "task operands as a float": lambda claim: claim["task"].update(operands=2.0),
    "task, a width": lambda claim: claim["task"].update(bits=8),
    "task missing": lambda claim: claim.update(task=None),
    "cell name": lambda claim: claim["cell"].update(name="gru"),
    "cell size": lambda claim: claim["cell"].update(hidden_size=15),
    "cell activation": lambda claim: claim["cell"].update(activation="tanh"),
    "cell bias": lambda claim: claim["cell"].update(bias=False),
    "dtype": lambda claim: claim.update(dtype="float64"),
    "dtype unknown": lambda claim: claim.update(dtype="float16"),
    "weights": lambda claim: claim.update(weights="0" * 64),
    "margin larger": lambda claim: claim.update(margin=claim["margin"] * 1.000001),
    "margin smaller": lambda claim: claim.update(margin=claim["margin"] * 0.9999),
    "margin, no number": lambda claim: claim.update(margin=float("nan")),
    "margin, a string": lambda claim: claim.update(margin=str(claim["margin"])),
    "format of Elman networks": lambda claim: claim.update(format=2),
    "formula missing": lambda claim: claim.pop("formula"),
    "formula, another": lambda claim: claim.update(formula=claim["formula"].replace("sigmoid", "tanh")),
    "formula that means the same": lambda claim: claim.update(formula=claim["formula"].replace("v0", "v1")),
    "formula, no text": lambda claim: claim.update(formula=None),
    "head": lambda claim: claim.update(head="softmax"),
    "head missing": lambda claim: claim.pop("head"),
    "a field missing": lambda claim: claim.pop("margin"),
    "a field too many": lambda claim: claim.update(note="trust me"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_tampered_with_is_refused(files, field):
    files.refuses(lambda boxes, claim: FIELDS[field](claim))


# What certificates of format 2 said of rounding errors.
ROUNDING = {
    **{
        f"rounding {name} {what}": lambda claim, name=name, factor=factor: claim["rounding"].update(
            {name: claim["rounding"][name] * factor}
        )
        for name in ("gamma_pre", "gamma_out", "underflow", "activation")
        for what, factor in (("less", 0.999), ("more", 1.001))
    },
    "rounding missing": lambda claim: claim["rounding"].pop("underflow"),
    "rounding, no numbers": lambda claim: claim.update(rounding=None),
    "format": lambda claim: claim.update(format=3),
    "a field too many": lambda claim: claim.update(head="sigmoid"),
}


@pytest.mark.parametrize("field", ROUNDING)
def test_a_certificate_of_format_2_is_accepted_and_refused_once_tampered_with(tmp_path, field):
    old = Files.of(tmp_path, FIXTURES / "adder-8-certificate.safetensors", FIXTURES / "adder-8.safetensors")
    assert check(old.certificate, old.model)["format"] == 2
    old.refuses(lambda boxes, claim: ROUNDING[field](claim))


def shrink(boxes, share):
    centre, radius = (boxes["low"] + boxes["high"]) / 2, (boxes["high"] - boxes["low"]) / 2
    boxes["low"], boxes["high"] = centre - radius * (1 - share), centre + radius * (1 - share)


def one_end(name, node, unit, by):
    def change(boxes, claim):
        boxes[name][node, unit] += by * (boxes["high"] - boxes["low"])[node, unit]

    return change


BOXES = {
    "all shrunk by one part in a million": lambda boxes, claim: shrink(boxes, 1e-6),
    "all shrunk by half": lambda boxes, claim: shrink(boxes, 0.5),
    "all points": lambda boxes, claim: shrink(boxes, 1.0),
    "all doubled": lambda boxes, claim: shrink(boxes, -1.0),
    "everything": lambda boxes, claim: (boxes["low"].fill(-1.0), boxes["high"].fill(2.0)),
    "turned over": lambda boxes, claim: boxes.update(low=boxes["high"], high=boxes["low"]),
    "low of one moved": one_end("low", 5, 3, 1e-6),
    "high of one moved": one_end("high", 9, 0, -1e-6),
    "two nodes exchanged": lambda boxes, claim: [
        boxes[name].__setitem__([1, 2], boxes[name][[2, 1]]) for name in boxes
    ],
    "the first node's box moved": lambda boxes, claim: (
        boxes["low"].__setitem__(0, 1e-9),
        boxes["high"].__setitem__(0, 1e-9),
    ),
    "what follows on two symbols exchanged": lambda boxes, claim: boxes["following"].__setitem__(
        (3, [0, 1]), boxes["following"][3, [1, 0]]
    ),
    "all nodes follow otherwise": lambda boxes, claim: boxes.update(following=boxes["following"][:, ::-1]),
    "everything leads to one node": lambda boxes, claim: boxes["following"].fill(1),
    "a node that nothing leads to": lambda boxes, claim: boxes.update(
        {name: np.concatenate([array, array[-1:]]) for name, array in boxes.items()}
    ),
    "a node that is not there": lambda boxes, claim: boxes["following"].__setitem__((2, 1), len(boxes["low"])),
    "a negative node": lambda boxes, claim: boxes["following"].__setitem__((2, 1), -1),
    "nodes as floats": lambda boxes, claim: boxes.update(following=boxes["following"].astype(float)),
    "a symbol missing": lambda boxes, claim: boxes.update(following=boxes["following"][:, :-1]),
    "no nodes": lambda boxes, claim: boxes.update({name: array[:0] for name, array in boxes.items()}),
    "two units exchanged": lambda boxes, claim: [
        boxes[name].__setitem__((slice(None), [0, 1]), boxes[name][:, [1, 0]]) for name in ("low", "high")
    ],
    "not a number": lambda boxes, claim: boxes["low"].__setitem__((0, 0), np.nan),
    "infinite": lambda boxes, claim: boxes["high"].__setitem__((0, 0), np.inf),
    "a node missing": lambda boxes, claim: boxes.update({name: array[:-1] for name, array in boxes.items()}),
    "a unit missing": lambda boxes, claim: boxes.update(low=boxes["low"][:, 1:], high=boxes["high"][:, 1:]),
    "in float32": lambda boxes, claim: boxes.update(low=boxes["low"].astype(np.float32)),
    "an array missing": lambda boxes, claim: boxes.pop("following"),
    "an array too many": lambda boxes, claim: boxes.update(more=np.zeros(1)),
}


@pytest.mark.parametrize("case", BOXES)
def test_boxes_tampered_with_are_refused(files, case):
    files.refuses(BOXES[case])


@pytest.mark.parametrize(
    "make", [proved, lambda: proved(16, "tanh"), lambda: proved(8)], ids=["sigmoid", "tanh", "small"]
)
def test_boxes_shrunk_by_one_part_in_a_million_are_refused_for_every_network(tmp_path, make):
    assert "leaves its box" in Files(tmp_path, make()).refuses(lambda boxes, claim: shrink(boxes, 1e-6))


def test_other_weights_are_refused(files):
    def flip(name):
        return lambda weights, header: weights.update({name: weights[name] * np.float32(1 + 2**-23)})

    for name in ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o"):
        assert "other weights" in files.refuses(change_model=flip(name))
    with pytest.raises(Refused, match="other weights"):
        check(files.certificate, WRONG[0])
    exchanged = files.refuses(
        change_model=lambda weights, header: weights.update(b_ih=weights["b_hh"] + 1, b_hh=weights["b_ih"] - 1)
    )
    assert "other weights" in exchanged


def test_other_weights_with_their_right_hash_are_refused_by_their_boxes(files):
    def change(weights, header):
        weights["w_hh"] = weights["w_hh"] * np.float32(0.99)

    assert "leaves its box" in files.refuses(change_model=change, rehash=True)


@pytest.mark.parametrize("path", [path for path in WRONG if "-16-sigmoid" in path.stem], ids=lambda path: path.stem)
def test_a_wrong_network_with_a_forged_certificate_is_refused(files, path):
    wrong = Model.load(path)
    assert "leaves its box" in files.refuses(
        change_model=lambda weights, header: weights.update(wrong.weights), rehash=True
    )


def both(change):
    """The same lie in the certificate and in the model."""
    return {"change": lambda boxes, claim: change(claim["task"], claim["cell"]),
            "change_model": lambda weights, header: change(header["task"], header["cell"])}


def test_a_lie_told_twice_is_refused_by_what_it_is_about(files):
    assert "this checker defines addition" in files.refuses(**both(lambda task, cell: task.update(name="division")))
    assert "task: got" in files.refuses(**both(lambda task, cell: task.update(name="subtraction")))
    assert "w_ih: the shape" in files.refuses(**both(lambda task, cell: task.update(operands=3)))
    assert "leaves its box" in files.refuses(**both(lambda task, cell: cell.update(activation="tanh"))) \
        or "formula" in files.refuses(**both(lambda task, cell: cell.update(activation="tanh")))
    assert "the shape" in files.refuses(**both(lambda task, cell: cell.update(hidden_size=8)))
    assert "cell: got" in files.refuses(**both(lambda task, cell: cell.update(name="gru")))
    assert "this checker knows elman, leaky" in files.refuses(**both(lambda task, cell: cell.update(name="elmann")))


def test_a_network_without_memory_is_no_adder_whatever_its_graph(tmp_path):
    # Its boxes hold and its first outputs are right; only that one node would have to mean two carries gives it away.
    weights = {
        "w_ih": [[20, 20], [20, 20]],
        "w_hh": [[0, 0], [0, 0]],
        "b_ih": [-10, -30],
        "b_hh": [0, 0],
        "w_ho": [[20, -20]],
        "b_o": [-10],
    }
    model = Model(
        fastrnn.Elman(2),
        {name: np.array(weight, np.float32) for name, weight in weights.items()},
        fastrnn.tasks.Xor(8, delay=0),
    )
    files = Files(tmp_path, certify(model, k=1))
    assert check(files.certificate, files.model)["task"] == {"name": "xor", "delay": 0}

    def rename(boxes, claim):
        claim["task"] = {"name": "addition", "operands": 2}

    said = files.refuses(
        rename, lambda weights, header: header.update(task={"name": "addition", "operands": 2, "bits": 8})
    )
    assert "two ways to it mean different things" in said


def test_a_model_without_a_task_is_refused(files):
    assert "no task" in files.refuses(change_model=lambda weights, header: header.update(task=None))


@pytest.mark.parametrize("content", [b"", b"\0" * 4, b"no certificate at all", b"\xff" * 64,
                                     (2).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"[{}]"])
def test_files_that_are_no_certificates_are_refused(files, tmp_path, content):
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(Refused, match="cannot be read"):
        check(path, files.model)
    with pytest.raises(Refused, match="cannot be read"):
        check(files.certificate, path)
    with pytest.raises(Refused, match="cannot be read"):
        check(tmp_path / "none", files.model)
    with pytest.raises(Refused):
        check(files.model, files.certificate)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_byte_changed_anywhere_is_refused_or_changes_no_statement(small, place, change):
    content = bytearray(small.certificate.read_bytes())
    content[place % len(content)] ^= change
    path = small.folder / "byte.safetensors"
    path.write_bytes(content)
    try:
        claim = check(path, small.model)
    except Refused:
        return
    # What is left are changes in the last digits of a box or a margin: still a proof, and of the same.
    before = small.load(small.certificate, "certificate")[1]
    assert abs(claim.pop("margin") - before.pop("margin")) < 1e-5
    assert claim == before


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
        "stat",
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
            def replace_task(boxes, claim, lie=lie):
                claim["task"] = dict(lie)

            def replace_model(weights, header, lie=lie):
                header["task"] = {**lie, "bits": 8}

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
                assert checked_formula(fields) == formula_of(cell) == FORMULAS[key].format(**fields)
    assert len(known) == len([key for key in FORMULAS if "," not in key]) >= 8


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["sigmoid", "tanh", "relu"]), st.floats(-40, 40), st.floats(0, 3), st.floats(0, 1))
def test_its_activations_contain_those_of_real_numbers(activation, low, width, place):
    iv = MPIntervalContext()
    iv.prec = 80
    z = min(low + width * place, low + width)
    (found,) = Formula(f"v0 = {activation}(a); return v0", iv, "float64")({"a": iv.mpf([low, low + width])}, 1e300)
    with mp.workprec(200):
        exact = {"sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "tanh": mp.tanh, "relu": lambda x: max(x, mp.mpf(0))}[
            activation
        ](mp.mpf(z))
        assert mp.mpf(found.a.mid) <= exact <= mp.mpf(found.b.mid)


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
    network = Network(
        weights, {"name": "elman", "hidden_size": hidden, "activation": "relu", "bias": True}, dtype, inputs
    )
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
