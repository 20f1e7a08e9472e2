"""Checks a certificate that a network is right at every width, and trusts nothing but this file.

It shares no code with the prover and imports nothing of fastrnn: files are read here, byte by byte; the task is
defined here, on Python's integers; real numbers are intervals of mpmath.iv, whose operations round outward.

A certificate gives boxes of hidden states, one for each node (state q of the task before the window, last k symbols).
Let u be the unit roundoff, and gamma(n) = n u / (1 - n u). A kernel's sum of n products, in any order, fused or not, is
within gamma(n) times the sum of their magnitudes of the true one (Higham, "Accuracy and Stability of Numerical
Algorithms", 2nd ed., section 3.1), but for underflow, at most `underflow` in all; its activation is within
`activation` of the true one. With these errors included, `check` verifies that

1. from the zero state, all sequences of fewer than k symbols give right outputs, with a margin, and all of k symbols
   end in the box of (start, the k symbols);
2. every box, on every symbol, is mapped into the box of its successor, (q after the oldest symbol, the later k - 1
   symbols and the new one);
3. on every box, every output's logit is on the right side of zero by the stated margin, more than 2**-18.

By induction over the steps the network's outputs are then right on all sequences of any length.
"""

import hashlib
import json
import math
from fractions import Fraction

import numpy as np

# A step of each task: (state, input bits) -> (next state, output bits). Sequences start in state 0.
STEPS = {
    "addition": lambda task: lambda carry, bits: ((carry + sum(bits)) >> 1, [(carry + sum(bits)) & 1]),
}
# Fields of a task that its step reads; a certificate may have no other.
FIELDS = {"addition": {"operands": int}}
# Inputs and outputs.
SIZES = {"addition": lambda task: (task["operands"], 1)}

# What a proof must allow for as a kernel's activation error: four times what fastrnn.simd.functions states.
ACTIVATION_ERROR = {("sigmoid", "float32"): "3.92e-7", ("sigmoid", "float64"): "6.8e-16", ("tanh", "float32"): "6e-7",
                    ("tanh", "float64"): "1.12e-15", ("relu", "float32"): "0", ("relu", "float64"): "0"}
UNIT = {"float32": Fraction(1, 2**24), "float64": Fraction(1, 2**53)}
UNDERFLOW = {"float32": Fraction(1, 2**126), "float64": Fraction(1, 2**1022)}
DTYPES = {"F32": "<f4", "F64": "<f8"}
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
    keys = {"format", "task", "cell", "dtype", "weights", "k", "margin", "rounding"}
    require(isinstance(claim, dict) and set(claim) == keys, f"{certificate}: expected the fields {', '.join(sorted(keys))}")
    require(claim["format"] == 1 and type(claim["format"]) is int, f"format: got {claim['format']!r}, this checker reads 1")
    require(isinstance(header, dict) and isinstance(header.get("task"), dict), f"{model}: no task to be right on")
    require(claim["weights"] == hash_of(weights), "weights: the certificate is for other weights than the model's")
    # Without its width, since the proof is for all of them.
    task, cell = {name: value for name, value in header["task"].items() if name != "bits"}, header.get("cell")
    require(same(claim["task"], task), f"task: the certificate is for {claim['task']}, the model for {task}")
    require(same(claim["cell"], cell), f"cell: the certificate is for {claim['cell']}, the model is {cell}")
    network = Network(weights, claim["cell"], claim["dtype"], claim["rounding"])
    inputs, outputs = sizes_of(claim["task"])
    require((network.inputs, network.outputs) == (inputs, outputs), "task: its inputs or outputs are not the network's")
    Proof(network, automaton_of(claim["task"], inputs), boxes, claim).verify()
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


def sizes_of(task):
    """(inputs, outputs) of a task's description, which must be complete."""
    require(isinstance(task, dict) and task.get("name") in STEPS,
            f"task: got {task!r:.80}, this checker defines {', '.join(STEPS)}")
    fields = FIELDS[task["name"]]
    require(set(task) == {"name", *fields} and all(type(task[name]) is kind for name, kind in fields.items()),
            f"task: got {task}, expected the fields name, {', '.join(fields)}")
    inputs, outputs = SIZES[task["name"]](task)
    require(1 <= inputs <= 8, f"task: got {inputs} inputs, a proof has 1 to 8")
    return inputs, outputs


def automaton_of(task, inputs):
    """(following, outputs) [state][symbol]; states numbered as a breadth-first search meets them."""
    step = STEPS[task["name"]](task)
    symbols = [[(symbol >> i) & 1 for i in range(inputs)] for symbol in range(2**inputs)]
    order, number, following, outputs = [0], {0: 0}, [], []
    for state in order:
        after = [step(state, bits) for bits in symbols]
        for successor, _ in after:
            if successor not in number:
                number[successor] = len(order)
                order.append(successor)
        following.append([number[successor] for successor, _ in after])
        outputs.append([out for _, out in after])
    return following, outputs


class Network:
    """The network on intervals of mpmath.iv, with every rounding error of its kernels."""

    def __init__(self, weights, cell, dtype, rounding):
        from mpmath import iv

        iv.prec = PRECISION
        self.iv = iv
        require(isinstance(cell, dict) and cell.get("name") == "elman", "cell: this checker knows the Elman cell only")
        require((cell.get("activation"), dtype) in ACTIVATION_ERROR, f"dtype: got {dtype!r} with {cell.get('activation')!r}")
        self.activation = cell["activation"]
        biases = ("b_ih", "b_hh", "b_o") if cell.get("bias") else ()
        require(set(weights) == {"w_ih", "w_hh", "w_ho", *biases}, f"weights: got {', '.join(sorted(weights))}")
        require(all(array.dtype.name == dtype for array in weights.values()), f"dtype: the weights are not all {dtype}")
        hidden = cell.get("hidden_size")
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
    """The boxes of a certificate, and the three things to verify of them."""

    def __init__(self, network, automaton, boxes, claim):
        self.network, self.claim = network, claim
        self.following, self.outputs = automaton
        self.symbols, self.k = len(self.following[0]), claim["k"]
        require(type(self.k) is int and 1 <= self.k <= 16, f"k: got {self.k!r}, expected an integer of at least 1")
        self.words = self.symbols**self.k
        nodes = len(self.following) * self.words
        require(nodes <= MOST_NODES, f"k: got {self.k}, which makes {nodes} nodes")
        shapes = {"low": (nodes, network.hidden), "high": (nodes, network.hidden), "margins": (nodes,)}
        require(set(boxes) == set(shapes), f"boxes: got arrays {', '.join(sorted(boxes))}, expected low, high, margins")
        for name, shape in shapes.items():
            require(boxes[name].shape == shape and boxes[name].dtype == np.float64, f"{name}: expected float64 of shape {shape}")
        self.low, self.high, self.margins = boxes["low"], boxes["high"], boxes["margins"]
        require((self.low <= self.high).all(), "boxes: a lower end is above its upper end")
        self.bits = [[(symbol >> i) & 1 for i in range(network.inputs)] for symbol in range(self.symbols)]

    def verify(self):
        """Raise Refused unless all holds."""
        least = min(self._beginnings(), *map(self._node, range(len(self.low))))
        self._stated("margin", self.claim["margin"], least)

    def _stated(self, what, stated, found):
        """The certificate's margin must be one that was verified, and not less than it need be."""
        require(type(stated) is float and found > LEAST_MARGIN, f"{what}: the logits come within {found} of the wrong side")
        require(stated <= found <= stated + 1e-6 * (1 + found), f"{what}: got {stated}, verified {found}")

    def _beginnings(self):
        """1: sequences of up to k symbols from the zero state. Returns the least margin of fewer than k."""
        least, zero = math.inf, [self.network.iv.mpf(0)] * self.network.hidden
        ends = [(0, 0, zero)]
        for length in range(1, self.k + 1):
            ends, before = [], ends
            for word, task_state, state in before:
                fed = self.network.fed(state)
                for symbol, bits in enumerate(self.bits):
                    after = self.network.step(fed, bits)
                    if length < self.k:
                        least = min(least, self.network.margin(after, self.outputs[task_state][symbol]))
                    else:
                        self._inside(after, word * self.symbols + symbol)
                    ends.append((word * self.symbols + symbol, self.following[task_state][symbol], after))
        return least

    def _node(self, node):
        """2 and 3 for one node. Returns its margin."""
        task_state, word = divmod(node, self.words)
        oldest, rest = divmod(word, self.words // self.symbols)
        first = self.following[task_state][oldest] * self.words + rest * self.symbols
        state = [self.network.iv.mpf([float(low), float(high)]) for low, high in zip(self.low[node], self.high[node])]
        fed = self.network.fed(state)
        for symbol, bits in enumerate(self.bits):
            self._inside(self.network.step(fed, bits), first + symbol)
        for i in range(self.k):
            symbol = word // self.symbols ** (self.k - 1 - i) % self.symbols
            right, task_state = self.outputs[task_state][symbol], self.following[task_state][symbol]
        margin = self.network.margin(state, right)
        self._stated(f"node {node}: margin", float(self.margins[node]), margin)
        return margin

    def _inside(self, state, node):
        for unit, part in enumerate(state):
            require(part.a >= float(self.low[node, unit]) and part.b <= float(self.high[node, unit]),
                    f"node {node}: unit {unit} leaves its box")
