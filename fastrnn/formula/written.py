"""Writes a graph as a paper would: one equation for each result, and for each term that is used twice."""

from fastrnn.formula.graph import Expr, ordered

_SIGNS = {"+": 1, "-": 1, "*": 2, "/": 2}


def written(results, names):
    """Return lines such as "h' = n + z * (h - n)"; results: {name: node}; names: {node: name} of inputs, or of other
    nodes."""
    names, order = dict(names), ordered(results.values(), leaves=names)
    uses = {}
    for expr in [*results.values(), *(arg for node in order if node not in names for arg in node.args)]:
        uses[expr] = uses.get(expr, 0) + 1
    own = {node: name for name, node in reversed(results.items())}
    lines, count = [], 0
    for expr in order:
        if expr in names or expr.op in ("constant", ">"):
            continue
        if expr in own or uses[expr] > 1:
            count += expr not in own
            name = own.get(expr, f"v{count}")
            lines.append(f"{name} = {_text(expr, names, 0)}")
            names[expr] = name
    # A result that is an input, or that another result is, too, has not had its line.
    return lines + [f"{name} = {names[node]}" for name, node in results.items() if names.get(node) != name]


def _text(expr, names, binding):
    """Return an expression, in brackets where its operator binds less than `binding`."""
    if expr in names:
        return names[expr]
    if expr.op == "constant":
        return f"{expr.args[0]:.15g}"
    if expr.op == "where":
        condition, a, b = expr.args
        left, right = (_text(each, names, 1) for each in condition.args)
        return f"({_text(a, names, 1)} if {left} > {right} else {_text(b, names, 1)})"
    if expr.op not in _SIGNS:
        return f"{expr.op}({', '.join(_text(arg, names, 0) for arg in expr.args if isinstance(arg, Expr))})"
    own, (a, b) = _SIGNS[expr.op], expr.args
    if expr.op == "-" and a.op == "constant" and a.args[0] == 0:
        text = f"-{_text(b, names, 2)}"
    else:
        # What follows a minus or a division must bind more than that.
        text = f"{_text(a, names, own)} {expr.op} {_text(b, names, own + (expr.op in '-/'))}"
    return f"({text})" if own < binding else text
