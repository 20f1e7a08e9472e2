"""From bits to floats: 16 bits of each word become the 16 samples of a block."""

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import bits_to_lanes, lanes, store


@inlined
def expand(words, quarter, out):
    """out (T, C, BLOCK) = bits BLOCK * quarter and following of words (T, C), as 0.0 or 1.0."""
    for t in range(words.shape[0]):
        for c in range(words.shape[1]):
            for s in range(0, BLOCK, lanes(out)):
                store(out, (t, c, s), bits_to_lanes(out, words[t, c] >> (BLOCK * quarter + s)))


@inlined
def ask(mask, samples):
    """mask (T, BLOCK): 1 for the first `samples` samples, 0 for the rest."""
    for t in range(mask.shape[0]):
        for s in range(BLOCK):
            mask[t, s] = 1 if s < samples else 0
