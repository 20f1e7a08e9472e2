"""Weight decay and L1, decoupled from the gradient: w <- (update of w) - rate (decay w + l1 sign(w)), of all weights.

I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019; the L1 term is the subgradient that is
0 at 0, decoupled in the same way.
"""

from numba.core import types
from numba.extending import overload

from fastrnn.simd import fma, pointwise, select


@pointwise
def shrink(w, new, rate, decay, l1):
    """`new`, what an optimizer makes of `w`, after both terms."""
    sign = select(w > 0, w.constant(1), 0) - select(w < 0, w.constant(1), 0)
    return fma(-rate, fma(decay, w, l1 * sign), new)


def shrunk(shrinking, w, new, rate):
    """`shrink` with shrinking = (decay, l1), or `new` where `shrinking` is None; chosen by its type."""
    raise NotImplementedError


@overload(shrunk, inline="always")
def _overload_shrunk(shrinking, w, new, rate):
    if shrinking == types.none:
        return lambda shrinking, w, new, rate: new
    return lambda shrinking, w, new, rate: shrink(w, new, rate, shrinking[0], shrinking[1])
