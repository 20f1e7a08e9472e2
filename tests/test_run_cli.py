"""`fastrnn run`, Model.run, and the other commands on networks of every task."""

import re

import numpy as np
import pytest
from task_runs import variants

import fastrnn
from fastrnn import Elman, Model
from fastrnn.cli import main
from fastrnn.networks import shapes_of
from fastrnn.tasks import Comparison, Copy, Parity, Subtraction
from fastrnn.tasks.base import tasks


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{task: file} of a network for each task, trained by its recipe."""
    folder, found = tmp_path_factory.mktemp("tasks"), {}
    for name, made_of in tasks().items():
        run = fastrnn.train(task=made_of(), until="certified")
        assert run.certified, name
        found[name] = str(folder / name)
        run.model.save(found[name])
    return found


@pytest.fixture
def call(capsys):
    """call(*argv) -> (status, stdout, stderr)."""

    def call(*argv):
        capsys.readouterr()
        status = main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def always(task, answer):
    """A network whose every output is `answer`."""
    cell = Elman(2)
    shapes = shapes_of(cell, task.input_size, task.output_size)
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return Model(cell, {**weights, "b_o": np.full(1, 2 * answer - 1, np.float32)}, task)


@pytest.mark.parametrize("name", tasks())
def test_each_task_is_learned_by_its_recipe_and_right_at_widths_it_never_saw(call, files, name):
    for bits in (64, 1000):
        status, out, err = call("verify", files[name], "--bits", bits, "--samples", 512)
        assert (status, err) == (0, "") and "\nexact on " in out and f"{bits} bits" in out
        assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", tasks())
def test_run_prints_the_tasks_answer(call, files, name):
    task = Model.load(files[name]).task
    # Odd, so that a parity, a comparison and a copy all show something.
    for operands, bits in (((9, 60, 5), None), ((2**300 + 1, 3**150, 1), None), ((60, 9, 1), 77)):
        operands = operands[: task.input_size]
        own = task.at(bits or task.width(operands))
        arguments = ["--bits", bits] if bits else []
        assert call("run", files[name], *operands, *arguments) == (0, f"{own.spelled(own.oracle(operands))}\n", "")
        assert Model.load(files[name]).run(*operands, bits=bits) == own.oracle(operands)


def test_answers_longer_than_a_piece_of_time():
    model = always(Parity(16), 1)
    assert model.run(0, bits=20_000) == 2**20_000 - 1
    assert model.run(2**20_001) == 2**20_002 - 1


def test_a_wrong_answer_is_printed_with_the_right_one_beside_it(call, tmp_path):
    always(Comparison(8), 1).save(tmp_path / "less")
    assert call("run", tmp_path / "less", 9, 60) == (0, "true\n", "")
    assert call("run", tmp_path / "less", 60, 9) == (
        1,
        "true\n",
        "fastrnn: the network's answer is wrong, the right answer is false\n",
    )


def test_only_the_last_answer_counts_where_the_task_says_so(tmp_path):
    # Right at the end for three quarters of the pairs of two bits, and never mind the steps before.
    found = fastrnn.verify(always(Comparison(2), 0))
    assert (found.samples, found.wrong) == (16, 6) and found.margin == 1
    assert {(answer, truth) for _, answer, truth in found.mistakes} == {(0, 1)}


def test_the_margin_of_a_last_answer_is_that_of_its_logit():
    rng = np.random.default_rng(1)
    cell, task = Elman(5), Comparison(3)
    weights = {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in shapes_of(cell, 2, 1).items()}
    model = Model(cell, weights, task)
    x = [[[a >> t & 1, b >> t & 1] for t in range(3)] for a in range(8) for b in range(8)]
    z = model.logits(x)[:, :, 0]
    assert fastrnn.verify(model).margin == np.abs(z[:, -1]).min() > np.abs(z).min()


def test_training_counts_mistakes_of_the_last_answer_alone():
    run = fastrnn.train(Elman(16), Comparison(8), max_samples=2000, until="samples")
    assert np.allclose(run.history.bit_accuracy, run.history.exact_accuracy), "one bit a sample"


def test_add_refuses_other_tasks_and_says_who_answers(call, files):
    for name in tasks():
        status, out, err = call("add", files[name], 1, 2)
        if name != "addition":
            assert (status, out) == (2, "")
            assert (
                err
                == f"fastrnn: {files[name]}: add: this model was trained on {name}, not on addition; `run` answers it\n"
            )


WRONG_USE = {
    "nothing": ([], "the following arguments are required: NUMBER"),
    "too few": ([1], "run: got 1 number, this network takes 2"),
    "too many": ([1, 2, 3], "run: got 3 numbers, this network takes 2"),
    "a negative number": ([1, "-2"], "run: got '-2', expected a non-negative integer"),
    "a word": ([1, "two"], "run: got 'two', expected a non-negative integer"),
    "too large": ([256, 1, "--bits", 8], "run: got one of 9 bits, expected at most 8 in a width of 8"),
    "no width": ([1, 2, "--bits", 0], "--bits: got 0, expected an integer of at least 1"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_of_run_is_one_line_and_status_2(call, files, case):
    arguments, message = WRONG_USE[case]
    status, out, err = call("run", files["subtraction"], *arguments)
    assert (status, out) == (2, "") and err.startswith("fastrnn: ") and err.count("\n") == 1 and message in err


def test_run_at_a_width_that_the_task_does_not_have(call, tmp_path):
    always(Copy(8, 4), 0).save(tmp_path / "copy")
    assert call("run", tmp_path / "copy", 0, "--bits", 4)[2] == (
        "fastrnn: --bits: got 4, expected at least 5 for a delay of 4, so that there is an answer\n")


@pytest.mark.parametrize(
    ("operands", "error", "message"),
    [
        ((1, -2), ValueError, "operand: got -2"),
        ((1.5, 2), TypeError, "operand: got 1.5"),
        ((True, 2), TypeError, "operand: got True"),
        ((1,), ValueError, "operands: got 1, this model takes 2"),
    ],
)
def test_operands_that_do_not_fit_are_named(operands, error, message):
    with pytest.raises(error, match=message):
        always(Subtraction(8), 0).run(*operands)


def test_a_model_without_a_task_has_nothing_to_run():
    model = always(Subtraction(8), 0)
    with pytest.raises(ValueError, match="^run: this model was trained on arrays"):
        Model(model.cell, model.weights).run(1, 2)


# ---- recipes and the list


def test_recipes_are_in_force_unless_something_else_is_asked_for(monkeypatch):
    task = Copy(8)
    assert task.recipe == {"curriculum": None}
    for options, expected in (
        ({}, None),
        ({"curriculum": fastrnn.TrainConfig().curriculum}, fastrnn.TrainConfig().curriculum),
        ({"config": fastrnn.TrainConfig(max_samples=16)}, fastrnn.TrainConfig().curriculum),
    ):
        run = fastrnn.train(Elman(2), task, **{"max_samples": 16, "until": "samples", **options})
        assert run.model.metadata["config"]["curriculum"] == (expected and vars(expected))


def test_every_recipe_makes_a_config():
    for made_of in tasks().values():
        assert fastrnn.TrainConfig(**made_of.recipe) is not None


def test_the_command_line_takes_the_recipe_too_and_says_so(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--until", "samples", "--max-samples", 16, "--hidden", 2, "--quiet"]
    for more, rate in ([], 0.03), (["--learning-rate", 0.5], 0.5):
        assert call("train", "--task", "xor", *options, *more, "--output", "net", "--force")[0] == 0
        assert Model.load("net").metadata["config"]["learning_rate"] == rate
    assert re.search(r"--learning-rate X +learning rate \(default: 0.03\)", call("train", "--task", "xor", "--help")[1])
    assert re.search(r"or none \(default: none\)", " ".join(call("train", "--task", "copy", "--help")[1].split()))


def test_the_list_has_every_task_with_its_sizes_and_options(call):
    status, out, err = call("tasks")
    assert (status, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    for name, made_of in tasks().items():
        task = made_of()
        assert re.search(rf"^{name} +{task.input_size} +1 +{task.states}  ", out, re.MULTILINE)
        for field, value in vars(task).items():
            assert f"--{field}={value}" in said


def test_each_variant_is_described_by_its_parameters():
    assert len(variants()) == len({task.described() for task in variants().values()})
    assert Copy(9, 4).described() == "copy, 9 bits, delay 4" and Parity(1).described() == "parity, 1 bit"
