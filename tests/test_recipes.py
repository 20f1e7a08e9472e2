"""The recipes of CONTRIBUTING.md: each file, in a temporary folder, adds a part that the rest of the package finds."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, Sequences
from fastrnn.bench import engines, ladder
from fastrnn.bench.workload import Updates, Workload, check, starting_weights, sums
from fastrnn.cells.base import cells
from fastrnn.exchange.base import formats
from fastrnn.heads.base import heads
from fastrnn.optimizers.base import optimizers
from fastrnn.tasks.base import tasks

TEXT = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (fastrnn/\S+)\n(.*?)^```\n", TEXT, re.MULTILINE | re.DOTALL))


@pytest.fixture
def added(tmp_path, monkeypatch):
    """added(path, change=text -> text): the module of a recipe's file, next to those of its package."""
    names = []

    def add(path, change=lambda text: text):
        package, name = path.removesuffix(".py").replace("/", ".").rsplit(".", 1)
        folder = tmp_path / package
        folder.mkdir()
        (folder / f"{name}.py").write_text(change(FILES[path]), encoding="utf-8")
        monkeypatch.setattr(sys.modules[package], "__path__", [*sys.modules[package].__path__, str(folder)])
        names.append((package, name))
        return importlib.import_module(f"{package}.{name}")

    yield add
    for package, name in names:
        sys.modules.pop(f"{package}.{name}", None)
        vars(sys.modules[package]).pop(name, None)


def test_a_cell_a_head_and_an_optimizer_train_together(added):
    made = added("fastrnn/cells/highway.py"), added("fastrnn/heads/robust.py"), added("fastrnn/optimizers/adagrad.py")
    cell, head, optimizer = made[0].Highway, made[1].Robust, made[2].Adagrad
    assert (cells()["highway"], heads()["robust"], optimizers()["adagrad"]) == (cell, head, optimizer)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 6, 1))
    data = Sequences(x, np.cumsum(x, axis=1) / 2)
    options = {"head": head(), "optimizer": "adagrad", "epochs": 1, "learning_rate": 0.01, "roles": ["train"]}
    fit = fastrnn.train(cell(2), data, dtype="float64", **options)
    start = fastrnn.train(cell(2), data, dtype="float64", **{**options, "learning_rate": 1e-30})

    def loss(weights):
        """The mean loss of the equations."""
        h, total = np.zeros(2), 0.0
        for step, y in zip(data.x, data.y):
            pre = weights["w_ih"] @ step + weights["w_hh"] @ h + weights["b_ih"] + weights["b_hh"]
            h = h + 1 / (1 + np.exp(-pre[:2])) * (np.tanh(pre[2:]) - h)
            total += (np.sqrt(1 + (weights["w_ho"] @ h + weights["b_o"] - y) ** 2) - 1).sum()
        return total / len(data.x)

    assert start.losses(data).mean() == pytest.approx(loss(start.weights), rel=1e-9)
    # The first update of Adagrad is nearly a step of the learning rate against the derivative's sign.
    for name, weights in start.weights.items():
        for place in np.ndindex(weights.shape):
            ends = []
            for move in (1e-6, -1e-6):
                moved = {each: values.copy() for each, values in start.weights.items()}
                moved[name][place] += move
                ends.append(loss(moved))
            slope = (ends[0] - ends[1]) / 2e-6
            step = -0.01 * slope / (abs(slope) + 1e-10)
            assert fit.weights[name][place] - weights[place] == pytest.approx(step, rel=1e-7), (name, place)


def test_a_task_is_learned(added, call):
    made = added("fastrnn/tasks/edges.py")
    assert tasks()["edges"] is made.Edges
    assert made.Edges(8).oracle((0b1101,)) == 0b10111
    status, out, _ = call("train", "--task", "edges")
    assert status == 0 and "edges" in out
    assert fastrnn.train(Elman(), made.Edges(8)).exact
    certificate = re.search(r"saved (\S+-certificate.safetensors)", out)[1]
    status, out, _ = call("check", certificate)
    assert status == 0 and "for the automaton in this file (2 states and 2 symbols)" in out


@pytest.mark.slow
def test_a_cell_and_a_task_are_trained_to_a_proof_on_the_command_line(added, call):
    # Kernels of a formula that no other test has: half a minute of compiling.
    added("fastrnn/tasks/edges.py")
    extremes = "    extremes = (-1.0, 1.0)\n    gates ="
    added("fastrnn/cells/highway.py", lambda text: text.replace("    gates =", extremes))
    status, out, _ = call("train", "--task", "edges", "--cell", "highway", "--hidden", "8", "--until", "certified")
    assert status == 0 and "proved for every width" in out
    certificate = re.search(r"saved (\S+-certificate.safetensors)", out)[1]
    status, out, _ = call("check", certificate)
    assert status == 0 and "of the task 'edges'" in out and "of the cell 'highway'" in out
    status, out, _ = call("certify", certificate.replace("-certificate", ""))
    assert status == 0 and "proved for every width" in out


def test_an_export_writes_what_numbers_there_are(added, tmp_path):
    added("fastrnn/exchange/text.py")
    assert "text" in formats()
    weights = {"w_ih": np.eye(2), "w_hh": np.eye(2) / 4, "w_ho": np.array([[1.0, 2.0]])}
    model = fastrnn.Model(Elman(2, bias=False), weights)
    fastrnn.export(model, tmp_path / "network.txt")
    lines = (tmp_path / "network.txt").read_text().splitlines()
    assert "w_hh 1 1 0.25" in lines and "w_ho 0 1 2" in lines
    assert len(lines) == sum(np.size(each) for each in model.weights.values())


def test_an_engine_has_the_true_gradient(added):
    made, work = added("fastrnn/bench/engines/equations.py"), Workload(hidden=5, steps=4, batch=3)
    row = eval(FILES["fastrnn/bench/engines/__init__.py"], dict(vars(engines)))
    assert [case.name for case in ladder.cases([work], (row,), 8)] == [f"equations-{work.name}-1t"]
    assert row.target.endswith("equations.py:Equations")
    weights = {name: weight.astype(float) for name, weight in starting_weights(work).items()}
    check(work, Updates(*made.Equations(work, 1, weights, *sums(work)).sample()), row.name)


@pytest.mark.parametrize(
    "path, line, found, message",
    [
        ("fastrnn/cells/highway.py", "gates", cells, r"highway\.Highway needs a class attribute gates, "),
        ("fastrnn/heads/robust.py", "targets", heads, r"robust\.Robust needs a class attribute targets, "),
        ("fastrnn/optimizers/adagrad.py", "slots", optimizers, r"adagrad\.Adagrad needs a class attribute slots, "),
        ("fastrnn/tasks/edges.py", "states", tasks, r"edges\.Edges needs a class attribute states, "),
        ("fastrnn/exchange/text.py", "ending", formats, r"text\.Text needs a class attribute ending, "),
    ],
)
def test_a_file_that_lacks_something_is_refused_in_a_sentence(added, path, line, found, message):
    added(path, lambda text: re.sub(rf"^    {line}[ ,].*= .*\n", "", text, flags=re.MULTILINE))
    with pytest.raises(TypeError, match=message):
        found()
