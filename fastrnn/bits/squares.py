"""Words of samples of each lane as words of lanes of each sample, in LLVM's instructions."""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fastrnn.kernels.feed import VECTOR_WORDS

WORD_TYPE = ir.IntType(64)
# Lanes whose words are exchanged together, and exchanges of ever smaller squares of their bits: H. S. Warren, "Hacker's
# Delight", Addison-Wesley 2012, section 7-3.
ROWS = 16
EXCHANGES = (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555)


@intrinsic
def exchange(typing_context, rows, out, first):
    """Bit first + l of out (64, N)[s] = bit s of rows (16, N)[l]; bits of `out` below these stay, those above become 0.

    Both arrays: C-contiguous uint64, N a multiple of VECTOR_WORDS. numba would take two seconds to compile its own
    loops for this.
    """

    def generate(context, builder, signature, values):
        source, target = (
            context.make_array(kind)(context, builder, value) for kind, value in zip(signature.args, values[:2])
        )
        count = cgutils.unpack_tuple(builder, source.shape, 2)[1]
        shift = context.cast(builder, values[2], signature.args[2], types.uint64)
        with cgutils.for_range_slice(builder, WORD_TYPE(0), count, WORD_TYPE(VECTOR_WORDS), inc=True) as (n, _):
            _exchange(builder, source.data, target.data, count, n, shift)
        return context.get_dummy_value()

    return types.void(rows, out, first), generate


def _exchange(builder, source, target, count, n, shift):
    """Do VECTOR_WORDS words from n on of each row, of `count`."""
    lanes = VECTOR_WORDS
    vector = ir.VectorType(WORD_TYPE, lanes)

    def place(pointer, row):
        at = builder.gep(pointer, [builder.add(builder.mul(WORD_TYPE(row), count), n)])
        return builder.bitcast(at, vector.as_pointer())

    def same(number):
        return ir.Constant(vector, [number] * lanes)

    def broadcast(number):
        single = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.IntType(32)(0))
        return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(ir.IntType(32), lanes), None))

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
            up, below = broadcast(shift), broadcast(builder.sub(builder.shl(WORD_TYPE(1), shift), WORD_TYPE(1)))
            for sample, each in enumerate(bits):
                old = builder.and_(builder.load(place(target, sample), align=8), below)
                builder.store(builder.or_(builder.shl(each, up), old), place(target, sample), align=8)
