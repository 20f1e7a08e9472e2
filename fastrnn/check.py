"""Checks a certificate that a network is right at every width; it relies on no other code of fastrnn.

It shares no code with the prover and imports nothing of fastrnn: files are read here, byte by byte; the task is
defined here, on Python's integers; sums are exact, in Python's integers as well; activations are intervals of mpmath,
whose operations round outward.

A certificate is a graph: nodes with a box of hidden states each, and the node to which each symbol leads from each.
Let u be the unit roundoff, gamma(n) = n u / (1 - n u), and eta the smallest normal number. A kernel's sum of n
products, in any order, fused or not, is within gamma(n) times the sum of their magnitudes of the true one (Higham,
"Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.1), except for underflow: where subnormal numbers
are taken for zero, at most 2 n eta (3 + largest weight + largest state). No sum may overflow, since infinities lead to
NaN: the magnitudes must add up to less than LARGEST. The activation is within `activation` of the true one, for every
finite argument. With these errors included, `check` verifies that

1. the box of node 0 holds the zero state, and node 0 stands for the task's start;
2. every box, on every symbol, is mapped into the box of the node that follows; and all ways to a node lead to the same
   state of the task with the same last output;
3. on the box of every node but the first, each logit is on the side of zero that this output says, by the stated
   margin, more than 2**-18.

By induction over the steps the network's outputs are then right on all sequences of any length.

A certificate of format 4 states what is proved: the task's automaton and the cell's formula. Those of names that are
known here must equal the definitions here. For other names the file's own automaton and formula are the statement, and
`verdict` says that they are: the proof then holds for the network of these weights and this formula, whatever else the
name may stand for.

Whatever the files hold, an answer takes some seconds and 100 MB at most; what would take more is refused.
"""

import hashlib
import itertools
import json
import math
import os
import re
import stat
import sys
from fractions import Fraction

import numpy as np


def delayed(function):
    """Steps that answer function(bits) `delay` steps later; the state is the queue, the next answer its lowest bit."""
    def of(task):
        def step(queue, bits):
            queue |= function(bits) << task["delay"]
            return queue >> 1, [queue & 1]
        return step
    return of


def less(smaller, bits):
    return bits[0] < bits[1] or (bits[0] == bits[1] and smaller)


# A step of each task: (state, input bits) -> (next state, output bits), least significant bits first; the first state
# is 0.
STEPS = {
    "addition": lambda task: lambda carry, bits: ((carry + sum(bits)) >> 1, [(carry + sum(bits)) & 1]),
    "subtraction": lambda task: (
        lambda borrow, bits: (int(bits[0] - bits[1] - borrow < 0), [(bits[0] - bits[1] - borrow) & 1])
    ),
    "multiplication": lambda task: (
        lambda carry, bits: ((carry + task["factor"] * bits[0]) >> 1, [(carry + task["factor"] * bits[0]) & 1])
    ),
    # State 0: the one is still to be carried.
    "increment": lambda task: lambda done, bits: (int(done or not bits[0]), [bits[0] ^ 1 - done]),
    "parity": lambda task: lambda odd, bits: (odd ^ bits[0], [odd ^ bits[0]]),
    # Is the first smaller, so far?
    "comparison": lambda task: lambda smaller, bits: (int(less(smaller, bits)), [int(less(smaller, bits))]),
    "running-comparison": lambda task: lambda smaller, bits: (int(less(smaller, bits)), [int(less(smaller, bits))]),
    "copy": delayed(lambda bits: bits[0]),
    "xor": delayed(lambda bits: bits[0] ^ bits[1]),
    "and": delayed(lambda bits: bits[0] & bits[1]),
    "or": delayed(lambda bits: bits[0] | bits[1]),
}
# Fields of a task that its step reads, with what they may be; a certificate may have no other.
FIELDS = {"addition": {"operands": range(2, 9)}, "multiplication": {"factor": range(1, 4097)},
          **{name: {"delay": range(33)} for name in ("copy", "xor", "and", "or")}}
# Inputs; those that are not named have two. All have one output.
INPUTS = {"addition": lambda task: task["operands"], "multiplication": lambda task: 1, "increment": lambda task: 1,
          "parity": lambda task: 1, "copy": lambda task: 1}

# The gates of a cell, as their weights are stacked, and its formula: pre-activations (with the number of the first ones
# that the input reaches, and of the last ones that the state reaches), vectors of weights, parts of the state, the step
# of a unit, and the number of the first pre-activations that are fed a formula in place of the state, with it. x and h:
# the parts of a pre-activation that stand apart.
FORMULAS = {
    "elman": "a | a (1, 1) |  | h | v0 = {activation}(a); return v0",
    "leaky": "a | a (1, 1) |  | h | "
             "v0 = {activation}(a); v1 = -(v0, old_h); v2 = *({alpha}, v1); v3 = +(old_h, v2); return v3",
    "leaky, learned": "a | a (1, 1) | leak | h | v0 = sigmoid(leak); v1 = {activation}(a); v2 = -(v1, old_h); "
                      "v3 = *(v0, v2); v4 = +(old_h, v3); return v4",
    "mgu": "f n | n_x f n_h (2, 2) |  | h | v0 = sigmoid(f); v1 = *(v0, n_h); v2 = +(n_x, v1); v3 = tanh(v2); "
           "v4 = -(v3, old_h); v5 = *(v0, v4); v6 = +(old_h, v5); return v6",
    "gru": "r z n | n_x r z n_h (3, 3) |  | h | v0 = sigmoid(r); v1 = *(v0, n_h); v2 = +(n_x, v1); v3 = tanh(v2); "
           "v4 = sigmoid(z); v5 = -(old_h, v3); v6 = *(v4, v5); v7 = +(v3, v6); return v7",
    "gru, before": "r z n | n r z (3, 2) |  | h | v0 = tanh(n); v1 = sigmoid(z); v2 = -(old_h, v0); v3 = *(v1, v2); "
                   "v4 = +(v0, v3); return v4 | 1: v0 = sigmoid(r); v1 = *(v0, old_h); return v1",
    "lstm": "i f g o | i f g o (4, 4) |  | h c | v0 = sigmoid(o); v1 = sigmoid(f); v2 = *(v1, old_c); "
            "v3 = sigmoid(i); v4 = tanh(g); v5 = *(v3, v4); v6 = +(v2, v5); v7 = tanh(v6); v8 = *(v0, v7); "
            "return v8, v6",
    "ugrnn": "z n | z n (2, 2) |  | h | v0 = tanh(n); v1 = sigmoid(z); v2 = -(old_h, v0); v3 = *(v1, v2); "
             "v4 = +(v0, v3); return v4",
    "coupled-lstm": "f g o | f g o (3, 3) |  | h c | v0 = sigmoid(o); v1 = tanh(g); v2 = sigmoid(f); "
                    "v3 = -(old_c, v1); v4 = *(v2, v3); v5 = +(v1, v4); v6 = tanh(v5); v7 = *(v0, v6); return v7, v5",
    "peephole-lstm": "i f g o | i f g o (4, 4) | peep_i peep_f peep_o | h c | v0 = *(peep_f, old_c); v1 = +(f, v0); "
                     "v2 = sigmoid(v1); v3 = *(v2, old_c); v4 = *(peep_i, old_c); v5 = +(i, v4); v6 = sigmoid(v5); "
                     "v7 = tanh(g); v8 = *(v6, v7); v9 = +(v3, v8); v10 = *(peep_o, v9); v11 = +(o, v10); "
                     "v12 = sigmoid(v11); v13 = tanh(v9); v14 = *(v12, v13); return v14, v9",
    "janet": "f g | f g (2, 2) |  | h | v0 = sigmoid(f); v1 = *(v0, old_h); v2 = -(f, {beta}); v3 = sigmoid(v2); "
             "v4 = -(1.0, v3); v5 = tanh(g); v6 = *(v4, v5); v7 = +(v1, v6); return v7",
    "fastgrnn": "a | a (1, 1) | shift zeta nu | h | v0 = sigmoid(zeta); v1 = +(a, shift); v2 = sigmoid(v1); "
                "v3 = -(1.0, v2); v4 = *(v0, v3); v5 = sigmoid(nu); v6 = +(v4, v5); v7 = tanh(a); v8 = *(v6, v7); "
                "v9 = *(v2, old_h); v10 = +(v8, v9); return v10",
    "indrnn": "a | a (1, 0) | recurrent | h | v0 = *(recurrent, old_h); v1 = +(a, v0); v2 = {activation}(v1); "
              "return v2",
    "mingru": "z n | z n (2, 0) |  | h | v0 = sigmoid(z); v1 = -(n, old_h); v2 = *(v0, v1); v3 = +(old_h, v2); "
              "return v3",
    "multiplicative": "a | a_x a_h (1, 1) | alpha beta_h beta_x | h | v0 = *(alpha, a_x); v1 = *(v0, a_h); "
                      "v2 = *(beta_h, a_h); v3 = +(v1, v2); v4 = *(beta_x, a_x); v5 = +(v3, v4); v6 = tanh(v5); "
                      "return v6",
}
# Options of cells, beside their size and whether they have biases.
ACTIVATIONS = ("sigmoid", "tanh", "relu")
OPTIONS = {
    "elman": {"activation": lambda value: value in ACTIVATIONS},
    "leaky": {"activation": lambda value: value in ACTIVATIONS,
              "alpha": lambda value: value is None or type(value) is float and 0 < value < 1},
    "indrnn": {"activation": lambda value: value in ACTIVATIONS},
    "janet": {"beta": lambda value: type(value) is float and 0 < value < 100},
    "gru": {"reset": lambda value: value in ("after", "before")},
}

# What a proof must allow for as a kernel's activation error: four times what fastrnn.simd.functions states.
ACTIVATION_ERROR = {("sigmoid", "float32"): "8e-7", ("sigmoid", "float64"): "6.8e-16", ("tanh", "float32"): "6e-7",
                    ("tanh", "float64"): "1.12e-15", ("relu", "float32"): "0", ("relu", "float64"): "0"}
UNIT = {"float32": Fraction(1, 2**24), "float64": Fraction(1, 2**53)}
UNDERFLOW = {"float32": Fraction(1, 2**126), "float64": Fraction(1, 2**1022)}
# Sums of magnitudes must stay below this: so far from 2**128 and 2**1024 that float64 is good enough to compare with.
LARGEST = {"float32": 2.0**120, "float64": 2.0**1000}
LEAST_MARGIN = 2.0**-18
# Numbers are integers in units of 2**-PLACES: every weight is, and boxes are rounded outward, by far less than
# underflow.
PLACES = {"float32": 300, "float64": 1200}
# Bits of mpmath's intervals.
PRECISION = 80

# What is refused for its size: bytes of a file and of its header, arrays in it, weights, nodes, entries of `following`,
# products of weights with boxes, operations of formulas. Weights and products of float64 count four times.
MOST_BYTES, MOST_HEADER, MOST_ARRAYS, MOST_WEIGHTS = 1 << 23, 1 << 20, 64, (1 << 18) + (1 << 14)
MOST_NODES, MOST_EDGES, MOST_PRODUCTS, MOST_WORK = 1 << 14, 1 << 19, 10**7, 1 << 18
# Inputs, outputs, and entries of an automaton; names and statements of a formula, and the terms of a polynomial whose
# corners are looked at.
MOST_INPUTS, MOST_OUTPUTS, MOST_ENTRIES, MOST_NAMES, MOST_STATEMENTS, MOST_TERMS = 8, 32, 1 << 16, 16, 100, 6
# Sums of weights that are kept, and numbers that a step has of all units.
MOST_KEPT = 1 << 16
# Characters of a reason, of a value in it, of a name, and of a formula.
LONGEST, SHORT, NAME, TEXT = 200, 60, 40, 10_000
# The parts of a formula's text.
PARTS = ("gates", "pre-activations", "vectors", "state", "step", "operand")
# Entries of an automaton that `verdict` prints.
SHOWN = 16
# Fields of each format, beside those that all have.
FIELDS_OF = {2: {"rounding"}, 3: {"formula", "head"}, 4: {"formula", "head", "automaton"}}
TOO_LARGE, OVERFLOW = "larger than this checker takes", "boxes: values on the way could overflow"

# Arguments of a formula's operations.
ARITY = {"+": 2, "-": 2, "*": 2, "sigmoid": 1, "tanh": 1, "relu": 1}
# What no gate, vector or state may be called.
TAKEN = {"w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o", "inf", "nan"}

# Types of safetensors that NumPy has.
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8",
          "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1"}
# Arrays of this beginning hold the state of an unfinished training, which is no part of the network.
TRAINING = "training."


class Refused(Exception):
    """The certificate does not prove the model right: the message says why, in one short line that is safe to print."""

    def __init__(self, reason):
        super().__init__(printable(reason, LONGEST))


def printable(value, most=SHORT):
    """Return `value` as text of at most `most` characters, with escapes for those that could control a terminal."""
    characters = (c if c.isprintable() else ascii(c)[1:-1] for c in str(value)[: most + 1])
    text = "".join(characters)
    return text if len(text) <= most else text[: most - 3] + "..."


def require(condition, reason):
    if not condition:
        raise Refused(reason)


def check(certificate, model):
    """Verify the certificate file for the model file; return its metadata as a dict.

    Raises Refused, in one line, if it is not complete and right for exactly these weights, or a file cannot be read.
    """
    try:
        return _checked(*read(certificate, "certificate"), *read(model, "fastrnn"))
    except RecursionError as error:
        raise Refused("metadata nested too deep") from error


def _checked(boxes, claim, tensors, header):
    number = claim.get("format") if isinstance(claim, dict) else None
    require(any(same(number, each) for each in FIELDS_OF), f"format: got {printable(number)}, expected 2, 3 or 4")
    fields = {"format", "task", "cell", "dtype", "weights", "margin", *FIELDS_OF[number]}
    require(set(claim) == fields, f"certificate: expected {', '.join(sorted(fields))}")
    task = task_of(header, tensors)
    weights = {name: array for name, array in tensors.items() if not name.startswith(TRAINING)}
    require(claim["weights"] == hash_of(weights), "weights: the certificate is for other weights than the model's")
    for name, right in (("task", task), ("cell", header["cell"])):
        require(same(claim[name], right),
                f"{name}: the certificate is for {printable(claim[name])}, the model for {printable(right)}")
    step, inputs, outputs = machine_of(claim, weights)
    network = Network(weights, claim["cell"], text_of(claim), claim["dtype"], inputs, outputs)
    if number == 2:
        network.check_rounding(claim["cell"], claim["dtype"], claim["rounding"])
    else:
        require(same(claim["head"], "sigmoid"), f"head: got {printable(claim['head'])}, expected sigmoid")
    Proof(network, step, boxes, claim["margin"]).verify()
    return claim


def verdict(claim):
    """Return lines that say what a certificate proves that `check` has accepted."""
    task, cell, machine = claim["task"]["name"], claim["cell"]["name"], claim.get("automaton")
    if task in STEPS:
        lines = [f"proved for every width: {task}, every |logit| at least {claim['margin']:.3g}"]
    else:
        states, symbols = len(machine["next"]), len(machine["next"][0])
        counted = f"{states} state{'s' * (states > 1)} and {symbols} symbols"
        lines = [f"proved for every width, for the automaton in this file ({counted}): "
                 f"every |logit| at least {claim['margin']:.3g}",
                 f"this checker has no definition of its own of the task {ascii(task)}"]
        if states * symbols <= SHOWN:
            inputs = symbols.bit_length() - 1
            rows = enumerate(zip(machine["next"], machine["outputs"]))
            entries = ((state, symbol, *entry) for state, row in rows for symbol, entry in enumerate(zip(*row)))
            lines += [f"  state {state}, inputs {f'{symbol:0{inputs}b}'[::-1]}: outputs {f'{output:b}'[::-1]}, "
                      f"next state {after}" for state, symbol, after, output in entries]
    if cell not in FORMULAS:
        lines += [f"this checker has no definition of its own of the cell {ascii(cell)}: "
                  "the proof is for these weights and this formula",
                  *(f"  {name}: {part or 'none'}" for name, part in zip(PARTS, claim["formula"].split(" | ")))]
    return lines


def same(a, b):
    """Return whether two values are equal; 1 differs from 1.0 and from True."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def read(path, key):
    """Return (arrays, metadata[key] as JSON) of a safetensors file: 8 bytes of length, a JSON header, the arrays'
    bytes."""
    try:
        content, arrays = content_of(path), {}
        start = place = 8 + int.from_bytes(content[:8], "little")
        if start > min(len(content), MOST_HEADER) or content[8:9] != b"{":
            raise ValueError("not a safetensors file, or its header is too long")
        header = parsed(content[8:start])
        metadata = header.pop("__metadata__")
        if len(header) > MOST_ARRAYS or set(metadata) != {key} or not all(map(str.isascii, header)):
            raise ValueError("not the arrays or metadata of a certificate or model")
        # Arrays lie one after the other, and nothing before, between or behind them.
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            (first, last), shape = entry.pop("data_offsets"), entry.pop("shape")
            array = arrays[name] = np.ndarray(shape, DTYPES[entry.pop("dtype")], content, place)
            if entry or any(type(number) is not int for number in (first, last, *shape)):
                raise ValueError("entries of an array that are unknown, or not integers")
            if (first, last) != (place - start, place - start + array.nbytes):
                raise ValueError("arrays that are not where the header says")
            place += array.nbytes
        if place != len(content):
            raise ValueError("bytes that belong to no array")
        return arrays, parsed(metadata[key].encode())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise Refused(f"{printable(path, LONGEST // 2)}: cannot be read: {reason}") from error


def content_of(path):
    """Return the bytes of a regular file; pipes and devices, which may have no end, are not opened."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("not a regular file")
    # Nor waited for, should it be one by now.
    with open(path, "rb", opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return content


def parsed(text):
    """Parse JSON; repeated names, of which readers take one or the other, and integers of more than 40 digits are
    refused."""
    def whole(digits):
        if len(digits) > 40:
            raise ValueError("an integer of more than 40 digits")
        return int(digits)

    def unique(pairs):
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name is given twice")
        return found

    return json.loads(text.decode(), parse_int=whole, object_pairs_hook=unique)


def hash_of(weights):
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name]
        digest.update(f"{name} {array.dtype.name} {'x'.join(map(str, array.shape))}\n".encode() + array.tobytes())
    return digest.hexdigest()


def is_known(kind, described, known):
    """Return whether a task or a cell is defined here. Its name must be printable."""
    name = described.get("name") if isinstance(described, dict) else None
    require(isinstance(name, str) and 0 < len(name) <= NAME and all(c.isalnum() or c in "-_." for c in name),
            f"{kind}: got {printable(described)}, expected a name of letters, digits, - and _")
    return name in known


def inputs_of(task):
    """Return the number of inputs of a task that is defined here; its description must be complete."""
    require(is_known("task", task, STEPS), f"task: got {printable(task)}, this checker defines {', '.join(STEPS)}")
    fields = FIELDS.get(task["name"], {})
    require(
        set(task) == {"name", *fields}
        and all(type(task[name]) is int and task[name] in right for name, right in fields.items()),
        f"task: got {printable(task)}, expected the fields {', '.join(('name', *fields))}",
    )
    return INPUTS.get(task["name"], lambda task: 2)(task)


def task_of(header, tensors):
    """Return the task of a model's header, which must be complete, without its width, since the proof is for all
    widths."""
    require(isinstance(header, dict) and same(header.get("format"), 1), "model: no format, or another than 1")
    require(
        all(isinstance(header.get(name), dict) for name in ("versions", "metadata", "cell"))
        and set(header) <= {"format", "versions", "metadata", "cell", "task", "digest"},
        "model: its metadata are damaged",
    )
    require(isinstance(header.get("task"), dict), "model: no task to be right on")
    # Files of earlier versions have no digest.
    rest = json.dumps({name: value for name, value in header.items() if name != "digest"}, sort_keys=True)
    digest = hashlib.sha256(f"{hash_of(tensors)}\n{rest}".encode()).hexdigest()
    require(header.get("digest", digest) == digest, "model: its content is not what was saved")
    task, least = {name: value for name, value in header["task"].items() if name != "bits"}, 1
    if is_known("task", task, STEPS):
        inputs_of(task)
        least += max(task.get("delay", 0), (task.get("operands", 1) - 1).bit_length())
    bits = header["task"].get("bits")
    require(type(bits) is int and least <= bits < 2**63,
            f"model: bits: got {printable(bits)}, expected an integer from {least} to 2**63 - 1")
    return task


def machine_of(claim, weights):
    """Return (step, inputs, outputs) of a claim's task: step(state, symbol) gives the next state and the output; bit o
    of the output is that of output o; bit i of a symbol is input i; the first state is 0."""
    task, step = claim["task"], None
    known = claim["format"] < 4 or is_known("task", task, STEPS)
    if known:
        inputs, outputs, own = inputs_of(task), 1, STEPS[task["name"]](task)
        bits = [[symbol >> i & 1 for i in range(inputs)] for symbol in range(2**inputs)]

        def step(state, symbol):
            after, (bit,) = own(state, bits[symbol])
            return after, bit
    else:
        inputs, outputs = None, weights["w_ho"].shape[0] if "w_ho" in weights and weights["w_ho"].ndim else 0
        require(0 < outputs <= MOST_OUTPUTS, f"w_ho: got {outputs} outputs, expected 1 to {MOST_OUTPUTS}")
    if claim["format"] < 4:
        return step, inputs, outputs
    following, answers = automaton_of(claim["automaton"], inputs, outputs)

    def stated(state, symbol):
        return following[state][symbol], answers[state][symbol]

    # The automaton equals the task's own if each of its states stands for one there, with the same outputs.
    meanings, order = {0: 0}, [0]
    for state in order:
        for symbol, after in enumerate(following[state]):
            right, answer = (step or stated)(meanings[state], symbol)
            if after not in meanings:
                order.append(after)
            require(answer == answers[state][symbol] and meanings.setdefault(after, right) == right,
                    f"automaton: not that of the task {task['name']}")
    require(len(order) == len(following), f"automaton: no way leads to {len(following) - len(order)} of its states")
    return stated, len(following[0]).bit_length() - 1, outputs


def automaton_of(described, inputs, outputs):
    """Return (next states, outputs), with a row for each state and in it one number for each symbol."""
    require(isinstance(described, dict) and set(described) == {"next", "outputs"}, "automaton: expected next, outputs")
    tables = described["next"], described["outputs"]
    require(all(isinstance(rows, list) and all(isinstance(row, list) for row in rows) for rows in tables),
            "automaton: expected rows of numbers")
    states, symbols = len(tables[0]), len(tables[0][0]) if tables[0] else 0
    counts = [2**inputs] if inputs else [2**count for count in range(1, MOST_INPUTS + 1)]
    require(symbols in counts and states * symbols <= MOST_ENTRIES,
            f"automaton: got {states} states and {symbols} symbols, expected {' or '.join(map(str, counts))} symbols "
            f"and at most {MOST_ENTRIES:,} entries")
    for name, rows, most in (("next", tables[0], states), ("outputs", tables[1], 2**outputs)):
        require(len(rows) == states and all(len(row) == symbols for row in rows)
                and all(type(number) is int and 0 <= number < most for row in rows for number in row),
                f"automaton: {name}: expected {states} rows of {symbols} numbers below {most}")
    return tables


def text_of(claim):
    """Return the text of the formula of a claim's cell, whose description must be complete."""
    cell = claim["cell"]
    name, known = cell.get("name"), is_known("cell", cell, FORMULAS)
    names = [each for each in FORMULAS if "," not in each]
    require(known or claim["format"] == 4, f"cell: got {printable(name)}, this checker knows {', '.join(names)}")
    options = OPTIONS.get(name, {}) if known else dict.fromkeys(set(cell) - {"name", "hidden_size", "bias"})
    require(set(cell) == {"name", "hidden_size", "bias", *options} and type(cell["bias"]) is bool
            and type(cell["hidden_size"]) is int and cell["hidden_size"] > 0, f"cell: got {printable(cell)}")
    if not known:
        return claim["formula"]
    require(all(isinstance(cell[each], str | float | None) and fits(cell[each]) for each, fits in options.items()),
            f"cell: got {printable(cell)}")
    kind = ", before" if cell.get("reset") == "before" else ", learned" if cell.get("alpha", 0) is None else ""
    own = FORMULAS[name + kind].format(**cell)
    require(claim["format"] == 2 or same(claim["formula"], own), f"formula: not that of the cell {name}")
    return own


def scaled(array, places, up=False):
    """Return floats as integers in units of 2**-places, rounded down or up; arrays of objects compute with Python's
    ints."""
    ratios = map(float.as_integer_ratio, array.ravel().tolist())
    integers = [-((-above << places) // below) if up else (above << places) // below for above, below in ratios]
    return np.array(integers, object).reshape(array.shape)


class Structure:
    """The parts of a formula's text, "gates | pre-activations | vectors | state | statements", optionally with " |
    count: statements" of the operand that replaces the state; its names are checked, its statements not yet.

    pre: names of pre-activations; from_x, from_h: {name: the place of its rows in w_ih, in w_hh}; rows: how many gates
    W_hh has rows of; late: the pre-activations that are fed the operand.
    """

    def __init__(self, text):
        require(isinstance(text, str) and text.isascii() and len(text) <= TEXT,
                f"formula: got {printable(text)}, expected ASCII text of at most {TEXT:,} characters")
        parts = re.fullmatch(
            r"([^|]+) \| ([^|]+) \((\d\d?), (\d\d?)\) \| ([^|]*) \| ([^|]+) \| ([^|]+)(?: \| (\d\d?): ([^|]+))?", text
        )
        require(parts, f"formula: got {printable(text)}, expected gates | pre-activations | vectors | state | step")
        gates, pre, from_x, from_h, vectors, state, self.statements, count, self.operand = parts.groups()
        self.gates, self.pre, self.vectors, state = (names(part) for part in (gates, pre, vectors, state))
        self.state = [f"old_{part}" for part in state]
        first_h, from_x, count = len(self.pre) - int(from_h), int(from_x), int(count or 0)
        # Gates that inputs alone reach; those of which x and h stand apart; those that both reach.
        apart = [name[:-2] for name in self.pre[from_x:]]
        alone, both = self.pre[: max(first_h - len(apart), 0)], self.pre[max(first_h, 0) : from_x]
        right = [*alone, *(f"{gate}_x" for gate in apart), *both, *(f"{gate}_h" for gate in apart)]
        require(len(apart) <= first_h <= from_x <= len(self.pre) and self.pre == right
                and sorted([*alone, *apart, *both]) == sorted(self.gates),
                "formula: its pre-activations are not those of its gates")
        require(count <= len(alone) and (count > 0) == (self.operand is not None), "formula: no gates with an operand")
        self.late = alone[:count]
        named = [*self.pre, *self.vectors, *self.state]
        require(len({*named}) == len(named) and not any(name in TAKEN or re.fullmatch(r"v\d+", name) for name in named),
                "formula: a name that is given twice, or means something else")
        gate_of = {f"{gate}_{side}": gate for gate in apart for side in "xh"}
        reached = {*apart, *both, *self.late}
        rows = [gate for gate in self.gates if gate in reached]
        self.rows = len(rows)
        self.from_x = {name: self.gates.index(gate_of.get(name, name)) for name in self.pre[:from_x]}
        self.from_h = {name: rows.index(gate_of.get(name, name)) for name in (*self.pre[first_h:], *self.late)}


def names(part):
    """Return names separated by spaces, none of them repeated."""
    found = part.split(" ") if part else []
    require(len({*found}) == len(found) <= MOST_NAMES
            and all(re.fullmatch(r"[A-Za-z_]\w*", name) and len(name) <= NAME for name in found),
            f"formula: got {printable(part)}, expected at most {MOST_NAMES} names")
    return found


class Formula:
    """Statements "v0 = op(a, b); ...; return v0" of one unit, evaluated on intervals that cover every kernel's
    rounding.

    known: names that they may read; results: how many values they return.
    """

    def __init__(self, text, known, results, iv, dtype):
        self.iv, self.lines, self.together, self.below, self.uses = iv, {}, {}, {}, {}
        # To convert numbers to intervals takes longer than to compute with them.
        self.one, self.two, self.three = map(iv.mpf, (1, 2, 3))
        self.unit, self.eta = (self.bound(number[dtype]) for number in (UNIT, UNDERFLOW))
        errors = ACTIVATION_ERROR.items()
        self.errors = {op: self.about(self.bound(Fraction(error))) for (op, kind), error in errors if kind == dtype}
        self._parse(text, {*known}, results, LARGEST[dtype])
        self.read = {*self.results}.union(*(arguments for _, arguments in self.lines.values()))
        # Constants, which kernels of float32 round.
        numbers = self.read - {*known} - {*self.lines}
        ends = {arg: sorted([float(arg), float(np.dtype(dtype).type(float(arg)))]) for arg in numbers}
        self.constants = {arg: iv.mpf(pair) for arg, pair in ends.items()}
        self.exact = {arg: iv.mpf(float(arg)) for arg in numbers}
        for name, (op, arguments) in self.lines.items():
            if op in "+-*":
                self._count(name, op, *arguments)
        corners = sum(2 ** len(terms) * len(self.below[name]) for name, terms in self.together.items())
        # An operation without its rounding takes a fourth of the time.
        self.work = len(self.lines) + corners // 4

    def _parse(self, text, known, results, largest):
        *lines, last = text.split("; ")
        require(len(lines) <= MOST_STATEMENTS, f"formula: {TOO_LARGE}")
        used, calls = set(), set()

        def use(arguments, line):
            for arg in arguments:
                require(arg in known or arg in self.lines or is_constant(arg, largest),
                        f"formula: {printable(line)}: {printable(arg)} is no value before it")
            used.update(arguments)

        for number, line in enumerate(lines):
            call = re.fullmatch(r"v(\d+) = ([-+*]|[a-z]+)\(([^ ()]+)(?:, ([^ ()]+))?\)", line)
            require(call, f"formula: got {printable(line)}, expected v{number} = op(a, b)")
            place, op, *arguments = call.groups()
            arguments = [arg for arg in arguments if arg is not None]
            require(place == str(number) and len(arguments) == ARITY.get(op) and (op, *arguments) not in calls,
                    f"formula: {printable(line)}: out of order, given twice, or no operation of this number of values")
            use(arguments, line)
            calls.add((op, *arguments))
            self.lines[f"v{number}"] = op, arguments
        self.results = last.removeprefix("return ").split(", ")
        require(last.startswith("return ") and len(self.results) == results,
                f"formula: got {printable(last)}, expected return and {results} values")
        use(self.results, last)
        require({*self.lines} <= used, "formula: a value that nothing reads")

    def bound(self, fraction):
        """Return a number that is not below a fraction."""
        return (self.iv.mpf(fraction.numerator) / fraction.denominator).b

    def _count(self, name, op, *arguments):
        """Record the degree and the number of occurrences of each term in a sum or product, and the values it is
        computed from."""
        a, b = (self.uses.get(arg, {} if arg in self.exact else {arg: (1, 1)}) for arg in arguments)
        self.uses[name] = {}
        self.below[name] = {**self.below.get(arguments[0], {}), **self.below.get(arguments[1], {}), name: None}
        for term in {**a, **b}:
            (i, m), (j, n) = a.get(term, (0, 0)), b.get(term, (0, 0))
            self.uses[name][term] = i + j if op == "*" else max(i, j), m + n
        degrees, times = zip(*self.uses[name].values(), (0, 0))
        if max(degrees) == 1 < max(times) and len(degrees) <= MOST_TERMS + 1:
            self.together[name] = list(self.uses[name])

    def __call__(self, values, limit):
        """Return the intervals of the results for those of the inputs; none of the values may reach the limit."""
        known, slips = {**self.constants, **values}, {arg: value.delta for arg, value in self.constants.items()}
        limit = self.iv.mpf(limit)
        for name, (op, arguments) in self.lines.items():
            parts = [known[arg] for arg in arguments]
            if op in "+-*":
                exact, lost = apply(op, *parts), [slips.get(arg, 0) for arg in arguments]
                known[name] = exact + self.about(self._rounding(exact, *parts))
                if self.together:
                    slips[name] = self._slip(op, known[name], *parts, *lost)
                if name in self.together:
                    known[name] = self._corners(name, known, slips[name].b)
            else:
                known[name] = self._function(op, *parts)
            require(abs(known[name]).b < limit, OVERFLOW)
        return [known[name] for name in self.results]

    def about(self, error):
        """Return [-error, error]."""
        from mpmath.libmp import mpf_neg

        end = error._mpi_[1]
        return self.iv.make_mpf((mpf_neg(end), end))

    def _rounding(self, exact, a, b):
        """Return the rounding error of an operation, including subnormal numbers that are taken for zero."""
        return (self.unit * abs(exact) + self.eta * (self.three + abs(a) + abs(b))).b

    def _function(self, op, z):
        """Apply a function; each contains z once, so that its interval is as tight as the operations are."""
        if op == "relu":
            # A subnormal number may be taken for zero.
            return self.iv.mpf([z.a if z.a >= self.eta else 0, max(z.b, 0)])
        one, two = self.one, self.two
        value = one / (one + self.iv.exp(-z)) if op == "sigmoid" else one - two / (one + self.iv.exp(two * z))
        return value + self.errors[op]

    def _corners(self, name, known, slip):
        """Bound a polynomial that is linear in each of its terms: its extremes lie at the corners of their box."""
        terms, values = self.together[name], []
        for corner in itertools.product(*((known[term].a, known[term].b) for term in terms)):
            point = {**self.exact, **dict(zip(terms, corner))}
            for part in self.below[name]:
                op, arguments = self.lines[part]
                point[part] = apply(op, *(point[arg] for arg in arguments))
            values.append(point[name])
        low, high = min(value.a for value in values) - slip, max(value.b for value in values) + slip
        return self.iv.mpf([max(low.a, known[name].a), min(high.b, known[name].b)])

    def _slip(self, op, value, a, b, first, second):
        """Bound the distance of a computed value from the polynomial of its computed terms."""
        both = abs(a) * second + abs(b) * first + first * second if op == "*" else first + second
        return both + self._rounding(value, a, b)


def is_constant(text, largest):
    """Return whether a text is a number in Python's notation, and not too large."""
    try:
        return repr(float(text)) == text and abs(float(text)) < largest
    except ValueError:
        return False


def apply(op, a, b):
    return a + b if op == "+" else a - b if op == "-" else a * b


class Network:
    """The network on boxes, with every rounding error of its kernels.

    Boxes are in units of 2**-PLACES, sums in units of 2**-(2 PLACES + 1).
    """

    def __init__(self, weights, cell, text, dtype, inputs, outputs):
        from mpmath import MPIntervalContext

        self.iv = MPIntervalContext()
        self.iv.prec = PRECISION
        require(isinstance(dtype, str) and dtype in UNIT, f"dtype: got {printable(dtype)}")
        self.hidden, self.inputs, self.outputs = cell["hidden_size"], inputs, outputs
        self.limit, self.places = LARGEST[dtype], PLACES[dtype]
        self.cost, self.cell = self.places // PLACES["float32"], Structure(text)
        made = self.cell
        known = [*made.pre, *made.vectors, *made.state]
        require(self.hidden * (2 + len(known)) <= MOST_KEPT, f"cell: {TOO_LARGE}")
        self.formula = Formula(made.statements, known, len(made.state), self.iv, dtype)
        self.operand = made.operand and Formula(made.operand, {*known} - {*made.late}, 1, self.iv, dtype)
        # Where the formula does not read the state, nodes that lead to the same ones are joined after W_hh h.
        self.joins = not self.operand and not self.formula.read & {*made.state}
        read = self.formula.read.union(self.operand.read if self.operand else ())
        require({*made.pre, *made.vectors} <= read, "formula: a pre-activation or vector that nothing reads")
        self._set_weights(weights, cell["bias"], dtype)
        terms = inputs + self.hidden + 2
        gammas = (n * UNIT[dtype] / (1 - n * UNIT[dtype]) for n in (terms, self.hidden + 1))
        self.gamma_pre, self.gamma_out = (math.ceil(gamma * 2**self.places) for gamma in gammas)
        self.work = max(self.formula.work + (self.operand.work if self.operand else 0), len(made.pre))
        self.underflow, self.known = terms * UNDERFLOW[dtype], {}

    def _set_weights(self, weights, bias, dtype):
        hidden, made = self.hidden, self.cell
        gates, rows, outputs = len(made.gates) * hidden, made.rows * hidden, self.outputs
        shapes = {"w_ih": (gates, self.inputs), "w_hh": (rows, hidden), "w_ho": (outputs, hidden)}
        biases = {"b_ih": (gates,), "b_hh": (rows,), "b_o": (outputs,)}
        shapes |= {**(biases if bias else {}), **dict.fromkeys(made.vectors, (hidden,))}
        require(set(weights) == set(shapes), f"weights: got {', '.join(sorted(weights))}, expected {', '.join(shapes)}")
        for name, array in weights.items():
            require(array.dtype.name == dtype, f"dtype: {name} is not {dtype}")
            require(
                array.shape == shapes[name],
                f"{name}: the shape {array.shape} does not fit the cell and the task's inputs",
            )
            require(np.isfinite(array).all(), f"{name}: holds values that are not finite")
        require(sum(array.size for array in weights.values()) * self.cost <= MOST_WEIGHTS, f"weights: {TOO_LARGE}")
        weights = {name: array.astype(np.float64) for name, array in weights.items()}
        self.weights = {**{name: np.zeros(shape) for name, shape in biases.items()}, **weights}
        self.sizes = {name: np.abs(array) for name, array in self.weights.items()}
        self.largest = max(Fraction(float(size.max(initial=0))) for size in self.sizes.values())
        self.scaled = {name: scaled(array, self.places) for name, array in self.weights.items()}
        self.own = [{name: self.iv.mpf(float(weights[name][unit])) for name in made.vectors} for unit in range(hidden)]

    def check_rounding(self, cell, dtype, rounding):
        """Refuse a certificate of format 2 of other networks than Elman's, or with other bounds of rounding errors."""
        require(cell["name"] == "elman", "format: got 2, which is of Elman networks alone")
        u, terms = UNIT[dtype], self.inputs + self.hidden + 2
        right = {
            "gamma_pre": terms * u / (1 - terms * u),
            "gamma_out": (self.hidden + 1) * u / (1 - (self.hidden + 1) * u),
            "underflow": terms * UNDERFLOW[dtype],
            "activation": Fraction(ACTIVATION_ERROR[cell["activation"], dtype]),
        }
        require(isinstance(rounding, dict) and set(rounding) == set(right), f"rounding: expected {', '.join(right)}")
        for name, bound in right.items():
            given = rounding[name]
            require(type(given) is float and abs(given - float(bound)) <= 1e-12 * bound,
                    f"rounding: {name}: got {printable(given)}, the kernels need {float(bound)}")

    def _of(self, array, row):
        """Return the rows of a weight that belong to a gate."""
        return array[row * self.hidden : (row + 1) * self.hidden]

    def _given(self, weights, name, inputs):
        """Return what inputs and biases add to a pre-activation."""
        terms = []
        if name in self.cell.from_x:
            columns = self._of(weights["w_ih"], self.cell.from_x[name]).T
            terms += [self._of(weights["b_ih"], self.cell.from_x[name]), *(columns[i] for i in inputs)]
        if name in self.cell.from_h:
            terms += [self._of(weights["b_hh"], self.cell.from_h[name])]
        return sum(terms)

    def _magnitudes(self, name, far):
        """Return the largest sum of magnitudes in a pre-activation of states, or operands, up to `far` (N, H)."""
        fed = far @ self._of(self.sizes["w_hh"], self.cell.from_h[name]).T if name in self.cell.from_h else 0
        return np.max(fed + self._given(self.sizes, name, range(self.inputs)))

    def magnitudes(self, low, high):
        """Return the largest sum of magnitudes in any step from boxes (N, H) of floats; sums with operands are added
        later."""
        far = np.maximum(np.abs(low), np.abs(high))
        with np.errstate(over="ignore", invalid="ignore"):
            sums = [self._magnitudes(name, far) for name in self.cell.pre if name not in self.cell.late]
            return np.max([*sums, np.max(far @ self.sizes["w_ho"].T + self.sizes["b_o"])])

    def _lost(self, far):
        """Return what underflow may take from a sum."""
        lost = 2 * self.underflow * (3 + self.largest + Fraction(int(far.max()), 2**self.places))
        return math.ceil(lost * 2 ** (2 * self.places + 1))

    def sums(self, weight, gamma, low, high):
        """Return (lower, upper) ends of the kernels' product of a weight with states from low to high, one for each
        row."""
        far = np.maximum(np.abs(low), np.abs(high))
        # Twice the centre and the radius; the shift rounds down, hence the one.
        twice, spread = low + high, high - low + (2 * gamma * far >> self.places) + 1
        centre, radius = weight @ twice, np.abs(weight) @ spread + self._lost(far)
        return centre - radius, centre + radius

    def fed(self, low, high):
        """Return the state's contribution to each pre-activation, underflow included: {name: (lower, upper)}."""
        return {name: self._fed(name, low, high) for name in self.cell.pre if name not in self.cell.late}

    def _fed(self, name, low, high):
        if name in self.cell.from_h:
            return self.sums(self._of(self.scaled["w_hh"], self.cell.from_h[name]), self.gamma_pre, low, high)
        lost = np.full(self.hidden, self._lost(low * 0))
        return -lost, lost

    def step(self, fed, old, bits):
        """Return the states after a step with these input bits, as intervals, part by part."""
        values = [dict(own, **{part: old[n * self.hidden + unit] for n, part in enumerate(self.cell.state)})
                  for unit, own in enumerate(self.own)]
        self._put(values, fed, bits)
        if self.operand:
            from mpmath.libmp import to_rational

            ends = [self.operand(own, self.limit)[0] for own in values]
            low, high = (np.array([way(Fraction(*to_rational(end)) * 2**self.places) for end in side], object)
                         for way, side in zip((math.floor, math.ceil), zip(*(end._mpi_ for end in ends))))
            far = np.array([float(abs(end).b) for end in ends])
            require(max(self._magnitudes(name, far) for name in self.cell.late) < self.limit, OVERFLOW)
            self._put(values, {name: self._fed(name, low, high) for name in self.cell.late}, bits)
        new = [self.formula(own, self.limit) for own in values]
        return [parts[n] for n in range(len(self.cell.state)) for parts in new]

    def _put(self, values, fed, bits):
        """Set the pre-activations of each unit, as intervals."""
        for name, ends in fed.items():
            if (name, *bits) not in self.known:
                if len(self.known) * self.hidden > MOST_KEPT:
                    self.known.clear()
                inputs = [i for i, bit in enumerate(bits) if bit]
                parts = {each: self.scaled[each] for each in ("w_ih", "b_ih", "b_hh")}
                sizes = {each: np.abs(array) for each, array in parts.items()}
                self.known[name, *bits] = self._given(parts, name, inputs), self._given(sizes, name, inputs)
            for own, lower, upper in zip(values, *self.added(*ends, *self.known[name, *bits], self.gamma_pre)):
                own[name] = self.interval(lower, upper)

    def added(self, lower, upper, value, size, gamma):
        """Return the ends of sums to which weights were added; value: the weights' sum; size: that of their magnitudes.
        """
        value, error = value << self.places + 1, size * gamma << 1
        return lower + value - error, upper + value + error

    def interval(self, lower, upper):
        """Return the interval of mpmath around integers in the units of sums."""
        from mpmath.libmp import from_man_exp, round_ceiling, round_floor

        exponent = -2 * self.places - 1
        return self.iv.make_mpf((from_man_exp(lower, exponent, PRECISION, round_floor),
                                 from_man_exp(upper, exponent, PRECISION, round_ceiling)))

    def margin(self, low, high, output):
        """Return a lower bound, a float, of the distance of any logit from the wrong side on all of the state's box;
        bit o of the output is that of logit o."""
        bias = self.scaled["b_o"]
        ends = self.added(
            *self.sums(self.scaled["w_ho"], self.gamma_out, low, high), bias, np.abs(bias), self.gamma_out
        )
        least = min(lower if output >> o & 1 else -upper for o, (lower, upper) in enumerate(zip(*ends)))
        # Division rounds to nearest, so one step down is below.
        return math.nextafter(least / 2 ** (2 * self.places + 1), -math.inf)


class Proof:
    """The graph of a certificate, and the three conditions to verify."""

    def __init__(self, network, step, arrays, margin):
        self.network, self.step, self.margin = network, step, margin
        self.bits = [[(symbol >> i) & 1 for i in range(network.inputs)] for symbol in range(2**network.inputs)]
        require(set(arrays) == {"low", "high", "following"}, f"arrays: got {', '.join(sorted(arrays))}")
        nodes = len(arrays["following"]) if arrays["following"].ndim else 0
        require(1 <= nodes <= MOST_NODES, f"following: got {nodes} nodes, expected 1 to {MOST_NODES}")
        units, made = network.hidden * len(network.cell.state), network.cell
        shapes = {"low": (nodes, units), "high": (nodes, units), "following": (nodes, len(self.bits))}
        for name, shape in shapes.items():
            right = np.int64 if name == "following" else np.float64
            require(arrays[name].shape == shape and arrays[name].dtype == right,
                    f"{name}: expected {right.__name__} of shape {shape}")
        self.low, self.high, following = arrays["low"], arrays["high"], arrays["following"]
        require(np.isfinite(self.low).all() and np.isfinite(self.high).all(), "boxes: not all ends are finite")
        require((self.low <= self.high).all(), "boxes: a lower end is above its upper end")
        rows = made.rows * network.hidden + len(made.pre) + network.outputs
        products = nodes * rows * network.hidden * network.cost
        require(following.size <= MOST_EDGES and products <= MOST_PRODUCTS, f"boxes: {TOO_LARGE}")
        require((following >= 0).all() and (following < nodes).all(), f"following: expected nodes 0 to {nodes - 1}")
        self.following = list(map(tuple, following.tolist()))

    def verify(self):
        """Raise Refused unless all conditions hold."""
        # 1. The task's state is 0 there because the walk below begins with it.
        require((self.low[0] <= 0).all() and (self.high[0] >= 0).all(), "node 0: its box does not hold the zero state")
        meanings, least = self._walk(), math.inf
        hidden, iv = self.network.hidden, self.network.iv
        magnitudes = self.network.magnitudes(self.low[:, :hidden], self.high[:, :hidden])
        require(magnitudes < self.network.limit, f"boxes: sums of magnitude {magnitudes:.3g} could overflow")
        # Nodes that are followed by the same ones make their step together, where only what they feed back counts.
        alike = {}
        for node, following in enumerate(self.following):
            alike.setdefault((following, 0 if self.network.joins else node), []).append(node)
        steps = len(alike) * len(self.bits) * hidden * self.network.work
        require(steps <= MOST_WORK, f"boxes: {TOO_LARGE}")
        for (following, _), nodes in alike.items():
            joined = {}
            for node in nodes:
                ends = (self.low, False), (self.high, True)
                state = [scaled(end[node, :hidden], self.network.places, up) for end, up in ends]
                for name, ends in self.network.fed(*state).items():
                    lower, upper = joined.get(name, ends)
                    joined[name] = np.minimum(lower, ends[0]), np.maximum(upper, ends[1])
                if node:
                    least = min(least, self.network.margin(*state, meanings[node][1]))
            old = [iv.mpf(pair) for pair in zip(self.low[nodes[0]].tolist(), self.high[nodes[0]].tolist())]
            for bits, after in zip(self.bits, following):
                self._inside(self.network.step(joined, old, bits), after)
        require(
            type(self.margin) is float and least > LEAST_MARGIN,
            f"margin: the logits come within {least} of the wrong side",
        )
        require(
            self.margin <= least <= self.margin + 1e-6 * (1 + least), f"margin: got {self.margin}, verified {least}"
        )

    def _walk(self):
        """Return {node: (the task's state, the output on the way there)}, which must not depend on the way."""
        meanings, order = {0: (0, None)}, [0]
        for node in order:
            for symbol, after in enumerate(self.following[node]):
                meaning = self.step(meanings[node][0], symbol)
                if after not in meanings:
                    order.append(after)
                require(meanings.setdefault(after, meaning) == meaning,
                        f"node {after}: two ways to it mean different things to the task")
        require(
            len(meanings) == len(self.low), f"following: no way leads to {len(self.low) - len(meanings)} of the nodes"
        )
        return meanings

    def _inside(self, state, node):
        for unit, part in enumerate(state):
            require(part.a >= float(self.low[node, unit]) and part.b <= float(self.high[node, unit]),
                    f"node {node}: unit {unit} leaves its box")


def main(paths):
    """Print the result of checking a certificate for a model; return 0, 1 if it is refused, or 2 for wrong arguments.
    """
    if len(paths) != 2:
        print("usage: python check.py CERTIFICATE MODEL", file=sys.stderr)
        return 2
    try:
        print(*verdict(check(*paths)), sep="\n")
    except Refused as refused:
        print(f"refused: {refused}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
