"""Checks a certificate that a network is right at every width, and trusts nothing but this file.

It shares no code with the prover and imports nothing of fastrnn: files are read here, byte by byte; the task is
defined here, on Python's integers; real numbers are intervals of mpmath.iv, whose operations round outward.

A certificate is a graph: nodes with a box of hidden states each, and the node to which each symbol leads from each. Let u
be the unit roundoff, and gamma(n) = n u / (1 - n u). A kernel's sum of n products, in any order, fused or not, is within
gamma(n) times the sum of their magnitudes of the true one (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
ed., section 3.1), but for underflow, at most `underflow` in all; its activation is within `activation` of the true one.
With these errors included, `check` verifies that

1. the box of node 0 holds the zero state, and node 0 stands for the task's start;
2. every box, on every symbol, is mapped into the box of the node that follows; and all ways to a node lead to the same
   state of the task with the same last output;
3. on the box of every node but the first, each logit is on the side of zero that this output says, by the stated margin,
   more than 2**-18.

By induction over the steps the network's outputs are then right on all sequences of any length.
"""

import hashlib
import json
import math
from fractions import Fraction

import numpy as np



def delayed(function):
    """Steps that answer function(bits) `delay` steps later; the state is the queue, the next answer in its lowest bit."""
    def of(task):
        def step(queue, bits):
            queue |= function(bits) << task["delay"]
            return queue >> 1, [queue & 1]
        return step
    return of


def less(smaller, bits):
    return bits[0] < bits[1] or (bits[0] == bits[1] and smaller)


# A step of each task: (state, input bits) -> (next state, output bits), least significant bits first. Sequences start in
# state 0.
STEPS = {
    "addition": lambda task: lambda carry, bits: ((carry + sum(bits)) >> 1, [(carry + sum(bits)) & 1]),
    "subtraction": lambda task: lambda borrow, bits: (int(bits[0] - bits[1] - borrow < 0), [(bits[0] - bits[1] - borrow) & 1]),
    "multiplication": lambda task: lambda carry, bits: ((carry + task["factor"] * bits[0]) >> 1, [(carry + task["factor"] * bits[0]) & 1]),
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

# What a proof must allow for as a kernel's activation error: four times what fastrnn.simd.functions states.
ACTIVATION_ERROR = {("sigmoid", "float32"): "8e-7", ("sigmoid", "float64"): "6.8e-16", ("tanh", "float32"): "6e-7",
                    ("tanh", "float64"): "1.12e-15", ("relu", "float32"): "0", ("relu", "float64"): "0"}
UNIT = {"float32": Fraction(1, 2**24), "float64": Fraction(1, 2**53)}
UNDERFLOW = {"float32": Fraction(1, 2**126), "float64": Fraction(1, 2**1022)}
DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
LEAST_MARGIN = 2.0**-18
LARGEST = 1e30
MOST_NODES = 16384
PRECISION = 80


class Refused(Exception):
    """The certificate does not prove the model right: the message says why, in one line."""


def check(certificate, model):
    """Verify the certificate file for the model file; return its metadata as a dict.

    Raises Refused, in one line, if it is not complete and right for exactly these weights, or a file cannot be read.
    """
    boxes, claim = read(certificate, "certificate")
    weights, header = read(model, "fastrnn")
    keys = {"format", "task", "cell", "dtype", "weights", "margin", "rounding"}
    require(isinstance(claim, dict) and set(claim) == keys, f"{certificate}: expected the fields {', '.join(sorted(keys))}")
    require(claim["format"] == 2 and type(claim["format"]) is int, f"format: got {claim['format']!r}, this checker reads 2")
    require(isinstance(header, dict) and isinstance(header.get("task"), dict), f"{model}: no task to be right on")
    # The state of an unfinished training is no part of the network.
    weights = {name: array for name, array in weights.items() if not name.startswith("training.")}
    require(claim["weights"] == hash_of(weights), "weights: the certificate is for other weights than the model's")
    # Without its width, since the proof is for all of them.
    task, cell = {name: value for name, value in header["task"].items() if name != "bits"}, header.get("cell")
    require(same(claim["task"], task), f"task: the certificate is for {claim['task']}, the model for {task}")
    require(same(claim["cell"], cell), f"cell: the certificate is for {claim['cell']}, the model is {cell}")
    network = Network(weights, claim["cell"], claim["dtype"], claim["rounding"])
    require((network.inputs, network.outputs) == (inputs_of(claim["task"]), 1), "task: its inputs or outputs are not the network's")
    Proof(network, STEPS[claim["task"]["name"]](claim["task"]), boxes, claim).verify()
    return claim


def require(condition, message):
    if not condition:
        raise Refused(message)


def same(a, b):
    """Equality that also tells 1 from 1.0 and True."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def read(path, key):
    """(arrays, metadata[key] as JSON) of a safetensors file: 8 bytes of length, a JSON header, the arrays' bytes."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        length = int.from_bytes(content[:8], "little")
        header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
        metadata = json.loads(header.pop("__metadata__")[key])
        arrays = {}
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[first:last], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{path}: cannot be read: {type(error).__name__}: {error}") from error
    require(all(np.isfinite(array).all() for array in arrays.values()), f"{path}: holds values that are not finite")
    return arrays, metadata


def hash_of(weights):
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name]
        digest.update(f"{name} {array.dtype.name} {'x'.join(map(str, array.shape))}\n".encode() + array.tobytes())
    return digest.hexdigest()


def inputs_of(task):
    """The number of inputs of a task's description, which must be complete."""
    require(isinstance(task, dict) and isinstance(task.get("name"), str) and task["name"] in STEPS,
            f"task: got {task!r:.80}, this checker defines {', '.join(STEPS)}")
    fields = FIELDS.get(task["name"], {})
    require(set(task) == {"name", *fields} and all(type(task[name]) is int and task[name] in right for name, right in fields.items()),
            f"task: got {task}, expected the fields name, {', '.join(fields)}")
    return INPUTS.get(task["name"], lambda task: 2)(task)


class Network:
    """The network on intervals of mpmath.iv, with every rounding error of its kernels."""

    def __init__(self, weights, cell, dtype, rounding):
        from mpmath import iv

        iv.prec = PRECISION
        self.iv = iv
        require(isinstance(cell, dict) and cell.get("name") == "elman", "cell: this checker knows the Elman cell only")
        require(set(cell) == {"name", "hidden_size", "activation", "bias"} and type(cell["bias"]) is bool, f"cell: got {cell}")
        require((cell["activation"], dtype) in ACTIVATION_ERROR, f"dtype: got {dtype!r} with {cell['activation']!r}")
        self.activation = cell["activation"]
        biases = ("b_ih", "b_hh", "b_o") if cell["bias"] else ()
        require(set(weights) == {"w_ih", "w_hh", "w_ho", *biases}, f"weights: got {', '.join(sorted(weights))}")
        require(all(array.dtype.name == dtype for array in weights.values()), f"dtype: the weights are not all {dtype}")
        hidden = cell["hidden_size"]
        shapes = {name: array.shape for name, array in weights.items()}
        require(len(shapes["w_ih"]) == len(shapes["w_ho"]) == 2, "weights: w_ih and w_ho are not matrices")
        self.hidden, self.inputs, self.outputs = hidden, shapes["w_ih"][1], shapes["w_ho"][0]
        right = {"w_ih": (hidden, self.inputs), "w_hh": (hidden, hidden), "b_ih": (hidden,), "b_hh": (hidden,),
                 "w_ho": (self.outputs, hidden), "b_o": (self.outputs,)}
        require(all(shapes[name] == right[name] for name in shapes), f"weights: their shapes do not fit {hidden} hidden units")
        require(max(float(np.abs(array).astype(float).sum()) for array in weights.values()) < LARGEST, "weights: too large")
        self._set_errors(rounding, dtype)
        exact = {name: self._exact(array) for name, array in weights.items()}
        nothing = [iv.mpf(0)] * hidden
        self.w_ih, self.w_hh, self.w_ho = exact["w_ih"], exact["w_hh"], exact["w_ho"]
        self.b_ih, self.b_hh = exact.get("b_ih", nothing), exact.get("b_hh", nothing)
        self.b_o = exact.get("b_o", [iv.mpf(0)] * self.outputs)

    def _exact(self, array):
        return [self._exact(row) for row in array] if array.ndim else self.iv.mpf(float(array))

    def _set_errors(self, rounding, dtype):
        """Take the certificate's error bounds, which must be at least those required, and hardly more."""
        u, terms = UNIT[dtype], self.inputs + self.hidden + 2
        least = {"gamma_pre": terms * u / (1 - terms * u), "gamma_out": (self.hidden + 1) * u / (1 - (self.hidden + 1) * u),
                 "underflow": terms * UNDERFLOW[dtype], "activation": Fraction(ACTIVATION_ERROR[self.activation, dtype])}
        require(isinstance(rounding, dict) and set(rounding) == set(least), f"rounding: expected {', '.join(least)}")
        for name, bound in least.items():
            given = rounding[name]
            require(type(given) is float and math.isfinite(given), f"rounding: {name}: got {given!r}, expected a number")
            # A decimal bound need not be a float: the nearest one may lie half an ulp below.
            require(bound * (1 - Fraction(1, 2**52)) <= Fraction(given) <= bound * (1 + Fraction(1, 2**50)),
                    f"rounding: {name}: got {given}, the kernels need {float(bound)}")
        slightly_more = 1 + Fraction(1, 2**50)
        self.gamma_pre, self.gamma_out, self.underflow, self.error = (
            self._plus_minus(Fraction(rounding[name]) * slightly_more) for name in least)

    def _plus_minus(self, fraction):
        bound = (self.iv.mpf(fraction.numerator) / fraction.denominator).b
        return self.iv.mpf([-bound, bound])

    def product(self, row, state):
        """(interval of row . state, interval of the sum of the magnitudes)."""
        value, size = self.iv.mpf(0), self.iv.mpf(0)
        for weight, part in zip(row, state):
            term = weight * part
            value, size = value + term, size + abs(term)
        return value, size

    def fed(self, state):
        """What each unit takes from the state: `product` with each row of w_hh."""
        return [self.product(row, state) for row in self.w_hh]

    def step(self, fed, bits):
        """The state after a step with these input bits, as intervals."""
        after = []
        for (value, size), row, b_ih, b_hh in zip(fed, self.w_ih, self.b_ih, self.b_hh):
            for weight in (*(weight for weight, bit in zip(row, bits) if bit), b_ih, b_hh):
                value, size = value + weight, size + abs(weight)
            after.append(self.activated(value + self.gamma_pre * size.b + self.underflow) + self.error)
        return after

    def activated(self, z):
        """Each formula has z once, so that its interval is as tight as the operations are."""
        if self.activation == "sigmoid":
            return 1 / (1 + self.iv.exp(-z))
        if self.activation == "tanh":
            return 1 - 2 / (1 + self.iv.exp(2 * z))
        return self.iv.mpf([max(z.a, 0), max(z.b, 0)])

    def margin(self, state, outputs):
        """A float not above the least distance of the logits from the wrong side, on all of the state's box."""
        least = math.inf
        for row, b_o, out in zip(self.w_ho, self.b_o, outputs):
            value, size = self.product(row, state)
            z = value + b_o + self.gamma_out * (size + abs(b_o)).b + self.underflow
            distance = z.a if out else -z.b
            # float() rounds to nearest, so one step down is below.
            least = min(least, math.nextafter(float(distance.mid), -math.inf))
        return least


class Proof:
    """The graph of a certificate, and the three things to verify of it."""

    def __init__(self, network, step, arrays, claim):
        self.network, self.step, self.margin = network, step, claim["margin"]
        self.bits = [[(symbol >> i) & 1 for i in range(network.inputs)] for symbol in range(2**network.inputs)]
        require(set(arrays) == {"low", "high", "following"}, f"arrays: got {', '.join(sorted(arrays))}, expected low, high, following")
        nodes = len(arrays["following"]) if arrays["following"].ndim else 0
        require(1 <= nodes <= MOST_NODES, f"following: got {nodes} nodes, expected 1 to {MOST_NODES}")
        shapes = {"low": (nodes, network.hidden), "high": (nodes, network.hidden), "following": (nodes, len(self.bits))}
        for name, shape in shapes.items():
            right = np.int64 if name == "following" else np.float64
            require(arrays[name].shape == shape and arrays[name].dtype == right, f"{name}: expected {right.__name__} of shape {shape}")
        self.low, self.high, self.following = arrays["low"], arrays["high"], arrays["following"].tolist()
        require((self.low <= self.high).all(), "boxes: a lower end is above its upper end")
        require(all(0 <= node < nodes for row in self.following for node in row), f"following: expected nodes 0 to {nodes - 1}")

    def verify(self):
        """Raise Refused unless all holds."""
        # 1. The task's state is 0 there because the walk below begins with it.
        require((self.low[0] <= 0).all() and (self.high[0] >= 0).all(), "node 0: its box does not hold the zero state")
        meanings = self._walk()
        least = math.inf
        for node, (_, outputs) in meanings.items():
            state = [self.network.iv.mpf([float(low), float(high)]) for low, high in zip(self.low[node], self.high[node])]
            fed = self.network.fed(state)
            for symbol, bits in enumerate(self.bits):
                self._inside(self.network.step(fed, bits), self.following[node][symbol])
            if node:
                least = min(least, self.network.margin(state, outputs))
        stated = self.margin
        require(type(stated) is float and least > LEAST_MARGIN, f"margin: the logits come within {least} of the wrong side")
        require(stated <= least <= stated + 1e-6 * (1 + least), f"margin: got {stated}, verified {least}")

    def _walk(self):
        """{node: (the task's state, the output on the way there)}, which must not depend on the way."""
        meanings, order = {0: (0, None)}, [0]
        for node in order:
            for symbol, bits in enumerate(self.bits):
                meaning, after = self.step(meanings[node][0], bits), self.following[node][symbol]
                if after not in meanings:
                    order.append(after)
                require(meanings.setdefault(after, meaning) == meaning, f"node {after}: two ways to it mean different things to the task")
        require(len(meanings) == len(self.low), f"following: no way leads to {len(self.low) - len(meanings)} of the nodes")
        return meanings

    def _inside(self, state, node):
        for unit, part in enumerate(state):
            require(part.a >= float(self.low[node, unit]) and part.b <= float(self.high[node, unit]),
                    f"node {node}: unit {unit} leaves its box")
