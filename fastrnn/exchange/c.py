"""A C99 header of any network, generated from its cell's formula: no allocation, and of libraries only math.h.

    #include "network.h"
    network_state state;
    network_init(&state);
    network_step(&state, x, z);        one step: x (inputs), z (outputs before the head's link)
"""

import re

import numpy as np

from fastrnn.cells.base import Cell
from fastrnn.exchange.arrays import arrays_of
from fastrnn.exchange.base import Format
from fastrnn.formula.graph import ordered
from fastrnn.formula.statements import Language, statements
from fastrnn.wording import counted

_FUNCTIONS = {
    "sigmoid": "1.0f / (1.0f + expf(-{}))",
    "tanh": "tanhf({})",
    "relu": "{0} < 0.0f ? 0.0f : {0}",
    "exp": "expf({})",
    "log": "logf({})",
    "softplus": "fmaxf({0}, 0.0f) + log1pf(expf(-fabsf({0})))",
    "square_root": "sqrtf({})",
}


class CHeader(Format):
    """The C99 header of this module as a format."""

    name = "c"
    ending = ".h"
    summary = "C99: any cell, in float"

    def encode(self, network, name):
        """Return the text of `to_c`, whose z is the output before the head's link."""
        return to_c(network.cell, network.weights, name, before=network.before).encode()


def to_c(cell, weights, name="network", *, before=False):
    """Return the text of a header for a cell and its named weights {name: array}.

    name: of its functions and types, a C identifier; before: z is read from the state before the step's input. All
    arithmetic is in float. Raises ValueError for a name that is none, or weights whose shapes do not fit the cell.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"name: got {name!r}, expected a C identifier, for example network")
    if not isinstance(cell, Cell):
        raise TypeError(f"cell: got {cell!r}, expected a Cell")
    step, arrays = cell.traced(), arrays_of(cell, weights, np.float32)
    inputs, hidden, outputs = weights["w_ih"].shape[1], cell.hidden_size, len(arrays["b_o"])
    arrays = {key: values for key, values in arrays.items() if values.size}
    flash, ram = 4 * sum(values.size for values in arrays.values()), 4 * len(cell.state) * hidden
    lines = [
        f"/* {cell.name or type(cell).__name__}: {counted(inputs, 'input')}, "
        f"{counted(hidden, 'unit')}, {counted(outputs, 'output')}; "
        f"{flash} bytes of constants, {ram} bytes of state. */",
        f"#ifndef {name.upper()}_H",
        f"#define {name.upper()}_H",
        "",
        "#include <math.h>",
        "",
        f"enum {{ {name}_inputs = {inputs}, {name}_hidden = {hidden}, {name}_outputs = {outputs} }};",
        "",
        "typedef struct {",
        *(f"    float {state}[{hidden}];" for state in cell.state),
        f"}} {name}_state;",
        "",
    ]
    for key, values in arrays.items():
        shape = "".join(f"[{size}]" for size in values.shape)
        lines += [f"static const float {name}_{key}{shape} = {_braces(values)};", ""]
    lines += [*_init(name, cell), "", *_step(name, cell, step, arrays, before), "", "#endif", ""]
    return "\n".join(lines)


def _braces(values):
    if values.ndim == 0:
        return f"{float(values):.9g}f" if not float(values).is_integer() else f"{float(values):.1f}f"
    inner = [_braces(each) for each in values]
    return "{" + (", ".join(inner) if values.ndim == 1 else ",\n    ".join(inner)) + "}"


def _init(name, cell):
    body = [f"        state->{state}[j] = {name}_initial[{n}][j];" for n, state in enumerate(cell.state)]
    return [
        f"static inline void {name}_init({name}_state *state) {{",
        f"    for (int j = 0; j < {name}_hidden; j++) {{",
        *body,
        "    }",
        "}",
    ]


def _step(name, cell, step, arrays, before):
    groups, first_h = len(step.pre), len(step.pre) - step.from_h
    out = [
        f"    for (int o = 0; o < {name}_outputs; o++) {{",
        f"        z[o] = {name}_b_o[o];",
        f"        for (int k = 0; k < {name}_hidden; k++) z[o] += {name}_w_o[o][k] * state->{cell.state[0]}[k];",
        "    }",
    ]
    code = [
        f"static inline void {name}_step({name}_state *state, const float *x, float *z) {{",
        f"    float pre[{groups}][{name}_hidden];",
    ]
    code += out if before else []
    code += [
        f"    for (int g = 0; g < {groups}; g++) {{",
        f"        for (int j = 0; j < {name}_hidden; j++) {{",
        f"            float sum = {name}_bias[g][j];",
        f"            if (g < {step.from_x})",
        f"                for (int i = 0; i < {name}_inputs; i++) sum += {name}_w_x[g][j][i] * x[i];",
        *(
            [
                f"            if (g >= {first_h})",
                f"                for (int k = 0; k < {name}_hidden; k++)",
                f"                    sum += {name}_w_h[g - {first_h}][j][k] * state->{cell.state[0]}[k];",
            ]
            if step.from_h
            else []
        ),
        "            pre[g][j] = sum;",
        "        }",
        "    }",
    ]
    if step.operand is not None:
        code += [
            f"    float operand[{name}_hidden];",
            *_formulas(name, cell, step, {"operand[j]": step.operand.node}),
            f"    for (int g = 0; g < {step.from_operand}; g++)",
            f"        for (int j = 0; j < {name}_hidden; j++)",
            f"            for (int k = 0; k < {name}_hidden; k++) pre[g][j] += {name}_w_q[g][j][k] * operand[k];",
        ]
    if not set(step.pre) & set(ordered(step.new)):
        # Compilers warn of what a formula does not read.
        code.append("    (void)pre;")
    code += _formulas(name, cell, step, {f"state->{state}[j]": expr for state, expr in zip(cell.state, step.new)})
    return [*code, *([] if before else out), "}"]


def _formulas(name, cell, step, results):
    """Return a loop over units j that sets each result {place: node}."""
    names = {symbol: f"pre[{n}][j]" for n, symbol in enumerate(step.pre)}
    names |= {symbol: f"{name}_vectors[{n}][j]" for n, symbol in enumerate(step.vectors)}
    used, code = set(ordered(results.values())), [f"    for (int j = 0; j < {name}_hidden; j++) {{"]
    # Copies: a state may become another one that has been written by then.
    for expr, state in zip(step.old, cell.state):
        if expr in used:
            names[expr] = f"old_{state}"
            code.append(f"        const float old_{state} = state->{state}[j];")
    lines, terms = statements(results.values(), names, _LANGUAGE)
    lines += [f"{place} = {term};" for place, term in zip(results, terms)]
    return [*code, *(f"        {line}" for line in lines), "    }"]


def _number(value):
    text = _braces(np.float32(value))
    return text if value >= 0 else f"({text})"


_LANGUAGE = Language(_FUNCTIONS, _number, ("const float", "const int"))
