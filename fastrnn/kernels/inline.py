"""`inlined`: a jitted helper that becomes part of its caller.

Register tiles only stay in registers when the helper that works on them is inlined. It has no life of
its own, so it is not cached either: the caller's cache entry holds it.
"""

from numba import njit

inlined = njit(error_model="numpy", nogil=True, inline="always", _nrt=False)
