"""Engines of users in `fastrnn bench --engine`: the contract of docs/speed.md, and what a wrong engine is told."""

import ast
import json
import os
import re
import sys
from pathlib import Path

import pytest

from bench.peers.check import example
from fastrnn.bench import ladder, processes, report, worker
from fastrnn.bench.own import own_engine
from fastrnn.bench.processes import WorkerError
from fastrnn.bench.worker import METHODS, SAYS, said
from fastrnn.bench.workload import Workload, WrongGradient

SMALL = Workload(hidden=5, steps=4, batch=3)
PAGE = (Path(__file__).resolve().parent.parent / "docs" / "speed.md").read_text(encoding="utf-8")

# The product rule through time, one sample and one step after the other.
MINE = '''
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
import beside

@dataclass
class Kept:
    weights: dict

class Mine:
    label, packages = "by hand", ("numpy",)

    def __init__(self, work, threads, weights, x, y):
        assert threads == 1 and x.shape == (work.batch, work.steps, 2) and y.shape == (work.batch, work.steps, 1)
        self.work, self.kept, self.x, self.y = work, Kept(weights), x, y

    def run(self, updates):
        for _ in range(updates):
            weights, sums = self.kept.weights, {name: np.zeros(w.shape) for name, w in self.kept.weights.items()}
            for x, y in zip(self.x, self.y):
                states, deltas = [np.zeros(self.work.hidden)], np.zeros(self.work.hidden)
                for step in x:
                    states.append(beside.sigmoid(weights["w_ih"] @ step + weights["w_hh"] @ states[-1]))
                for t in reversed(range(len(x))):
                    h, o = states[t + 1], beside.sigmoid(weights["w_ho"] @ states[t + 1])
                    error = (o - y[t]) * o * (1 - o)
                    deltas = (weights["w_hh"].T @ deltas + weights["w_ho"].T @ error) * h * (1 - h)
                    sums["w_ih"] += np.outer(deltas, x[t])
                    sums["w_hh"] += np.outer(deltas, states[t])
                    sums["w_ho"] += np.outer(error, h)
            scale = self.work.rate / self.work.batch
            self.kept = Kept({name: w - scale * sums[name] for name, w in weights.items()})

    def sample(self):
        before = self.kept.weights
        self.run(1)
        return before, self.x, self.y, self.kept.weights

class Doubled(Mine):
    def sample(self):
        before, x, y, after = super().sample()
        for place in ((3, 4), (4, 1)):
            after["w_hh"][place] += after["w_hh"][place] - before["w_hh"][place]
        return before, x, y, after

class Misnamed(Mine):
    def sample(self):
        before, x, y, after = super().sample()
        return before, x, y, {"w": after["w_hh"]}

class Short(Mine):
    def sample(self):
        return 1, 2, 3

class Ends(Mine):
    def __init__(self, *arguments):
        import os
        os._exit(3)

class Tires(Mine):
    def run(self, updates):
        if updates > 1:
            raise OSError("out of breath")
        super().run(updates)

class Half(Mine):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.together = 0.5

class Still(Mine):
    run = None

class Narrow(Mine):
    def __init__(self, work):
        pass

class Relu(Mine):
    activation = "relu"

class One(Mine):
    most_samples = 1

class Idle(Mine):
    def run(self, updates):
        if updates == 1:
            super().run(1)

class Asks(Mine):
    def run(self, updates):
        input("how many? ")

class Leaves(Mine):
    def run(self, updates):
        import os, time
        if os.fork() == 0:
            time.sleep(5)
            open("late", "w").close()
        os._exit(3)

class Hangs(Mine):
    def run(self, updates):
        import time
        time.sleep(1000)

class Borrows(Mine):
    packages = ("no-such-package",)

number = 5
'''


@pytest.fixture
def mine(here):
    """A folder with mine.py, and a file that it imports."""
    (here / "mine.py").write_text(MINE)
    (here / "beside.py").write_text("import numpy as np\n\ndef sigmoid(z):\n    return 1 / (1 + np.exp(-z))\n")
    return here


def run(engine):
    """Check an engine alone, and make two updates."""
    with ladder.opened_engines(ladder.cases([SMALL], (engine,), 1), {}, {}) as engines:
        for each in engines.values():
            each.run(2)


def test_an_engine_of_a_user_is_a_row_like_the_others(mine):
    engine = own_engine("mine.py:Mine")
    result = ladder.time_cases(ladder.cases([SMALL], (engine,), 1), 2, 0.005)
    (row,) = result["rows"]
    assert len(row["seconds"]) == 2 and row["batch"] == 3 and row["updates"] > 0
    assert set(result["versions"][engine.worker]) == {"python", "numpy"}
    assert [line for line in report.plain_ladder(result).splitlines() if line.startswith("by hand  ")]


@pytest.mark.parametrize(
    "target, message",
    (
        ("none.py:Mine", "none.py: no such file"),
        ("mine.py", "got 'mine.py', expected FILE.py:Class"),
        ("mine.txt:Mine", "got 'mine.txt:Mine', expected FILE.py:Class"),
        ("mine.py:Nobody", "mine.py: the file has no class 'Nobody'; it has Kept, Mine, "),
        ("quits.py:Mine", "quits.py: its process ended with status 4: no message"),
    ),
)
def test_what_is_no_engine_is_refused_in_one_line(mine, call, target, message):
    (mine / "quits.py").write_text("raise SystemExit(4)")
    status, out, err = call("bench", "--engine", target)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"fastrnn: --engine: {message}")


def test_what_a_class_or_its_file_lacks_is_said(mine, monkeypatch):
    (mine / "broken.py").write_text("x = (")
    (mine / "lost.py").write_text("import nowhere")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(worker.load, "known", {})
    for target, message in (
        ("mine.py:number", "the file has no class 'number'; it has Kept, Mine, "),
        ("mine.py:Still", "Still needs a method run(self, updates)"),
        ("mine.py:Narrow", "Narrow needs a method __init__(self, work, threads, weights, x, y)"),
        ("mine.py:Relu", "activation: got 'relu', expected 'sigmoid' or 'tanh'"),
        ("mine.py:Borrows", "PackageNotFoundError: No package metadata was found for no-such-package"),
        ("broken.py:Mine", "SyntaxError: '(' was never closed (broken.py, line 1)"),
        ("lost.py:Mine", "ModuleNotFoundError: No module named 'nowhere'"),
    ):
        answers = []
        worker.serve([json.dumps({"do": "describe", "target": f"{mine}/{target}"})], answers.append)
        assert answers[0]["error"].startswith(message)


@pytest.mark.parametrize(
    "name, message",
    (
        ("Short", r"by hand, h5-t4-b3: sample\(\) must return \(before, x, y, after\), .*got 3\)$"),
        ("Ends", "by hand, h5-t4-b3: its process ended with status 3: no message"),
        ("Half", "by hand, h5-t4-b3: together: got 0.5, expected a positive integer"),
        ("Asks", "by hand, h5-t4-b3: EOFError: EOF when reading a line"),
    ),
)
def test_an_engine_that_cannot_run_ends_the_bench(mine, name, message):
    with pytest.raises(WorkerError, match=message):
        run(own_engine(f"mine.py:{name}"))


def test_an_engine_that_fails_while_it_is_timed_ends_the_bench(mine):
    cases = ladder.cases([SMALL], (own_engine("mine.py:Tires"),), 1)
    with pytest.raises(WorkerError, match="^by hand, h5-t4-b3: OSError: out of breath$"):
        ladder.time_cases(cases, 1, 0.05)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_that_an_engine_leaves_behind_is_not_waited_for(mine):
    with pytest.raises(WorkerError, match="its process ended with status 3"):
        run(own_engine("mine.py:Leaves"))
    assert not (mine / "late").exists()


def test_an_engine_that_does_no_work_ends_the_bench(mine):
    cases = ladder.cases([SMALL], (own_engine("mine.py:Idle"),), 1)
    with pytest.raises(WorkerError, match=r"^by hand, h5-t4-b3: run\(\d+\) returns at once"):
        ladder.time_cases(cases, 1, 0.05)


def test_an_engine_that_hangs_ends_with_the_bench(mine, monkeypatch):
    monkeypatch.setattr(processes, "END_SECONDS", 0.1)
    made = processes.Worker(1)
    made.open(f"{mine}/mine.py:Hangs", SMALL)
    made.process.stdin.write(json.dumps({"do": "run", "key": 1, "updates": 1}) + "\n")
    made.process.stdin.flush()
    made.stop()
    assert made.process.poll() is not None


def test_a_wrong_update_names_the_first_wrong_weight(mine, call):
    status, out, err = call("bench", "--engine", "mine.py:Doubled", "--hidden", 5, "--quick", "--threads", 1)
    assert (status, err) == (1, "")
    told = re.fullmatch(r"by hand: its gradient of w_hh is off by .* at h5-t8-b1, allowed 1e-03; the first wrong "
                        r"weight, w_hh\[3, 4\], moved by (\S+), expected (\S+)\n", out)
    moved, expected = map(float, told.groups())
    assert moved == pytest.approx(2 * expected, rel=1e-2)


def test_an_engine_that_takes_none_of_the_batches_is_refused(mine, call):
    status, out, err = call("bench", "--engine", "mine.py:One", "--batch-size", 64)
    assert (status, out, err) == (2, "", "fastrnn: --engine: by hand takes at most 1 samples; give --batch-size\n")


def test_an_engine_without_the_weights_that_it_was_given_is_wrong(mine):
    with pytest.raises(WrongGradient, match=r"after the update have shapes {'w': \(5, 5\)}, expected {'w_ih':"):
        run(own_engine("mine.py:Misnamed"))


def test_the_example_of_the_documentation_has_the_contract_that_it_states():
    # Without its imports: PyTorch is not here. `make bench-peers` runs it.
    classes = [node for node in ast.parse(example()).body if isinstance(node, ast.ClassDef)]
    names = {}
    exec(compile(ast.Module(classes, []), "speed.md", "exec"), names)
    assert said(names["Mine"]) == {
        "label": "nn.RNN and autograd", "activation": "tanh", "packages": ("torch",), "threads": "each",
        "most_samples": 0,
    }
    for name, arguments in METHODS.items():
        assert f"`{name}({', '.join(arguments.split())})`" in PAGE
    assert all(re.search(rf"`{name}[` ]", PAGE) for name in SAYS)
