"""Integer instructions that NumPy lacks: atomic operations, and waiting for another thread."""

import platform
import sys

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


def emit_add(builder, pointer, amount):
    """Emit an atomic addition to an int64; returns the register of the value before."""
    return builder.atomic_rmw("add", pointer, amount, "seq_cst")


def emit_load(builder, pointer):
    """Emit a load of an int64 with acquire order: everything its writer wrote before it is visible."""
    return builder.load_atomic(pointer, "acquire", 8)


# What tells a processor that a loop waits: a core that runs two threads then works for the other one.
_PAUSES = {"x86_64": ("llvm.x86.sse2.pause", []), "amd64": ("llvm.x86.sse2.pause", []),
           "aarch64": ("llvm.aarch64.hint", [1]), "arm64": ("llvm.aarch64.hint", [1])}


def emit_pause(builder):
    """Emit the instruction of a loop that waits, where the processor has one."""
    name, numbers = _PAUSES.get(platform.machine().lower(), (None, []))
    if name:
        word = ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [word] * len(numbers))
        builder.call(cgutils.get_or_insert_function(builder.module, function, name), [word(n) for n in numbers])


def emit_yield(builder):
    """Emit a call that yields to another thread of the operating system, where it offers that."""
    if sys.platform != "win32":
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function, "sched_yield"), [])


@intrinsic
def atomic_add(typing_context, array, index, amount):
    """Add to one int64 of the array atomically; return the value before."""

    def generate(context, builder, signature, values):
        return emit_add(builder, _element_pointer(context, builder, signature, values), values[2])

    return types.int64(array, index, types.int64), generate


@intrinsic
def atomic_load(typing_context, array, index):
    """Read one int64 of the array, with acquire order: everything its writer wrote before it is visible."""

    def generate(context, builder, signature, values):
        return emit_load(builder, _element_pointer(context, builder, signature, values))

    return types.int64(array, index), generate


@intrinsic
def pause(typing_context):
    """Wait for a moment, some ten nanoseconds, in which a core's other thread may work."""

    def generate(context, builder, signature, values):
        emit_pause(builder)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def give_way(typing_context):
    """Yield to another thread of the operating system, where it offers that."""

    def generate(context, builder, signature, values):
        emit_yield(builder)
        return context.get_dummy_value()

    return types.void(), generate


def _element_pointer(context, builder, signature, values):
    """The address of an element of the array (n,) that an intrinsic takes first, at the index that it takes next."""
    kind, index = signature.args[:2]
    data = context.make_array(kind)(context, builder, values[0]).data
    return builder.gep(data, [context.cast(builder, values[1], index, types.intp)])
