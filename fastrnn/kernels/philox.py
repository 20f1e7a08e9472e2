"""Random words of streams that seeds have, so that data do not depend on threads (fastrnn.simd.philox)."""

from fastrnn.machine.execute import Program


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
