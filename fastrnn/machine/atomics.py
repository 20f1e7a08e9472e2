"""What threads that run one kernel need of each other, of the machine that compiles."""

import platform
import sys

from llvmlite import ir

from fastrnn.machine.integers import Int
from fastrnn.simd.emit import declared

# What tells a processor that a loop waits: a core that runs two threads then works for the other one.
_PAUSES = {"x86_64": ("llvm.x86.sse2.pause", []), "amd64": ("llvm.x86.sse2.pause", []),
           "aarch64": ("llvm.aarch64.hint", [1]), "arm64": ("llvm.aarch64.hint", [1])}


class Atomics:
    """The part of fastrnn.machine.compiler.Compiler that threads meet by."""

    def atomic_add(self, integers, index, amount):
        """Add to an element of an array of int64 atomically; returns the Int before."""
        place = self._element(integers, index)
        return Int(self, self.builder.atomic_rmw("add", place, self.integer(amount).ir(), "seq_cst"))

    def atomic_read(self, integers, index):
        """An element of an array of int64; everything its writer wrote before it is visible."""
        return Int(self, self.builder.load_atomic(self._element(integers, index), "acquire", 8))

    def atomic_write(self, integers, index, value):
        """Set an element of an array of int64; who reads it atomically sees everything that was written before."""
        self.builder.store_atomic(self.integer(value).ir(), self._element(integers, index), "release", 8)

    def pause(self):
        """Wait for a moment, in which a core's other thread may work, where the processor has an instruction for it."""
        name, numbers = _PAUSES.get(platform.machine().lower(), (None, []))
        if name:
            word = ir.IntType(32)
            function = ir.FunctionType(ir.VoidType(), [word] * len(numbers))
            self.builder.call(declared(self.builder, function, name), [word(n) for n in numbers])

    def give_way(self):
        """Yield to another thread of the operating system, where it offers that."""
        if sys.platform != "win32":
            function = ir.FunctionType(ir.IntType(32), [])
            self.builder.call(declared(self.builder, function, "sched_yield"), [])
