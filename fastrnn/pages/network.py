"""A network of any cell and head as a JavaScript object, generated from their formulas.

    const network = {states: ["h"], gates: ["r", "z", "n"], inputs: 2, hidden: 8, outputs: 2,
                     start(), step(state, x), readout(h), predict(z)};

A state is an array (S, H) of all states of the cell; step returns {state, gates (G, H), z (O)}; readout gives z of h.
"""

import json

import numpy as np

from fastrnn.analysis.stepwise import gate_nodes
from fastrnn.exchange.arrays import arrays_of
from fastrnn.formula.graph import symbol
from fastrnn.formula.javascript import JAVASCRIPT
from fastrnn.formula.statements import statements


def network_script(network):
    """Return the text that defines `network`; network: a fastrnn.exchange.base.Network.

    Raises ValueError, in one line, for weights whose shapes do not fit the cell.
    """
    cell, step = network.cell, network.cell.traced()
    arrays = arrays_of(cell, network.weights, np.float64)
    inputs, hidden, outputs = network.weights["w_ih"].shape[1], cell.hidden_size, len(arrays["b_o"])
    gates, first_h = gate_nodes(cell), len(step.pre) - step.from_h
    described = {
        "cell": cell.name or type(cell).__name__, "equation": cell.equation(), "head": network.head.name,
        "targets": network.head.targets, "states": cell.state, "gates": list(gates), "inputs": inputs,
        "hidden": hidden, "outputs": outputs, "before": bool(network.before),
    }
    lines = ["const network = (() => {"]
    lines += [f"const {name} = {_numbers(values)};" for name, values in arrays.items() if values.size]
    lines += [
        "const start = () => initial.map(each => each.slice());",
        "const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };",
        "const readout = h => b_o.map((bias, o) => bias + dot(w_o[o], h));",
        "function step(old, x) {",
        f"const next = [{', '.join('[]' for _ in cell.state)}], gates = [{', '.join('[]' for _ in gates)}];",
        "const pre = bias.map((row, g) => row.map((sum, j) => sum",
        f"+ (g < {step.from_x} ? dot(w_x[g][j], x) : 0)",
        *([f"+ (g >= {first_h} ? dot(w_h[g - {first_h}][j], old[0]) : 0)"] if step.from_h else []),
        "));",
    ]
    if step.operand is not None:
        lines += [
            "const operand = [];",
            *_units(step, hidden, [step.operand.node], ["operand[j]"]),
            f"for (let g = 0; g < {step.from_operand}; g++)",
            f"for (let j = 0; j < {hidden}; j++) pre[g][j] += dot(w_q[g][j], operand);",
        ]
    places = [f"next[{n}][j]" for n in range(len(cell.state))] + [f"gates[{n}][j]" for n in range(len(gates))]
    lines += _units(step, hidden, [*step.new, *gates.values()], places)
    lines += [f"return {{state: next, gates, z: readout({'old' if network.before else 'next'}[0])}};", "}"]
    lines += _predict(network.head, outputs)
    lines += [f"return Object.assign({json.dumps(described)}, {{start, step, readout, predict}});", "})();"]
    return "\n".join(lines)


def _units(step, hidden, nodes, places):
    """Return the lines of a loop over units j that stores each node in its place."""
    names = {each: f"pre[{n}][j]" for n, each in enumerate(step.pre)}
    names |= {each: f"vectors[{n}][j]" for n, each in enumerate(step.vectors)}
    names |= {each: f"old[{n}][j]" for n, each in enumerate(step.old)}
    lines, terms = statements(nodes, names, JAVASCRIPT)
    return [
        f"for (let j = 0; j < {hidden}; j++) {{",
        *lines,
        *(f"{place} = {term};" for place, term in zip(places, terms)),
        "}",
    ]


def _predict(head, outputs):
    z = [symbol(f"z{n}") for n in range(outputs)]
    names = {each: f"z[{n}]" for n, each in enumerate(z)}
    lines, terms = statements(head.prediction(tuple(z)), names, JAVASCRIPT)
    return ["function predict(z) {", *lines, f"return [{', '.join(terms)}];", "}"]


def _numbers(values):
    """Return an array as text, with nine digits, enough for every float32."""
    return json.dumps(np.array([float(f"{each:.9g}") for each in values.ravel()]).reshape(values.shape).tolist())
