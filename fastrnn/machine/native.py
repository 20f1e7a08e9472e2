"""Compiles Programs to machine code, by LLVM with the few passes that their instructions need, and stores it in files.

numba itself would take three times as long: it infers types where there are none, runs all of LLVM's passes twice, and
wraps the code for Python. A kernel's instructions are chosen already: what is left is to take values out of memory, to
fold constants, and to simplify branches.
"""

import ctypes
import hashlib
from typing import NamedTuple

from llvmlite import binding, ir

from fastrnn.machine.calls import CODE_TYPE
from fastrnn.machine.code_files import CodeFiles
from fastrnn.machine.compiler import Compiler
from fastrnn.machine.integers import INT
from fastrnn.machine.lock import compiler_lock
from fastrnn.progress import compiling_begins
from fastrnn.simd.emit import counting_loop
from fastrnn.simd.host import target

# As Python calls a program, which leaves its lock to others meanwhile: with the address of frames, one after the other,
# and their number. numba's way from Python to compiled code would have to be compiled itself.
RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
# Loops test their condition at their end, which leaves the recurrence fewer jumps. What all of LLVM's passes take, and
# what they are worth: `python -m bench.passes`.
PASSES = ("simplify_cfg", "sroa", "instruction_combine", "loop_simplify", "lcssa", "loop_rotate", "instruction_combine",
          "simplify_cfg")


class Code(NamedTuple):
    """The machine code of a Program: its address, for other Programs, and the RUN of it, for Python."""

    address: int
    run: object


class Native:
    """The compiler of this process. hits, misses: programs whose code was in a file, and that were compiled."""

    def __init__(self):
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        self.triple, cpu, features = self.target = target()
        machine = binding.Target.from_triple(self.triple)
        # On x86, code that runs where it was compiled is relocated once and for all.
        reloc = "static" if self.triple.startswith("x86") else "default"
        self.machine = machine.create_target_machine(
            cpu=cpu, features=features, opt=3, reloc=reloc, codemodel="jitdefault", jit=True
        )
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), self.machine)
        self.layout = str(self.engine.target_data)
        self.files = CodeFiles()
        self.optimise, self.codes, self.hits, self.misses = optimised, {}, 0, 0

    def code(self, program):
        """Return the Code of a Program."""
        if program.digest not in self.codes:
            with compiler_lock():
                if program.digest not in self.codes:
                    self.codes[program.digest] = self._loaded(program)
        return self.codes[program.digest]

    def _loaded(self, program):
        key = hashlib.blake2b(" ".join((program.digest, *self.target)).encode(), digest_size=16).hexdigest()
        code = self.files.load(key)
        if code is None:
            compiling_begins()
            code = self._compiled(program)
            self.files.save(key, code)
            self.misses += 1
        else:
            self.hits += 1
        self.engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        address, run = (self.engine.get_function_address(name) for name in _names_of(program))
        return Code(address, RUN(run))

    def _compiled(self, program):
        """Return the object code of a Program."""
        module = binding.parse_assembly(str(_emitted(program, self.triple, self.layout)))
        module.verify()
        self.optimise(self.machine, module)
        return self.machine.emit_object(module)


def optimised(machine, module):
    """Run PASSES on a module."""
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    passes = binding.create_new_function_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)


def _names_of(program):
    """Return the names of the functions that other Programs and Python call."""
    return f"program_{program.digest}", f"run_{program.digest}"


def _emitted(program, triple, layout):
    """Return a Program as LLVM's instructions: a function of a frame, and a RUN."""
    module = ir.Module(program.digest)
    module.triple, module.data_layout = triple, layout
    called, run = _names_of(program)
    function = ir.Function(module, CODE_TYPE, called)
    builder = ir.IRBuilder(function.append_basic_block())
    program.kernel(Compiler(builder, function.args[0], program.names, program.dtype, program.lanes))
    builder.ret_void()

    runner = ir.Function(module, ir.FunctionType(ir.VoidType(), [*CODE_TYPE.args, INT]), run)
    builder = ir.IRBuilder(runner.append_basic_block())
    frames, count = runner.args
    with counting_loop(builder, count) as (index, _):
        builder.call(function, [builder.gep(frames, [builder.mul(index, INT(len(program.names)))])])
    builder.ret_void()
    return module


MADE = []


def native():
    """Return the compiler of this process, made when it is first needed."""
    if not MADE:
        # Looked up without the lock, which another thread may hold for long.
        with compiler_lock():
            if not MADE:
                MADE.append(Native())
    return MADE[0]
