"""numba's compiler, with LLVM's part done once: where machine code is made, for all functions that are linked into it.

numba itself runs all of LLVM's passes and makes machine code for each function, then for its caller with a copy of it,
and so on: a helper at depth three goes through them four times. Here a Part is handed on as its lowered instructions,
and an Entry optimises them with its own.
"""

import contextlib
import gc

from llvmlite import binding
from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering, NopythonRewrites
from numba.core.untyped_passes import InlineClosureLikes


@contextlib.contextmanager
def uncollected():
    """Look for no cyclic garbage meanwhile, which takes a twentieth of the time; for who holds numba's lock."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _EntryLibrary(JITCodeLibrary):
    """A function, and what it calls, as machine code."""

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self):
        builder = binding.create_pass_builder(self._codegen._tm, binding.create_pipeline_tuning_options(speed_level=3))
        builder.getModulePassManager().run(self._final_module, builder)


class _PartLibrary(_EntryLibrary):
    """A function that has no machine code of its own."""

    def finalize(self):
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(NativeLowering):
    _name = "fastrnn_entry_lowering"

    def run_pass(self, state):
        state.library = _EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return super().run_pass(state)


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    _name = "fastrnn_part_lowering"

    def run_pass(self, state):
        library = state.library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state.cr
        name = lowered.fndesc.qualname.split(".")[-1]
        # numba's key of an overload is a function of Python; nobody calls this one.
        key = _dynfunc.make_function(lowered.fndesc.lookup_module(), name, "", 0, lowered.env, (library,))
        state.targetctx.insert_user_function(key, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=key)
        return True


def _pipeline(lowering, *without):
    class Pipeline(CompilerBase):
        def define_pipelines(self):
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            replaced = {NativeLowering: lowering, **dict.fromkeys(without)}
            if not self.state.flags.nrt:
                # Without reference counts no arithmetic is on whole arrays, whose loops this would join.
                replaced[NopythonRewrites] = None
            passes.passes[:] = [(replaced.get(each, each), name) for each, name in passes.passes]
            passes.passes[:] = [each for each in passes.passes if each[0]]
            return [passes]

    return Pipeline


# For `pipeline_class`: of a function with machine code of its own, and of one that only compiled code calls, which may
# have no functions inside: the search for them is a twentieth of the work.
Entry, Part = _pipeline(_EntryLowering), _pipeline(_PartLowering, InlineClosureLikes)
