"""Writes a graph as statements of a C-like language: a declaration for each node."""

from collections.abc import Callable
from typing import NamedTuple

from fastrnn.formula.graph import Expr, ordered

# What such languages write in the same way.
ARITHMETIC = {
    "+": "{} + {}",
    "-": "{} - {}",
    "*": "{} * {}",
    "/": "{} / {}",
    ">": "{} > {}",
    "where": "{} ? {} : {}",
    "detach": "{}",
}


class Language(NamedTuple):
    """How a language writes nodes.

    functions: {op: text with {} for each argument} of all that is no arithmetic; number(value): a constant, in brackets
    where a minus sign could join another one; declared: what stands before the name of a number, and of a truth value.
    """

    functions: dict
    number: Callable
    declared: tuple


def statements(nodes, names, language):
    """Return (lines, terms): declarations such as "const v0 = a * b;", and a term for each of the nodes.

    names: {node: term} of all inputs, and of other nodes that are known already. Raises KeyError for an input without a
    name.
    """
    names, lines, operations = dict(names), [], ARITHMETIC | language.functions
    for expr in ordered(nodes, leaves=names):
        if expr in names:
            continue
        if expr.op == "constant":
            names[expr] = language.number(expr.args[0])
            continue
        if expr.op == "input":
            raise KeyError(f"no term for the input {expr.args[0]!r}")
        terms = (names[arg] for arg in expr.args if isinstance(arg, Expr))
        names[expr] = f"v{len(lines)}"
        lines.append(f"{language.declared[expr.op == '>']} {names[expr]} = {operations[expr.op].format(*terms)};")
    return lines, [names[node] for node in nodes]
