"""Between arrays and registers. Arrays are C-contiguous; an index names the vector's first element.

An index may be shorter than the array has axes: the missing ones are 0. `lanes(a)` is the number of
elements in one vector of the array's dtype.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from .pointwise import fma_value
from .rows import Rows, pack, shuffle, splat_value, unpack


def lanes(array):
    """Elements in one vector of the array's dtype: 16 for float32, 8 for float64."""
    return 64 // array.dtype.itemsize


@overload(lanes, inline="always")
def _lanes(array):
    count = Rows(array.dtype, 1).lanes
    return lambda array: count


def element_strides(context, builder, array_type, array):
    """Elements between neighbours along each axis."""
    shape = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape, array_type.ndim)
    strides = [ir.Constant(ir.IntType(64), 1)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    return strides


def element_pointer(context, builder, array_type, array, index_type, index):
    data = context.make_array(array_type)(context, builder, array).data
    indices = [index] if isinstance(index_type, types.Integer) else cgutils.unpack_tuple(builder, index)
    kinds = [index_type] if isinstance(index_type, types.Integer) else list(index_type)
    offset = None
    for value, kind, stride in zip(indices, kinds, element_strides(context, builder, array_type, array)):
        term = builder.mul(context.cast(builder, value, kind, types.intp), stride)
        offset = term if offset is None else builder.add(offset, term)
    return builder.gep(data, [offset])


def load_vector(builder, pointer, vector_type):
    value = builder.load(builder.bitcast(pointer, vector_type.as_pointer()))
    value.align = 4
    return value


def _store(builder, value, pointer):
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 4


def _load_rows(kind, array, index, *others):
    """A typed intrinsic's two halves: `kind` loaded from array[index]."""

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        step = [builder.gep(base, [ir.Constant(ir.IntType(64), row * kind.lanes)]) for row in range(kind.rows)]
        return pack(builder, [load_vector(builder, pointer, kind.vector_type()) for pointer in step])

    return kind(array, index, *others), generate


@intrinsic(prefer_literal=True)
def load(typing_context, array, index, rows):
    """`rows` (a literal) vectors that follow each other in memory, the first at array[index]."""
    return _load_rows(Rows(array.dtype, rows.literal_value), array, index, rows)


@intrinsic
def load_like(typing_context, array, index, like):
    """As many vectors as `like` has rows, the first at array[index]."""
    return _load_rows(Rows(array.dtype, like.rows), array, index, like)


@intrinsic
def load_square(typing_context, array, index):
    """As many vectors as a vector has lanes, the first at array[index]."""
    return _load_rows(Rows(array.dtype, Rows(array.dtype, 1).lanes), array, index)


def _along(context, builder, array_type, array, index_type, index, rows):
    """Pointers to array[index], array[index + 1 along the first axis], and so on."""
    base = element_pointer(context, builder, array_type, array, index_type, index)
    stride = element_strides(context, builder, array_type, array)[0]
    return [builder.gep(base, [builder.mul(stride, ir.Constant(stride.type, row))]) for row in range(rows)]


@intrinsic
def load_along(typing_context, array, index, like):
    """Row r: the vector at array[n + r, ...] for index (n, ...); as many rows as `like`."""

    def generate(context, builder, signature, values):
        pointers = _along(context, builder, signature.args[0], values[0], signature.args[1], values[1], like.rows)
        return pack(builder, [load_vector(builder, pointer, like.vector_type()) for pointer in pointers])

    return like(array, index, like), generate


@intrinsic
def store_along(typing_context, array, index, value):
    """array[n + r, ...] = row r of the value, for index (n, ...)."""

    def generate(context, builder, signature, values):
        pointers = _along(context, builder, signature.args[0], values[0], signature.args[1], values[1], value.rows)
        for pointer, vector in zip(pointers, unpack(builder, values[2])):
            _store(builder, vector, pointer)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


def accumulate(builder, scalar, vector, running):
    """running + scalar * vector; for an integer, which is a mask of all ones or none, running + (scalar and vector).

    The two agree to the bit where the scalar stands for 1 or 0. The mask leaves the multipliers to others: on Zen 4
    additions and logic have ports of their own.
    """
    splats = splat_value(builder, scalar, vector.type.count)
    if isinstance(scalar.type, ir.IntType):
        kept = builder.and_(builder.bitcast(vector, splats.type), splats)
        return builder.fadd(running, builder.bitcast(kept, vector.type))
    return fma_value(builder, splats, vector, running)


@intrinsic
def store(typing_context, array, index, value):
    """array[index] = value: its vectors, one after the other in memory."""

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        for row, vector in enumerate(unpack(builder, values[2])):
            _store(builder, vector, builder.gep(base, [ir.Constant(ir.IntType(64), row * value.lanes)]))
        return context.get_dummy_value()

    return types.void(array, index, value), generate


@intrinsic
def put(typing_context, array, index, number):
    """array[index] = number, where numba might drop a plain write: see fastrnn.kernels.reference."""

    def generate(context, builder, signature, values):
        builder.store(values[2], element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1]))
        return context.get_dummy_value()

    return types.void(array, index, array.dtype), generate


@intrinsic(prefer_literal=True)
def zeros(typing_context, array, rows):
    """`rows` (a literal) vectors of 0 in the array's dtype."""
    kind = Rows(array.dtype, rows.literal_value)

    def generate(context, builder, signature, values):
        return ir.Constant(context.get_value_type(kind), None)

    return kind(array, rows), generate


@intrinsic
def splat(typing_context, array, index):
    """array[index] in every lane of one vector."""
    kind = Rows(array.dtype, 1)

    def generate(context, builder, signature, values):
        pointer = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        return pack(builder, [splat_value(builder, builder.load(pointer), kind.lanes)])

    return kind(array, index), generate


@intrinsic
def splats_along(typing_context, array, index, like):
    """Row r: array[..., k + r] in every lane, for index (..., k); as many rows as `like`."""

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        scalars = [builder.load(builder.gep(base, [ir.Constant(ir.IntType(64), row)])) for row in range(like.rows)]
        return pack(builder, [splat_value(builder, scalar, like.lanes) for scalar in scalars])

    return like(array, index, like), generate


@intrinsic
def sum_lanes(typing_context, value):
    """One vector whose lane r is the sum of all lanes of row r; needs as many rows as lanes.

    A tree of shuffles and additions: L - 1 of them for L sums, where L single sums would take L log L.
    """
    kind = Rows(value.dtype, 1)

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
        bases = _along(context, builder, signature.args[0], values[0], signature.args[1], values[1], like.rows)
        (vector,) = unpack(builder, values[2])
        lower, upper = list(range(half)), list(range(half, like.lanes))
        low_weights, high_weights = shuffle(builder, vector, vector, lower * 2), shuffle(builder, vector, vector, upper * 2)

        def pair(base, row):
            """The products of rows `row` and row + half, each folded to half its lanes."""
            a, b = (load_vector(builder, builder.gep(base, [ir.Constant(ir.IntType(64), r * like.lanes)]), like.vector_type())
                    for r in (row, row + half))
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
    low = [lane + (n if lane % (2 * half) >= half else 0) - (half if lane % (2 * half) >= half else 0) for lane in range(n)]
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
def store_bits(typing_context, array, index, word):
    """One vector at array[index]: in lane i 1.0 where bit i of `word` is set, else 0.0; in an unsigned array all ones or none."""
    count = 512 // array.dtype.bitwidth

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        bits = builder.bitcast(builder.trunc(values[2], ir.IntType(count)), ir.VectorType(ir.IntType(1), count))
        vector_type = ir.VectorType(context.get_value_type(array.dtype), count)
        if isinstance(array.dtype, types.Float):
            one, zero = (ir.Constant(vector_type, [x] * count) for x in (1.0, 0.0))
            _store(builder, builder.select(bits, one, zero), base)
        else:
            _store(builder, builder.sext(bits, vector_type), base)
        return context.get_dummy_value()

    return types.void(array, index, types.uint64), generate


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


@intrinsic
def product_lanes(typing_context, sums, vector, b, b_index):
    """Row n % rows of the sums + lane n of `vector` times the n-th vector from b[b_index] on, for every lane n.

    `vector` is in a register: what was just computed need not go through memory, which takes 12 cycles (Zen 4).
    """

    def generate(context, builder, signature, values):
        base = element_pointer(context, builder, signature.args[2], values[2], signature.args[3], values[3])
        (lanes,) = unpack(builder, values[1])
        running = unpack(builder, values[0])
        for n in range(sums.lanes):
            row = load_vector(builder, builder.gep(base, [ir.Constant(ir.IntType(64), n * sums.lanes)]), sums.vector_type())
            running[n % sums.rows] = fma_value(builder, shuffle(builder, lanes, lanes, [n] * sums.lanes), row, running[n % sums.rows])
        return pack(builder, running)

    return sums(sums, vector, b, b_index), generate


@intrinsic(prefer_literal=True)
def spread(typing_context, value, rows):
    """`rows` (a literal) vectors: the one of `value`, and zeros."""
    kind = Rows(value.dtype, rows.literal_value)

    def generate(context, builder, signature, values):
        zero = ir.Constant(kind.vector_type(), None)
        return pack(builder, [*unpack(builder, values[0]), *[zero] * (kind.rows - 1)])

    return kind(value, rows), generate


@intrinsic
def sum_tree(typing_context, rows):
    """One vector, the sum of all rows: neighbours first, so that no addition waits for more than the logarithm of their number."""
    kind = Rows(rows.dtype, 1)

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
        positive = builder.select(builder.fcmp_ordered("<", vector, ir.Constant(vector.type, None)), builder.fneg(vector), vector)
        infinity = ir.Constant(vector.type, [float("inf")] * value.lanes)
        return pack(builder, [builder.select(counted, positive, infinity)])

    return value(value, types.int64), generate
