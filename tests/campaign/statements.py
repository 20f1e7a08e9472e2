"""Random changes to what a certificate states: its automaton, its formula, its names.

The network is right, and so is its proof; what a changed file states is refused, or true of the network.
"""

import itertools
import json
import re

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from strangers import described_cell, is_true, proved_stranger

import fastrnn
from fastrnn.check import FORMULAS, STEPS, Refused, check, verdict

CHANGES = 12


def forge(rng, change):
    """Print what came of some changed certificates; return 1 if one was accepted that states what is not true."""
    found, came = proved_stranger(), set()
    found.save("certificate.safetensors")
    found.model.save("model.safetensors")
    arrays, claim = _read("certificate.safetensors", "certificate")
    weights, header = _read("model.safetensors", "fastrnn")
    # A digest is for damage, not for forgers: files need none.
    header.pop("digest")
    for _ in range(CHANGES):
        forged, model = json.loads(json.dumps(claim)), json.loads(json.dumps(header))
        change(rng, forged)
        if rng.random() < 0.3:
            _rename(rng, forged, model)
        save_file(arrays, "forged.safetensors", {"certificate": json.dumps(forged)})
        save_file(weights, "other.safetensors", {"fastrnn": json.dumps(model)})
        try:
            accepted = check("forged.safetensors", "other.safetensors")
        except Refused:
            came.add("refused")
            continue
        if not is_true(accepted, weights, sequences=32, steps=64) or not _said(accepted):
            print(f"accepted: {json.dumps(forged['automaton'])} {forged['formula']} {accepted['task']}"[:300])
            return 1
        came.add("true")
    print(" or ".join(sorted(came)))
    return 0


def _read(path, key):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()[key])


def _said(claim):
    """Whether a verdict names as known only what is known, and then rightly."""
    # The network is an adder, and its cell none that is known.
    known = claim["task"]["name"] in STEPS
    right = claim["task"] == {"name": "addition", "operands": 2} if known else True
    said = "\n".join(verdict(claim)).count("no definition of its own")
    return right and claim["cell"]["name"] not in FORMULAS and said == 2 - known


def _rename(rng, forged, model):
    """Another name of the task or the cell, in both files."""
    tasks = [{"name": "addition", "operands": 2}, {"name": "subtraction"}, {"name": "xor", "delay": 0}, {"name": "x"}]
    if rng.random() < 0.5:
        forged["task"] = tasks[rng.integers(len(tasks))]
        model["task"] = {**forged["task"], "bits": 8}
    else:
        cells = [described_cell(fastrnn.MGU(8)), described_cell(fastrnn.GRU(8)), {**forged["cell"], "name": "mgu "}]
        forged["cell"] = model["cell"] = cells[rng.integers(len(cells))]


def automaton(rng, claim):
    """Entries changed, states exchanged, added or split: the last leaves the machine what it is."""
    following, outputs = (np.array(claim["automaton"][name]) for name in ("next", "outputs"))
    for _ in range(rng.integers(1, 4)):
        states, symbols = following.shape
        state, symbol = rng.integers(states), rng.integers(symbols)
        kind = rng.integers(4)
        if kind == 0:
            outputs[state, symbol] ^= 1
        elif kind == 1:
            following[state, symbol] = rng.integers(states + 1)
        elif kind == 2:
            order = rng.permutation(states)
            following, outputs = np.argsort(order)[following[order] % states], outputs[order]
        else:
            following, outputs = np.vstack([following, following[state]]), np.vstack([outputs, outputs[state]])
            ways = np.argwhere(following == state)
            following[tuple(ways[rng.integers(len(ways))])] = states
    claim["automaton"] = {"next": following.tolist(), "outputs": outputs.tolist()}


def formula(rng, claim):
    """Words exchanged, statements left out, doubled or moved, arguments turned."""
    text = claim["formula"]
    for _ in range(rng.integers(1, 3)):
        words = re.findall(r"[\w.]+|[-+*]|\S", text)
        kind = rng.integers(4)
        if kind == 0:
            old, new = rng.choice(words, 2)
            places = [found.start() for found in re.finditer(re.escape(old), text)]
            place = places[rng.integers(len(places))]
            text = text[:place] + new + text[place + len(old) :]
        elif kind == 1:
            pairs = re.findall(r"\(\w+, \w+\)", text)
            pair = pairs[rng.integers(len(pairs))] if pairs else ""
            text = text.replace(pair, f"({', '.join(pair[1:-1].split(', ')[::-1])})") if pair else text
        else:
            lines = text.split("; ")
            place = rng.integers(len(lines))
            line = lines.pop(place)
            if kind == 3:
                lines[place:place] = itertools.repeat(line, rng.integers(1, 3))
            else:
                lines.insert(rng.integers(len(lines) + 1), line)
            text = "; ".join(lines)
    claim["formula"] = text


STATEMENTS = {"another automaton": automaton, "another formula": formula}
