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
import json
import math
import os
import stat
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

# What a proof must allow for as a kernel's activation error: four times what fastrnn.simd.functions states.
ACTIVATION_ERROR = {("sigmoid", "float32"): "8e-7", ("sigmoid", "float64"): "6.8e-16", ("tanh", "float32"): "6e-7",
                    ("tanh", "float64"): "1.12e-15", ("relu", "float32"): "0", ("relu", "float64"): "0"}
UNIT = {"float32": Fraction(1, 2**24), "float64": Fraction(1, 2**53)}
UNDERFLOW = {"float32": Fraction(1, 2**126), "float64": Fraction(1, 2**1022)}
# Sums of magnitudes must stay below this: so far from 2**128 and 2**1024 that float64 is good enough to compare with it.
LARGEST = {"float32": 2.0**120, "float64": 2.0**1000}
LEAST_MARGIN = 2.0**-18
# Numbers are integers in units of 2**-PLACES: every weight is, and boxes are rounded outward, by far less than underflow.
PLACES = {"float32": 300, "float64": 1200}
# Bits of mpmath's intervals.
PRECISION = 80

# What is refused for its size: bytes of a file and of its header, arrays in it, weights in one array, nodes, entries of
# `following`, products of weights with boxes, activations. Weights and products of float64 count four times.
MOST_BYTES, MOST_HEADER, MOST_ARRAYS, MOST_WEIGHTS = 1 << 23, 1 << 20, 64, 1 << 18
MOST_NODES, MOST_EDGES, MOST_PRODUCTS, MOST_ACTIVATIONS = 1 << 14, 1 << 19, 10**7, 1 << 16
# Characters of a reason, and of a value in it.
LONGEST, SHORT = 200, 60
TOO_LARGE = "larger than this checker takes"

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
    fields = {"format", "task", "cell", "dtype", "weights", "margin", "rounding"}
    require(isinstance(claim, dict) and set(claim) == fields, f"certificate: expected {', '.join(sorted(fields))}")
    require(same(claim["format"], 2), f"format: got {printable(claim['format'])}, this checker reads 2")
    task = task_of(header, tensors)
    weights = {name: array for name, array in tensors.items() if not name.startswith(TRAINING)}
    require(claim["weights"] == hash_of(weights), "weights: the certificate is for other weights than the model's")
    for name, right in (("task", task), ("cell", header["cell"])):
        require(same(claim[name], right),
                f"{name}: the certificate is for {printable(claim[name])}, the model for {printable(right)}")
    network = Network(weights, claim["cell"], claim["dtype"], claim["rounding"], inputs_of(task))
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


def scaled(array, places, up=False):
    """Floats as integers in units of 2**-places, rounded down, or up; NumPy's object arrays compute with Python's ints."""
    ratios = map(float.as_integer_ratio, array.ravel().tolist())
    integers = [-((-above << places) // below) if up else (above << places) // below for above, below in ratios]
    return np.array(integers, object).reshape(array.shape)


class Network:
    """The network on boxes, with every rounding error of its kernels; it has one output.

    Boxes are in units of 2**-PLACES, sums in units of 2**-(2 PLACES + 1).
    """

    def __init__(self, weights, cell, dtype, rounding, inputs):
        from mpmath import MPIntervalContext

        self.iv = MPIntervalContext()
        self.iv.prec = PRECISION
        require(cell.get("name") == "elman", "cell: this checker knows the Elman cell only")
        require(set(cell) == {"name", "hidden_size", "activation", "bias"} and type(cell["bias"]) is bool
                and type(cell["hidden_size"]) is int and cell["hidden_size"] > 0, f"cell: got {printable(cell)}")
        self.activation, hidden, out = cell["activation"], cell["hidden_size"], 1
        require(
            isinstance(self.activation, str)
            and isinstance(dtype, str)
            and (self.activation, dtype) in ACTIVATION_ERROR,
            f"dtype: got {printable(dtype)} with activation {printable(self.activation)}",
        )
        shapes = {"w_ih": (hidden, inputs), "w_hh": (hidden, hidden), "w_ho": (out, hidden)}
        shapes |= {"b_ih": (hidden,), "b_hh": (hidden,), "b_o": (out,)} if cell["bias"] else {}
        require(set(weights) == set(shapes), f"weights: got {', '.join(sorted(weights))}, expected {', '.join(shapes)}")
        for name, array in weights.items():
            require(array.dtype.name == dtype, f"dtype: {name} is not {dtype}")
            require(
                array.shape == shapes[name],
                f"{name}: the shape {array.shape} does not fit the cell and the task's inputs",
            )
            require(np.isfinite(array).all(), f"{name}: holds values that are not finite")
        self.hidden, self.inputs, self.limit, self.places = hidden, inputs, LARGEST[dtype], PLACES[dtype]
        self.cost = self.places // PLACES["float32"]
        require(hidden**2 * self.cost <= MOST_WEIGHTS, f"w_hh: {TOO_LARGE}")
        self._set_errors(rounding, dtype)
        nothing = {"b_ih": np.zeros(hidden), "b_hh": np.zeros(hidden), "b_o": np.zeros(out)}
        self.weights = {**nothing, **{name: array.astype(np.float64) for name, array in weights.items()}}
        self.largest = max(Fraction(float(np.abs(array).max())) for array in self.weights.values())
        self.scaled = {name: scaled(array, self.places) for name, array in self.weights.items()}

    def _set_errors(self, rounding, dtype):
        """Take the certificate's error bounds, which must be at least those required, and hardly more."""
        u, terms = UNIT[dtype], self.inputs + self.hidden + 2
        least = {
            "gamma_pre": terms * u / (1 - terms * u),
            "gamma_out": (self.hidden + 1) * u / (1 - (self.hidden + 1) * u),
            "underflow": terms * UNDERFLOW[dtype],
            "activation": Fraction(ACTIVATION_ERROR[self.activation, dtype]),
        }
        require(isinstance(rounding, dict) and set(rounding) == set(least), f"rounding: expected {', '.join(least)}")
        for name, bound in least.items():
            given = rounding[name]
            require(type(given) is float and math.isfinite(given), f"rounding: {name}: got {printable(given)}")
            # A decimal bound need not be a float: the nearest one may lie half an ulp below.
            require(bound * (1 - Fraction(1, 2**52)) <= Fraction(given) <= bound * (1 + Fraction(1, 2**50)),
                    f"rounding: {name}: got {given}, the kernels need {float(bound)}")
        gamma_pre, gamma_out, self.underflow, error = (
            Fraction(rounding[name]) * (1 + Fraction(1, 2**50)) for name in least
        )
        self.gamma_pre, self.gamma_out = (math.ceil(gamma * 2**self.places) for gamma in (gamma_pre, gamma_out))
        error = (self.iv.mpf(error.numerator) / error.denominator).b
        self.error = self.iv.mpf([-error, error])

    def magnitudes(self, low, high):
        """The largest sum of magnitudes in any step from boxes (N, H) of floats."""
        far, w = np.maximum(np.abs(low), np.abs(high)), {name: np.abs(array) for name, array in self.weights.items()}
        with np.errstate(over="ignore"):
            pre = far @ w["w_hh"].T + w["w_ih"].sum(axis=1) + w["b_ih"] + w["b_hh"]
            return max(pre.max(), (far @ w["w_ho"].T + w["b_o"]).max())

    def sums(self, name, gamma, low, high):
        """(lower, upper) ends of the kernels' product of a weight with states from low to high, one for each row."""
        far = np.maximum(np.abs(low), np.abs(high))
        # Twice the centre and the radius; the shift rounds down, hence the one.
        twice, spread = low + high, high - low + (2 * gamma * far >> self.places) + 1
        lost = 2 * self.underflow * (3 + self.largest + Fraction(int(far.max()), 2**self.places))
        centre = self.scaled[name] @ twice
        radius = np.abs(self.scaled[name]) @ spread + math.ceil(lost * 2 ** (2 * self.places + 1))
        return centre - radius, centre + radius

    def fed(self, low, high):
        """What each unit takes from the state."""
        return self.sums("w_hh", self.gamma_pre, low, high)

    def step(self, lower, upper, bits):
        """The states after a step with these input bits, as intervals; lower and upper: what is fed back."""
        columns = [column for column, bit in zip(self.scaled["w_ih"].T, bits) if bit]
        lower, upper = self.added(lower, upper, [self.scaled["b_ih"], self.scaled["b_hh"], *columns], self.gamma_pre)
        return [self.activated(self.interval(*ends)) + self.error for ends in zip(lower, upper)]

    def added(self, lower, upper, terms, gamma):
        """The ends of sums to which these weights are added."""
        value, error = sum(terms) << self.places + 1, sum(map(np.abs, terms)) * gamma << 1
        return lower + value - error, upper + value + error

    def interval(self, lower, upper):
        """The interval of mpmath around integers in the units of sums."""
        from mpmath.libmp import from_man_exp, round_ceiling, round_floor

        exponent = -2 * self.places - 1
        return self.iv.make_mpf((from_man_exp(lower, exponent, PRECISION, round_floor),
                                 from_man_exp(upper, exponent, PRECISION, round_ceiling)))

    def activated(self, z):
        """Each formula has z once, so that its interval is as tight as the operations are."""
        if self.activation == "sigmoid":
            return 1 / (1 + self.iv.exp(-z))
        if self.activation == "tanh":
            return 1 - 2 / (1 + self.iv.exp(2 * z))
        return self.iv.mpf([max(z.a, 0), max(z.b, 0)])

    def margin(self, low, high, output):
        """A float not above the least distance of the logit from the wrong side, on all of the state's box."""
        (lower,), (upper,) = self.added(
            *self.sums("w_ho", self.gamma_out, low, high), [self.scaled["b_o"]], self.gamma_out
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
        shapes = {"low": (nodes, network.hidden), "high": (nodes, network.hidden), "following": (nodes, len(self.bits))}
        for name, shape in shapes.items():
            right = np.int64 if name == "following" else np.float64
            require(arrays[name].shape == shape and arrays[name].dtype == right,
                    f"{name}: expected {right.__name__} of shape {shape}")
        self.low, self.high, following = arrays["low"], arrays["high"], arrays["following"]
        require(np.isfinite(self.low).all() and np.isfinite(self.high).all(), "boxes: not all ends are finite")
        require((self.low <= self.high).all(), "boxes: a lower end is above its upper end")
        require(
            following.size <= MOST_EDGES and nodes * network.hidden**2 * network.cost <= MOST_PRODUCTS,
            f"boxes: {TOO_LARGE}",
        )
        require((following >= 0).all() and (following < nodes).all(), f"following: expected nodes 0 to {nodes - 1}")
        self.following = list(map(tuple, following.tolist()))

    def verify(self):
        """Raise Refused unless all holds."""
        # 1. The task's state is 0 there because the walk below begins with it.
        require((self.low[0] <= 0).all() and (self.high[0] >= 0).all(), "node 0: its box does not hold the zero state")
        meanings, least = self._walk(), math.inf
        magnitudes = self.network.magnitudes(self.low, self.high)
        require(magnitudes < self.network.limit, f"boxes: sums of magnitude {magnitudes:.3g} could overflow")
        # Nodes that are followed by the same ones make their step together.
        alike = {}
        for node, following in enumerate(self.following):
            alike.setdefault(following, []).append(node)
        require(len(alike) * len(self.bits) * self.network.hidden <= MOST_ACTIVATIONS, f"boxes: {TOO_LARGE}")
        for following, nodes in alike.items():
            lower, upper = math.inf, -math.inf
            for node in nodes:
                state = [scaled(end[node], self.network.places, end is self.high) for end in (self.low, self.high)]
                ends = self.network.fed(*state)
                lower, upper = np.minimum(lower, ends[0]), np.maximum(upper, ends[1])
                if node:
                    least = min(least, self.network.margin(*state, *meanings[node][1]))
            for bits, after in zip(self.bits, following):
                self._inside(self.network.step(lower, upper, bits), after)
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
