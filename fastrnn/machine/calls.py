"""Calls by address of the machine that compiles, so that each function is compiled once, not into each of its callers.
"""

from llvmlite import ir
from numba.core import cgutils

from fastrnn.machine.integers import INT

_POINTER = ir.IntType(8).as_pointer()
# The machine code of a Program, a function of its frame.
CODE = ir.FunctionType(ir.VoidType(), [INT.as_pointer()])


class Calls:
    """The part of fastrnn.machine.compiler.Compiler that calls other machine code."""

    def run(self, frame, names=(), **words):
        """Run the Program of a `loaded` frame, an array of int64, on it, after setting words of it; names: of its first
        words."""
        for name, value in words.items():
            self.write(frame, names.index(name), value)
        code = self.read(frame, -1)
        self.builder.call(self.builder.inttoptr(code.ir(), CODE.as_pointer()), [frame])

    def call(self, address, arguments):
        """Call a function that numba compiled, which returns nothing and takes integers of 64 bits."""
        # numba's functions take first where they return a value, and where they tell of an error.
        places = [cgutils.alloca_once(self.builder, _POINTER) for _ in range(2)]
        words = [self.integer(argument).ir() for argument in arguments]
        kind = ir.FunctionType(ir.IntType(32), [_POINTER.as_pointer()] * 2 + [INT] * len(words))
        self.builder.call(self.builder.inttoptr(address.ir(), kind.as_pointer()), [*places, *words])
