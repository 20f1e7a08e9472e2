"""Wrong networks with forged certificates: neither `certify` nor the checker may call one of them proved.

What is wrong is found by the kernels, on sequences; a forger knows the format, the hash and the margin that the
checker finds, runs the network to see which boxes it visits, and widens them.
"""

import functools
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

import fastrnn
from campaign.children import Child, Fault, check_words, in_turn
from campaign.statements import STATEMENTS, forge
from fastrnn import tasks
from fastrnn.check import Refused, check
from fastrnn.proofs import certify
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.file import write_certificate
from fastrnn.proofs.graph import windows
from fastrnn.proofs.prove import Proof

COUNT = 100
FIXTURES = Path(__file__).parent.parent / "fixtures"

# Sequences and steps on which a network is run to find out whether it is wrong, and which boxes it visits.
SEQUENCES, STEPS = 64, 64


def warm_up():
    """Load what children run."""
    certify(_load("smallest-adder"), find=False)


def trials(seed, first, count, base):
    """Each is one network, what `certify` says of it, and a certificate that was forged for it."""
    return in_turn(FAMILIES, base / "forgery", seed, first, count, _trial)


def _trial(seed, number, name, folder):
    ended = yield Child(functools.partial(_forge, seed, number, name), folder)
    check_words(ended)
    if ended.status:
        raise Fault(ended.out.strip()[-300:] or f"exit {ended.status}: {ended.err.strip()[-300:]}")
    shutil.rmtree(folder)
    return Counter({(name, ended.out.strip()): 1}), []


def _forge(seed, number, name):
    rng = np.random.default_rng([3, seed, number])
    if name in STATEMENTS:
        return forge(rng, STATEMENTS[name])
    model = FAMILIES[name](rng)
    if name not in KNOWN and not is_wrong(model, rng):
        print("a right network")
        return 0
    try:
        proved = certify(model, find=False).proved
    except ValueError as refusal:
        # One line that says which weights no proof covers.
        if not str(refusal).startswith("certify: "):
            raise
        proved = False
    if proved:
        print("certify: proves a wrong network")
        return 1
    model.save("model.safetensors")
    for k in (1, 2):
        graph = windows(automaton_of(model.task), k)
        for widening in (0.0, 1e-6, 1e-3, float(rng.uniform(0, 0.5))):
            low, high = visited(model, graph, rng)
            radius = (high - low) / 2 + 1e-9 * (1 + np.abs(high))
            low, high = low - widening * radius, high + widening * radius
            if model.cell.activation == "sigmoid":
                low, high = np.maximum(low, 0), np.minimum(high, 1)
            if accepted(model, graph, low, high, rng):
                print(f"the checker accepts a wrong network (k = {k}, widened by {widening})")
                return 1
    print("refused")
    return 0


def accepted(model, graph, low, high, rng):
    """Whether the checker accepts these boxes, with the margin that it itself asks for; it may be told it twice."""
    margin = 1.0
    for _ in range(3):
        margins = np.full(graph.nodes, margin)
        margins[0] = np.inf
        write_certificate("forged.safetensors", model, model.task, graph, Proof(True, low, high, margins, 1))
        try:
            check("forged.safetensors", "model.safetensors")
            return True
        except Refused as refused:
            found = re.search(r"margin: got .*, verified (\S+)$", str(refused))
            if not found:
                return False
            margin = float(found[1])
    return False


def visited(model, graph, rng):
    """(low, high) (N, H): the least and largest hidden states in each node, in float64 arithmetic of NumPy."""
    weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
    bias = weights.get("b_ih", 0) + weights.get("b_hh", 0)
    activate = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-np.clip(z, -700, 700))),
        "tanh": np.tanh,
        "relu": lambda z: np.maximum(z, 0),
    }[model.cell.activation]
    low, high = (np.full((graph.nodes, model.hidden_size), end) for end in (np.inf, -np.inf))
    node, state = np.zeros(SEQUENCES, int), np.zeros((SEQUENCES, model.hidden_size))
    low[0] = high[0] = 0
    for _ in range(STEPS):
        symbols = rng.integers(graph.automaton.symbols, size=SEQUENCES)
        with np.errstate(over="ignore", invalid="ignore"):
            state = activate(graph.automaton.inputs[symbols] @ weights["w_ih"].T + state @ weights["w_hh"].T + bias)
        node = graph.following[node, symbols]
        np.minimum.at(low, node, state)
        np.maximum.at(high, node, state)
    never = low > high
    low[never], high[never] = 0, 1
    return np.nan_to_num(low, posinf=1e300, neginf=-1e300), np.nan_to_num(high, posinf=1e300, neginf=-1e300)


def is_wrong(model, rng):
    """Whether the kernels' outputs differ from the task's on some sequence."""
    automaton = automaton_of(model.task)
    symbols = rng.integers(automaton.symbols, size=(SEQUENCES, STEPS))
    # Sequences of one symbol are the ones that drive states away.
    for symbol in range(min(automaton.symbols, 8)):
        symbols[symbol] = symbol
    state, right = np.zeros(SEQUENCES, int), np.empty((SEQUENCES, STEPS), bool)
    for step in range(STEPS):
        right[:, step] = automaton.outputs[state, symbols[:, step], 0]
        state = automaton.following[state, symbols[:, step]]
    with np.errstate(all="ignore"):
        logits = model.logits(automaton.inputs[symbols].astype(np.float64), threads=1)[:, :, 0]
    return bool(((logits > 0) != right).any())


def _load(name):
    return fastrnn.Model.load(FIXTURES / f"{name}.safetensors")


def _changed(rng):
    """A right adder, one of whose weights was changed until it is wrong."""
    model = _load("smallest-adder")
    weights = {name: weight.copy() for name, weight in model.weights.items()}
    for _ in range(60):
        weight = weights[list(weights)[rng.integers(len(weights))]].reshape(-1)
        weight[rng.integers(len(weight))] *= np.float32(1 + rng.normal() * 10.0 ** rng.uniform(-2, 0))
        changed = fastrnn.Model(model.cell, weights, model.task)
        if is_wrong(changed, rng):
            break
    return changed


def _fixture(rng):
    """A network that is right at 8 bits, and wrong at some larger width."""
    paths = sorted(FIXTURES.glob("wrong-*.safetensors"))
    return fastrnn.Model.load(paths[rng.integers(len(paths))])


def _other_task(rng):
    """A right adder that claims to do something else with two inputs."""
    model = _load("smallest-adder")
    others = [
        tasks.Subtraction(8),
        tasks.Xor(8, delay=int(rng.integers(3))),
        tasks.And(8, delay=0),
        tasks.Or(8, delay=1),
    ]
    return fastrnn.Model(model.cell, model.weights, others[rng.integers(len(others))])


_GATES = (tasks.Copy, tasks.Xor, tasks.And, tasks.Or)


def _gate(rng, scale, dtype):
    """relu networks that compute a gate of the last inputs, and also multiply large or tiny numbers."""
    kind = _GATES[rng.integers(len(_GATES))]
    task, hidden = kind(8, delay=0), 4
    weights = {
        "w_ih": np.zeros((hidden, task.input_size)),
        "w_hh": np.zeros((hidden, hidden)),
        "w_ho": np.zeros((1, hidden)),
        "b_ih": np.zeros(hidden),
        "b_hh": np.zeros(hidden),
        "b_o": np.array([-0.5]),
    }
    # Unit 0: the sum of the inputs; unit 3: what is above 1.
    weights["w_ih"][0], weights["w_ih"][3], weights["b_ih"][3] = 1, 1, -1
    weights["w_ho"][0, [0, 3]] = {"copy": (1, 0), "xor": (1, -2), "and": (0, 1), "or": (1, -1)}[task.name]
    weights["w_ih"][1, -1] = 10.0 ** scale()
    weights["w_hh"][2, 1] = 10.0 ** scale()
    weights["w_hh"][2, 2] = rng.choice([0.0, 0.5])
    weights["w_ho"][0, rng.choice([1, 2])] = rng.choice([0.0, 1.0]) * 10.0 ** scale()
    weights["b_ih"][2] = rng.choice([0.0, 1.0]) * 10.0 ** scale()
    return fastrnn.Model(
        fastrnn.Elman(hidden, "relu"), {name: weight.astype(dtype) for name, weight in weights.items()}, task
    )


def _overflow(rng):
    most = rng.choice([(20, 38), (150, 308)])
    return _gate(rng, lambda: rng.uniform(*most), np.float32 if most[1] < 40 else np.float64)


def _underflow(rng):
    """A copy, three steps late, through a number that is below the least one and is multiplied back: lost in floats."""
    dtype, digits = (np.float32, rng.uniform(23, 29.5)) if rng.random() < 0.5 else (np.float64, rng.uniform(163, 290))
    weights = {
        "w_ih": np.zeros((4, 1)),
        "w_hh": np.zeros((4, 4)),
        "w_ho": np.array([[0, 0, 0, 1.0]]),
        "b_o": np.array([-0.5]),
    }
    weights["w_ih"][0] = weights["w_hh"][1, 0] = 10.0**-digits
    weights["w_hh"][2, 1] = weights["w_hh"][3, 2] = 10.0**digits
    weights |= {"b_ih": np.zeros(4), "b_hh": np.zeros(4)}
    return fastrnn.Model(
        fastrnn.Elman(4, "relu"),
        {name: weight.astype(dtype) for name, weight in weights.items()},
        tasks.Copy(8, delay=3),
    )


def _random(rng):
    """Weights of any size."""
    task, hidden, dtype = tasks.Addition(8), int(rng.integers(1, 5)), rng.choice([np.float32, np.float64])
    size = 10.0 ** rng.uniform(-3, 20)
    shapes = {
        "w_ih": (hidden, 2),
        "w_hh": (hidden, hidden),
        "b_ih": (hidden,),
        "b_hh": (hidden,),
        "w_ho": (1, hidden),
        "b_o": (1,),
    }
    cell = fastrnn.Elman(hidden, str(rng.choice(["sigmoid", "tanh", "relu"])))
    return fastrnn.Model(
        cell, {name: (size * rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()}, replace(task)
    )


FAMILIES = {
    "a right network changed": _changed,
    "right at 8 bits only": _fixture,
    "another task's network": _other_task,
    "overflow": _overflow,
    "underflow": _underflow,
    "random weights": _random,
    **STATEMENTS,
}
# Wrong so seldom that running them on some sequences does not show it.
KNOWN = {"right at 8 bits only"}
