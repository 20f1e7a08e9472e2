"""Checks a certificate that a network is right at every width, and trusts nothing but this file.

It shares no code with the prover and imports nothing of fastrnn: files are read here, byte by byte; the task is
defined here, on Python's integers; sums are exact, in Python's integers as well; activations are intervals of mpmath,
whose operations round outward.

A certificate is a graph: nodes with a box of hidden states each, and the node to which each symbol leads from each.
Let u be the unit roundoff, gamma(n) = n u / (1 - n u), and eta the smallest normal number. A kernel's sum of n
products, in any order, fused or not, is within gamma(n) times the sum of their magnitudes of the true one (Higham,
"Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.1), but for underflow: where subnormal numbers are
taken for zero, at most 2 n eta (3 + largest weight + largest state). No sum may overflow, since infinities lead to NaN:
the magnitudes must add up to less than LARGEST. The activation is within `activation` of the true one, for every
finite argument. With these errors included, `check` verifies that

1. the box of node 0 holds the zero state, and node 0 stands for the task's start;
2. every box, on every symbol, is mapped into the box of the node that follows; and all ways to a node lead to the same
   state of the task with the same last output;
3. on the box of every node but the first, each logit is on the side of zero that this output says, by the stated
   margin, more than 2**-18.

By induction over the steps the network's outputs are then right on all sequences of any length.

Whatever the files hold, an answer takes some seconds and 100 MB at most; what would take more is refused.
"""

import hashlib
import itertools
import json
import math
import os
import stat
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

# The gates of a cell, as their weights are stacked, and its formula: pre-activations (of which the first so many are
# reached by the input, the last so many by the state), vectors of weights, parts of the state, the step of a unit, and
# what the first pre-activations are fed in place of the state. x and h: the parts of a pre-activation that stand apart.
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

# What is refused for its size: bytes of a file and of its header, arrays in it, weights in one array, nodes, entries of
# `following`, products of weights with boxes, operations of formulas. Weights and products of float64 count four times.
MOST_BYTES, MOST_HEADER, MOST_ARRAYS, MOST_WEIGHTS = 1 << 23, 1 << 20, 64, 1 << 18
MOST_NODES, MOST_EDGES, MOST_PRODUCTS, MOST_WORK = 1 << 14, 1 << 19, 10**7, 1 << 18
# Characters of a reason, and of a value in it.
LONGEST, SHORT = 200, 60
TOO_LARGE, OVERFLOW = "larger than this checker takes", "boxes: values on the way could overflow"

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
    """`value` as text of at most `most` characters, with escapes for those that could steer a terminal."""
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
    require(same(number, 2) or same(number, 3), f"format: got {printable(number)}, this checker reads 2 and 3")
    fields = {"format", "task", "cell", "dtype", "weights", "margin"}
    fields |= {"formula", "head"} if number == 3 else {"rounding"}
    require(set(claim) == fields, f"certificate: expected {', '.join(sorted(fields))}")
    task = task_of(header, tensors)
    weights = {name: array for name, array in tensors.items() if not name.startswith(TRAINING)}
    require(claim["weights"] == hash_of(weights), "weights: the certificate is for other weights than the model's")
    for name, right in (("task", task), ("cell", header["cell"])):
        require(same(claim[name], right),
                f"{name}: the certificate is for {printable(claim[name])}, the model for {printable(right)}")
    network = Network(weights, claim["cell"], claim["dtype"], inputs_of(task))
    if number == 3:
        right = formula_of(claim["cell"])
        require(same(claim["formula"], right), f"formula: not that of the cell {claim['cell']['name']}")
        require(same(claim["head"], "sigmoid"), f"head: got {printable(claim['head'])}, expected sigmoid")
    else:
        network.check_rounding(claim["cell"], claim["dtype"], claim["rounding"])
    Proof(network, STEPS[task["name"]](task), boxes, claim["margin"]).verify()
    return claim


def same(a, b):
    """Equality that also tells 1 from 1.0 and True."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def read(path, key):
    """(arrays, metadata[key] as JSON) of a safetensors file: 8 bytes of length, a JSON header, the arrays' bytes."""
    try:
        content, arrays = content_of(path), {}
        start = place = 8 + int.from_bytes(content[:8], "little")
        if start > min(len(content), MOST_HEADER) or content[8:9] != b"{":
            raise ValueError("no safetensors file, or too long a header")
        header = parsed(content[8:start])
        metadata = header.pop("__metadata__")
        if len(header) > MOST_ARRAYS or set(metadata) != {key} or not all(map(str.isascii, header)):
            raise ValueError("not the arrays or metadata of such a file")
        # Arrays lie one after the other, and nothing before, between or behind them.
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            (first, last), shape = entry.pop("data_offsets"), entry.pop("shape")
            array = arrays[name] = np.ndarray(shape, DTYPES[entry.pop("dtype")], content, place)
            if entry or any(type(number) is not int for number in (first, last, *shape)):
                raise ValueError("sizes of arrays that are no integers, or more than sizes")
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
    """The bytes of a regular file: pipes and devices, which may have no end, are not opened."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("no regular file")
    # Nor waited for, should it be one by now.
    with open(path, "rb", opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return content


def parsed(text):
    """JSON without names given twice, of which readers take one or the other, and without endless integers."""
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


def inputs_of(task):
    """The number of inputs of a task's description, which must be complete."""
    require(isinstance(task, dict) and isinstance(task.get("name"), str) and task["name"] in STEPS,
            f"task: got {printable(task)}, this checker defines {', '.join(STEPS)}")
    fields = FIELDS.get(task["name"], {})
    require(
        set(task) == {"name", *fields}
        and all(type(task[name]) is int and task[name] in right for name, right in fields.items()),
        f"task: got {printable(task)}, expected the fields {', '.join(('name', *fields))}",
    )
    return INPUTS.get(task["name"], lambda task: 2)(task)


def task_of(header, tensors):
    """The task of a model's header, which must be complete; without its width, since the proof is for all of them."""
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
    task = {name: value for name, value in header["task"].items() if name != "bits"}
    inputs_of(task)
    bits, least = header["task"].get("bits"), 1 + max(task.get("delay", 0), (task.get("operands", 1) - 1).bit_length())
    require(type(bits) is int and bits >= least, f"model: bits: got {printable(bits)}, expected at least {least}")
    return task


def formula_of(cell):
    """The text of a cell's formula, from its description, which must be complete."""
    name = cell.get("name")
    known = [each for each in FORMULAS if "," not in each]
    require(name in known, f"cell: got {printable(name)}, this checker knows {', '.join(known)}")
    options = OPTIONS.get(name, {})
    require(set(cell) == {"name", "hidden_size", "bias", *options} and type(cell["bias"]) is bool
            and type(cell["hidden_size"]) is int and cell["hidden_size"] > 0
            and all(isinstance(cell[each], str | float | None) and fits(cell[each]) for each, fits in options.items()),
            f"cell: got {printable(cell)}")
    kind = ", before" if cell.get("reset") == "before" else ", learned" if cell.get("alpha", 0) is None else ""
    return FORMULAS[name + kind].format(**cell)


def scaled(array, places, up=False):
    """Floats as integers in units of 2**-places, rounded down, or up; arrays of objects compute with Python's ints."""
    ratios = map(float.as_integer_ratio, array.ravel().tolist())
    integers = [-((-above << places) // below) if up else (above << places) // below for above, below in ratios]
    return np.array(integers, object).reshape(array.shape)


class Formula:
    """Statements "name = op(a, b)" of one unit, as text, on intervals: rounded as any kernel may round them."""

    def __init__(self, text, iv, dtype):
        *lines, results = text.split("; ")
        self.iv, self.results = iv, results.removeprefix("return ").split(", ")
        self.lines, self.uses, self.together = {}, {}, {}
        self.unit, self.eta = (self.bound(number[dtype]) for number in (UNIT, UNDERFLOW))
        errors = ACTIVATION_ERROR.items()
        self.errors = {op: self.bound(Fraction(error)) for (op, kind), error in errors if kind == dtype}
        for line in lines:
            name, call = line.split(" = ")
            op, arguments = call[:-1].split("(")
            self.lines[name] = op, arguments.split(", ")
            if op in "+-*":
                self._count(name, op, *self.lines[name][1])
        # Constants, which kernels of float32 round.
        numbers = {arg for _, arguments in self.lines.values() for arg in arguments if arg[0].isdigit()}
        ends = {arg: sorted([float(arg), float(np.dtype(dtype).type(float(arg)))]) for arg in numbers}
        self.constants = {arg: iv.mpf(pair) for arg, pair in ends.items()}
        self.work = len(lines) + sum(2 ** len(terms) for terms in self.together.values())

    def bound(self, fraction):
        """A number that is not below a fraction."""
        return (self.iv.mpf(fraction.numerator) / fraction.denominator).b

    def _count(self, name, op, *arguments):
        """Note in what degree, and how often, a sum or product has each of its terms."""
        a, b = (self.uses.get(arg, {} if arg[0].isdigit() else {arg: (1, 1)}) for arg in arguments)
        self.uses[name] = {}
        for term in [*a, *b]:
            (i, m), (j, n) = a.get(term, (0, 0)), b.get(term, (0, 0))
            self.uses[name][term] = i + j if op == "*" else max(i, j), m + n
        degrees, times = zip(*self.uses[name].values())
        if max(degrees) == 1 < max(times):
            self.together[name] = list(self.uses[name])

    def __call__(self, values, limit):
        """The intervals of the results for those of the inputs; none of its values may reach the limit."""
        known = {**self.constants, **values}
        for name, (op, arguments) in self.lines.items():
            parts = [known[arg] for arg in arguments]
            if op in "+-*":
                exact = apply(op, *parts)
                known[name] = exact + self.about(self._rounding(exact, *parts))
                if name in self.together:
                    known[name] = self._corners(name, known)
            else:
                known[name] = self._function(op, *parts)
            require(abs(known[name]).b < limit, OVERFLOW)
        return [known[name] for name in self.results]

    def about(self, error):
        """[-error, error]"""
        return self.iv.mpf([-error, error])

    def _rounding(self, exact, a, b):
        """What an operation may lose, where subnormal numbers may be taken for zero, too."""
        return (self.unit * abs(exact) + self.eta * (3 + abs(a) + abs(b))).b

    def _function(self, op, z):
        """Each has z once, so that its interval is as tight as the operations are."""
        if op == "relu":
            return self.iv.mpf([max(z.a, 0), max(z.b, 0)])
        value = 1 / (1 + self.iv.exp(-z)) if op == "sigmoid" else 1 - 2 / (1 + self.iv.exp(2 * z))
        return value + self.about(self.errors[op])

    def _corners(self, name, known):
        """A polynomial that is linear in each of its terms takes its extremes at the corners of their box."""
        terms, slip = self.together[name], self._slip(name, known).b
        corners = itertools.product(*((known[term].a, known[term].b) for term in terms))
        values = [self._value(name, dict(zip(terms, corner))) for corner in corners]
        low, high = min(value.a for value in values) - slip, max(value.b for value in values) + slip
        return self.iv.mpf([max(low.a, known[name].a), min(high.b, known[name].b)])

    def _value(self, name, point):
        if name in point or name in self.constants:
            return point[name] if name in point else self.iv.mpf(float(name))
        op, arguments = self.lines[name]
        return apply(op, *(self._value(arg, point) for arg in arguments))

    def _slip(self, name, known):
        """How far a computed value may be from the polynomial of its computed terms."""
        if name not in self.uses:
            return known[name].delta if name in self.constants else self.iv.mpf(0)
        op, (a, b) = self.lines[name]
        first, second = self._slip(a, known), self._slip(b, known)
        both = abs(known[a]) * second + abs(known[b]) * first + first * second if op == "*" else first + second
        return both + self._rounding(known[name], known[a], known[b])


def apply(op, a, b):
    return a + b if op == "+" else a - b if op == "-" else a * b


class Network:
    """The network on boxes, with every rounding error of its kernels; it has one output.

    Boxes are in units of 2**-PLACES, sums in units of 2**-(2 PLACES + 1).
    """

    def __init__(self, weights, cell, dtype, inputs):
        from mpmath import MPIntervalContext

        self.iv = MPIntervalContext()
        self.iv.prec = PRECISION
        gates, groups, vectors, state, text, *late = formula_of(cell).split(" | ")
        require(isinstance(dtype, str) and dtype in UNIT, f"dtype: got {printable(dtype)}")
        self.hidden, self.inputs, self.limit, self.places = cell["hidden_size"], inputs, LARGEST[dtype], PLACES[dtype]
        self.cost, self.vectors = self.places // PLACES["float32"], vectors.split()
        self.state = [f"old_{part}" for part in state.split()]
        count, operand = late[0].split(": ") if late else (0, None)
        self.formula, self.operand = Formula(text, self.iv, dtype), operand and Formula(operand, self.iv, dtype)
        self._set_groups(gates.split(), groups, int(count))
        self._set_weights(weights, len(gates.split()), cell["bias"], dtype)
        terms = inputs + self.hidden + 2
        gammas = (n * UNIT[dtype] / (1 - n * UNIT[dtype]) for n in (terms, self.hidden + 1))
        self.gamma_pre, self.gamma_out = (math.ceil(gamma * 2**self.places) for gamma in gammas)
        self.work = self.formula.work + (self.operand.work if self.operand else 0)
        self.underflow, self.known = terms * UNDERFLOW[dtype], {}

    def _set_groups(self, gates, groups, operands):
        """Which pre-activations inputs, the state and the operand reach, and which rows of the weights they have."""
        names, counts = groups[:-1].split(" (")
        self.pre, (from_x, from_h) = names.split(), map(int, counts.split(", "))
        self.late, first_h = self.pre[:operands], len(self.pre) - from_h
        reached = [name.removesuffix("_h") for name in (*self.pre[first_h:], *self.late)]
        self.rows = [gate for gate in gates if gate in reached]
        self.from_x = {name: gates.index(name.removesuffix("_x")) for name in self.pre[:from_x]}
        self.from_h = {name: self.rows.index(name.removesuffix("_h")) for name in (*self.pre[first_h:], *self.late)}
        # Where the formula does not read the state, nodes that lead to the same ones are joined after W_hh h.
        read = {*self.formula.results}.union(*(arguments for _, arguments in self.formula.lines.values()))
        self.joins = not self.operand and not read & {*self.state}

    def _set_weights(self, weights, gates, bias, dtype):
        hidden, rows = self.hidden, len(self.rows)
        shapes = {"w_ih": (gates * hidden, self.inputs), "w_hh": (rows * hidden, hidden), "w_ho": (1, hidden)}
        biases = {"b_ih": (gates * hidden,), "b_hh": (rows * hidden,), "b_o": (1,)}
        shapes |= {**(biases if bias else {}), **dict.fromkeys(self.vectors, (hidden,))}
        require(set(weights) == set(shapes), f"weights: got {', '.join(sorted(weights))}, expected {', '.join(shapes)}")
        for name, array in weights.items():
            require(array.dtype.name == dtype, f"dtype: {name} is not {dtype}")
            require(
                array.shape == shapes[name],
                f"{name}: the shape {array.shape} does not fit the cell and the task's inputs",
            )
            require(np.isfinite(array).all(), f"{name}: holds values that are not finite")
        require(rows * hidden**2 * self.cost <= MOST_WEIGHTS, f"w_hh: {TOO_LARGE}")
        weights = {name: array.astype(np.float64) for name, array in weights.items()}
        self.weights = {**{name: np.zeros(shape) for name, shape in biases.items()}, **weights}
        self.sizes = {name: np.abs(array) for name, array in self.weights.items()}
        self.largest = max(Fraction(float(size.max(initial=0))) for size in self.sizes.values())
        self.scaled = {name: scaled(array, self.places) for name, array in self.weights.items()}
        self.own = [{name: self.iv.mpf(float(weights[name][unit])) for name in self.vectors} for unit in range(hidden)]

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
        """The rows of a weight that belong to a gate."""
        return array[row * self.hidden : (row + 1) * self.hidden]

    def _given(self, weights, name, inputs):
        """What inputs and biases add to a pre-activation."""
        terms = []
        if name in self.from_x:
            columns = self._of(weights["w_ih"], self.from_x[name]).T
            terms = [self._of(weights["b_ih"], self.from_x[name]), *(columns[i] for i in inputs)]
        return sum(terms + [self._of(weights["b_hh"], self.from_h[name])] if name in self.from_h else terms)

    def _magnitudes(self, name, far):
        """The largest sum of magnitudes in a pre-activation that is fed states, or operands, up to `far` (N, H)."""
        fed = far @ self._of(self.sizes["w_hh"], self.from_h[name]).T if name in self.from_h else 0
        return np.max(fed + self._given(self.sizes, name, range(self.inputs)))

    def magnitudes(self, low, high):
        """The largest sum of magnitudes in any step from boxes (N, H) of floats; those with operands come later."""
        far = np.maximum(np.abs(low), np.abs(high))
        with np.errstate(over="ignore", invalid="ignore"):
            sums = [self._magnitudes(name, far) for name in self.pre if name not in self.late]
            return np.max([*sums, np.max(far @ self.sizes["w_ho"].T + self.sizes["b_o"])])

    def _lost(self, far):
        """What underflow may take from a sum."""
        lost = 2 * self.underflow * (3 + self.largest + Fraction(int(far.max()), 2**self.places))
        return math.ceil(lost * 2 ** (2 * self.places + 1))

    def sums(self, weight, gamma, low, high):
        """(lower, upper) ends of the kernels' product of a weight with states from low to high, one for each row."""
        far = np.maximum(np.abs(low), np.abs(high))
        # Twice the centre and the radius; the shift rounds down, hence the one.
        twice, spread = low + high, high - low + (2 * gamma * far >> self.places) + 1
        centre, radius = weight @ twice, np.abs(weight) @ spread + self._lost(far)
        return centre - radius, centre + radius

    def fed(self, low, high):
        """What each pre-activation takes from the state, or loses to underflow: {name: (lower, upper)}."""
        return {name: self._fed(name, low, high) for name in self.pre if name not in self.late}

    def _fed(self, name, low, high):
        if name in self.from_h:
            return self.sums(self._of(self.scaled["w_hh"], self.from_h[name]), self.gamma_pre, low, high)
        lost = np.full(self.hidden, self._lost(low * 0))
        return -lost, lost

    def step(self, fed, old, bits):
        """The states after a step with these input bits, as intervals, for those before it, part by part."""
        values = [dict(own, **{part: old[n * self.hidden + unit] for n, part in enumerate(self.state)})
                  for unit, own in enumerate(self.own)]
        self._put(values, fed, bits)
        if self.operand:
            from mpmath.libmp import to_rational

            ends = [self.operand(own, self.limit)[0] for own in values]
            low, high = (np.array([way(Fraction(*to_rational(end)) * 2**self.places) for end in side], object)
                         for way, side in zip((math.floor, math.ceil), zip(*(end._mpi_ for end in ends))))
            far = np.array([float(abs(end).b) for end in ends])
            require(max(self._magnitudes(name, far) for name in self.late) < self.limit, OVERFLOW)
            self._put(values, {name: self._fed(name, low, high) for name in self.late}, bits)
        new = [self.formula(own, self.limit) for own in values]
        return [parts[n] for n in range(len(self.state)) for parts in new]

    def _put(self, values, fed, bits):
        """Give each unit its pre-activations, as intervals."""
        for name, ends in fed.items():
            if (name, *bits) not in self.known:
                inputs = [i for i, bit in enumerate(bits) if bit]
                parts = {each: self.scaled[each] for each in ("w_ih", "b_ih", "b_hh")}
                sizes = {each: np.abs(array) for each, array in parts.items()}
                self.known[name, *bits] = self._given(parts, name, inputs), self._given(sizes, name, inputs)
            for own, lower, upper in zip(values, *self.added(*ends, *self.known[name, *bits], self.gamma_pre)):
                own[name] = self.interval(lower, upper)

    def added(self, lower, upper, value, size, gamma):
        """The ends of sums to which weights are added: their sum and that of their magnitudes."""
        value, error = value << self.places + 1, size * gamma << 1
        return lower + value - error, upper + value + error

    def interval(self, lower, upper):
        """The interval of mpmath around integers in the units of sums."""
        from mpmath.libmp import from_man_exp, round_ceiling, round_floor

        exponent = -2 * self.places - 1
        return self.iv.make_mpf((from_man_exp(lower, exponent, PRECISION, round_floor),
                                 from_man_exp(upper, exponent, PRECISION, round_ceiling)))

    def margin(self, low, high, output):
        """A float not above the least distance of the logit from the wrong side, on all of the state's box."""
        bias = self.scaled["b_o"]
        (lower,), (upper,) = self.added(
            *self.sums(self.scaled["w_ho"], self.gamma_out, low, high), bias, np.abs(bias), self.gamma_out
        )
        # Division rounds to nearest, so one step down is below.
        return math.nextafter((lower if output else -upper) / 2 ** (2 * self.places + 1), -math.inf)


class Proof:
    """The graph of a certificate, and the three things to verify of it."""

    def __init__(self, network, step, arrays, margin):
        self.network, self.step, self.margin = network, step, margin
        self.bits = [[(symbol >> i) & 1 for i in range(network.inputs)] for symbol in range(2**network.inputs)]
        require(set(arrays) == {"low", "high", "following"}, f"arrays: got {', '.join(sorted(arrays))}")
        nodes = len(arrays["following"]) if arrays["following"].ndim else 0
        require(1 <= nodes <= MOST_NODES, f"following: got {nodes} nodes, expected 1 to {MOST_NODES}")
        units = network.hidden * len(network.state)
        shapes = {"low": (nodes, units), "high": (nodes, units), "following": (nodes, len(self.bits))}
        for name, shape in shapes.items():
            right = np.int64 if name == "following" else np.float64
            require(arrays[name].shape == shape and arrays[name].dtype == right,
                    f"{name}: expected {right.__name__} of shape {shape}")
        self.low, self.high, following = arrays["low"], arrays["high"], arrays["following"]
        require(np.isfinite(self.low).all() and np.isfinite(self.high).all(), "boxes: not all ends are finite")
        require((self.low <= self.high).all(), "boxes: a lower end is above its upper end")
        products = nodes * len(network.rows) * network.hidden**2 * network.cost
        require(following.size <= MOST_EDGES and products <= MOST_PRODUCTS, f"boxes: {TOO_LARGE}")
        require((following >= 0).all() and (following < nodes).all(), f"following: expected nodes 0 to {nodes - 1}")
        self.following = list(map(tuple, following.tolist()))

    def verify(self):
        """Raise Refused unless all holds."""
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
                    least = min(least, self.network.margin(*state, *meanings[node][1]))
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
        """{node: (the task's state, the output on the way there)}, which must not depend on the way."""
        meanings, order = {0: (0, None)}, [0]
        for node in order:
            for bits, after in zip(self.bits, self.following[node]):
                meaning = self.step(meanings[node][0], bits)
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
