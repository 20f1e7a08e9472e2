"""C headers of every cell, compiled by the system's compiler and compared with the kernels."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fastrnn import GRU, LSTM, Elman
from fastrnn.cells.base import Cell, cells
from fastrnn.exchange.c import to_c
from fastrnn.formula import tanh
from fastrnn.formula.evaluate import on_numpy
from fastrnn.kernels.recurrent.layout import Sizes, named_places
from tests import numpy_network as oracle

INPUTS, OUTPUTS, STEPS = 2, 2, 10_000
PAGE = Path(__file__).parent.parent / "docs" / "exchange.md"
(PROGRAM,) = re.findall(r"^```c\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def random_weights(cell):
    rng = np.random.default_rng(1)
    places = named_places(cell, cell.traced(), Sizes(INPUTS, cell.hidden_size, OUTPUTS))
    return {name: (0.4 * rng.normal(size=each.shape)).astype(np.float32) for name, each in places.items()}


def run(folder, text, x):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler, "the test needs a C compiler: install gcc or clang"
    (folder / "network.h").write_text(text)
    (folder / "main.c").write_text(PROGRAM)
    subprocess.run(
        [
            compiler,
            "-std=c99",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            folder / "program",
            folder / "main.c",
            "-lm",
        ],
        check=True,
    )
    done = subprocess.run([folder / "program"], input=x.astype(np.float32).tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32).reshape(-1, OUTPUTS)


class Unused(Cell):
    """What is declared and not read: gates, a vector, a state."""

    gates, separate, vectors, state = ("a", "b"), ("b",), ("u",), ("h", "c")
    read: str = "nothing"

    def step(self, pre, h, c):
        return {
            "nothing": lambda: (0.5 * h, h),
            "b_x": lambda: (tanh(pre.b_x), h),
            "b_h": lambda: (tanh(pre.b_h), 0 * h),
            "u": lambda: (pre.u * h, c),
        }[self.read]()


@pytest.mark.parametrize("read", ["nothing", "b_x", "b_h", "u"])
def test_what_a_formula_does_not_read_gives_no_warning(tmp_path, read):
    cell = type(f"Reads_{read}", (Unused,), {"read": read})(2)
    w, x = random_weights(cell), np.random.default_rng(4).normal(size=(20, INPUTS)).astype(np.float32)
    np.testing.assert_allclose(run(tmp_path, to_c(cell, w), x), by_formula(cell, w, x.astype(float)), atol=1e-5)


class Swap(Cell):
    """States that change places: each is read after the other may have been written."""

    gates, state = ("a",), ("h", "c")

    def step(self, pre, h, c):
        return tanh(pre.a) + c, h


def test_states_may_become_each_other(tmp_path):
    cell = Swap(3)
    w, x = random_weights(cell), np.random.default_rng(3).normal(size=(50, INPUTS))
    h, c = w["initial_h"], w["initial_c"]
    expected = []
    for row in x:
        a = w["w_ih"] @ row + w["b_ih"] + w["w_hh"] @ h + w["b_hh"]
        h, c = np.tanh(a) + c, h
        expected.append(w["w_ho"] @ h + w["b_o"])
    np.testing.assert_allclose(run(tmp_path, to_c(cell, w), x), expected, rtol=1e-4, atol=1e-4)


def by_formula(cell, w, x):
    """z in float64, from the traced formula, for cells that no independent oracle has."""
    step = cell.traced()
    places = named_places(cell, step, Sizes(INPUTS, cell.hidden_size, OUTPUTS))
    rows = np.zeros(max(int(each.max()) for each in places.values() if each.size) + 1)
    for name, values in w.items():
        rows[places[name]] = values
    from fastrnn.kernels.recurrent.layout import weights_table

    table = weights_table(step, Sizes(INPUTS, cell.hidden_size, OUTPUTS))
    own = {name: rows[table.places(name)] for name in table.axes}
    state, z = list(own["initial"]), []
    for row in x:
        pre = np.zeros((len(step.pre), cell.hidden_size))
        pre[: step.from_x] += own["b_x"] + np.einsum("i,uig->gu", row, own["w_x"])
        pre[len(pre) - step.from_h :] += own["b_h"] + np.einsum("k,ukg->gu", state[0], own["w_h"])
        known = dict(zip(step.vectors, own["vectors"])) | dict(zip(step.old, state))
        if step.operand:
            operand = on_numpy([step.operand.node], dict(zip(step.pre, pre)) | known)[0]
            operand = np.broadcast_to(operand, cell.hidden_size)
            pre[: step.from_operand] += own["b_q"] + np.einsum("k,ukg->gu", operand, own["w_q"])
        state = on_numpy(step.new, dict(zip(step.pre, pre)) | known)
        z.append(own["w_o"] @ state[0] + own["b_o"])
    return np.array(z)


@pytest.mark.parametrize(
    "cell, step",
    [(GRU(5), oracle.gru), (LSTM(3), oracle.lstm), (Elman(4, "tanh"), oracle.elman)],
    ids=["gru", "lstm", "elman"],
)
def test_the_program_gives_the_numbers_of_an_independent_network(tmp_path, cell, step):
    w, x = random_weights(cell), np.random.default_rng(2).normal(size=(STEPS, INPUTS)).astype(np.float32)
    expected = oracle.outputs(step, {name: values.astype(float) for name, values in w.items()}, x.astype(float))
    np.testing.assert_allclose(run(tmp_path, to_c(cell, w), x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", sorted(cells()))
def test_every_cell_runs_in_c(tmp_path, name):
    cell = cells()[name](3)
    w, x = random_weights(cell), np.random.default_rng(2).normal(size=(50, INPUTS)).astype(np.float32)
    np.testing.assert_allclose(run(tmp_path, to_c(cell, w), x), by_formula(cell, w, x.astype(float)), atol=1e-5)


def test_its_first_line_says_what_it_takes():
    text = to_c(GRU(5), random_weights(GRU(5)), "pump")
    constants = 3 * 5 * 2 + 3 * 5 * 5 + 4 * 5 + 2 * 5 + 2 + 5
    assert (
        text.splitlines()[0]
        == f"/* gru: 2 inputs, 5 units, 2 outputs; {4 * constants} bytes of constants, 20 bytes of state. */"
    )
    assert "pump_step(pump_state *state, const float *x, float *z)" in text
    with pytest.raises(ValueError, match="expected a C identifier"):
        to_c(GRU(5), random_weights(GRU(5)), "my net")
    with pytest.raises(ValueError, match="got w_hh of shape"):
        to_c(GRU(5), {**random_weights(GRU(5)), "w_hh": np.zeros((3, 5))})
