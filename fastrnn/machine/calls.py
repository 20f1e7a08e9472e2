"""Calls by address of the machine that compiles, so that each function is compiled once, not into each of its callers.
"""

from llvmlite import ir

from fastrnn.machine.integers import INT
from fastrnn.simd.emit import on_stack

# The machine code of a Program, a function of its frame.
CODE_TYPE = ir.FunctionType(ir.VoidType(), [INT.as_pointer()])


class Calls:
    """The part of fastrnn.machine.compiler.Compiler that calls other machine code."""

    def run(self, frame, names=(), **words):
        """Run the Program of a `loaded` frame, an array of int64, on it, after setting words of it; names: of its first
        words."""
        for name, value in words.items():
            self.write(frame, names.index(name), value)
        code = self.read(frame, -1)
        self.builder.call(self.builder.inttoptr(code.ir(), CODE_TYPE.as_pointer()), [frame])

    def call(self, address, words):
        """Run the Program whose machine code is at an address on a frame of these words."""
        frame = on_stack(self.builder, INT, len(words))
        for n, word in enumerate(words):
            self.write(frame, n, word)
        self.builder.call(self.builder.inttoptr(address.ir(), CODE_TYPE.as_pointer()), [frame])
