"""Formats numbers, sums and counts for printing."""

import contextlib
import re
import sys
import textwrap

from fastrnn.errors import printable

# Digits or bits beyond this number are left out in the middle.
MOST_DIGITS, MOST_BITS = 24, 32

# Lines of results stay within a terminal of 80 columns, indented by two.
TEXT_WIDTH = 77


@contextlib.contextmanager
def long_numbers():
    """Allow ints of any length to be read and printed; by default Python stops at 4,300 digits."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(before)


def wrapped(text):
    """Return the text in lines that fit the terminal; all but the first are indented."""
    return textwrap.fill(text, 79, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def aligned(lines):
    """Return the lines of a table, lists of texts, as one text with its columns to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(line, widths)) for line in lines)


def shown_value(value):
    """Return a value of a table as text that a terminal may print, a float with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def short_number(number, most=MOST_DIGITS):
    """Return the number, or its digits, as text; the middle digits are left out if there are very many."""
    digits = str(number)
    half = (most - 3) // 2
    return digits if len(digits) <= most else f"{digits[:half]}...{digits[-half:]}"


def equation(task, operands, answer, truth=None):
    """Return `9 + 60 = 69`, or the task's notation, in one line of the terminal.

    With a `truth`, `, not 70` follows.
    """
    operands, answer = [str(operand) for operand in operands], task.spelled(answer)
    truth = truth if truth is None else task.spelled(truth)
    for most in range(MOST_DIGITS, 5, -1):
        text = task.equation([short_number(operand, most) for operand in operands], short_number(answer, most))
        text += "" if truth is None else f", not {short_number(truth, most)}"
        if len(text) <= TEXT_WIDTH:
            break
    return text


def equations(model):
    """Return a small network as formulas in its inputs a, b, ... and states h0, h1, ...: some lines per unit, then its
    outputs.

    A state after the step has a prime where the formula reads that before it as well.
    """
    from fastrnn.formula.graph import ordered
    from fastrnn.formula.written import written
    from fastrnn.proofs.weights import Weights

    weights, step, lines = Weights(model), model.cell.traced(), []
    units = range(model.hidden_size)
    inputs = [chr(ord("a") + i) for i in range(model.input_size)]
    states, read = [f"{model.cell.state[0]}{unit}" for unit in units], ordered(step.new)
    primed = "" if set(step.old).isdisjoint(read) else "'"
    names = [dict(zip(step.old, (f"{part}{unit}" for part in model.cell.state))) for unit in units]
    for unit in units:
        names[unit] |= {symbol: f"{value[unit]:.7g}" for symbol, value in weights.vectors.items()}

    def define(symbols, fed):
        """Write pre-activations: inline where only functions read them, else in separate lines."""
        for symbol, unit in ((symbol, unit) for symbol in symbols for unit in units):
            rows = [(own[symbol][unit], on) for own, on in ((weights.w_x, inputs), (weights.w_h, fed)) if symbol in own]
            factors = [factor for row, _ in rows for factor in row] + [weights.b[symbol][unit]]
            text = _terms(factors, [name for _, on in rows for name in on] + [""])
            if any(expr.op in ("+", "-", "*", "/") for expr in read if symbol in expr.args):
                lines.append(f"{symbol.args[0]}{unit} = {text}")
                text = f"{symbol.args[0]}{unit}"
            names[unit][symbol] = text

    def results(nodes):
        for unit in units:
            made = written({f"{name}{unit}{mark}": node for (name, mark), node in nodes.items()}, names[unit])
            lines.extend(re.sub(r"\bv(\d+)\b", rf"v{unit}\1", line) for line in made)

    define([symbol for symbol in step.pre if symbol not in weights.operand], states)
    if step.operand:
        results({("q", ""): step.operand.node})
        define(weights.operand, [f"q{unit}" for unit in units])
    results({(part, primed): node for part, node in zip(model.cell.state, step.new)})
    outs, hidden = weights.b_o, [*(f"{h}{primed}" for h in states), ""]
    return lines + [
        f"z{'' if len(outs) == 1 else o} = {_terms([*weights.w_ho[o], outs[o]], hidden)}" for o in range(len(outs))
    ]


def _terms(factors, names):
    text = " ".join(
        f"{'-' if factor < 0 else '+'} {abs(factor):.7g} {name}".rstrip() for factor, name in zip(factors, names)
    )
    return text.removeprefix("+ ").replace("- ", "-", 1) if text.startswith("- ") else text.removeprefix("+ ")


def bit_row(number, bits):
    """Return `[0 1 0 0 0 1 0 1]`, most significant bit first; of wide numbers both ends."""
    digits = format(number, f"0{bits}b")
    if bits <= MOST_BITS:
        return f"[{' '.join(digits)}]"
    half = MOST_BITS // 2
    return f"[{' '.join(digits[:half])} ... {' '.join(digits[-half:])}]"


def solved(task, operands, answer):
    """Return one block in the tutorial's style: the network's bits, the true ones, and the network's sum."""
    bits = 1 if task.last_only else task.bits
    return "\n".join((f"Pred:{bit_row(answer, bits)}", f"True:{bit_row(task.oracle(operands), bits)}",
                      equation(task, operands, answer), "-" * 12))


def outcome(verification, operands):
    """Return `exact on all 16,384 pairs`, or how many were wrong."""
    if verification.exact:
        return f"exact on {tried(verification, operands)}"
    return f"not exact: {verification.wrong:,} wrong of {tried(verification, operands)}"


def tried(verification, operands):
    """Return `all 16,384 pairs`, or `65,566 pairs, random and hard ones`: the samples of a Verification."""
    kind = "pairs" if operands == 2 else "combinations" if operands > 2 else "numbers"
    count = f"{verification.samples:,} {kind}"
    return f"all {count}" if verification.exhaustive else f"{count}, random and hard ones"


def seconds(value):
    """Return a duration in milliseconds or seconds, as text."""
    return f"{1000 * value:.1f} ms" if value < 0.1 else f"{value:.2f} s" if value < 100 else f"{value:,.0f} s"

