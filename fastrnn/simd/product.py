"""The inner loop of everything: a register tile of running sums, one broadcast and one fma a row and step.

    product_down:   sums[r] += sum_n a[..., i + r, k + n] * b[row + n]      for a's index (..., i, k)
    product_along:  sums[r] += sum_n a[..., i + n, k + r] * b[row + n]      for a's index (..., i, k)
    product_over:   sums[r] += sum_n a[..., t + n, i, k + r] * b[row + n]   for a's index (..., t, i, k)

    product_split:  sums[r] += sum_n a[..., k + n rows + r] * b[row + n rows + r], count a multiple of the rows

`a` gives scalars (where it is unsigned, masks: all ones for 1, none for 0), `b` gives vectors that follow each other in
memory from b[b_index]; n runs over range(count). In the first three each sum is taken in the order of n, whatever the
number of rows; the last is for a single sample, whose one sum would wait for each of its additions. Both forward
products, both of the way back and all weight gradients are one of these; the loop is emitted as LLVM IR, since a jitted
loop around a tile costs ten times the compile time and runs no faster.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .memory import accumulate, element_pointer, element_strides, load_vector
from .rows import pack, unpack

INTP = ir.IntType(64)


def _product(row_axis, step_axis, split=False):
    @intrinsic
    def product(typing_context, sums, a, a_index, b, b_index, count):
        def generate(context, builder, signature, values):
            _, a_type, a_kind, b_type, b_kind, _ = signature.args
            start, a_value, a_at, b_value, b_at, steps = values
            a_base = element_pointer(context, builder, a_type, a_value, a_kind, a_at)
            b_base = element_pointer(context, builder, b_type, b_value, b_kind, b_at)
            strides = element_strides(context, builder, a_type, a_value)
            offsets = [builder.mul(strides[row_axis], INTP(row)) for row in range(sums.rows)]

            # Split, each row has a vector of its own, and a step takes as many elements of a as there are rows.
            b_rows = sums.rows if split else 1
            a_stride = builder.mul(strides[step_axis], INTP(b_rows))
            steps = builder.sdiv(steps, INTP(b_rows))

            before, body = builder.block, builder.append_basic_block("product")
            after = builder.append_basic_block("product.end")
            builder.cbranch(builder.icmp_signed(">", steps, INTP(0)), body, after)

            builder.position_at_end(body)
            n = builder.phi(INTP)
            running = [builder.phi(sums.vector_type()) for _ in range(sums.rows)]
            a_step = builder.gep(a_base, [builder.mul(n, a_stride)])
            b_step = builder.gep(b_base, [builder.mul(n, INTP(b_rows * sums.lanes))])
            vectors = [load_vector(builder, builder.gep(b_step, [INTP(row * sums.lanes)]), sums.vector_type())
                       for row in range(b_rows)]
            added = []
            for row, offset in enumerate(offsets):
                scalar = builder.load(builder.gep(a_step, [offset]))
                added.append(accumulate(builder, scalar, vectors[row % b_rows], running[row]))
            following = builder.add(n, INTP(1))
            builder.cbranch(builder.icmp_signed("<", following, steps), body, after)

            first = unpack_at(builder, before, start)
            n.add_incoming(INTP(0), before)
            n.add_incoming(following, body)
            for row, initial, value in zip(running, first, added):
                row.add_incoming(initial, before)
                row.add_incoming(value, body)

            builder.position_at_end(after)
            results = []
            for initial, value in zip(first, added):
                result = builder.phi(sums.vector_type())
                result.add_incoming(initial, before)
                result.add_incoming(value, body)
                results.append(result)
            return pack(builder, results)

        return sums(sums, a, a_index, b, b_index, types.intp), generate

    return product


def unpack_at(builder, block, value):
    """The vectors of a Rows value, extracted before the terminator of `block`."""
    with builder.goto_block(block):
        return unpack(builder, value)


product_down = _product(row_axis=-2, step_axis=-1)
product_along = _product(row_axis=-1, step_axis=-2)
product_over = _product(row_axis=-1, step_axis=-3)
product_split = _product(row_axis=-1, step_axis=-1, split=True)
