"""Runs a graph on NumPy arrays, or on values with operations of their own."""

import numpy as np

from fastrnn.formula.graph import Expr, ordered


def evaluate_graph(outputs, values, operations, constant):
    """Return the outputs, given `values` {node: value} of all inputs (and of any other node).

    operations: {op: function of its arguments' values}; constant(number): a constant's value.
    """
    values = dict(values)
    for expr in ordered(outputs, leaves=values):
        if expr in values:
            continue
        if expr.op == "constant":
            values[expr] = constant(expr.args[0])
        elif expr.op == "input":
            raise KeyError(f"no value for the input {expr.args[0]!r}")
        else:
            values[expr] = operations[expr.op](*(values[arg] for arg in expr.args if isinstance(arg, Expr)))
    return [values[output] for output in outputs]


def _sigmoid(x):
    # Each branch only where its exponential does not overflow.
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


NUMPY = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, ">": np.greater, "where": np.where,
    "sigmoid": _sigmoid, "tanh": np.tanh, "detach": lambda x: x, "relu": lambda x: np.where(x < 0, 0, x), "exp": np.exp,
    "log": np.log, "square_root": np.sqrt, "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}


def on_numpy(outputs, values):
    """Return the outputs as NumPy arrays, in the precision of the values."""
    # Numbers of a formula have it as well: a choice between two of them would be float64 otherwise.
    return evaluate_graph(outputs, values, NUMPY, np.result_type(*values.values()).type if values else np.float64)
