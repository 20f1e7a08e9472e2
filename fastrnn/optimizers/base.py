"""The base of every optimizer: the update of one weight, as a formula; and the registry of all optimizers.

A file here defines a NamedTuple whose fields are its options, with the class attributes

    is_optimizer = True, name, learning_rate     the last is used where a user gives none
    slots                                        names of the numbers kept for each weight, 0 at the start

and a static method, in terms of fastrnn.formula:

    formula(w, g, slots, rate, options, running) (w, *slots) after an update with the gradient g

fastrnn/optimizers/momentum.py is the example. Options listed in `positive` must not be 0. Where numbers are kept for
all weights together, such as bias corrections, there are also

    running                                      their names; they are 0 at the start
    advance(options, running)                    a static method: these numbers, once before each update
"""

from collections.abc import Callable

import numpy as np

from fastrnn.arguments import as_number
from fastrnn.registry import discover

# What the file of an optimizer must define.
CONTRACT = {
    "learning_rate": (float, "a class attribute learning_rate, used where none is given, such as learning_rate = 0.01"),
    "slots": (tuple, 'a class attribute slots, names of numbers kept for each weight, such as slots = ("m",), or ()'),
    "formula": (
        Callable,
        "a static method formula(w, g, slots, rate, options, running), (w, *slots) after an update with gradient g",
    ),
}


def optimizers():
    """Return {name: class} of every optimizer."""
    return discover("fastrnn.optimizers", "is_optimizer", CONTRACT)


def checked_options(optimizer, options, called, dtype="float64"):
    """Return an optimizer's options as pairs (name, float) in the order of names; called: what the argument is called;
    dtype: of the weights.

    Raises TypeError or ValueError, in one line, for anything but pairs of an option and a finite number of at least 0,
    above 0 in this dtype for those that are `positive`.
    """
    fields = optimizers()[optimizer]._fields
    try:
        pairs = sorted(dict(options).items())
    except (TypeError, ValueError):
        raise TypeError(f"{called}: got {options!r:.80}, expected pairs of a name and a number") from None
    for n, (name, value) in enumerate(pairs):
        if name not in fields:
            raise ValueError(f"{called}: got {name}={value}, but {optimizer} has {', '.join(fields) or 'none'}")
        try:
            pairs[n] = name, as_number(name, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{called}: got {name}={value!r}, expected a finite number of at least 0") from None
        least = np.finfo(dtype).tiny
        if name in getattr(optimizers()[optimizer], "positive", ()) and pairs[n][1] < least:
            raise ValueError(f"{called}: got {name}={value!r}, expected at least {least:.2g} in {dtype}")
    return tuple(pairs)


def corrected(beta, q, rest):
    """Return (1 - beta^n, its rounding error) at update n, from both at update n - 1.

    q <- q + (1 - beta) (1 - q) subtracts no two neighbours, and the error that each sum leaves is taken into the next
    one, so that q is right to the last digits at every n, in float32 as well.
    W. Kahan, "Further remarks on reducing truncation errors", Communications of the ACM 8 (1965).
    """
    change = (1 - beta) * (1 - q) - rest
    following = q + change
    return following, (following - q) - change


def bias_corrections(options, running):
    """`advance` of an optimizer with beta1 and beta2; its running numbers are q1, rest1, q2, rest2 (see `corrected`).
    """
    return (*corrected(options.beta1, running.q1, running.rest1), *corrected(options.beta2, running.q2, running.rest2))
