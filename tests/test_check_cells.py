"""Forged certificates of gated networks: none is accepted, whatever they say of formula, gates, state, head or task."""

import re
from dataclasses import asdict

import numpy as np
import pytest
from certified_models import FIXTURES
from check_runs import Files
from params import quick
from test_certify_cells import ADDITION, NAMES, proved

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.check import Network as Checked
from fastrnn.check import Refused, check, scaled
from fastrnn.model import Model
from fastrnn.networks import shapes_of
from fastrnn.proofs import certify
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.boxes import Boxes
from fastrnn.proofs.file import formula_of, write_certificate
from fastrnn.proofs.graph import windows
from fastrnn.proofs.network import Float64Network
from fastrnn.proofs.prove import Proof

# Cells with weights of the same shapes.
OTHERS = {"gru": fastrnn.GRU(8, reset="before"), "gru-before": fastrnn.GRU(8), "mgu": fastrnn.UGRNN(8),
          "leaky": fastrnn.Leaky(8, alpha=None, activation="sigmoid")}


def in_formula(change):
    return {"change": lambda boxes, claim: claim.update(formula=change(claim["formula"]))}


def in_boxes(change):
    return {"change": lambda boxes, claim: change(boxes)}


def in_weights(change):
    """Other weights, with their right hash."""
    return {"change_model": lambda weights, header: change(weights), "rehash": True}


def lie(cell):
    """Another cell with weights of the same shapes, in both files, with the formula that is its own."""
    described = {"name": cell.name, **asdict(cell)}
    return {"change": lambda boxes, claim: claim.update(cell=described, formula=formula_of(cell)),
            "change_model": lambda weights, header: header.update(cell=described)}


def other_task(task, **extra):
    described = {"name": task.name, **{name: value for name, value in asdict(task).items() if name != "bits"}}
    return {"change": lambda boxes, claim: claim.update(task=described),
            "change_model": lambda weights, header: header.update(task={**described, "bits": 8})}


def formulas(text):
    """{what: a changed formula} that parses alike, or nearly so."""
    found = {}
    for place in re.finditer(r"sigmoid|tanh", text):
        other = {"sigmoid": "tanh", "tanh": "sigmoid"}[place[0]]
        found[f"{other} at {place.start()}"] = text[: place.start()] + other + text[place.end() :]
    for place in re.finditer(r"[-+*](?=\()", text):
        for other in "+-*":
            if other != place[0]:
                found[f"{other} at {place.start()}"] = text[: place.start()] + other + text[place.end() :]
    for place in re.finditer(r"\((\w+), (\w+)\)(?=;)", text):
        found[f"exchanged at {place.start()}"] = (
            text[: place.start()] + f"({place[2]}, {place[1]})" + text[place.end() :]
        )
    gates, rest = text.split(" | ", 1)
    found["gates in another order"] = " ".join(reversed(gates.split())) + " | " + rest + " " * (" " not in gates)
    found["rests"] = re.sub(r"return \w+", "return old_h", text)
    found["constant"] = re.sub(r"return \w+", "return 1.0", text)
    found["without the state"] = text.replace("old_h", "0.0").replace("old_c", "0.0")
    found["more"] = text + "; v99 = +(v0, v0)"
    return found


def swapped(weights, names, a, b, count):
    """Two gates' rows of the weights exchanged."""
    for name in names:
        if name in weights:
            blocks = np.split(weights[name], count)
            blocks[a], blocks[b] = blocks[b], blocks[a]
            weights[name] = np.concatenate(blocks)


def forgeries(name):
    """{what: changes to the files} of one network."""
    model, units = proved(name).model, 8
    made = {
        f"formula: {what}": in_formula(lambda _, text=text: text)
        for what, text in formulas(formula_of(model.cell)).items()
    }
    gates = model.cell.gates
    for a in range(len(gates)):
        for b in range(a):
            made[f"rows of {gates[a]} and {gates[b]}"] = in_weights(
                lambda weights, a=a, b=b: swapped(weights, ("w_ih", "w_hh", "b_ih", "b_hh"), a, b, len(gates)))
            made[f"rows of {gates[a]} and {gates[b]} in w_hh"] = in_weights(
                lambda weights, a=a, b=b: swapped(weights, ("w_hh",), a, b, len(gates)))
    for value in (np.nan, np.inf, -np.inf, 3e38):
        for weight in ("w_hh", "b_ih", "w_ho", *model.cell.vectors):
            made[f"{value} in {weight}"] = in_weights(
                lambda weights, weight=weight, value=value: weights[weight].reshape(-1).__setitem__(0, value))
    # A weight that a machine may take for zero, and a state that makes it count.
    made["subnormal"] = in_weights(lambda weights: weights.update(
        w_ho=np.full_like(weights["w_ho"], 1e-39), b_o=np.full_like(weights["b_o"], -1e-39)))
    made["zero outputs"] = in_weights(lambda weights: weights.update(w_ho=weights["w_ho"] * 0, b_o=weights["b_o"] * 0))
    made["format 2"] = {"change": lambda boxes, claim: (
        [claim.pop(each) for each in ("formula", "head")], claim.update(format=2, rounding={}))}
    made["head"] = {"change": lambda boxes, claim: claim.update(head="linear")}
    made["float64"] = {"change": lambda boxes, claim: claim.update(dtype="float64")}
    for task in (fastrnn.tasks.Subtraction(8), fastrnn.tasks.Xor(8), fastrnn.tasks.And(8), fastrnn.tasks.Parity(8),
                 fastrnn.tasks.Addition(8, operands=3)):
        made[f"task {task}"] = other_task(task)
    made["a part of the state left out"] = in_boxes(
        lambda boxes: boxes.update(low=boxes["low"][:, : units - 1], high=boxes["high"][:, : units - 1]))
    made["another part"] = in_boxes(lambda boxes: boxes.update(
        {end: np.concatenate([boxes[end], boxes[end]], axis=1) for end in ("low", "high")}))
    made["all states"] = in_boxes(lambda boxes: (boxes["low"].fill(-1.0), boxes["high"].fill(1.0)))
    made["shrunk"] = in_boxes(
        lambda boxes: boxes.update(
            low=boxes["low"] + 1e-6 * (boxes["high"] - boxes["low"]),
            high=boxes["high"] - 1e-6 * (boxes["high"] - boxes["low"]),
        )
    )
    if len(model.cell.state) == 2:
        made["only h"] = in_boxes(
            lambda boxes: boxes.update(low=boxes["low"][:, :units], high=boxes["high"][:, :units])
        )
        made["h and c exchanged"] = in_boxes(lambda boxes: boxes.update(
            {end: np.roll(boxes[end], units, axis=1) for end in ("low", "high")}))
        made["c without bounds"] = in_boxes(
            lambda boxes: (boxes["low"][:, units:].fill(-1e300), boxes["high"][:, units:].fill(1e300))
        )
    if name in OTHERS:
        made[f"it is {OTHERS[name]}"] = lie(OTHERS[name])
    return made


@pytest.mark.parametrize("name", quick(NAMES, lambda name: name in ("gru", "lstm")))
def test_no_forgery_is_accepted(tmp_path, name):
    files, made = Files(tmp_path, proved(name)), forgeries(name)
    assert check(files.certificate, files.model)
    reasons = {what: files.refuses(**changes) for what, changes in made.items()}
    assert len(reasons) > 30
    assert all("formula: not that of the cell" in reasons[what] for what in made if what.startswith("formula"))


def test_there_are_many_forgeries():
    assert sum(len(forgeries(name)) for name in NAMES) > 200


@pytest.mark.parametrize("name", NAMES)
def test_certificates_forged_for_wrong_networks_from_the_states_that_they_visit_are_refused(tmp_path, name):
    model, rng = Model.load(FIXTURES / f"near-{name}.safetensors"), np.random.default_rng(0)
    automaton = automaton_of(ADDITION)
    network, graph = Float64Network(model, automaton), windows(automaton, 2)
    node, states, task = np.zeros(64, int), np.repeat(network.start, 64, axis=0), np.zeros(64, int)
    low, high = (np.full((graph.nodes, states.shape[1]), end) for end in (np.inf, -np.inf))
    low[0] = high[0] = 0
    for _ in range(64):
        symbols = rng.integers(4, size=64)
        after, following, _ = network.step(states, task)
        states, task = after.reshape(64, 4, -1)[range(64), symbols], following.reshape(64, 4)[range(64), symbols]
        node = graph.following[node, symbols]
        np.minimum.at(low, node, states)
        np.maximum.at(high, node, states)
    model.save(tmp_path / "model")
    for widening in (1e-6, 1e-3, 0.1, 1.0):
        for margin in (1.0, 1e-3):
            radius = widening * (high - low) + 1e-6
            margins = np.r_[np.inf, np.full(graph.nodes - 1, margin)]
            write_certificate(
                tmp_path / "forged", model, ADDITION, graph, Proof(True, low - radius, high + radius, margins, 1)
            )
            with pytest.raises(Refused):
                check(tmp_path / "forged", tmp_path / "model")


@pytest.mark.parametrize("name", cells())
def test_its_steps_are_those_of_the_prover(name):
    cell, rng = cells()[name](3), np.random.default_rng(0)
    weights = {each: rng.normal(0, 1, shape).astype(np.float32) for each, shape in shapes_of(cell, 2, 1).items()}
    model = Model(cell, weights, ADDITION)
    boxes = Boxes(model, automaton_of(ADDITION))
    network = Checked(weights, asdict(cell), formula_of(cell), "float32", 2, 1)
    for radius in (0.0, 1e-5, 0.2):
        low = rng.uniform(-1, 1, (1, 3 * boxes.parts))
        high = low + radius
        state = [scaled(end[0, :3], network.places, up) for end, up in ((low, False), (high, True))]
        old = [network.iv.mpf(pair) for pair in zip(low[0].tolist(), high[0].tolist())]
        for symbol, bits in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
            after = network.step(network.fed(*state), old, bits)
            ours = [end[0, symbol] for end in boxes.step(low, high, boxes.fed(low, high))]
            theirs = [np.array([float(end) for end in ends]) for ends in zip(*((each.a, each.b) for each in after))]
            # The prover's bounds hold the checker's, and by little: what it proves is accepted.
            assert (ours[0] <= theirs[0]).all() and (theirs[1] <= ours[1]).all()
            assert np.allclose(ours, theirs, rtol=0, atol=1e-12 + 1e-6 * radius)
    assert network.work == boxes.work and network.joins == boxes.joins


def test_a_proof_in_float64_is_accepted(tmp_path):
    for name in ("mgu", "lstm"):
        model = proved(name).model
        wide = Model(
            model.cell, {each: weight.astype(np.float64) for each, weight in model.weights.items()}, model.task
        )
        found = certify(wide, find=False)
        assert found.proved and found.margin >= proved(name).margin - 1e-3
        (tmp_path / name).mkdir()
        files = Files(tmp_path / name, found)
        assert check(files.certificate, files.model)["dtype"] == "float64"
