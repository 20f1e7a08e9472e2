"""Integer instructions that NumPy's types cannot say: the high half of a product, atomics, a polite wait."""

import sys

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .memory import element_pointer


@intrinsic
def multiply_wide(typing_context, a, b):
    """(upper, lower) 64 bits of the 128-bit product of two uint64, in one multiplication."""

    def generate(context, builder, signature, values):
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(value, wide) for value in values))
        halves = builder.trunc(builder.lshr(product, wide(64)), word), builder.trunc(product, word)
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@intrinsic
def store_halves(typing_context, array, row, column, words):
    """array[row + n, :, column] = the low and the high half of words[n], for all n; array (N, 2, L) uint32, words uint64.

    One by one: to scatter vectors takes longer (Zen 4).
    """

    def generate(context, builder, signature, values):
        array_kind, _, _, words_kind = signature.args
        rows, source = (
            context.make_array(kind)(context, builder, value)
            for kind, value in ((array_kind, values[0]), (words_kind, values[3]))
        )
        word, half = ir.IntType(64), ir.IntType(32)
        width = cgutils.unpack_tuple(builder, rows.shape, 3)[2]
        step = builder.mul(width, word(2))
        start = builder.gep(rows.data, [builder.add(builder.mul(values[1], step), values[2])])
        with cgutils.for_range(builder, source.nitems) as loop:
            whole = builder.load(builder.gep(source.data, [loop.index]))
            low = builder.gep(start, [builder.mul(loop.index, step)])
            # Atomic, so that LLVM makes no vectors of them; the instruction is the same.
            builder.store_atomic(builder.trunc(whole, half), low, "monotonic", 4)
            builder.store_atomic(
                builder.trunc(builder.lshr(whole, word(32)), half), builder.gep(low, [width]), "monotonic", 4
            )
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, words), generate


@intrinsic
def atomic_add(typing_context, array, index, amount):
    """Add to one int64 of the array as no other thread can interrupt; returns what it held before."""

    def generate(context, builder, signature, values):
        pointer = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        return builder.atomic_rmw("add", pointer, values[2], "seq_cst")

    return types.int64(array, index, types.int64), generate


@intrinsic
def atomic_load(typing_context, array, index):
    """One int64 of the array, with everything its writer wrote before it."""

    def generate(context, builder, signature, values):
        pointer = element_pointer(context, builder, signature.args[0], values[0], signature.args[1], values[1])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array, index), generate


@intrinsic
def give_way(typing_context):
    """Let another thread of the operating system run, where it offers that."""

    def generate(context, builder, signature, values):
        if sys.platform != "win32":
            function = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, function, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate
