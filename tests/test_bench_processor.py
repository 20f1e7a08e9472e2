"""`fastrnn bench --processor`: what it says is what the system has and what the kernels use."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastrnn import Elman, caches, cores
from fastrnn.bench import processor
from fastrnn.bench.engines.peak import FarMultiplyAdd, MultiplyAdd, NearMultiplyAdd, NearTriad
from fastrnn.bench.workload import Workload
from fastrnn.networks import lanes_for
from fastrnn.tasks import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.many_recipe import RunRecipe

ROOT = Path(__file__).resolve().parent.parent


def test_caches_are_what_the_system_says(tmp_path):
    folder = tmp_path / "sys/devices/system/cpu/cpu3/cache"
    stated = (("1", "Data", "48K", "3"), ("1", "Instruction", "32K", "3,35"), ("3", "Unified", "32768K", "0-7,32-39"))
    for number, values in enumerate(stated):
        (folder / f"index{number}").mkdir(parents=True)
        for name, value in zip(("level", "type", "size", "shared_cpu_list"), values):
            (folder / f"index{number}" / name).write_text(f"{value}\n")
    (folder / "index9").mkdir()
    # What systems say of caches that they do not know.
    for number, size, shared in ((4, "", "3"), (5, "32K", ""), (6, "0K", "3"), (7, "unknown", "3")):
        (folder / f"index{number}").mkdir()
        for name, value in zip(("level", "type", "size", "shared_cpu_list"), ("1", "Data", size, shared)):
            (folder / f"index{number}" / name).write_text(f"{value}\n")
    found = caches.caches(tmp_path, 3)
    assert found == [(1, "Data", 48, 1), (1, "Instruction", 32, 2), (3, "Unified", 32768, 16)]
    texts = ["L1 data 48 kB", "L1 instruction 32 kB, of 2 cores", "L3 32 MB, of 16 cores"]
    assert [each.text for each in found] == texts
    assert caches.caches(tmp_path, 0) == []


def test_cores_are_those_that_a_training_uses(monkeypatch):
    monkeypatch.setattr(processor, "quota", lambda root: 2.5)
    monkeypatch.setattr(cores, "_quota", lambda: 2.5)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {4, 5, 6}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    said = processor.found()["cores"]
    assert said == "2 are used: the system has 64, this process may use 3, its quota is 2.5"
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    said = processor.found()["cores"]
    assert said.startswith("1 are used") and said.endswith("NUMBA_NUM_THREADS is 1")


@pytest.mark.parametrize("hidden, bits", ((2, 8), (16, 8), (16, 64), (64, 8)))
def test_models_side_by_side_are_those_of_a_training(hidden, bits):
    said = processor.chosen(Workload(hidden, bits))["models"]
    config = TrainConfig(optimizer="sgd", batch_size=1)
    recipe = RunRecipe(Elman(hidden, bias=False), (2, 1), Addition(bits).kernel, bits, config, 1000)
    assert said.startswith(f"{recipe.lanes} side by side")
    assert ("two vectors" in said) == (recipe.lanes == 2 * lanes_for("float32"))


PROGRAM = """
import json
from fastrnn.bench import processor
from fastrnn.bench.workload import Workload
print(json.dumps(processor.chosen(Workload(16, 8))))
"""


# Each compiles what an import compiles, for a processor that is not this one: ten seconds.
@pytest.mark.slow
@pytest.mark.parametrize(
    "name, features, vectors, registers, block",
    (
        ("haswell", "+avx2,+fma", "32 bytes, 8 float32", 16, 32),
        ("skylake-avx512", "+avx512f", "64 bytes, 16 float32", 32, 64),
    ),
)
def test_what_is_chosen_follows_the_processor(name, features, vectors, registers, block):
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert said["vectors"].startswith(vectors) and said["registers"].startswith(f"{registers},")
    assert said["batches"].startswith(f"blocks of {block} samples")
    units, columns = map(int, re.search(r"(\d+) units x (\d+) columns", said["tile"]).groups())
    assert units * columns + columns + 1 <= registers


def test_the_near_triad_computes_and_counts_all_its_turns():
    engine = NearTriad(None, 1, None, None, None)
    engine.run(1)
    assert (engine.arrays[0] == 1 + 3 * 2).all()
    assert NearTriad.bytes(1) == NearTriad.turns * sum(array.nbytes for array in engine.arrays)


def test_peaks_are_measured_with_vectors_that_cross_no_cache_line():
    for kind in (MultiplyAdd, NearMultiplyAdd, FarMultiplyAdd, NearTriad):
        engine = kind(Workload(16, 8, 64), 1, None, None, None)
        held = vars(engine).values()
        arrays = [each for value in held for each in (value if isinstance(value, list) else [value])]
        arrays = [each for each in arrays if isinstance(each, np.ndarray)]
        assert arrays and all(each.ctypes.data % 64 == 0 for each in arrays), kind


def test_the_command_prints_facts_and_peaks_in_80_columns(call, here):
    status, out, err = call("bench", "--processor", "--threads", 1, "--json", "facts.json")
    assert (status, err) == (0, "") and max(map(len, out.splitlines())) < 80
    stored = json.loads((here / "facts.json").read_text())
    flat = " ".join(out.split())
    for name, text in stored["facts"].items():
        assert f"{name} {text}" in flat
    fma = next(row for row in stored["rows"] if row["engine"] == "fma")
    rates = sorted(fma["flops"] / seconds / 1e9 for seconds in fma["seconds"])
    assert stored["facts"]["one core"].startswith(f"{rates[len(rates) // 2]:.0f} GFLOP/s")
    assert call("bench", "--processor", "--engine", "mine.py:Mine")[0] == 2
