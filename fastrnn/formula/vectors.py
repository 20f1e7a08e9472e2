"""Runs a graph on vectors while a kernel is compiled: each node becomes its instructions, once.

Vectors of other kinds, such as arrays, bring `operations` and `fma` of their own (fastrnn.machine.emulator).
"""

from fastrnn.formula.graph import Expr, ordered
from fastrnn.simd import functions
from fastrnn.simd.pointwise import fma, select, square_root

_OPERATIONS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    ">": lambda a, b: a > b, "where": select, "square_root": square_root,
    "sigmoid": functions.sigmoid, "tanh": functions.tanh, "exp": functions.exp, "log": functions.log,
    "detach": lambda x: x, "softplus": functions.softplus, "relu": lambda x: select(x < 0, 0, x),
}


def on_vectors(outputs, values, like):
    """Return the outputs as Vectors; values: {node: Vector}; like: any Vector of the same type.

    A product that only one sum uses becomes a fused multiply-add.
    """
    values, order = dict(values), ordered(outputs, leaves=values)
    operations, multiply_add = getattr(like, "operations", _OPERATIONS), getattr(like, "fma", fma)
    uses = {}
    for expr in [*outputs, *(arg for node in order if node not in values for arg in node.args)]:
        if isinstance(expr, Expr):
            uses[expr] = uses.get(expr, 0) + 1

    def fusible(expr):
        return expr.op == "*" and expr not in values and uses[expr] == 1

    fused = {}
    for expr in order:
        if expr in values or expr.op not in ("+", "-"):
            continue
        a, b = expr.args
        if fusible(b):
            fused[expr] = (b, a, -1 if expr.op == "-" else 1)
            uses[b] = 0
        elif fusible(a):
            fused[expr] = (a, b, 1)
            uses[a] = 0
    for expr in order:
        if expr in values or uses[expr] == 0:
            continue
        if expr in fused:
            product, other, sign = fused[expr]
            x, y = (values[arg] for arg in product.args)
            z = values[other]
            if expr.op == "-":
                values[expr] = multiply_add(-x, y, z) if sign < 0 else multiply_add(x, y, -z)
            else:
                values[expr] = multiply_add(x, y, z)
        elif expr.op == "constant":
            values[expr] = like.constant(expr.args[0])
        else:
            values[expr] = operations[expr.op](*(values[arg] for arg in expr.args))
    return [values[output] for output in outputs]
