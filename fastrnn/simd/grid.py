"""Arrays whose every element is a vector: one number for each of the models that lie side by side in the lanes.

Here nothing is broadcast, both operands of a product are vectors, and one vector is addressed by its row in an
array of shape (rows, lanes), or Halves of one. A grid is `groups` runs of `run` neighbouring rows, one run every
`stride` rows; as a Rows it holds run after run. `groups` and `run` are literals.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .memory import load_vector
from .pointwise import fma_value
from .rows import array_type, array_value, pack, rows_of, unpack

INTP = ir.IntType(64)


def _integer(context, builder, kind, value):
    """An index as LLVM's integer; known to LLVM as a constant where it is a literal."""
    if isinstance(kind, types.IntegerLiteral):
        return INTP(kind.literal_value)
    return context.cast(builder, value, kind, types.intp)


def _row(context, builder, signature, values, place):
    """The pointer to the row that argument `place` names; the array is argument 0."""
    kind = signature.args[0]
    data = context.make_array(array_type(kind))(context, builder, array_value(builder, kind, values[0])).data
    row = _integer(context, builder, signature.args[place], values[place])
    return builder.gep(data, [builder.mul(row, INTP(rows_of(kind, 1).lanes))])


def _grid(builder, base, stride, groups, run, lanes):
    """Pointers to the vectors of a grid, in their order."""
    for group in range(groups):
        start = builder.gep(base, [builder.mul(stride, INTP(group * lanes))])
        for row in range(run):
            yield builder.gep(start, [INTP(row * lanes)])


@intrinsic(prefer_literal=True)
def load_grid(typing_context, array, row, groups, stride, run):
    """The grid of array (rows, lanes) that begins at `row`."""
    kind = rows_of(array, groups.literal_value * run.literal_value)

    def generate(context, builder, signature, values):
        base = _row(context, builder, signature, values, 1)
        pointers = _grid(builder, base, _integer(context, builder, signature.args[3], values[3]), groups.literal_value,
                         run.literal_value, kind.lanes)
        return pack(builder, [load_vector(builder, pointer, kind.vector_type()) for pointer in pointers])

    return kind(array, row, groups, stride, run), generate


@intrinsic(prefer_literal=True)
def store_grid(typing_context, array, row, groups, stride, value):
    """Store `value` as the grid of array (rows, lanes) that begins at `row`."""

    def generate(context, builder, signature, values):
        base = _row(context, builder, signature, values, 1)
        pointers = _grid(builder, base, _integer(context, builder, signature.args[3], values[3]), groups.literal_value,
                         value.rows // groups.literal_value, value.lanes)
        for vector, pointer in zip(unpack(builder, values[4]), pointers):
            builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer())).align = 4
        return context.get_dummy_value()

    return types.void(array, row, groups, stride, value), generate


def _as_it_is(builder, branch):
    """Have LLVM leave the loop that ends in `branch` as it is.

    A step of it holds enough work; unrolled, short products would run in the loop for what is left over, and all the
    products of the kernels would take four times as long to compile.
    """
    loop = builder.module.add_metadata([builder.module.add_metadata(["llvm.loop.unroll.disable"])])
    # A loop's node names itself first, which keeps it apart from those of other loops.
    loop.operands = (loop, *loop.operands)
    branch.set_metadata("llvm.loop", loop)


def _product(term):
    @intrinsic(prefer_literal=True)
    def product(typing_context, sums, array, groups, a, a_stride, a_step, b, b_stride, b_step, count):
        # One fused multiply-add with a vector from memory as its operand per product of a single group; with four groups
        # a vector that was loaded serves four.
        run = sums.rows // groups.literal_value

        def generate(context, builder, signature, values):
            def integer(place):
                return _integer(context, builder, signature.args[place], values[place])

            lanes = sums.lanes
            array_values, kinds = [values[1], *values[2:]], types.void(*signature.args[1:])
            a_base, b_base = (_row(context, builder, kinds, array_values, place) for place in (2, 5))
            a_stride, a_step, b_stride, b_step, steps = (integer(place) for place in (4, 5, 7, 8, 9))
            a_base = [
                builder.gep(a_base, [builder.mul(a_stride, INTP(g * lanes))]) for g in range(groups.literal_value)
            ]
            b_base = [builder.gep(b_base, [builder.mul(b_stride, INTP(r * lanes))]) for r in range(run)]
            a_step, b_step = builder.mul(a_step, INTP(lanes)), builder.mul(b_step, INTP(lanes))
            first = unpack(builder, values[0])

            before, body = builder.block, builder.append_basic_block("grid")
            after = builder.append_basic_block("grid.end")
            builder.cbranch(builder.icmp_signed(">", steps, INTP(0)), body, after)

            builder.position_at_end(body)
            n = builder.phi(INTP)
            running = [builder.phi(sums.vector_type()) for _ in range(sums.rows)]
            a_offset, b_offset = builder.mul(n, a_step), builder.mul(n, b_step)
            left = [load_vector(builder, builder.gep(base, [a_offset]), sums.vector_type()) for base in a_base]
            right = [load_vector(builder, builder.gep(base, [b_offset]), sums.vector_type()) for base in b_base]
            added = [term(builder, left[i // run], right[i % run], value) for i, value in enumerate(running)]
            following = builder.add(n, INTP(1))
            _as_it_is(builder, builder.cbranch(builder.icmp_signed("<", following, steps), body, after))

            n.add_incoming(INTP(0), before)
            n.add_incoming(following, body)
            results = []
            for row, initial, value in zip(running, first, added):
                row.add_incoming(initial, before)
                row.add_incoming(value, body)
            builder.position_at_end(after)
            for initial, value in zip(first, added):
                result = builder.phi(sums.vector_type())
                result.add_incoming(initial, before)
                result.add_incoming(value, body)
                results.append(result)
            return pack(builder, results)

        return sums(sums, array, groups, a, a_stride, a_step, b, b_stride, b_step, count), generate

    return product


def _kept(builder, mask, vector, total):
    """total + vector where the bits of `mask` are 1, the total where they are 0; no work for the multipliers."""
    integers = ir.VectorType(ir.IntType(32 if isinstance(vector.type.element, ir.FloatType) else 64), vector.type.count)
    kept = builder.and_(builder.bitcast(mask, integers), builder.bitcast(vector, integers))
    return builder.fadd(total, builder.bitcast(kept, vector.type))


grid_product = _product(fma_value)
grid_product.__doc__ = """sums[g, r] + sum of array[a + g a_stride + n a_step] * array[b + r b_stride + n b_step].

n is in range(count); sums is a grid of `groups` runs; each sum is taken in the order of n, whatever the grid.
"""
grid_chosen = _product(_kept)
grid_chosen.__doc__ = """grid_product for an `a` of masks, bits all ones for 1 and none for 0.

The same, to the bit, for finite numbers and sums that are not -0.
"""


@intrinsic
def largest_magnitude(typing_context, largest, rows):
    """The largest |x| of one vector without signs and all rows, lane by lane; a NaN is larger than infinity.

    As integers, whose order is that of the magnitudes: they have ports of their own.
    """

    def generate(context, builder, signature, values):
        (running,) = unpack(builder, values[0])
        width = rows.dtype.bitwidth
        integers = ir.VectorType(ir.IntType(width), rows.lanes)
        largest_of = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(integers, [integers] * 2), f"llvm.umax.v{rows.lanes}i{width}")
        unsigned = ir.Constant(integers, [2 ** (width - 1) - 1] * rows.lanes)
        bits = builder.bitcast(running, integers)
        for vector in unpack(builder, values[1]):
            bits = builder.call(largest_of, [bits, builder.and_(builder.bitcast(vector, integers), unsigned)])
        return pack(builder, [builder.bitcast(bits, running.type)])

    return largest(largest, rows), generate


@intrinsic
def largest_rows(typing_context, largest, rows):
    """The largest of one vector and all rows, lane by lane; NaNs in `rows` are passed over."""

    def generate(context, builder, signature, values):
        (running,) = unpack(builder, values[0])
        for vector in unpack(builder, values[1]):
            running = builder.select(builder.fcmp_ordered(">", vector, running), vector, running)
        return pack(builder, [running])

    return largest(largest, rows), generate


@intrinsic
def where_bits(typing_context, mask, a, b):
    """a where the bits of the one vector `mask` are 1, b where they are 0."""

    def generate(context, builder, signature, values):
        (chosen,), integers = unpack(builder, values[0]), ir.VectorType(ir.IntType(mask.dtype.bitwidth), mask.lanes)
        bits = builder.bitcast(chosen, integers)
        others, results = builder.not_(bits), []
        for first, second in zip(unpack(builder, values[1]), unpack(builder, values[2])):
            first, second = (builder.bitcast(vector, integers) for vector in (first, second))
            chosen_bits = builder.or_(builder.and_(bits, first), builder.and_(others, second))
            results.append(builder.bitcast(chosen_bits, a.vector_type()))
        return pack(builder, results)

    return a(mask, a, b), generate


@intrinsic
def sum_squares(typing_context, total, rows):
    """total + sum_r rows[r]^2, in the order of r."""

    def generate(context, builder, signature, values):
        (running,) = unpack(builder, values[0])
        for vector in unpack(builder, values[1]):
            running = fma_value(builder, vector, vector, running)
        return pack(builder, [running])

    return total(total, rows), generate


@intrinsic
def repeat_rows(typing_context, value, like):
    """Each row of `value` repeated, in its place, so often that there are as many rows as in `like`."""
    times = like.rows // value.rows

    def generate(context, builder, signature, values):
        return pack(builder, [vector for vector in unpack(builder, values[0]) for _ in range(times)])

    return like(value, like), generate


@intrinsic(prefer_literal=True)
def store_lane_bits(typing_context, array, row, stride, words, first, times, columns, positions, masks):
    """array[row + t stride + c] = 1.0 in lane i where bit positions[i] of words[first + t columns + c, :, i] is set, else 0.0.

    For t in range(times) and c in range(columns). array (rows, lanes); words (N, 2, lanes) uint32: the low and the high
    halves of 64-bit words; positions (lanes,) uint32, below 64. masks: a literal; if it is 1, all bits of the number
    are 1 or 0. Shifts alone, since a test of bits takes the multipliers' place (Zen 4).
    """
    kind, masked = rows_of(array, 1), masks.literal_value
    integers, wide = (ir.VectorType(ir.IntType(width), kind.lanes) for width in (32, kind.dtype.bitwidth))

    def generate(context, builder, signature, values):
        def integer(place):
            return _integer(context, builder, signature.args[place], values[place])

        def constant(number):
            return ir.Constant(integers, [number] * kind.lanes)

        base, stride, first, times, columns = (
            _row(context, builder, signature, values, 1),
            *(integer(place) for place in (2, 4, 5, 6)),
        )
        planes, place = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (3, 7))
        position = load_vector(builder, place, integers)
        upper = builder.icmp_unsigned(">", position, constant(31))
        to_the_top = builder.sub(constant(31), builder.and_(position, constant(31)))
        one = builder.bitcast(ir.Constant(kind.vector_type(), [1.0] * kind.lanes), wide)
        with cgutils.for_range(builder, columns) as outer, cgutils.for_range(builder, times) as inner:
            plane = builder.add(builder.add(first, outer.index), builder.mul(inner.index, columns))
            halves = builder.gep(planes, [builder.mul(plane, INTP(2 * kind.lanes))])
            low, high = (
                load_vector(builder, builder.gep(halves, [INTP(half * kind.lanes)]), integers) for half in range(2)
            )
            bits = builder.ashr(builder.shl(builder.select(upper, high, low), to_the_top), constant(31))
            bits = builder.sext(bits, wide) if wide != integers else bits
            target = builder.gep(
                base, [builder.mul(builder.add(builder.mul(inner.index, stride), outer.index), INTP(kind.lanes))]
            )
            chosen = bits if masked else builder.and_(bits, one)
            builder.store(chosen, builder.bitcast(target, wide.as_pointer())).align = 4
        return context.get_dummy_value()

    return types.void(array, row, stride, words, first, times, columns, positions, masks), generate


def _filled(made_of, kind):
    """The type of the NamedTuple class `made_of` with all fields of one kind."""
    count = len(made_of._fields)
    return types.NamedUniTuple(kind, count, made_of) if count else types.NamedTuple((), made_of)


@intrinsic
def constants_of(typing_context, constants, array, row):
    """The NamedTuple class `constants`, filled with the vectors of array (rows, lanes) from `row` on."""
    count, kind = len(constants.instance_class._fields), rows_of(array, 1)
    made = _filled(constants.instance_class, kind)

    def generate(context, builder, signature, values):
        kinds = types.void(*signature.args[1:])
        base = _row(context, builder, kinds, values[1:], 1)
        vectors = [
            load_vector(builder, builder.gep(base, [INTP(field * kind.lanes)]), kind.vector_type())
            for field in range(count)
        ]
        return context.make_tuple(builder, made, [pack(builder, [vector]) for vector in vectors])

    return made(constants, array, row), generate


@intrinsic
def constants_at(typing_context, constants, array, row, lane):
    """The same with the numbers of one lane, as float64."""
    count = len(constants.instance_class._fields)
    made = _filled(constants.instance_class, types.float64)

    def generate(context, builder, signature, values):
        kinds = types.void(*signature.args[1:])
        base = builder.gep(
            _row(context, builder, kinds, values[1:], 1), [_integer(context, builder, signature.args[3], values[3])]
        )
        kind = rows_of(array, 1)
        numbers = [builder.load(builder.gep(base, [INTP(field * kind.lanes)])) for field in range(count)]
        wide = [context.cast(builder, number, kind.dtype, types.float64) for number in numbers]
        return context.make_tuple(builder, made, wide)

    return made(constants, array, row, lane), generate
