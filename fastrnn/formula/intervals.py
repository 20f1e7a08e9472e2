"""Evaluates a graph on intervals: bounds of what the kernels may compute from any values within them.

Every operation of the kernels rounds its result, or, within a fused multiply-add, does not; bounds are rounded outward
by as much, and by the rounding errors of NumPy, so that no rounding mode need be set. A value is bounded from those of
its arguments, operation by operation (R. E. Moore, "Interval Analysis", 1966). That forgets that z is the same in both
parts of z h + (1 - z) n. So sums and products in which a term occurs twice are bounded together where they can be: a
polynomial that is linear in each of its terms takes its extremes at the corners of their box, since along each edge it
is linear. What the kernels' roundings add to it is bounded separately, by magnitudes.

A state that a gate holds, a + z (b - a) with z = 1, widens by a rounding in each step under these bounds. Yet it never
leaves [-P, P], P the least power of two that bounds |a| and |b|, for 0 <= z <= 1, whether the product is rounded or
fused into the sum. Proof, for b >= a (the other case is its mirror image): rounding never reverses an order, so the
result is not below a, and not above fl(a + fl(P - a)). Let fl(P - a) = P - a + e, and u the unit roundoff. If a >= 0,
then P - a <= P and |e| <= u P / 2; else P - a <= 2 P and |e| <= u P. Floats above P are 2 u P apart, so P + e rounds to
P, in the case of a tie because P is even. Taking subnormal numbers for zero reverses no order and makes nothing larger.
The kernels' sigmoid is within [0, 1], their tanh within [-1, 1]: they are quotients a / b with |a| <= b, and no number
below 1 rounds to one above it. Where a / b comes from an approximation x of 1 / b, as q + x fl(a - q b), q = fl(a x),
it is at most 1 + 2 u**2 before its rounding.
"""

from itertools import product
from typing import NamedTuple

import numpy as np

from fastrnn.formula.graph import ordered

POLYNOMIAL = ("+", "-", "*")
# Terms of a polynomial whose corners are looked at: 2**MOST_TERMS.
MOST_TERMS = 6
# NumPy's own relative errors: of a few operations, and of its functions; and what underflows.
OWN, OWN_FUNCTION, OWN_UNDERFLOW = 2.0**-51, 2.0**-48, 2.0**-1020


class Errors(NamedTuple):
    """Error bounds of the kernels' operations.

    unit: relative, of a rounding; underflow: the least normal number; functions: {op: (relative, absolute)}; dtype: of
    constants.
    """

    unit: float
    underflow: float
    functions: dict
    dtype: str


class Intervals:
    """Bounds of nodes, from bounds of a graph's inputs: a function of {input: (low, high)}, float64 arrays.

    hulls: whether these ranges, and the power of two for what a gate holds, are used; `fastrnn.check` does not know
    them.
    Raises KeyError, with the operation, for a graph with one whose error is not known.
    """

    def __init__(self, outputs, errors, hulls=False):
        self.outputs, self.order, self.errors = tuple(outputs), ordered(outputs), errors
        self.unit, self.underflow = errors.unit + OWN, errors.underflow + OWN_UNDERFLOW
        for expr in self.order:
            if expr.op not in (*POLYNOMIAL, "input", "constant", "relu"):
                errors.functions[expr.op]
        self.together = _together(self.order)
        self.hulls = {expr: ends for expr in self.order if (ends := _between(expr))} if hulls else {}
        self.ranges = _RANGES if hulls else {}

    @property
    def work(self):
        """Operations; those at corners, which round nothing, count a fourth."""
        own = sum(expr.op not in ("input", "constant") for expr in self.order)
        corners = ((2 ** len(terms), ordered([expr], leaves=terms)) for expr, terms in self.together.items())
        return own + sum(count * sum(each.op in POLYNOMIAL for each in below) for count, below in corners) // 4

    def __call__(self, values):
        """Return ([(low, high)] of the outputs, the largest magnitude of any value, NaN if some are)."""
        bounds, slips, largest = dict(values), {}, 0.0
        for expr in self.order:
            if expr.op == "input":
                slips[expr] = 0.0
            elif expr.op == "constant":
                value, rounded = expr.args[0], float(np.dtype(self.errors.dtype).type(expr.args[0]))
                slips[expr], bounds[expr] = abs(value - rounded), (min(value, rounded), max(value, rounded))
            elif expr.op in POLYNOMIAL:
                bounds[expr], slips[expr] = self._polynomial(expr, bounds, slips)
                if expr in self.hulls:
                    most = np.maximum(*(power_above(_far(*bounds[end])) for end in self.hulls[expr]))
                    bounds[expr] = np.maximum(bounds[expr][0], -most), np.minimum(bounds[expr][1], most)
            else:
                bounds[expr], slips[expr] = self._function(expr, bounds), 0.0
            largest = np.maximum(largest, max(np.abs(end).max() for end in bounds[expr]))
        return [bounds[output] for output in self.outputs], float(largest)

    def _function(self, expr, bounds):
        if expr.op == "relu":
            # It rounds nothing.
            low, high = bounds[expr.args[0]]
            return _flushed(np.maximum(low, 0.0), self.errors.underflow), np.maximum(high, 0.0)
        relative, absolute = self.errors.functions[expr.op]
        relative, absolute = relative + OWN_FUNCTION, (absolute + self.underflow) * (1 + OWN)
        low, high = (_FUNCTIONS[expr.op](end) for end in bounds[expr.args[0]])
        least, most = self.ranges.get(expr.op, (-np.inf, np.inf))
        low, high = low - (relative * np.abs(low) + absolute), high + (relative * np.abs(high) + absolute)
        return np.maximum(low, least), np.minimum(high, most)

    def _polynomial(self, expr, bounds, slips):
        """Return ((low, high), slip): slip bounds the distance of the computed value from the polynomial of its
        computed terms."""
        left, right = expr.args
        (a_low, a_high), (b_low, b_high) = bounds[left], bounds[right]
        a_far, b_far = _far(a_low, a_high), _far(b_low, b_high)
        # A subnormal argument may be taken for zero, and so may the result.
        lost = self.underflow * (3 + a_far + b_far)
        if expr.op == "*":
            ends = [a * b for a in (a_low, a_high) for b in (b_low, b_high)]
            low, high = np.minimum.reduce(ends), np.maximum.reduce(ends)
            slip = a_far * slips[right] + b_far * slips[left] + slips[left] * slips[right]
        else:
            low, high = (a_low + b_low, a_high + b_high) if expr.op == "+" else (a_low - b_high, a_high - b_low)
            slip = slips[left] + slips[right]
        rounded = (self.unit * _far(low, high) + lost) * (1 + OWN)
        low, high = low - rounded, high + rounded
        slip = (slip + self.unit * _far(low, high) + lost) * (1 + OWN)
        terms = self.together.get(expr)
        if terms:
            corners = [_value(expr, dict(zip(terms, corner))) for corner in product(*(bounds[term] for term in terms))]
            low = np.maximum(low, np.minimum.reduce(corners) - slip)
            high = np.minimum(high, np.maximum.reduce(corners) + slip)
        return (low, high), slip


def _flushed(low, least):
    """Return the lower ends of non-negative numbers, with 0 for those below `least`, which may be taken for zero."""
    return np.where(low < least, 0.0, low)


def _between(expr):
    """Return (a, b) of an expression a + z (b - a) with a sigmoid z, or a constant z from 0 to 1; else None."""
    if expr.op != "+":
        return None
    for a, held in (expr.args, expr.args[::-1]):
        for z, difference in (held.args, held.args[::-1]) if held.op == "*" else ():
            share = z.op == "sigmoid" or z.op == "constant" and 0 <= z.args[0] <= 1
            if share and difference.op == "-" and difference.args[1] is a:
                return a, difference.args[0]
    return None


def power_above(size):
    """Return the smallest power of two that is not below numbers > 0, and at least 2**-64."""
    part, exponent = np.frexp(np.maximum(size, 2.0**-64))
    return np.ldexp(1.0, exponent - (part == 0.5))


def _far(low, high):
    return np.maximum(np.abs(low), np.abs(high))


def _together(order):
    """Return {node: its terms} of the polynomials that are linear in each of a few terms, of which one occurs twice."""
    degrees, counts, found = {}, {}, {}
    for expr in order:
        if expr.op not in POLYNOMIAL:
            degrees[expr] = counts[expr] = {} if expr.op == "constant" else {expr: 1}
            continue
        parts = [(degrees[arg], counts[arg]) for arg in expr.args]
        terms = {term: None for degree, _ in parts for term in degree}
        joined = sum if expr.op == "*" else max
        degrees[expr] = {term: joined([degree.get(term, 0) for degree, _ in parts]) for term in terms}
        counts[expr] = {term: sum(count.get(term, 0) for _, count in parts) for term in terms}
        if 0 < len(terms) <= MOST_TERMS and max(degrees[expr].values()) == 1 < max(counts[expr].values()):
            found[expr] = tuple(terms)
    return found


def _value(expr, values):
    """Return a polynomial at a point, {term: value}, into which its parts are written."""
    if expr.op == "constant":
        return expr.args[0]
    if expr not in values:
        a, b = (_value(arg, values) for arg in expr.args)
        values[expr] = a + b if expr.op == "+" else a - b if expr.op == "-" else a * b
    return values[expr]


def _sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


# Functions that never fall; the kernels' own clamp their arguments, which the absolute errors cover.
_FUNCTIONS = {"sigmoid": _sigmoid, "tanh": np.tanh}
_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
