"""The processor's properties for which code is compiled: the machine's own, or those of NUMBA_CPU_NAME."""

import functools
import os

from llvmlite import binding

from fastrnn.interrupt import postponed

# Architectures on which every processor has fused multiply-adds; LLVM names them by no feature.
ALWAYS_FUSED = ("aarch64", "arm64")
# What LLVM's names of AMD's processors with AVX-512 begin with.
AMD = "znver"


def has(feature):
    """Return whether kernels are compiled for a processor with an LLVM feature, such as "avx512f"."""
    return f"+{feature}" in target()[2].split(",")


def arithmetic():
    """The kind of arithmetic on which results depend to the bit: "avx512f", "avx2", "neon", or another architecture's
    name; with ", no fma" where a product is rounded before it is added.

    With AVX-512 float32 activations come from a table, elsewhere from a polynomial, and sums of losses are grouped
    otherwise; divisions begin with an approximation that Intel and AMD each have their own way: "avx512f, amd".
    """
    triple, name, features = target()
    if not features:
        # Chosen by NUMBA_CPU_NAME alone: what it has, only LLVM knows.
        return name
    architecture = triple.partition("-")[0]
    kind = next((feature for feature in ("avx512f", "avx2", "neon") if has(feature)), architecture)
    if kind == "avx512f" and name.startswith(AMD):
        kind += ", amd"
    return kind if has("fma") or architecture in ALWAYS_FUSED else f"{kind}, no fma"


@functools.cache
def target():
    """Return (triple, name of the processor, its features) by LLVM's names, as numba chooses them."""
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    with postponed():  # llvmlite has a lock of its own
        if features is None:
            features = "" if name == "generic" else binding.get_host_cpu_features().flatten()
        return binding.get_process_triple(), name or binding.get_host_cpu_name(), features
