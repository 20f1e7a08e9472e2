"""From bits to floats: 16 bits of each word become the 16 samples of a block."""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import bits_to_lanes, lanes, store


@inlined
def expand(words, slot, other, shift, out):
    """out (T, C, BLOCK) = bits `shift` and following of words[slot] (T, C), then of words[other], as 0.0 or 1.0."""
    crosses = shift > 64 - BLOCK
    for t in range(out.shape[0]):
        for c in range(out.shape[1]):
            bits = words[slot, t, c] >> shift
            if crosses:
                bits |= words[other, t, c] << (64 - shift)
            for s in range(0, BLOCK, lanes(out)):
                store(out, (t, c, s), bits_to_lanes(out, bits >> s))


@inlined
def ask(mask, samples, first):
    """mask (T, BLOCK): 1 for the first `samples` samples from step `first` on, 0 for the rest."""
    for t in range(mask.shape[0]):
        for s in range(BLOCK):
            mask[t, s] = 1 if s < samples and t >= first else 0
