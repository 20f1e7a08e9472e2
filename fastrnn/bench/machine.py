"""Describes the machine and the versions that a result was measured with."""

import os
import platform
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, version

from fastrnn.cores import cores

_JAX = ("jax", "jaxlib")
MODULES = {"core": ("numpy", "numba", "llvmlite"), "torch": ("torch",), "jax": _JAX, "gpu": _JAX}


def modules_of(engine):
    """Return the distributions whose versions matter to an engine."""
    return MODULES.get(engine.worker, ()) + getattr(engine, "packages", ())


def describe():
    """Return {name: text} of processor, cores, system and versions, and the day (UTC)."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processor": _processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "fastrnn": _version("fastrnn"),
        "numpy": _version("numpy"),
        "numba": _version("numba"),
    }


def _processor():
    from llvmlite import binding

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    features = binding.get_host_cpu_features()
    llvm = _known_by(features) or binding.get_host_cpu_name()
    simd = next(
        (
            label
            for feature, label in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("neon", "NEON"))
            if features.get(feature)
        ),
        "no SIMD",
    )
    return f"{name} ({llvm}, {simd})"


def _known_by(features):
    """Return LLVM's name of a processor that its features tell, or None.

    A virtual machine may hide the model's number, from which LLVM would guess: AMX came with Sapphire Rapids, its
    products of float16 with Granite Rapids (Intel, Architecture Instruction Set Extensions Programming Reference).
    """
    from llvmlite import binding

    guessed = binding.get_host_cpu_name()
    if not features.get("amx-tile") or guessed.endswith("rapids"):
        return None
    return "graniterapids" if features.get("amx-fp16") else "sapphirerapids"


def slug(processor):
    """Return a folder name for a processor from `describe`: maker, LLVM's name and vectors, such as "amd-zen3-avx2"."""
    name, llvm, simd = re.fullmatch(r"(.*) \((.+), (.+)\)", processor).groups()
    maker = next((each for each in ("intel", "amd", "apple") if each in f"{name} {llvm}".lower()), name.split()[0])
    llvm = llvm.removeprefix(f"{maker}-").replace("znver", "zen")
    words = (maker, llvm, simd.replace("-", ""))
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "source tree"


def note_absence(text):
    """Write to standard error the reason why a row is absent, if FASTRNN_BENCH_TRACE is set."""
    if text and os.environ.get("FASTRNN_BENCH_TRACE"):
        print(text, file=sys.stderr)
