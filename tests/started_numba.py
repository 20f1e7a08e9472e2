"""numba, and the processor for which it says that programs are compiled."""

from numba.core.registry import cpu_target

cpu_target.target_context.codegen()
