"""The order of sequences in an epoch, as a function of a seed and the epoch alone."""

from fastrnn.machine.execute import Program


def _permute(m):
    numbers, out, words, count = m.integers("numbers"), m.integers("out"), m.integers("words"), m.word("count")
    halves, mask, drawn, place, ended = 2 * m.word("size"), *(m.local(0) for _ in range(4))
    for row, stop in m.loop(m.word("rows")):
        m.random_words((m.word("seed"), m.word("stream")), (0, 0, m.word("first") + row), words, m.word("size"))
        order = m.part_of_integers(out, row * count)
        for n in m.range(count):
            m.write(order, n, m.read(numbers, n))
        mask.set(1)
        for _ in m.range(32):
            for _ in m.when(mask.get().below(count - 1)):
                mask.set(2 * mask.get() + 1)
        drawn.set(0)
        for n, leave in m.loop(count - 1):
            last = count - 1 - n
            for _ in m.when((mask.get() >> 1).below(last).equals(0)):
                mask.set(mask.get() >> 1)
            # Where no word is left, this number has no place.
            place.set(count)
            for _, found in m.loop(halves - drawn.get()):
                half = drawn.get()
                place.set((m.read(words, half >> 1) >> half.both(1) * 32).both(mask.get()))
                drawn.set(half + 1)
                found(place.get().below(last + 1))
            ended.set(last.below(place.get()))
            for _ in m.when(ended.get().equals(0)):
                number = m.read(order, last)
                m.write(order, last, m.read(order, place.get()))
                m.write(order, place.get(), number)
            leave(ended.get())
        m.set_word("made", row + 1 - ended.get())
        stop(ended.get())


_PERMUTE = Program(
    _permute, ("seed", "stream", "first", "numbers", "count", "out", "rows", "words", "size", "made"), "float64", 1, ""
)


def permute(seed, stream, first, numbers, out, words):
    """Fill row e of out (E, N) with `numpy.random.Generator(numpy.random.Philox(key=[seed, stream], counter=[0, 0, 0,
    first + e])).permutation(numbers)`, numbers (N,); both are C-contiguous int64.

    words (W,) uint64: memory for random words. Returns the number of rows for which these words are enough.

    R. Durstenfeld, "Algorithm 235: Random permutation", Communications of the ACM 7 (1964), with numbers below a limit
    by rejection: the last bits of half a word, where they are below it.
    """
    given = {"numbers": numbers, "count": len(numbers), "out": out, "rows": len(out)}
    made = _PERMUTE.call(seed=seed, stream=stream, first=first, words=words, size=len(words), made=len(out), **given)
    return made["made"]
