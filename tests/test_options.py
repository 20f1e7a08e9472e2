"""Every option that is a number: whatever kind of number is given, a plain one is used, or one line refuses it."""

import json
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

import fastrnn
from fastrnn import Elman, Model, TrainConfig, loss_and_grad
from fastrnn.arguments import as_whole
from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.optimizers.base import optimizers
from fastrnn.training.tasks.many import RUN_PER_MODEL
from fastrnn.training.tasks.resume import load_run, save_run

SCALARS = [np.dtype(code).type for code in "bBhHiIlLqQefdg"]
KINDS = {field.name: {field.type, *get_args(field.type)} for field in fields(TrainConfig)}
WHOLE = [name for name, kinds in KINDS.items() if int in kinds]
NUMBERS = [*WHOLE, *(name for name, kinds in KINDS.items() if float in kinds)]
# For an optimizer that has all of them.
CONSTANTS = [(kind.name, name) for kind in optimizers().values() for name in kind._fields]

ACCEPTED = [kind(number) for kind in SCALARS for number in (0, 1, 3)] + [
    0,
    1,
    3,
    0.0,
    1.0,
    0.25,
    np.float32(0.1),
    np.longdouble("0.1"),
    2**40,
]
REFUSED = [
    True,
    False,
    np.True_,
    Fraction(1, 2),
    Fraction(1),
    Decimal(1),
    "1",
    "a",
    b"1",
    [],
    [1.0],
    np.zeros(1),
    np.ones(()),
    1j,
    np.complex64(1),
    np.nan,
    np.inf,
    -np.inf,
    np.float16("nan"),
    np.float32("inf"),
    np.longdouble("1e4000"),
    10**400,
    -1,
    np.int8(-1),
    -0.5,
    np.datetime64(1, "s"),
    2**63,
    np.uint64(2**63),
    object,
]


def test_the_lists_name_what_there_is():
    numbers = {"learning_rate", "max_grad_norm", "saturation_penalty", "batch_size", "seed", "tbptt_steps"}
    numbers |= {"initial_scale"}
    assert numbers <= {*NUMBERS} and ("adam", "beta2") in CONSTANTS
    assert {"batch_size", "max_samples", "seed", "verify_after", "tbptt_steps"} == {*WHOLE}


def refused(make):
    with pytest.raises((TypeError, ValueError)) as error:
        make()
    return str(error.value)


def plain(name, value):
    return int(value) if name in WHOLE else float(value)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_the_plain_number_or_refused(name):
    accepted = 0
    for value in ACCEPTED:
        try:
            config = TrainConfig(**{name: value})
        except (TypeError, ValueError) as error:
            # As zero updates, or a real number of samples.
            assert str(error).startswith(f"{name}: got ") and "\n" not in str(error)
            continue
        got = getattr(config, name)
        assert type(got) is (int if name in WHOLE else float) and got == plain(name, value)
        assert config == TrainConfig(**{name: plain(name, value)}) and json.dumps(config.as_dict())
        accepted += 1
    assert accepted > 15
    # Integers of NumPy, of every width, do wherever an int does.
    assert all(getattr(TrainConfig(**{name: kind(3)}), name) == 3 for kind in SCALARS if np.dtype(kind).kind in "iu")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", REFUSED, ids=lambda value: f"{type(value).__name__} {value!r}"[:40])
def test_what_is_no_number_is_one_line(name, value):
    if (
        name not in WHOLE
        and isinstance(value, (int, np.integer))
        and 0 < value < 10**300
        and not isinstance(value, bool)
    ):
        assert getattr(TrainConfig(**{name: value}), name) == float(value)
        return
    message = refused(lambda: TrainConfig(**{name: value}))
    assert message.startswith(f"{name}: got ") and "\n" not in message
    assert message == refused(lambda: replace(TrainConfig(), **{name: value}))


def test_none_is_the_default_or_refused():
    for name in NUMBERS:
        if TrainConfig.__dataclass_fields__[name].default is None:
            assert getattr(TrainConfig(**{name: None}), name) is None
        else:
            assert refused(lambda: TrainConfig(**{name: None})).startswith(f"{name}: got None")


@pytest.mark.parametrize("optimizer, name", CONSTANTS)
def test_so_are_the_constants_of_an_optimizer(optimizer, name):
    positive = name in getattr(optimizers()[optimizer], "positive", ())
    for value in [*filter(bool, ACCEPTED)] if positive else ACCEPTED:
        config = TrainConfig(optimizer=optimizer, optimizer_options={name: value})
        assert config.optimizer_options == ((name, float(value)),) and type(config.optimizer_options[0][1]) is float
        assert type(getattr(config.build_optimizer(), name)) is float
    for value in [None, *REFUSED, *[0, 0.0] * positive]:
        if isinstance(value, (int, np.integer)) and 0 < value < 10**300 and not isinstance(value, bool):
            continue
        message = refused(lambda: TrainConfig(optimizer=optimizer, optimizer_options={name: value}))
        assert message.startswith(f"optimizer_options: got {name}=") and "\n" not in message


def test_integers_have_an_upper_bound():
    assert as_whole("n", np.uint64(2**63 - 1), 0) == 2**63 - 1
    assert refused(lambda: as_whole("n", 2**63, 0)).startswith(
        "n: got 9223372036854775808, expected an integer below 2**63"
    )


def trained(**options):
    run = fastrnn.train(Elman(8), until="samples", **{"max_samples": 64, "batch_size": 16, **options})
    return b"".join(weight.tobytes() for weight in run.model.weights.values())


@pytest.mark.parametrize(
    "number, batch_size",
    [(1, 1), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0, 1), (0, 16), (1, 16)))],
)
def test_training_ends_with_the_same_bytes_for_every_kind_of_number(number, batch_size):
    # In float64, as the kernels with and without a penalty that other tests compile.
    options = dict(batch_size=batch_size, dtype="float64")
    wanted = trained(**options, saturation_penalty=float(number))
    for kind in (int, np.int8, np.uint64, np.float16, np.float32, np.longdouble):
        size = kind(batch_size) if np.dtype(kind).kind in "iu" else batch_size
        assert trained(**{**options, "batch_size": size}, saturation_penalty=kind(number)) == wanted
    assert (wanted == trained(**options)) == (number == 0)


@pytest.mark.parametrize("name", [*RUN_PER_MODEL, "beta1"])
def test_one_value_for_each_model_may_be_of_any_kind(name):
    # One set of kernels for all options: those that test_many.py compiles for tanh, with all terms of training.
    every = dict(loss="cross-entropy", dtype="float64", saturation_penalty=0.1, weight_decay=0.1)

    def of(values):
        options = {**every, **({"optimizer_options": {name: values}} if name == "beta1" else {name: values})}
        return fastrnn.train_many(
            Elman(8, "tanh"), seeds=[1, 2], max_samples=16, until="samples", threads=1, **options
        )._weights.tobytes()

    wanted = of(np.array([1.0, 2.0]))
    for kind in "bBhHiIlLqQefdg":
        assert of(np.array([1, 2], kind)) == wanted
    assert of([1, 2]) == of((1, 2.0)) == wanted
    for wrong in (
        [True, False],
        [Fraction(1), Fraction(2)],
        [Decimal(1)] * 2,
        ["1", "2"],
        [1j, 2j],
        [None, 1.0],
        [np.nan, 1],
        [np.inf, 1],
        [1, -1],
        [1.0],
        [[1.0, 2.0]],
    ):
        message = refused(lambda: of(wrong))
        assert name in message.split(", expected")[0] and "\n" not in message


def test_a_gradient_takes_any_kind_of_integer():
    rng = np.random.default_rng(0)
    model = fastrnn.train(Elman(8), max_samples=16, until="samples").model
    x, y = rng.uniform(-1, 1, (3, 6, 2)), rng.uniform(0, 1, (3, 6, 1))
    wanted = loss_and_grad(model, x, y, tbptt_steps=2)
    for kind in SCALARS:
        if np.dtype(kind).kind in "iu":
            value, gradients = loss_and_grad(model, x, y, tbptt_steps=kind(2))
            assert value == wanted[0] and all(np.array_equal(gradients[name], wanted[1][name]) for name in gradients)
        else:
            assert refused(lambda: loss_and_grad(model, x, y, tbptt_steps=kind(2.5))).startswith("tbptt_steps: got ")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.safetensors"
    run = fastrnn.train(Elman(8), max_samples=64, until="samples")
    save_run(run, path)
    return path, run


def with_option(saved, path, name, value):
    """A file of the same run in which an option has another value."""
    tensors, metadata = read_checkpoint(saved)
    metadata["config"][name] = value
    write_checkpoint(path, tensors, metadata)
    return path


def test_a_run_goes_on_to_the_same_bytes_whatever_kind_of_number_its_file_holds(saved, tmp_path):
    path, run = saved
    wanted = None
    for value in (0.0, 0):
        came, config = load_run(with_option(path, tmp_path / "other", "saturation_penalty", value))
        assert type(config.saturation_penalty) is float
        after = fastrnn.train(
            came.model.cell, came.model.task, replace(config, max_samples=128), resume=came
        ).model.weights["w_hh"]
        wanted = after if wanted is None else wanted
        assert np.array_equal(after, wanted) and not np.array_equal(after, run.model.weights["w_hh"])


@pytest.mark.parametrize("name", NUMBERS)
def test_headers_with_other_numbers_are_plain_ones_or_refused(saved, tmp_path, name):
    path, _ = saved
    for value in (0, 1, 1.0, 0.5, True, "1", None, [1], {}, -1, 1e308, 2**63, 10**400):
        try:
            _, config = load_run(with_option(path, tmp_path / "other", name, value))
        except CheckpointError as error:
            assert f"{name}: got " in str(error) and "\n" not in str(error)
        else:
            assert type(getattr(config, name)) in ((int if name in WHOLE else float), type(None))


def test_threads_may_be_any_kind_of_integer():
    wanted = trained()
    model = Model(
        Elman(2),
        {
            "w_ih": np.ones((2, 1)),
            "w_hh": np.ones((2, 2)),
            "b_ih": np.ones(2),
            "b_hh": np.ones(2),
            "w_ho": np.ones((1, 2)),
            "b_o": np.ones(1),
        },
    )
    x = np.ones((40, 5, 1))
    for kind in (int, np.int8, np.int32, np.uint64):
        assert trained(threads=kind(2)) == wanted
        assert np.array_equal(model.predict(x, threads=kind(2)), model.predict(x, threads=1))
