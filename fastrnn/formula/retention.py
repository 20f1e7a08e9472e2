"""The penalty on what a unit keeps of its own last state, RETENTION times the sum over the parts of the state of

    d new / d old,    the gates held fixed: z of a GRU, 1 - f of a minimal gated unit, f of an LSTM

A unit that keeps nothing computes its state afresh in every step, from its pre-activations alone: what it held before,
and the errors in it, are gone.
"""

from functools import lru_cache

from fastrnn.formula.functions import maximum
from fastrnn.formula.graph import lift, symbol
from fastrnn.formula.reverse import reverse_gradient

RETENTION = symbol("retention")
NEAREST = 1e-3


def kept(step):
    """Return nodes: the share that a unit keeps of each part of its state."""
    return tuple(reverse_gradient([new], [lift(1.0)], [old])[0] for new, old in zip(step.new, step.old))


@lru_cache(maxsize=256)
def back_with_retention(step):
    """Return the nodes of step.back plus those of the penalty, in terms of the same values and of RETENTION."""
    shares = kept(step)
    slopes = [RETENTION / maximum(1.0 - share, NEAREST) for share in shares]
    penalties = reverse_gradient(shares, slopes, (*step.pre, *step.vectors, *step.old))
    return tuple(a + b for a, b in zip(step.back, penalties))
