"""Between arrays and registers. Arrays are C-contiguous; an index names the vector's first element.

An index may be shorter than the array has axes: the missing ones are 0. `lanes(a)` is the number of
elements in one vector of the array's dtype.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from .pointwise import fma_value
from .rows import Rows, array_type, array_value, pack, rows_of, splat_value, unpack


def lanes(array):
    """Elements in one vector of the array's dtype: 16 for float32, 8 for float64."""
    return 64 // array.dtype.itemsize


@overload(lanes, inline="always")
def _lanes(array):
    count = rows_of(array, 1).lanes
    return lambda array: count


@intrinsic
def numbers(typing_context, array):
    """The array itself, also of Halves."""

    def generate(context, builder, signature, values):
        return array_value(builder, signature.args[0], values[0])

    return array_type(array)(array), generate


def element_strides(context, builder, kind, array):
    """Elements between neighbours along each axis."""
    shape = cgutils.unpack_tuple(builder, context.make_array(kind)(context, builder, array).shape, kind.ndim)
    strides = [ir.Constant(ir.IntType(64), 1)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    return strides


def element_pointer(context, builder, kind, array, index_type, index):
    kind, array = array_type(kind), array_value(builder, kind, array)
    data = context.make_array(kind)(context, builder, array).data
    indices = [index] if isinstance(index_type, types.Integer) else cgutils.unpack_tuple(builder, index)
    kinds = [index_type] if isinstance(index_type, types.Integer) else list(index_type)
    offset = None
    for value, of, stride in zip(indices, kinds, element_strides(context, builder, kind, array)):
        term = builder.mul(context.cast(builder, value, of, types.intp), stride)
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
    return _load_rows(rows_of(array, rows.literal_value), array, index, rows)


@intrinsic
def load_like(typing_context, array, index, like):
    """As many vectors as `like` has rows, the first at array[index]."""
    return _load_rows(Rows(array.dtype, like.rows), array, index, like)


@intrinsic
def load_square(typing_context, array, index):
    """As many vectors as a vector has lanes, the first at array[index]."""
    return _load_rows(Rows(array.dtype, Rows(array.dtype, 1).lanes), array, index)


def pointers_along(context, builder, kind, array, index_type, index, rows):
    """Pointers to array[index], array[index + 1 along the first axis], and so on."""
    base = element_pointer(context, builder, kind, array, index_type, index)
    stride = element_strides(context, builder, kind, array)[0]
    return [builder.gep(base, [builder.mul(stride, ir.Constant(stride.type, row))]) for row in range(rows)]


@intrinsic
def load_along(typing_context, array, index, like):
    """Row r: the vector at array[n + r, ...] for index (n, ...); as many rows as `like`."""

    def generate(context, builder, signature, values):
        pointers = pointers_along(
            context, builder, signature.args[0], values[0], signature.args[1], values[1], like.rows
        )
        return pack(builder, [load_vector(builder, pointer, like.vector_type()) for pointer in pointers])

    return like(array, index, like), generate


@intrinsic
def store_along(typing_context, array, index, value):
    """array[n + r, ...] = row r of the value, for index (n, ...)."""

    def generate(context, builder, signature, values):
        pointers = pointers_along(
            context, builder, signature.args[0], values[0], signature.args[1], values[1], value.rows
        )
        for pointer, vector in zip(pointers, unpack(builder, values[2])):
            _store(builder, vector, pointer)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


def accumulate(builder, scalar, vector, running):
    """running + scalar * vector; for an integer, which is a mask of all ones or none, running + (scalar and vector).

    The two agree to the bit where the scalar stands for 1 or 0, unless the sum is -0. The mask leaves the multipliers
    to others: on Zen 4 additions and logic have ports of their own.
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
        builder.store(
            values[2], element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        )
        return context.get_dummy_value()

    return types.void(array, index, array.dtype), generate


@intrinsic(prefer_literal=True)
def zeros(typing_context, array, rows):
    """`rows` (a literal) vectors of 0 in the array's dtype."""
    kind = rows_of(array, rows.literal_value)

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
