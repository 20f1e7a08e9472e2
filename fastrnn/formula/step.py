"""One step of a recurrent cell, traced from its formula, and the step backwards that follows from it.

    pre = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh        gate by gate, or gate_x and gate_h apart
    state_t = step(pre, state_(t-1))                   the cell's own formula, unit by unit

Some gates may have an operand in the place of h, pre = W_ih x_t + b_ih + W_hh operand + b_hh: a formula of the state
and the other gates. A step then has two products with the state, one after the other.
"""

import inspect
from dataclasses import dataclass

from fastrnn.arguments import shown
from fastrnn.formula.graph import SAVED_OPERATIONS, Expr, ordered, symbol, text
from fastrnn.formula.reverse import reverse_gradient

# Weights that every network has.
WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o")


@dataclass(frozen=True)
class Operand:
    """The value that replaces h for some gates, one number for each unit.

    node: its formula; gates: how many groups it reaches, the first ones; d_node: the symbol of the loss's derivative by
    it; back: nodes of what that adds to the derivatives by pre, vectors and old; saved: how many of the step's `saved`
    nodes, the first ones, are computed with it.
    """

    node: object
    gates: int
    d_node: object
    back: tuple
    saved: int


@dataclass(frozen=True)
class Step:
    """Everything that a cell computes in one step.

    groups: names of the pre-activations; the input reaches the first `from_x` of them, the state h the last `from_h`;
    pre, vectors, old: symbols of the pre-activations, of the cell's own vectors and of the state before the step; new:
    nodes of the state after it; saved: nodes that the backward step reads, besides old, new and vectors; d_new: symbols
    of the loss's derivatives by new; back: nodes of its derivatives by pre, vectors and old;
    operand: the Operand, or None.
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
    operand: object = None

    @property
    def early(self):
        """The number of `saved` nodes, the first ones, that are computed before all others: with the operand, or, where
        costly operations wait for other ones, those that wait for none."""
        if self.operand is not None:
            return self.operand.saved
        depths = [_depth(expr) for expr in self.saved]
        return depths.count(1) if max(depths, default=0) > 1 else 0

    @property
    def from_operand(self):
        """The number of groups, the first ones, that read the operand."""
        return 0 if self.operand is None else self.operand.gates


class NamedTerms:
    """The terms that a formula reads by name."""

    def __init__(self, terms):
        vars(self).update(terms)

    def __getattr__(self, name):
        if f"{name}_x" in vars(self):
            raise AttributeError(f"pre has no {name}; {name} is separate: {name}_x, {name}_h")
        raise AttributeError(f"pre has no {name}; it has {', '.join(vars(self))}")


def trace(gates, separate, inputs_only, vectors, state, formula, operand_gates=(), operand=None):
    """Return the Step of a formula: formula(pre, *state) gives the next state, or a tuple of states.

    operand(pre, *state): what stands in the place of h for operand_gates, from all other gates.
    Raises ValueError or TypeError, in one line, for a formula that does not fit what it declares.
    """
    _check(gates, separate, inputs_only, vectors, state, operand_gates)
    apart = [gate for gate in gates if gate in separate]
    merged = [gate for gate in gates if gate not in (*separate, *inputs_only, *operand_gates)]
    groups = (*operand_gates, *inputs_only, *(f"{gate}_x" for gate in apart), *merged, *(f"{gate}_h" for gate in apart))
    named = groups, vectors, [f"old_{name}" for name in state]
    pre, own, old = (tuple(symbol(name) for name in names) for names in named)
    new = _run("step", formula, zip((*groups, *vectors), (*pre, *own)), state, old)
    new = tuple(new) if isinstance(new, (tuple, list)) else (new,)
    if len(new) != len(state):
        plural = "s" * (len(new) != 1)
        raise ValueError(f"step: got {len(new)} state{plural} back, expected {len(state)} ({', '.join(state)})")
    for value, name in zip(new, state):
        if not isinstance(value, Expr):
            raise TypeError(f"step: got {shown(value)} as the next {name}, expected a formula of pre and the state")
    d_new = tuple(symbol(f"d_{name}") for name in state)
    back = tuple(reverse_gradient(new, d_new, (*pre, *own, *old)))
    from_x, from_h = len(groups) - len(apart), len(merged) + len(apart)
    named = f"{' '.join(groups)} ({from_x}, {from_h}) | {' '.join(vectors)} | {' '.join(state)} | {text(new)}"
    known = {"groups": groups, "from_x": from_x, "from_h": from_h, "pre": pre, "vectors": own, "old": old, "new": new,
             "d_new": d_new, "back": back}
    if not operand_gates:
        saved = _saved(new, back, {*new, *old, *own, *d_new}, pre)
        saved = tuple(sorted(saved, key=lambda expr: _depth(expr) != 1))
        return Step(**known, saved=saved, text=named)
    count = len(operand_gates)
    node = _run("operand", operand, zip((*groups[count:], *vectors), (*pre[count:], *own)), state, old)
    if not isinstance(node, Expr):
        raise TypeError(f"operand: got {shown(node)}, expected a formula of pre and the state")
    d_node = symbol("d_operand")
    more = tuple(reverse_gradient([node], [d_node], (*pre, *own, *old)))
    saved = _saved((*new, node), (*more, *back), {*new, *old, *own, *d_new, d_node}, pre)
    below = set(ordered([node]))
    # What the operand computes anyway is saved with it, and not computed again by the step.
    saved = tuple(sorted(saved, key=lambda expr: expr not in below))
    own_saved = sum(expr in below for expr in saved)
    second = Operand(node, gates=count, d_node=d_node, back=more, saved=own_saved)
    return Step(**known, saved=saved, text=f"{named} | {count}: {text([node])}", operand=second)


def _run(name, formula, terms, state, old):
    """Return the results of a formula on symbols."""
    try:
        inspect.signature(formula).bind(None, *old)
    except TypeError:
        raise TypeError(f"{name}: got {name}(self, {', '.join(inspect.signature(formula).parameters)}), "
                        f"expected {name}(self, pre, {', '.join(state)})") from None
    return formula(NamedTerms(terms), *old)


def _saved(results, back, readable, pre):
    """Return the nodes to save for the backward step: results of costly operations, and pre-activations, except
    readable ones."""
    kept = {expr for expr in ordered(results) if expr.op in SAVED_OPERATIONS}
    kept |= {expr for expr in readable if expr in results}
    return tuple(expr for expr in ordered(back, leaves=kept) if (expr in kept or expr in pre) and expr not in readable)


def _depth(expr):
    """Return the number of costly operations that follow one another up to a node."""
    depths = {}
    for each in ordered([expr]):
        below = max((depths[arg] for arg in each.args if arg in depths), default=0)
        depths[each] = below + (each.op in SAVED_OPERATIONS)
    return depths[expr]


def _check(gates, separate, inputs_only, vectors, state, operand_gates):
    for name, value in (("gates", gates), ("separate", separate), ("inputs_only", inputs_only), ("vectors", vectors),
                        ("state", state), ("operand_gates", operand_gates)):
        if not isinstance(value, tuple) or not all(isinstance(each, str) and each.isidentifier() for each in value):
            raise TypeError(f'{name}: got {shown(value)}, expected a tuple of names, such as ("r", "z")')
    if not gates or not state:
        raise ValueError("a cell needs at least one gate and one state")
    for name, value in (("separate", separate), ("inputs_only", inputs_only), ("operand_gates", operand_gates)):
        unknown = sorted(set(value) - set(gates))
        if unknown:
            raise ValueError(f"{name}: got {unknown[0]!r}, expected names of gates ({', '.join(gates)})")
    for name, value, other, names in (("separate", separate, "inputs_only", inputs_only),
                                      ("operand_gates", operand_gates, "inputs_only", inputs_only),
                                      ("operand_gates", operand_gates, "separate", separate)):
        if both := sorted(set(value) & set(names)):
            raise ValueError(f"{name}: got {both[0]!r}, which {other} has as well")
    names = [*gates, *vectors]
    if len(set(names)) < len(names):
        raise ValueError(f"gates and vectors: got a name twice in {', '.join(names)}")
    if len(set(state)) < len(state):
        raise ValueError(f"state: got a name twice in {', '.join(state)}")
    # Other terms of a formula, and other weights, have these names.
    taken = {f"{gate}_{side}" for gate in separate for side in "xh"} | {*WEIGHTS}
    taken |= {"operand", "d_operand"} if operand_gates else set()
    taken |= {f"{kind}_{name}" for kind in ("old", "d", "initial") for name in state}
    if clash := sorted(taken & {*names}):
        raise ValueError(f"gates and vectors: got {clash[0]!r}, which names something else: choose another name")
