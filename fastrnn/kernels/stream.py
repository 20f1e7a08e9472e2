"""Networks on words of bits: 64 samples a word, any number of steps, memory independent of both.

Time is cut into segments as long as the workspace; the state is carried from one to the next, and from call to call.
"""

from fastrnn.compiling import jit
from fastrnn.kernels.address import call
from fastrnn.kernels.bits import expand
from fastrnn.kernels.head import logits
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.tiles import BLOCK
from fastrnn.simd import lanes, lanes_to_bits, least, load, magnitude, store, zeros


@inlined
def _copy_state(layout, source, i, target, j):
    for p in range(layout.panels):
        for s in range(BLOCK):
            store(target, (j, p, s), load(source, (i, p, s), 1))


@jit
def run_words(cell, layout, theta, words, out, margin, states, fresh, samples, first, last, since, work, forward_at):
    """Outputs of blocks first to last - 1 of words (W, T, I), into out (W, T, O, 4), uint16: 1 where the logit is positive.

    Of all blocks, samples 0 to `samples` - 1 count; the others answer 0. margin[block]: the smallest
    |logit| of its counted samples, from step `since` on. states (blocks, P, BLOCK, lanes): those before the first
    step, then those after the last one; fresh: they are zero.
    """
    steps = words.shape[1]
    for block in range(first, last):
        word, quarter = block // 4, block % 4
        counted = min(BLOCK, samples - block * BLOCK)
        _copy_state(layout, states, block, work.h, 0)
        start = 0
        while start < steps:
            stop = min(steps, start + work.x.shape[0])
            x = work.x[: stop - start]
            expand(words[word : word + 1, start:stop], 0, 0, BLOCK * quarter, x)
            call(forward_at, (cell, layout, theta, x, work.h, fresh and start == 0))
            for t in range(stop - start):
                for o in range(cell.output_size):
                    bits = 0
                    for s in range(0, counted, lanes(theta)):
                        z = logits(cell, layout, theta, work.h, t, o, s, zeros(theta, 1))
                        bits |= lanes_to_bits(z, 0.0) << s
                        distance = least(magnitude(z, counted - s))
                        if start + t >= since:
                            margin[block] = min(margin[block], distance)
                    out[word, start + t, o, quarter] = bits & ((1 << counted) - 1)
            _copy_state(layout, work.h, stop - start, work.h, 0)
            start = stop
        _copy_state(layout, work.h, 0, states, block)
