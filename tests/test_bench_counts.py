"""`python -m bench.counts`: a kernel whose instructions are known, and the same numbers as without counting."""

import numpy as np
import pytest

import fastrnn
from bench import counts as tool
from bench.counts import Counted, counted
from bench.fits import choices
from fastrnn.bench.workload import Workload
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.emulator import emulate
from fastrnn.machine.execute import Program

LANES, ROWS = 8, 5


def kernel(m):
    a, out = m.pointer("a"), m.pointer("out")

    def body(n, sums):
        return [m.fma(m.load(a, n), m.broadcast(a, n), sums[0]), sums[1] + m.load(a, n)]

    product, total = m.fold(ROWS, [m.constant(0.0)] * 2, body)
    m.store(out, m.integer(0), m.select(product > total, product, 0.0))
    m.add_sums(out, [m.integer(LANES), m.integer(LANES + 1)], [product, total])


def test_instructions_are_counted_and_change_no_number():
    program = Program(kernel, ("a", "out"), "float32", LANES, "a test of counts")
    a = aligned_zeros((ROWS, LANES), np.float32)
    a[:] = np.random.default_rng(0).normal(size=a.shape)
    outs = [aligned_zeros((2, LANES), np.float32) for _ in range(2)]
    counts = counted(program, np.array([a.ctypes.data, outs[0].ctypes.data]))
    emulate(program, np.array([a.ctypes.data, outs[1].ctypes.data]))
    assert np.array_equal(*outs) and outs[0].any()
    # A product and a sum in each row; a comparison and a choice; two vectors are folded in one step, their lanes in two
    # more, of three instructions each.
    assert counts == {"fused": ROWS, "other": ROWS + 2 + 3 * 3, "loads": 3 * ROWS, "stores": 1}


def test_functions_count_as_what_they_are_compiled_to():
    program = Program(lambda m: m.store(m.pointer("a"), m.integer(0), m.load(m.pointer("a"), m.integer(0))), ("a",),
                      "float32", LANES, "a test of functions")
    a = aligned_zeros((1, LANES), np.float32)
    counted(program, np.array([a.ctypes.data]))
    sizes = Counted.sizes
    # A sigmoid and a tangent share their exponential, a softplus has a logarithm besides.
    assert 10 < sizes["exp"] < 20 and sizes["sigmoid"] < sizes["tanh"] + 2
    assert sizes["softplus"] > sizes["exp"] + sizes["log"]


def test_progress_is_for_a_terminal_and_leaves_the_table_alone(monkeypatch, capsys):
    found = {"fused": 4, "other": 4, "loads": 2, "stores": 1}
    for name in ("of_batches", "of_models", "of_fits"):
        monkeypatch.setattr(tool, name, lambda *arguments: (found, 2, 3))
    tool.main()
    out, err = capsys.readouterr()
    assert err == "" and "\r" not in out and all(line.startswith("|") for line in out.splitlines())
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    tool.main()
    again, err = capsys.readouterr()
    assert again == out and "Elman(4), batches" in err


@pytest.mark.parametrize("count", [tool.of_batches, tool.of_models, tool.of_fits])
def test_the_kernels_of_training_make_all_multiply_adds_of_the_products(count):
    few = choices(4, 3, 3)
    works = {tool.of_batches: (Workload(2, 3, 16),), tool.of_models: (Workload(2, 3, 1, models=16),),
             tool.of_fits: (fastrnn.GRU(2), few, "models")}
    Counted.counts.clear()
    counts, steps, products = count(*works[count])
    assert steps > 0 and counts["fused"] > 0.5 * products > 0 and counts["loads"] > counts["stores"] > 0
