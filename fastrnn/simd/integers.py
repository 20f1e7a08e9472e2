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
