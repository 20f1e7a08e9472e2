"""Within registers: sums over lanes and rows, products of lanes, and the turning of rows into columns.

Sums have one fixed order each, whatever the machine.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .host import has
from .memory import accumulate, element_pointer, load_vector, pointers_along
from .pointwise import fma_value, permuted
from .rows import Rows, pack, shuffle, splat_value, unpack


@intrinsic
def sum_lanes(typing_context, value):
    """One vector whose lane r is the sum of all lanes of row r; needs as many rows as lanes.

    A tree of shuffles and additions: L - 1 of them for L sums, where L single sums would take L log L.
    """
    kind = Rows(value.dtype, 1, value.lanes)

    def generate(context, builder, signature, values):
        vectors, half = unpack(builder, values[0]), value.lanes // 2
        pairs = [_add_halves(builder, a, b, half) for a, b in zip(vectors[:half], vectors[half:])]
        return pack(builder, [_tree(builder, pairs)])

    if value.rows != value.lanes:
        return None
    return kind(value), generate


@intrinsic
def dot_lanes(typing_context, array, index, weights, like):
    """Row n, lane r: the inner product of `weights` with the r-th vector from array[index] on, n further along the first axis.

    As many rows as `like`.
    """
    half = like.lanes // 2

    def generate(context, builder, signature, values):
        bases = pointers_along(context, builder, signature.args[0], values[0], signature.args[1], values[1], like.rows)
        (vector,) = unpack(builder, values[2])
        lower, upper = list(range(half)), list(range(half, like.lanes))
        low_weights, high_weights = (
            shuffle(builder, vector, vector, lower * 2),
            shuffle(builder, vector, vector, upper * 2),
        )

        def pair(base, row):
            """The products of rows `row` and row + half, each folded to half its lanes."""
            a, b = (
                load_vector(
                    builder, builder.gep(base, [ir.Constant(ir.IntType(64), r * like.lanes)]), like.vector_type()
                )
                for r in (row, row + half)
            )
            low = shuffle(builder, a, b, lower + [like.lanes + lane for lane in lower])
            high = shuffle(builder, a, b, upper + [like.lanes + lane for lane in upper])
            return fma_value(builder, high, high_weights, builder.fmul(low, low_weights))

        return pack(builder, [_tree(builder, [pair(base, row) for row in range(half)]) for base in bases])

    return like(array, index, weights, like), generate


def _tree(builder, pairs):
    """The last levels of a sum over lanes: pairs[r] holds sums for rows r and r + len(pairs), half a vector each.

    Depth first, so that few vectors are alive at a time.
    """

    def level(vectors, half):
        if len(vectors) == 1:
            return vectors[0]
        return _add_halves(builder, level(vectors[::2], 2 * half), level(vectors[1::2], 2 * half), half)

    return level(pairs, 1)


def _add_halves(builder, a, b, half):
    """In each group of 2 * half lanes: the two halves of a added, then the two halves of b."""
    n = a.type.count
    low = [
        lane + (n if lane % (2 * half) >= half else 0) - (half if lane % (2 * half) >= half else 0) for lane in range(n)
    ]
    return builder.fadd(shuffle(builder, a, b, low), shuffle(builder, a, b, [lane + half for lane in low]))


@intrinsic
def transpose(typing_context, value):
    """Row i, lane j becomes row j, lane i; needs as many rows as lanes."""

    def generate(context, builder, signature, values):
        vectors, half = unpack(builder, values[0]), value.lanes // 2
        while half:
            for row in range(value.lanes):
                if row % (2 * half) < half:
                    a, b = vectors[row], vectors[row + half]
                    n = value.lanes
                    first = [i if i % (2 * half) < half else n + i - half for i in range(n)]
                    second = [i + half if i % (2 * half) < half else n + i for i in range(n)]
                    vectors[row], vectors[row + half] = shuffle(builder, a, b, first), shuffle(builder, a, b, second)
            half //= 2
        return pack(builder, vectors)

    if value.rows != value.lanes:
        return None
    return value(value), generate


def _across_lanes(combine):
    """One scalar of one vector: halves combined with each other until one lane is left."""

    @intrinsic
    def across(typing_context, value):
        def generate(context, builder, signature, values):
            (vector,) = unpack(builder, values[0])
            half = value.lanes // 2
            while half:
                upper = shuffle(builder, vector, vector, [(lane + half) % value.lanes for lane in range(value.lanes)])
                vector = combine(builder, vector, upper)
                half //= 2
            return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

        return value.dtype(value), generate

    return across


total = _across_lanes(lambda builder, a, b: builder.fadd(a, b))
total.__doc__ = "The sum of all lanes of one vector."
least = _across_lanes(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))
least.__doc__ = "The smallest lane of one vector."


@intrinsic
def lanes_to_bits(typing_context, value, threshold):
    """An integer whose bit i is set where lane i of the vector is greater than `threshold`."""

    def generate(context, builder, signature, values):
        (vector,) = unpack(builder, values[0])
        mask = builder.fcmp_ordered(">", vector, splat_value(builder, values[1], value.lanes))
        return builder.zext(builder.bitcast(mask, ir.IntType(value.lanes)), ir.IntType(64))

    return types.uint64(value, value.dtype), generate


@intrinsic
def fold(typing_context, total, array, index, rows):
    """total + sum_r array[..., k + r] * rows[r] for index (..., k), in the order of r; an unsigned array holds masks."""

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[1], values[1], signature.args[2], values[2])
        (running,) = unpack(builder, values[0])
        for row, vector in enumerate(unpack(builder, values[3])):
            scalar = builder.load(builder.gep(base, [ir.Constant(ir.IntType(64), row)]))
            running = accumulate(builder, scalar, vector, running)
        return pack(builder, [running])

    return total(total, array, index, rows), generate


@intrinsic
def sum_rows(typing_context, total, rows):
    """total + sum_r rows[r], in the order of r."""

    def generate(context, builder, signature, values):
        (running,) = unpack(builder, values[0])
        for vector in unpack(builder, values[1]):
            running = builder.fadd(running, vector)
        return pack(builder, [running])

    return total(total, rows), generate


@intrinsic(prefer_literal=True)
def product_lanes(typing_context, sums, vector, first, b, b_index):
    """Row n of the sums + lane first + n (a literal) of `vector` times the n-th vector from b[b_index] on; none past the last lane.

    `vector` is in a register: what was just computed need not go through memory, which takes 12 cycles (Zen 4).
    """

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[3], values[3], signature.args[4], values[4])
        (lanes,) = unpack(builder, values[1])
        running = unpack(builder, values[0])
        for n in range(min(sums.rows, sums.lanes - first.literal_value)):
            row = load_vector(
                builder, builder.gep(base, [ir.Constant(ir.IntType(64), n * sums.lanes)]), sums.vector_type()
            )
            running[n] = fma_value(builder, _everywhere(builder, lanes, first.literal_value + n), row, running[n])
        return pack(builder, running)

    return sums(sums, vector, first, b, b_index), generate


def _everywhere(builder, vector, lane):
    """One lane of a vector in all lanes.

    LLVM takes two shuffles, which spares a register for the lane's number. But shuffles are what a single sample's
    recurrence waits for, and registers are free: with the number hidden, in assembly of no instruction, it takes one.
    """
    if not (has("avx512f") and lane and vector.type == ir.VectorType(ir.FloatType(), 16)):
        return shuffle(builder, vector, vector, [lane] * vector.type.count)
    numbers = ir.VectorType(ir.IntType(32), 16)
    hidden = builder.call(
        ir.InlineAsm(ir.FunctionType(numbers, [numbers]), "", "=v,0"), [ir.Constant(numbers, [lane] * 16)]
    )
    return permuted(builder, vector, hidden)


@intrinsic(prefer_literal=True)
def spread(typing_context, value, rows):
    """`rows` (a literal) vectors: the one of `value`, and zeros."""
    kind = Rows(value.dtype, rows.literal_value, value.lanes)

    def generate(context, builder, signature, values):
        zero = ir.Constant(kind.vector_type(), None)
        return pack(builder, [*unpack(builder, values[0]), *[zero] * (kind.rows - 1)])

    return kind(value, rows), generate


@intrinsic
def sum_tree(typing_context, rows):
    """One vector, the sum of all rows: neighbours first, so that no addition waits for more than the logarithm of their number."""
    kind = Rows(rows.dtype, 1, rows.lanes)

    def generate(context, builder, signature, values):
        vectors = unpack(builder, values[0])
        while len(vectors) > 1:
            vectors = [builder.fadd(a, b) for a, b in zip(vectors[::2], vectors[1::2])] + vectors[len(vectors) & ~1 :]
        return pack(builder, vectors)

    return kind(rows), generate


@intrinsic
def magnitude(typing_context, value, count):
    """|x| in the first `count` lanes of one vector, infinity in the others."""

    def generate(context, builder, signature, values):
        (vector,) = unpack(builder, values[0])
        lane = ir.Constant(ir.VectorType(ir.IntType(64), value.lanes), list(range(value.lanes)))
        counted = builder.icmp_signed("<", lane, splat_value(builder, values[1], value.lanes))
        positive = builder.select(
            builder.fcmp_ordered("<", vector, ir.Constant(vector.type, None)), builder.fneg(vector), vector
        )
        infinity = ir.Constant(vector.type, [float("inf")] * value.lanes)
        return pack(builder, [builder.select(counted, positive, infinity)])

    return value(value, types.int64), generate
