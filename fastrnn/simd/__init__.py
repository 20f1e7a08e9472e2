"""A small explicit-SIMD vocabulary for numba: vectors, loads and stores, fma, reductions, mathematics.

LLVM does not vectorise plain loops over several arrays, which may alias. Here a jitted function holds vectors itself:

    sums = zeros(h, 6)
    sums = product_down(sums, h, (t, s, 0), w, (0,), hidden)    # sums[r] += h[t, s + r, k] * w[k], over k
    store(h, (t + 1, s), sigmoid(sums))
"""

from .functions import exp, log, sigmoid, softplus, tanh
from .memory import (
    lanes,
    load,
    load_along,
    load_like,
    load_square,
    numbers,
    put,
    splat,
    splats_along,
    store,
    store_along,
    store_bits,
    zeros,
)
from .pointwise import clamp, fma, pointwise, select, square_root
from .product import product_along, product_down, product_over, product_split
from .registers import (dot_lanes, fold, lanes_to_bits, least, magnitude, product_lanes, spread, sum_lanes, sum_rows,
                        sum_tree, total, transpose)
from .rows import Halves, Rows

__all__ = ["Halves", "Rows", "clamp", "dot_lanes", "exp", "fma", "fold", "lanes", "lanes_to_bits", "least", "load",
           "load_along", "load_like", "load_square", "log", "magnitude", "numbers", "pointwise", "product_along",
           "product_down", "product_lanes", "product_over", "product_split", "put", "select", "sigmoid", "softplus",
           "splat", "splats_along", "spread", "square_root", "store", "store_along", "store_bits", "sum_lanes",
           "sum_rows", "sum_tree", "tanh", "total", "transpose", "zeros"]
