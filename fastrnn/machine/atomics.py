"""What threads that run one kernel need of each other, of the machine that compiles."""

from fastrnn.machine.integers import Int
from fastrnn.simd.integers import emit_add, emit_load, emit_pause, emit_yield


class Atomics:
    """The part of fastrnn.machine.compiler.Compiler that threads meet by."""

    def atomic_add(self, integers, index, amount):
        """Add to an element of an array of int64 atomically; returns the Int before."""
        return Int(self, emit_add(self.builder, self._element(integers, index), self.integer(amount).ir()))

    def atomic_read(self, integers, index):
        """An element of an array of int64; everything its writer wrote before it is visible."""
        return Int(self, emit_load(self.builder, self._element(integers, index)))

    def atomic_write(self, integers, index, value):
        """Set an element of an array of int64; who reads it atomically sees everything that was written before."""
        self.builder.store_atomic(self.integer(value).ir(), self._element(integers, index), "release", 8)

    def pause(self):
        """Wait for a moment, in which a core's other thread may work."""
        emit_pause(self.builder)

    def give_way(self):
        """Yield to another thread of the operating system, where it offers that."""
        emit_yield(self.builder)
