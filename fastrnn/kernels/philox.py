"""Random words of streams that seeds have, so that data do not depend on threads (fastrnn.simd.philox)."""

from numba.core import types
from numba.extending import intrinsic

from fastrnn.machine.execute import Program
from fastrnn.simd.philox import emit_random_words


@intrinsic
def random_words(typing_context, seed, stream, c1, c2, c3, words):
    """Fill the C-contiguous uint64 array `words`; all other arguments are integers.

    LLVM's instructions, written down: numba would take half a second to find their types.
    """

    def generate(context, builder, signature, values):
        *kinds, whole = signature.args
        numbers = [context.cast(builder, value, kind, types.uint64) for value, kind in zip(values, kinds)]
        array = context.make_array(whole)(context, builder, values[-1])
        emit_random_words(builder, numbers[:2], numbers[2:], array.data, array.nitems)
        return context.get_dummy_value()

    return types.void(seed, stream, c1, c2, c3, words), generate


def _rows(m):
    """Fill each row with the first words of its seed."""
    width, words = m.word("width"), m.integers("words")
    for row in m.range(m.word("count")):
        seed = m.read(m.integers("seeds"), row)
        m.random_words((seed, m.word("stream")), (0, 0, 0), m.part_of_integers(words, row * width), width)


_ROWS = Program(_rows, ("seeds", "stream", "words", "count", "width"), "float64", 1, "")


def random_rows(seeds, stream, words):
    """Fill the rows of words (N, W) with the first words of seeds (N,), both C-contiguous uint64."""
    _ROWS.call(seeds=seeds, stream=stream, words=words, count=len(words), width=words.shape[1])
