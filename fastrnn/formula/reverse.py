"""Reverse mode on a graph: derivatives of a formula as formulas.

S. Linnainmaa, "Taylor expansion of the accumulated rounding error", BIT 16 (1976). A. Griewank and A. Walther,
"Evaluating Derivatives", SIAM (2008).
"""

from fastrnn.formula.functions import greater, sigmoid, where
from fastrnn.formula.graph import lift, ordered


def reverse_gradient(outputs, d_outputs, inputs):
    """Return the derivatives by the inputs of sum_i d_outputs[i] * outputs[i], in terms of the graph's own values."""
    derivatives = {}

    def give(expr, value):
        derivatives[expr] = derivatives[expr] + value if expr in derivatives else value

    for output, d_output in zip(outputs, d_outputs, strict=True):
        give(output, d_output)
    for expr in reversed(ordered(outputs)):
        if expr in derivatives and expr.op in RULES:
            for arg, value in zip(expr.args, RULES[expr.op](derivatives[expr], expr, *expr.args)):
                if value is not None:
                    give(arg, value)
    return [derivatives.get(each, lift(0.0)) for each in inputs]


# d/d args of d * op(args), for a node `n` with these arguments.
RULES = {
    "+": lambda d, n, a, b: (d, d),
    "-": lambda d, n, a, b: (d, -d),
    "*": lambda d, n, a, b: (2.0 * d * a, None) if a is b else (d * b, d * a),
    "/": lambda d, n, a, b: (d / b, -(d * n / b)),
    "sigmoid": lambda d, n, a: (d * (n - n * n),),
    "tanh": lambda d, n, a: (d * (1 - n * n),),
    "relu": lambda d, n, a: (where(greater(n, 0.0), d, 0.0),),
    "exp": lambda d, n, a: (d * n,),
    "log": lambda d, n, a: (d / a,),
    "softplus": lambda d, n, a: (d * sigmoid(a),),
    "square_root": lambda d, n, a: (d * 0.5 / n,),
    "where": lambda d, n, c, a, b: (None, where(c, d, 0.0), where(c, 0.0, d)),
}
