"""Words of samples of each lane as words of lanes of each sample, in LLVM's instructions."""

from llvmlite import ir

from fastrnn.simd.emit import counting_loop
from fastrnn.simd.rows import broadcast_constant, broadcast_value

WORD_TYPE = ir.IntType(64)
# Words in a vector of those that exchange bits: sixteen rows of them fill the registers of AVX2.
VECTOR_WORDS = 4
# Lanes whose words are exchanged together, and exchanges of ever smaller squares of their bits: H. S. Warren, "Hacker's
# Delight", Addison-Wesley 2012, section 7-3.
ROWS = 16
EXCHANGES = (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555)


def emit_exchange(builder, source, target, count, shift):
    """Emit the exchange of bits of rows (16, count) to bits `shift` and on of words (64, count), in registers.

    source, target: pointers to their words. count: a multiple of VECTOR_WORDS.
    """
    with counting_loop(builder, count, WORD_TYPE(0), WORD_TYPE(VECTOR_WORDS)) as (n, _):
        _exchange(builder, source, target, count, n, shift)


def _exchange(builder, source, target, count, n, shift):
    """Do VECTOR_WORDS words from n on of each row, of `count`."""
    lanes = VECTOR_WORDS
    vector = ir.VectorType(WORD_TYPE, lanes)

    def place(pointer, row):
        at = builder.gep(pointer, [builder.add(builder.mul(WORD_TYPE(row), count), n)])
        return builder.bitcast(at, vector.as_pointer())

    def same(number):
        return broadcast_constant(WORD_TYPE, number, lanes)

    words = [builder.load(place(source, row), align=8) for row in range(ROWS)]
    for distance, mask in EXCHANGES:
        for row in range(ROWS):
            if not row & distance:
                a, b = words[row], words[row + distance]
                swapped = builder.and_(builder.xor(builder.lshr(a, same(distance)), b), same(mask))
                words[row + distance] = builder.xor(b, swapped)
                words[row] = builder.xor(a, builder.shl(swapped, same(distance)))
    bits = [
        builder.and_(builder.lshr(words[sample % ROWS], same(sample // ROWS * ROWS)), same((1 << ROWS) - 1))
        for sample in range(64)
    ]
    with builder.if_else(builder.icmp_unsigned("==", shift, WORD_TYPE(0))) as (only, others):
        with only:
            for sample, each in enumerate(bits):
                builder.store(each, place(target, sample), align=8)
        with others:
            mask = builder.sub(builder.shl(WORD_TYPE(1), shift), WORD_TYPE(1))
            up, below = (broadcast_value(builder, each, lanes) for each in (shift, mask))
            for sample, each in enumerate(bits):
                old = builder.and_(builder.load(place(target, sample), align=8), below)
                builder.store(builder.or_(builder.shl(each, up), old), place(target, sample), align=8)
