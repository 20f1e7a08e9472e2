"""The shape of a register tile, by what the machine has.

A tile is TILE rows of one 64-byte vector, all of them running sums of the inner loop. Two fused
multiply-adds a cycle with a latency of four need eight sums in flight; more rows mean fewer loads of the
shared vector. AVX-512 has 32 registers of a whole vector: 8 rows. AVX2 has 16 registers of half a vector:
6 rows take 12, one vector 2, one broadcast 1. NEON has 32 registers of a quarter: 6 rows take 24.
No sum depends on the tile it is computed in, so results do not either.
"""

from fastrnn.kernels.inline import inlined
from fastrnn.simd.host import has

TILE = 8 if has("avx512f") else 6

# Samples in one block: the unit of work, 16 bits of a word. Its history stays in the caches. Loops over them have a
# length that the compiler knows, which makes them a tenth faster than loops over the samples that count.
BLOCK = 16

# What is left over after whole tiles, where they do not fill a block. Counts of weight rows are rounded up to UNIT, so
# that where tiles do fill it nothing is compiled for tails: a third of the compile time.
TAIL = 4
TAILED = BLOCK % TILE != 0
UNIT = TAIL if TAILED else TILE

# Steps of time between two passes of the weight gradient: long enough to hide loading and storing the
# sums, short enough for the derivatives of the block to stay near.
SPAN = 8


@inlined
def whole(left):
    """Whether the next tile of `left` rows is a whole one: what it leaves must be in tails."""
    return left >= TILE and left - TILE != 2
