"""A graph as JavaScript: a statement for each node, in double precision."""

import math

from fastrnn.formula.graph import Expr, ordered

_OPERATIONS = {
    "+": "{} + {}",
    "-": "{} - {}",
    "*": "{} * {}",
    "/": "{} / {}",
    ">": "{} > {}",
    "where": "{} ? {} : {}",
    "detach": "{}",
    # The exponential may be infinite: 1 / Infinity is 0.
    "sigmoid": "1 / (1 + Math.exp(-{}))",
    "tanh": "Math.tanh({})",
    "relu": "{0} < 0 ? 0 : {0}",
    "exp": "Math.exp({})",
    "log": "Math.log({})",
    "softplus": "Math.max({0}, 0) + Math.log1p(Math.exp(-Math.abs({0})))",
    "square_root": "Math.sqrt({})",
}


def statements(nodes, names):
    """(lines, terms): declarations such as "const v0 = a * b;", and a JavaScript term for each of the nodes.

    names: {node: term} of all inputs, and of other nodes that are known already.
    """
    names, lines = dict(names), []
    for expr in ordered(nodes, leaves=names):
        if expr in names:
            continue
        if expr.op == "constant":
            names[expr] = number(expr.args[0])
            continue
        if expr.op == "input":
            raise KeyError(f"no term for the input {expr.args[0]!r}")
        terms = (names[arg] for arg in expr.args if isinstance(arg, Expr))
        names[expr] = f"v{len(lines)}"
        lines.append(f"const {names[expr]} = {_OPERATIONS[expr.op].format(*terms)};")
    return lines, [names[node] for node in nodes]


def number(value):
    """A number as JavaScript writes it, to the last bit; in brackets where a minus sign could join another one."""
    value = float(value)
    text = repr(value) if math.isfinite(value) else repr(value).replace("inf", "Infinity").replace("nan", "NaN")
    return f"({text})" if text.startswith("-") else text
