"""The graph of a formula, built by running the formula once on symbols.

A node is an operation and its arguments; equal nodes are one object, so that a value used twice is computed once, and a
graph has one canonical text (`text`), by which compiled code is found again.
"""

import itertools
import math
import numbers
import operator
import os
import threading
import weakref

import numpy as np

from fastrnn.arguments import shown

# Operations whose results are kept for the step backwards: most cost ten times as much as a product, and relu's
# derivative follows from its result.
SAVED_OPERATIONS = frozenset({"sigmoid", "tanh", "relu", "exp", "log", "softplus", "square_root", "/"})

_nodes, _lock, _numbers = weakref.WeakValueDictionary(), threading.Lock(), itertools.count()


class Expr:
    """A node of a graph: `op` and `args`, which are nodes, or the name of an input, or the value of a constant.

    Two nodes are the same object where op and args are the same. Inputs are made by `symbol`; plain numbers become
    constants. Python's own comparisons and `if` cannot be traced: use `where` and `greater`.
    """

    __slots__ = ("op", "args", "number", "__weakref__")

    def __add__(self, other):
        return _add(self, lift(other))

    def __radd__(self, other):
        return _add(lift(other), self)

    def __sub__(self, other):
        return _subtract(self, lift(other))

    def __rsub__(self, other):
        return _subtract(lift(other), self)

    def __mul__(self, other):
        return _multiply(self, lift(other))

    def __rmul__(self, other):
        return _multiply(lift(other), self)

    def __truediv__(self, other):
        return self if _is(lift(other), 1) else node("/", self, lift(other))

    def __rtruediv__(self, other):
        return lift(other) / self

    def __neg__(self):
        return _subtract(lift(0.0), self)

    def __pow__(self, power):
        if power != 2:
            raise TypeError(f"a formula has squares, x ** 2, but no power {power!r}: write it with exp and log")
        return self * self

    def __bool__(self):
        raise TypeError("a formula is traced once for all values, so it cannot branch on them: "
                        "use fastrnn.formula.where(greater(a, b), x, y)")

    def __float__(self):
        raise TypeError("a formula is traced once for all values, so its terms are not numbers yet: in place of "
                        "float() and the functions of math use those of fastrnn.formula")

    def __array_ufunc__(self, ufunc, method, *arguments, **options):
        """Support arithmetic with NumPy's numbers."""
        if method == "__call__" and ufunc in _ARITHMETIC and not options:
            return _ARITHMETIC[ufunc](*map(lift, arguments))
        raise TypeError(f"a formula is traced once for all values, so NumPy cannot compute with its terms: "
                        f"in place of np.{ufunc.__name__} use the functions of fastrnn.formula")

    __int__ = __float__
    __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: self.__bool__()
    __hash__ = object.__hash__

    def __eq__(self, other):
        return self is other

    def __repr__(self):
        return text([self])


def _unlock():
    """Make a new lock in a forked child, which lacks the thread that may have held the old one."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


def node(op, *args):
    """Return the node of this operation and arguments."""
    key = (op, *args)
    with _lock:
        found = _nodes.get(key)
        if found is None:
            found = object.__new__(Expr)
            found.op, found.args, found.number = op, args, next(_numbers)
            _nodes[key] = found
        return found


def symbol(name):
    """Return an input of a graph."""
    return node("input", name)


def lift(value):
    """Return a node: `value` itself, or a constant."""
    if isinstance(value, Expr):
        return value
    try:
        number = float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.nan
    if math.isnan(number):
        raise TypeError(f"a formula computes with numbers and its own terms, got {shown(value)}")
    # The sum turns -0.0, which Python finds equal to 0.0, into it: one value has one text.
    return node("constant", number + 0.0)


_ARITHMETIC = {np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.divide: operator.truediv}


def _is(expr, value):
    return expr.op == "constant" and expr.args[0] == value


def _add(a, b):
    return b if _is(a, 0) else a if _is(b, 0) else node("+", a, b)


def _subtract(a, b):
    return a if _is(b, 0) else node("-", a, b)


def _multiply(a, b):
    if _is(a, 0) or _is(b, 0):
        return lift(0.0)
    if a.op == b.op == "constant":
        return lift(a.args[0] * b.args[0])
    return b if _is(a, 1) else a if _is(b, 1) else node("*", a, b)


def ordered(roots, leaves=()):
    """Return all nodes below the roots, each after its arguments; nothing below a leaf."""
    leaves, done, order = set(leaves), set(), []
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        expr, entered = stack.pop()
        if expr in done:
            continue
        if entered or expr in leaves:
            done.add(expr)
            order.append(expr)
            continue
        stack.append((expr, True))
        stack.extend((arg, False) for arg in reversed(expr.args) if isinstance(arg, Expr) and arg not in done)
    return order


def text(roots):
    """Return one line that identifies a graph: equal for equal formulas, in every process."""
    names, lines = {}, []
    for expr in ordered(roots):
        if expr.op == "input":
            names[expr] = expr.args[0]
        elif expr.op == "constant":
            names[expr] = repr(expr.args[0])
        else:
            names[expr] = f"v{len(lines)}"
            lines.append(f"{names[expr]} = {expr.op}({', '.join(names[arg] for arg in expr.args)})")
    return "; ".join([*lines, f"return {', '.join(names[root] for root in roots)}"])
