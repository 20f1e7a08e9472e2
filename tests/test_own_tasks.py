"""Networks of a user's own task: files of them predict without it, and say what needs it."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy_elman import forward
from test_autosave import Crash, crash_after, eager  # noqa: F401
from test_resume import press_after

import fastrnn
from fastrnn import CheckpointError, Elman, Model
from fastrnn.own_tasks import TASK_LABELS, own_labels
from fastrnn.tasks import Addition
from fastrnn.tasks.base import Task
from fastrnn.training.tasks.resume import load_run, save_run


@dataclass(frozen=True)
class Later(Task):
    """The exclusive or of the first operand, a step later, and the second."""

    bits: int = 8

    name, input_size, states = "my.later", 2, 2

    def label(self, x, state):
        return [state[0] ^ x[1]], x[:1]

    def oracle(self, operands):
        return (operands[0] << 1 ^ operands[1]) % 2**self.bits


@dataclass(frozen=True)
class Edited(Later):
    """The same name with another answer, as if a user had edited the class."""

    def label(self, x, state):
        return [state[0] & x[1]], x[:1]


@dataclass(frozen=True)
class Another(Later):
    """Another name."""

    name = "my.other"


@dataclass(frozen=True)
class Disguised(Later):
    """A name of fastrnn's."""

    name, operands = "addition", 2


OPTIONS = {"seed": 2, "max_samples": 300_000}


@pytest.fixture(scope="module")
def run():
    made = fastrnn.train(Elman(8), Later(), **OPTIONS)
    assert made.exact
    return made


@pytest.fixture
def path(run, tmp_path):
    run.model.save(tmp_path / "later.safetensors")
    return tmp_path / "later.safetensors"


def test_a_file_without_its_task_predicts(run, path, tmp_path):
    model, x = Model.load(path), np.random.default_rng(0).integers(0, 2, (50, 8, 2)).astype(float)
    assert model.predict(x).tobytes() == run.model.predict(x).tobytes()
    weights = {name: values.astype(float) for name, values in model.weights.items()}
    np.testing.assert_allclose(model.predict(x), 1 / (1 + np.exp(-forward(weights, "sigmoid", x)[0])), atol=1e-5)
    label = x[:, :, 1:].astype(int) ^ np.concatenate([np.zeros((50, 1, 1), int), x[:, :-1, :1].astype(int)], 1)
    assert ((model.predict(x) > 0.5) == label).all()
    assert "my.later, which is not defined here" in repr(model)
    # Saved again it is the same file; other formats need no task.
    model.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    fastrnn.export(model, tmp_path / "later.onnx")


NEEDS = {
    "verify": lambda model, path: fastrnn.verify(model),
    "verify, another width": lambda model, path: fastrnn.verify(model, 4),
    "generalize": lambda model, path: fastrnn.generalize(model),
    "certify": lambda model, path: fastrnn.certify(model),
    "run": lambda model, path: model.run(3, 5),
    "page": lambda model, path: fastrnn.write_page(model, path.parent / "page.html"),
    "resume": lambda model, path: fastrnn.train(resume=path.parent / "run.safetensors"),
}


@pytest.mark.parametrize("case", NEEDS)
def test_what_needs_the_task_says_so_in_one_line(run, path, case):
    save_run(run, path.parent / "run.safetensors")
    with pytest.raises(CheckpointError) as error:
        NEEDS[case](Model.load(path), path)
    text = str(error.value)
    assert "was trained on the task 'my.later', which is not one of this fastrnn's" in text and "\n" not in text
    assert "train(task=..., resume=...)" in text if case == "resume" else "Model.load(path, task=CLASS)" in text


def test_the_class_brings_the_task_back(run, path, tmp_path):
    model = Model.load(path, task=Later)
    assert model.task == Later(8) and TASK_LABELS not in model.metadata
    found = fastrnn.verify(model)
    assert found.exact and found.samples == 4**8 and model.run(3, 5) == 3 << 1 ^ 5
    assert fastrnn.verify(Model.load(path, task=Later), 6).samples == 4**6
    model.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    # A class that a file does not need is no fault.
    fastrnn.Model(model.cell, model.weights, Addition(8)).save(path)
    assert Model.load(path, task=Later).task == Addition(8) == Model.load(path).task


@pytest.mark.parametrize("kind, message", [
    (Edited, "task my.later: was trained with another definition than the present one"),
    (Another, "task: got 'my.later', this fastrnn has"),
    (Later(8), "task: got Later(bits=8), expected the class of a Task, for example Addition"),
    (Elman, "expected the class of a Task"),
])
def test_another_class_is_refused_in_one_line(path, kind, message):
    with pytest.raises((CheckpointError, TypeError)) as error:
        Model.load(path, task=kind)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_another_class_of_a_cell_is_refused_in_one_line(path):
    for given in (Elman(5), Addition):
        with pytest.raises(TypeError, match="^cell: got .*, expected the class of a Cell, for example GRU$"):
            Model.load(path, cell=given)


def test_a_task_under_a_name_of_fastrnn_is_not_taken_for_it(run, path):
    Model(run.model.cell, run.model.weights, Disguised()).save(path)
    with pytest.raises(CheckpointError, match="task addition: was trained with another definition .* give its class"):
        Model.load(path)
    assert Model.load(path, task=Disguised).task == Disguised()


def test_a_file_of_an_earlier_version_has_no_labels(run, path, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr("fastrnn.checkpoint.own_labels", lambda task: {})
        run.model.save(path)
    assert Model.load(path).task.labels is None and Model.load(path, task=Edited).task == Edited()
    with pytest.raises(CheckpointError, match="the task 'my.later'"):
        fastrnn.verify(Model.load(path))


def test_a_task_without_a_name_has_that_of_its_class(tmp_path):
    @dataclass(frozen=True)
    class Edges(Task):
        bits: int = 8
        input_size, states = 2, 2
        label, oracle = Later.label, Later.oracle

    made = fastrnn.train(Elman(8), Edges(), **OPTIONS)
    made.model.save(tmp_path / "edges.safetensors")
    assert made.model.task.name == "Edges" and made.exact
    assert Model.load(tmp_path / "edges.safetensors", task=Edges).task == Edges()


def test_definitions_are_told_apart_by_what_they_answer():
    digests = [own_labels(task)[TASK_LABELS] for task in (Later(8), Another(8), Edited(8), Later(9))]
    assert digests[0] == digests[1] and len(set(digests)) == 3
    assert own_labels(Addition(8)) == own_labels(None) == {}


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_training_goes_on_from_its_checkpoint(eager, tmp_path, many):  # noqa: F811
    path, options = tmp_path / "run.safetensors", {"max_samples": 60_000, "until": "samples"}

    def train(task=Later(), **more):
        if many:
            return fastrnn.train_many(Elman(8), task, seeds=range(3), **options, **more)
        return fastrnn.train(Elman(8), task, seed=2, **options, **more)

    with pytest.raises(Crash):
        train(checkpoint=path, progress=crash_after(2))
    with pytest.raises(CheckpointError, match="another definition"):
        train(Edited(), checkpoint=path)
    made, whole = train(checkpoint=path), train()
    if many:
        assert all(made.weights(i)["w_hh"].tobytes() == whole.weights(i)["w_hh"].tobytes() for i in range(3))
    else:
        assert made.model.weights["w_hh"].tobytes() == whole.model.weights["w_hh"].tobytes()


@pytest.mark.usefixtures("ctrl_c")
def test_a_run_in_a_file_is_resumed_with_its_task(tmp_path):
    path, options = tmp_path / "run.safetensors", {**OPTIONS, "until": "samples", "max_samples": 60_000}
    part, whole = (fastrnn.train(Elman(8), Later(), progress=call, **options) for call in (press_after(2), None))
    assert part.stopped == "interrupted"
    save_run(part, path)
    made = fastrnn.train(task=Later(), resume=path)
    assert made.model.weights["w_hh"].tobytes() == whole.model.weights["w_hh"].tobytes()
    assert load_run(path, task=Later)[0].model.task == Later()
    with pytest.raises(CheckpointError, match="another definition"):
        fastrnn.train(task=Edited(), resume=path)


def test_the_command_line_says_so_in_one_line(call, run, path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    save_run(run, "run.safetensors")
    commands = [(name, path) for name in ("verify", "generalize", "certify")]
    commands += [("run", path, 3, 5), ("page", path, "a.html"), ("train", "--resume", "run.safetensors")]
    for argv in commands:
        status, out, err = call(*argv)
        assert status == 2 and "the task 'my.later'" in err and err.count("\n") == 1, argv
    status, out, err = call("add", path, 3, 5)
    assert status == 2 and "not on addition" in err and err.count("\n") == 1
    assert call("export", path, "later.onnx")[0] == 0


WRONG = {
    "a number among words": (lambda x, state: ([0], x[:1]), "got 0, expected words"),
    "the state alone": (lambda x, state: x[:1], "expected \\(words of the outputs, words of the next state\\)"),
    "two outputs": (lambda x, state: (x, []), "got 2 outputs and 0 words of state, expected 1 and at most 64"),
    "65 words": (lambda x, state: (x[:1], [*x[:1], *state]), "got 1 outputs and 65 words of state"),
    "a choice": (lambda x, state: (x[:1] if x[1] else x[1:], []), "use & | \\^ ~ in place of and, or, not, if"),
    "a sum with a number": (lambda x, state: ([x[0] ^ 1], []), "unsupported operand"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_label_that_is_not_of_words_is_refused_in_one_line(case):
    label, message = WRONG[case]

    @dataclass(frozen=True)
    class Wrong(Later):
        def label(self, x, state):
            return label(x, state)

    with pytest.raises(TypeError, match=message):
        fastrnn.train(Elman(2), Wrong(4), max_samples=16)
