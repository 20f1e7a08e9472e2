"""A cell of any formula in ONNX: a Scan over time, whose body is the formula, operator by operator."""

from fastrnn.exchange.arrays import arrays_of
from fastrnn.formula.graph import ordered

OPERATOR_OF_NODE = {
    "+": "Add",
    "-": "Sub",
    "*": "Mul",
    "/": "Div",
    ">": "Greater",
    "where": "Where",
    "detach": "Identity",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "exp": "Exp",
    "log": "Log",
    "softplus": "Softplus",
    "square_root": "Sqrt",
}


def scanned(graph, cell, weights, x, first):
    """Return the names of the states (time, batch, hidden) after each step, and of the last ones (batch, hidden).

    x: the name of the inputs (time, batch, inputs); first: names of the states before, (batch, hidden).
    """
    step, arrays, body = cell.traced(), arrays_of(cell, weights, graph.dtype), graph.within("step_")
    old = [body.declare("input", f"step_{state}", ("batch", cell.hidden_size)) for state in cell.state]
    row = body.declare("input", "step_x", ("batch", weights["w_ih"].shape[1]))
    names = dict(zip(step.old, old))
    for n, symbol in enumerate(step.vectors):
        names[symbol] = body.store(f"step_{cell.vectors[n]}", arrays["vectors"][n])
    first_h = len(step.pre) - step.from_h
    for n, symbol in enumerate(step.pre):
        names[symbol] = body.store(f"step_bias_{n}", arrays["bias"][n])
        if n < step.from_x:
            names[symbol] = _with_product(body, names[symbol], row, arrays["w_x"][n], f"step_w_x_{n}")
        if n >= first_h:
            names[symbol] = _with_product(body, names[symbol], old[0], arrays["w_h"][n - first_h], f"step_w_h_{n}")
    if step.operand is not None:
        _write(body, [step.operand.node], names)
        for n, symbol in enumerate(step.pre[: step.from_operand]):
            operand = _for_all(body, names[step.operand.node], old[0])
            names[symbol] = _with_product(body, names[symbol], operand, arrays["w_q"][n], f"step_w_q_{n}")
    _write(body, step.new, names)
    made = [_for_all(body, names[expr], old[0], to=f"step_{name}_n") for name, expr in zip(cell.state, step.new)]
    for each in (*made, body.node("Identity", made[0], to="step_states")):
        body.declare("output", each, ("batch", cell.hidden_size))
    *last, states = graph.nodes("Scan", len(cell.state) + 1, *first, x, body=body, num_scan_inputs=1)
    return states, last


def _for_all(body, name, state, to=None):
    """Return the name of a value in the shape (batch, hidden), also where the formula gives a number or a vector."""
    return body.node("Expand", name, body.node("Shape", state), to=to)


def _with_product(body, bias, values, weights, name):
    return body.node("Add", bias, body.node("MatMul", values, body.store(name, weights.T)))


def _write(body, results, names):
    """Add the nodes of formulas; names {expression: name} receives those of all their parts."""
    for expr in ordered(results, leaves=names):
        if expr in names:
            continue
        if expr.op == "constant":
            body.count += 1
            names[expr] = body.store(f"step_number_{body.count}", float(expr.args[0]))
        else:
            names[expr] = body.node(OPERATOR_OF_NODE[expr.op], *(names[each] for each in expr.args))
