"""`execute`: a kernel, compiled for what its Program says, run on a frame.

A Program is a kernel (a function of a machine) and all that it is compiled for. Its `text` says so completely, and is
the key by which numba's disk cache finds the machine code again, in the next process too, and for formulas that users
write.
"""

import hashlib
import os

from numba.core import types
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

from fastrnn.compiling import jit
from fastrnn.machine.compiler import Compiler
from fastrnn.machine.emulator import emulate

_programs = {}


class Program:
    """A kernel for vectors of `lanes` numbers of `dtype`; names: its frames' words; text: what it is compiled for."""

    def __init__(self, kernel, names, dtype, lanes, text):
        self.kernel, self.names, self.dtype, self.lanes = kernel, tuple(names), dtype, lanes
        whole = f"{kernel.__module__}.{kernel.__qualname__} {dtype} x {lanes} ({' '.join(names)}) {text}"
        self.digest = hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
        _programs[self.digest] = self

    def run(self, frame):
        """Run on a frame: int64 words, one for each name."""
        if _emulated():
            emulate(self, frame)
        else:
            execute(self, frame)

    def compile(self):
        """Have the machine code ready, compiled or from the disk cache."""
        if not _emulated():
            execute.compile((ProgramType(self.digest), types.Array(types.int64, 1, "C")))


def _emulated():
    """Whether kernels run as plain Python (fastrnn.machine.emulator)."""
    return os.environ.get("FASTRNN_EMULATE") == "1"


class ProgramType(types.Type):
    """numba's type of a Program, by its digest."""

    def __init__(self, digest):
        self.digest = digest
        super().__init__(name=f"Program({digest})")

    @property
    def key(self):
        return self.digest


register_model(ProgramType)(models.OpaqueModel)


@typeof_impl.register(Program)
def _typeof(program, context):
    return ProgramType(program.digest)


@unbox(ProgramType)
def _unbox(kind, value, context):
    return NativeValue(context.context.get_dummy_value())


@intrinsic
def _emit(typing_context, program, frame):
    def generate(context, builder, signature, arguments):
        source = _programs[program.digest]
        words = context.make_array(signature.args[1])(context, builder, arguments[1]).data
        source.kernel(Compiler(builder, words, source.names, source.dtype, source.lanes))
        return context.get_dummy_value()

    return types.void(program, frame), generate


@jit
def execute(program, frame):
    """Run a Program on its frame (int64 words)."""
    _emit(program, frame)
