"""Bits of lanes' samples become bits of samples' lanes, as NumPy moves them."""

import numpy as np
import pytest

from fastrnn.machine.execute import Program


def exchange(m):
    m.exchange(m.integers("rows"), m.integers("words"), m.word("count"), m.word("first"))


EXCHANGE = Program(exchange, ("rows", "words", "count", "first"), "float32", 8, "")


@pytest.mark.parametrize("emulate", ["0", "1"], ids=["compiled", "plain"])
@pytest.mark.parametrize("first", [0, 16, 48])
@pytest.mark.parametrize("count", [4, 8, 20])
def test_each_bit_arrives(count, first, emulate, monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", emulate)
    rng = np.random.default_rng(count)
    rows, before = (rng.integers(0, 2**64, (n, count), np.uint64) for n in (16, 64))
    out = before.copy()
    EXCHANGE.call(rows=rows, words=out, count=count, first=first)
    places = np.arange(64, dtype=np.uint64)
    bits = rows[:, :, None] >> places & np.uint64(1)  # lane, word, sample
    expected = np.bitwise_or.reduce(bits << (places[first : first + 16])[:, None, None], axis=0).T
    expected = expected | before & np.uint64((1 << first) - 1)
    assert np.array_equal(out, expected)
