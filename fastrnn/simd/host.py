"""What the processor has that code is compiled for: the machine's own, or the one named in NUMBA_CPU_NAME."""

from numba.core.registry import cpu_target


def has(feature):
    """Whether numba compiles for a processor with an LLVM feature, such as "avx512f"."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return f"+{feature}" in features.split(",")
