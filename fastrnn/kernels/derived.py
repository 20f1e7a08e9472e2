"""What the kernels ask of an optimizer (fastrnn.kernels.protocol), derived from its formula.

That is done for every optimizer whose formula needs no running numbers; others bring overloads of their own, since
these kernels count updates instead, and can form running numbers in closed form.
"""

import inspect
from types import SimpleNamespace

from numba.extending import overload

from fastrnn.formula.graph import symbol
from fastrnn.formula.vectors import on_vectors
from fastrnn.kernels.protocol import apply_update, corrections, memories
from fastrnn.simd import pointwise

# Memories for each weight in these kernels.
MOST_SLOTS = 2
_ARGUMENTS = ("w", "g", "first", "second", "rate")


def _derived(optimizer):
    """The class of an optimizer whose overloads follow from its formula, else None."""
    kind = optimizer.instance_class
    return kind if hasattr(kind, "formula") and not kind.running and len(kind.slots) <= MOST_SLOTS else None


def _step(kind):
    """apply_update on vectors, as @pointwise has it: of w, g, both memories, the rate and each option."""
    names = (*_ARGUMENTS, *kind._fields)
    terms = SimpleNamespace(**{name: symbol(name) for name in names})
    slots = SimpleNamespace(**dict(zip(kind.slots, (terms.first, terms.second))))
    results = kind.formula(terms.w, terms.g, slots, terms.rate, terms, SimpleNamespace())

    def step(*vectors):
        values = dict(zip((symbol(name) for name in names), vectors))
        unused = vectors[1 + len(results) : 4]
        return (*on_vectors(results, values, vectors[0]), *unused)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    step.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    return pointwise(step)


@overload(corrections, inline="always")
def _corrections(optimizer, step):
    return _derived(optimizer) and (lambda optimizer, step: (1.0, 1.0))


@overload(memories, inline="always")
def _memories(optimizer):
    count = _derived(optimizer) and len(optimizer.instance_class.slots)
    return None if count is None else lambda optimizer: count


@overload(apply_update, inline="always")
def _apply(optimizer, w, g, first, second, rate, c1, c2):
    kind = _derived(optimizer)
    if kind is None:
        return None
    # numba takes functions of a fixed number of arguments only, and options are as many as the optimizer has.
    options = "".join(f", optimizer.{name}" for name in kind._fields)
    return eval(f"lambda optimizer, w, g, first, second, rate, c1, c2: step(w, g, first, second, rate{options})",
                {"step": _step(kind)})
