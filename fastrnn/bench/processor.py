"""The properties of the processor, what the kernels chose for it and why, and its measured peak."""

import itertools
import os
import textwrap

import numpy as np

from fastrnn.bench import ladder, machine
from fastrnn.bench.report import find, peak_gflops
from fastrnn.bench.timing import median
from fastrnn.bench.workload import INPUTS, OUTPUTS, Workload
from fastrnn.caches import caches, nearest_bytes
from fastrnn.cells.elman import Elman
from fastrnn.cores import cores, quota, threads_setting
from fastrnn.kernels.combining import MOST_PARTS
from fastrnn.kernels.recurrent.network import SPAN_BYTES
from fastrnn.kernels.recurrent.units_network import chunk_of
from fastrnn.networks import BLOCK_COLUMNS, REGISTERS, VECTOR_BYTES, lanes_for
from fastrnn.simd.host import arithmetic, has
from fastrnn.tasks.addition import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.engine import network_for
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.one_driver import SAMPLES_A_THREAD
from fastrnn.training.tasks.small_session import ENOUGH, units_in_lanes

PRINT_WIDTH = 79


def found():
    """Return {label: text} of what the system and LLVM report about the processor."""
    here = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    limit, setting, known = quota("/"), threads_setting(), caches(core=min(here))
    return {
        "processor": machine.describe()["processor"],
        "arithmetic": f"{arithmetic()}, for which code is compiled"
        + (", as NUMBA_CPU_NAME says" if os.environ.get("NUMBA_CPU_NAME") else ""),
        "cores": f"{cores()} are used: the system has {os.cpu_count()}, this process may use {len(here)}, "
        + (f"its quota is {limit:g}" if np.isfinite(limit) else "no quota")
        + (f", NUMBA_NUM_THREADS is {setting}" if setting else ""),
        "caches": "; ".join(each.text for each in known) or "this system does not say",
    }


def chosen(work):
    """Return {label: text} of what the kernels chose for an Elman network of this Workload's size on a task, and why.
    """
    lanes, elman, task = lanes_for(work.dtype), Elman(work.hidden, bias=False), Addition(bits=work.steps)
    config = TrainConfig(optimizer="sgd", dtype=work.dtype)
    batches = network_for(elman, (INPUTS, OUTPUTS), task.kernel, config, False, BLOCK_COLUMNS)
    # Enough models for the choice to be free.
    many = 64 * lanes
    online = TrainConfig(optimizer="sgd", dtype=work.dtype, batch_size=1)
    recipe = RunRecipe(elman, (INPUTS, OUTPUTS), task.kernel, work.steps, online, many)
    units, columns = batches.tile(1, work.hidden)
    return {
        "vectors": f"{VECTOR_BYTES} bytes, {lanes_for('float32')} float32 or {lanes_for('float64')} float64: "
        + ("a register of AVX-512" if has("avx512f") else "there is no AVX-512"),
        "registers": f"{REGISTERS}, which the sums of a tile, its operands and a weight share",
        "batches": f"blocks of {BLOCK_COLUMNS * lanes} samples, {BLOCK_COLUMNS} columns of one vector: chains of "
        "activations overlap, and a weight that was loaded serves all columns; fewer columns where a batch would fill "
        "few of the last block's",
        "tile": f"hidden {work.hidden}: {units} units x {columns} columns are summed together, the shape with the "
        f"fewest loads for {batches.registers} registers",
        "span": f"derivatives of {batches.span} steps are kept before gradients take them in, at most "
        f"{SPAN_BYTES[False] // 1024} kB, for the second-level cache; of models side by side, {recipe.net.span} "
        f"steps and {SPAN_BYTES[True] // 1024} kB, for the first-level cache; the states of {max(1, batches.near)} "
        f"unit{'s' * (batches.near > 1)} stay in a third of its {nearest_bytes() // 1024} kB while gradients take them",
        "models": f"{recipe.lanes} side by side in batches of 1: {_why(recipe, lanes, work)}",
        "small batches": f"of up to {_most_small(elman, lanes)} samples for hidden {work.hidden}, and those that fill "
        f"no more than {ENOUGH:.0%} of their vectors: units in the lanes, {-(-work.hidden // lanes)} to a sample, "
        f"which leaves fewer lanes empty; outputs of {chunk_of(lanes)} steps are computed together",
        "threads": f"one for each {SAMPLES_A_THREAD} samples of a batch, at most {min(MOST_PARTS, cores())}, or fewer "
        "where trials during training show that they are faster; models are shared among all",
    }


def _most_small(cell, lanes):
    """Return the number of samples up to which every batch has units in the lanes."""
    return next(size for size in itertools.count(1) if not units_in_lanes(cell, size + 1, lanes))


def _why(recipe, lanes, work):
    """Return the reason why there are one or two registers of models."""
    if recipe.lanes > lanes:
        return f"two vectors, whose chains overlap; weights and history of both fit {nearest_bytes() // 1024} kB"
    if work.steps > recipe.net.span:
        return f"one vector, for sequences of more than {recipe.net.span} steps"
    return f"one vector; weights and history of two do not fit {nearest_bytes() // 1024} kB"


def measured(threads=None, progress=None):
    """Measure the peaks: multiply-adds in registers and from caches, loads and stores; return the result."""
    one = [ladder.Case(engine, Workload(1, 1, 1), 1) for engine in (ladder.CACHE, ladder.NEAR, ladder.FAR)]
    cases = [*ladder.peak_cases(threads), *one]
    return ladder.time_cases(cases, 5, 0.05, "processor", progress=progress)


def reached(result):
    """Return {label: text} of what was measured."""
    counts, lines = sorted({row["threads"] for row in result["rows"]}), {}
    for threads in counts:
        name = "one core" if threads == 1 else f"{threads} cores"
        peak = peak_gflops(result, threads)
        places = {"triad": "memory", "triad-cache": "the second-level cache (two loads and a store)"}
        rows = {place: find(result, engine=engine, threads=threads) for engine, place in places.items()}
        speeds = ", ".join(f"{_speed(row)} of {place}" for place, row in rows.items() if row)
        products = f"{median(peak):.0f} GFLOP/s of float32 multiply-adds" if peak else ""
        lines[name] = "; ".join(filter(None, (products, speeds))) or "could not be measured"
    rows = [find(result, engine=engine.name) for engine in (ladder.NEAR, ladder.FAR)]
    if all(rows):
        near, far = (f"{row['flops'] / median(row['seconds']) / 1e9:.0f}" for row in rows)
        lines["loads"] = (
            f"{near} GFLOP/s of multiply-adds that each load a vector from the first-level cache, {far} from the "
            "second-level one, on one core: the bound of products with the weights of models side by side"
        )
    return lines


def _speed(row):
    return f"{row['bytes'] / median(row['seconds']) / 1e9:.0f} GB/s"


def plain_facts(facts):
    """Return lines for a terminal of 80 columns."""
    wide = max(map(len, facts)) + 2
    lines = textwrap.TextWrapper(PRINT_WIDTH, subsequent_indent=" " * wide, break_on_hyphens=False)
    return "\n".join(lines.fill(name.ljust(wide) + text) for name, text in facts.items())
