"""One step of a recurrent cell, traced from its formula, and the step backwards that follows from it.

    pre = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh        gate by gate, or gate_x and gate_h apart
    state_t = step(pre, state_(t-1))                   the cell's own formula, unit by unit
"""

import inspect
from dataclasses import dataclass

from fastrnn.formula.graph import KEPT, Expr, ordered, symbol, text
from fastrnn.formula.reverse import gradient

# Weights that every network has.
WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o")


@dataclass(frozen=True)
class Step:
    """What a cell computes in one step.

    groups: names of the pre-activations; the input reaches the first `from_x` of them, the state h the last `from_h`;
    pre, vectors, old: symbols of the pre-activations, of the cell's own vectors and of the state before the step; new:
    nodes of the state after it; saved: nodes that the step backwards reads, beside old, new and vectors; d_new: symbols
    of the loss's derivatives by new; back: nodes of its derivatives by pre, vectors and old.
    """

    groups: tuple
    from_x: int
    from_h: int
    pre: tuple
    vectors: tuple
    old: tuple
    new: tuple
    saved: tuple
    d_new: tuple
    back: tuple
    text: str


class Terms:
    """The terms that a formula reads by name."""

    def __init__(self, terms):
        vars(self).update(terms)

    def __getattr__(self, name):
        if f"{name}_x" in vars(self):
            raise AttributeError(f"pre has no {name}; {name} is separate: {name}_x, {name}_h")
        raise AttributeError(f"pre has no {name}; it has {', '.join(vars(self))}")


def trace(gates, separate, inputs_only, vectors, state, formula):
    """The Step of a formula: formula(pre, *state) gives the next state, or a tuple of states.

    Raises ValueError or TypeError, in one line, for a formula that does not fit what it declares.
    """
    _check(gates, separate, inputs_only, vectors, state)
    apart = [gate for gate in gates if gate in separate]
    merged = [gate for gate in gates if gate not in separate and gate not in inputs_only]
    groups = (*inputs_only, *(f"{gate}_x" for gate in apart), *merged, *(f"{gate}_h" for gate in apart))
    named = groups, vectors, [f"old_{name}" for name in state]
    pre, own, old = (tuple(symbol(name) for name in names) for names in named)
    try:
        inspect.signature(formula).bind(None, *old)
    except TypeError:
        raise TypeError(f"step: got step(self, {', '.join(inspect.signature(formula).parameters)}), "
                        f"expected step(self, pre, {', '.join(state)})") from None
    new = formula(Terms(zip((*groups, *vectors), (*pre, *own))), *old)
    new = tuple(new) if isinstance(new, (tuple, list)) else (new,)
    if len(new) != len(state):
        plural = "s" * (len(new) != 1)
        raise ValueError(f"step: got {len(new)} state{plural} back, expected {len(state)} ({', '.join(state)})")
    for value, name in zip(new, state):
        if not isinstance(value, Expr):
            raise TypeError(f"step: got {value!r} as the next {name}, expected a formula of pre and the state")
    d_new = tuple(symbol(f"d_{name}") for name in state)
    back = tuple(gradient(new, d_new, (*pre, *own, *old)))
    kept = {expr for expr in ordered(new) if expr.op in KEPT} | set(new)
    readable = {*new, *old, *own, *d_new}
    saved = tuple(expr for expr in ordered(back, leaves=kept) if (expr in kept or expr in pre) and expr not in readable)
    from_x, from_h = len(groups) - len(apart), len(merged) + len(apart)
    return Step(groups, from_x, from_h, pre, own, old, new, saved, d_new, back,
                f"{' '.join(groups)} ({from_x}, {from_h}) | {' '.join(vectors)} | {' '.join(state)} | {text(new)}")


def _check(gates, separate, inputs_only, vectors, state):
    for name, value in (("gates", gates), ("separate", separate), ("inputs_only", inputs_only), ("vectors", vectors),
                        ("state", state)):
        if not isinstance(value, tuple) or not all(isinstance(each, str) and each.isidentifier() for each in value):
            raise TypeError(f'{name}: got {value!r}, expected a tuple of names, such as ("r", "z")')
    if not gates or not state:
        raise ValueError("a cell needs at least one gate and one state")
    for name, value in (("separate", separate), ("inputs_only", inputs_only)):
        unknown = sorted(set(value) - set(gates))
        if unknown:
            raise ValueError(f"{name}: got {unknown[0]!r}, expected names of gates ({', '.join(gates)})")
    if set(separate) & set(inputs_only):
        both = sorted(set(separate) & set(inputs_only))
        raise ValueError(f"separate: got {both[0]!r}, which inputs_only has as well")
    names = [*gates, *vectors]
    if len(set(names)) < len(names):
        raise ValueError(f"gates and vectors: got a name twice in {', '.join(names)}")
    if len(set(state)) < len(state):
        raise ValueError(f"state: got a name twice in {', '.join(state)}")
    # Other terms of a formula, and other weights, have these names.
    taken = {f"{gate}_{side}" for gate in separate for side in "xh"} | {*WEIGHTS}
    taken |= {f"{kind}_{name}" for kind in ("old", "d", "initial") for name in state}
    if clash := sorted(taken & {*names}):
        raise ValueError(f"gates and vectors: got {clash[0]!r}, which names something else: choose another name")
