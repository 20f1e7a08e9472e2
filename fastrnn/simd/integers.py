"""Integer instructions that NumPy lacks: atomic operations, and waiting for another thread."""

import platform
import sys

from llvmlite import ir

from fastrnn.simd.emit import declared


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
        builder.call(declared(builder, function, name), [word(n) for n in numbers])


def emit_yield(builder):
    """Emit a call that yields to another thread of the operating system, where it offers that."""
    if sys.platform != "win32":
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(declared(builder, function, "sched_yield"), [])
