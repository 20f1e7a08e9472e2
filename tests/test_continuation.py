"""A training continues only with its first options: differences are named, in Python and on the command line."""

from dataclasses import replace

import numpy as np
import pytest
from test_resume import assert_same

import fastrnn
from fastrnn.cli import main
from fastrnn.training.tasks.continuation import difference
from fastrnn.training.tasks.resume import load_run, save_run

X = np.array([[[0.0], [1.0]], [[1.0], [1.0]], [[1.0], [0.0]]])


@pytest.fixture(scope="module")
def run():
    return fastrnn.train(max_samples=160, until="samples")


@pytest.fixture(scope="module")
def on_arrays():
    return fastrnn.train(data=(X, X), max_samples=16, until="samples")


OTHERS = {
    "size": ({"cell": fastrnn.Elman(8)}, "hidden_size: got 8, but the run to resume was started with 16"),
    "activation": (
        {"cell": fastrnn.Elman(activation="tanh")},
        "activation: got tanh, but the run to resume was started with sigmoid",
    ),
    "bias": ({"cell": fastrnn.Elman(bias=False)}, "bias: got False, "),
    "task": (
        {"task": fastrnn.tasks.Subtraction(8)},
        "task: got subtraction, but the run to resume was started with addition",
    ),
    "width": ({"task": fastrnn.tasks.Addition(9)}, "bits: got 9, "),
    "operands": ({"task": fastrnn.tasks.Addition(operands=3)}, "operands: got 3, "),
    "arrays for a task": ({"data": (X, X)}, "task: got none, but the run to resume was started with addition"),
    "optimizer_options": (
        {"optimizer_options": (("beta2", 0.9),)},
        "optimizer_options: got beta2=0.9, but the run to resume was started with none",
    ),
    "curriculum": (
        {"curriculum": None},
        "curriculum: got none, but the run to resume was started with start=8, factor=2",
    ),
    **{
        name: ({name: value}, f"{name}: got {value}, but the run to resume was started with ")
        for name, value in {
            "loss": "cross-entropy",
            "optimizer": "momentum",
            "learning_rate": 0.5,
            "batch_size": 64,
            "seed": 1,
            "initializer": "xavier",
            "schedule": "linear",
            "max_grad_norm": 1.0,
            "tbptt_steps": 3,
            "saturation_penalty": 0.1,
            "retention_penalty": 0.1,
            "weight_decay": 0.1,
            "l1": 0.1,
            "initial_scale": 2.0,
            "reduction": "sum",
            "dtype": "float64",
        }.items()
    },
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_differs_is_named(run, case):
    options, message = OTHERS[case]
    with pytest.raises(ValueError) as caught:
        fastrnn.train(resume=run, **{"max_samples": 320, **options})
    assert str(caught.value).startswith(message)


def test_every_option_is_tried():
    left = set(fastrnn.TrainConfig.__dataclass_fields__) - {"max_samples", "until", "verify_after"}
    assert left <= set(OTHERS)


@pytest.mark.parametrize("file", [False, True])
def test_what_is_left_out_is_the_run_s_own(tmp_path, file):
    cell, task = fastrnn.Elman(5, bias=False), fastrnn.tasks.Addition(12, operands=3)
    options = {"until": "samples", "max_samples": 160, "learning_rate": 0.01}
    config = fastrnn.TrainConfig(optimizer_options=(("beta2", 0.95),), **options)
    whole, run = fastrnn.train(cell, task, config, max_samples=320), fastrnn.train(cell, task, config)
    if file:
        save_run(run, tmp_path / "run")
        run = tmp_path / "run"
    assert_same(fastrnn.train(resume=run, max_samples=320), whole)


@pytest.mark.parametrize("saved", [False, True])
def test_arrays_are_compared(on_arrays, tmp_path, saved):
    run = on_arrays
    if saved:
        save_run(run, tmp_path / "run")
        run, _ = load_run(tmp_path / "run")
    # What the kernels get is the same.
    fastrnn.train(data=(X.astype(bool), X.tolist(), np.ones((3, 2))), resume=run, max_samples=32)
    other = X.copy()
    other[0, 0] = 1
    for data in ((other, X), (X, other), (X, X, np.array([[1, 1], [1, 1], [1, 0]])), (X[:2], X[:2])):
        with pytest.raises(
            ValueError, match="^data: got other arrays than those that the run to resume was trained on"
        ):
            fastrnn.train(data=data, resume=run, max_samples=32)
    with pytest.raises(ValueError, match="^task: got addition, but the run to resume was started with none"):
        fastrnn.train(task=fastrnn.tasks.Addition(8), resume=run)


def test_what_is_no_run_to_go_on_from(run):
    with pytest.raises(TypeError, match="^resume: got 3, expected a Run"):
        fastrnn.train(resume=3)
    with pytest.raises(ValueError, match="^weights: got some, but training continues with those of the resumed run"):
        fastrnn.train(resume=run, weights=run.model.weights)
    with pytest.raises(ValueError, match="^resume: has no training state"):
        fastrnn.train(resume=replace(run, state=None))


@pytest.mark.parametrize(
    "option, message",
    {
        "--activation tanh": "--activation: got tanh, but the run to resume was started with sigmoid",
        "--hidden 8": "--hidden: got 8, but ",
        "--batch-size 64": "--batch-size: got 64, but ",
        "--dtype float64": "--dtype: got float64, but ",
        "--task subtraction": "task: got subtraction, but ",
        "--no-bias": "--no-bias: got False, but ",
    }.items(),
)
def test_the_command_line_says_the_same(run, tmp_path, monkeypatch, capsys, option, message):
    monkeypatch.chdir(tmp_path)
    save_run(run, "run")
    assert main(["train", "--resume", "run", "--max-samples", "320", *option.split()]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"fastrnn: run: {message}") and err.count("\n") == 1


def test_options_of_the_default_task_are_refused_for_another(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_run(fastrnn.train(task=fastrnn.tasks.Subtraction(8), max_samples=160, until="samples"), "run")
    assert main(["train", "--resume", "run", "--max-samples", "320", "--operands", "3"]) == 2
    assert capsys.readouterr().err == "fastrnn: --operands: run has the task subtraction, which has no such option\n"


@pytest.mark.parametrize(
    "theirs, ours",
    [
        ({"cell": {"name": "\x1b[31mproved\n"}}, {"cell": {"name": "elman"}}),
        ({"cell": "\x1b[31mproved\n"}, {"cell": {"name": "elman"}}),
        ({"arithmetic": [None] * 1000}, {"arithmetic": "avx2"}),
        ({"arithmetic": "\x1b[31mproved\n"}, {"arithmetic": "avx2"}),
        ({"config": {"max_grad_norm": None}}, {"config": {}}),
        ({"\x1b[31mproved\n": 1}, {}),
    ],
)
def test_what_differs_is_one_printable_line(theirs, ours):
    text = difference(theirs, ours)
    assert text.isprintable() and len(text) < 150


@pytest.mark.parametrize("name", ["code", "version"])
def test_another_version_is_named_before_what_it_calls_by_other_names(name):
    theirs, ours = ({"config": {penalty: 0.0}, name: code} for penalty, code in (("saturation", "1"), ("penalty", "2")))
    assert difference(theirs, ours) == "begun by another version of fastrnn"
    assert difference({**theirs, name: "2"}, ours) == "penalty is None there, 0.0 here"
