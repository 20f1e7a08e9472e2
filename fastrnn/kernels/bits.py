"""From bits to lanes: 16 bits of each word become the 16 samples of a block."""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import lanes, store_bits


@inlined
def expand(words, slot, other, shift, out):
    """out (T, C, BLOCK) = bits `shift` and following of words[slot] (T, C), then of words[other]: numbers, or masks if unsigned."""
    crosses = shift > 64 - BLOCK
    for n in range(out.shape[0] * out.shape[1]):  # (T, C) as one axis
        bits = words[slot, 0, n] >> shift
        if crosses:
            bits |= words[other, 0, n] << (64 - shift)
        for s in range(0, BLOCK, lanes(out)):
            store_bits(out, (0, n, s), bits >> s)


@inlined
def ask(mask, ends, samples, first):
    """mask (T, BLOCK): 1 for the first `samples` samples from step `first` on, 0 for the rest.

    ends (BLOCK): the steps of these samples, 0 for the rest.
    """
    for s in range(BLOCK):
        ends[s] = mask.shape[0] if s < samples else 0
    for t in range(mask.shape[0]):
        for s in range(BLOCK):
            mask[t, s] = 1 if s < samples and t >= first else 0
