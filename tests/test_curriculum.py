"""Training from narrow to wide: the schedule of widths, and runs that follow it."""

import doctest
import signal
import sys

import numpy as np
import pytest
from test_resume import assert_same

import fastrnn
from fastrnn import Curriculum
from fastrnn.tasks import Addition
from fastrnn.training.tasks import pace
from fastrnn.training.tasks.curriculum import stages
from fastrnn.training.tasks.resume import load_run, save_run

# From two bits on: what is exact there knows little of carries, and has to learn on at larger widths.
NARROW = {"curriculum": Curriculum(2, 3), "seed": 2}


def test_the_example_in_the_docstring():
    assert doctest.testmod(sys.modules["fastrnn.training.tasks.curriculum"]) == (0, 1)


def test_widths_grow_up_to_the_tasks_own():
    assert (
        Curriculum().widths(64) == [8, 16, 32, 64] and Curriculum().widths(8) == [8] and Curriculum().widths(5) == [5]
    )
    assert Curriculum(3, 10).widths(31) == [3, 30, 31]
    assert [stage.bits for stage in stages(Addition(64), Curriculum())] == [8, 16, 32, 64]
    assert [stage.bits for stage in stages(Addition(16, operands=32), Curriculum(2))] == [8, 16]
    assert stages(Addition(64), None) == [Addition(64)]


@pytest.mark.parametrize(
    "text, widths", [("8:2", Curriculum(8, 2)), ("4", Curriculum(4, 2)), ("16:4", Curriculum(16, 4)), ("none", None)]
)
def test_a_curriculum_is_written_short(text, widths):
    assert Curriculum.parse(text) == widths and (widths is None or Curriculum.parse(str(widths)) == widths)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Curriculum(0), "curriculum: start: got 0"),
        (lambda: Curriculum(8, 1), "curriculum: factor: got 1"),
        (lambda: Curriculum(8.0), "curriculum: start: got 8.0"),
        (lambda: Curriculum.parse("8:2:1"), "curriculum: got '8:2:1'"),
        (lambda: Curriculum.parse(""), "curriculum: got ''"),
        (lambda: fastrnn.TrainConfig(curriculum=8), "curriculum: got 8, expected a Curriculum"),
    ],
)
def test_what_is_no_curriculum_is_named(make, message):
    with pytest.raises((ValueError, TypeError)) as error:
        make()
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_the_width_grows_until_the_task_is_exact_at_its_own():
    run = fastrnn.train(task=Addition(200), **NARROW)
    assert run.stopped == "exact" and run.verification.bits == 200 and run.verification.exact
    # The last stage was a wider one than the first, and the same updates were made in it as in any other.
    assert run.state["numbers"]["bits"] > 2
    assert run.model.task == Addition(200)
    rows = np.array(run.state["stretches"]["rows"])
    bits_a_sample = rows[:, 2] / (rows[:, 0] * 16)
    assert bits_a_sample[0] == 2 and bits_a_sample[-1] > 2 and (np.diff(bits_a_sample) >= 0).all()
    history = run.history
    assert (
        history.samples[-1] == run.samples == 16 * run.steps
        and (np.diff(history.step) > 0).all()
        and (np.diff(history.seconds) >= 0).all()
    )


def test_what_is_exact_at_a_small_width_costs_no_update_at_a_large_one():
    small = fastrnn.train(seed=1)
    large = fastrnn.train(task=Addition(300), seed=1)
    assert large.exact and large.verification.bits == 300 and large.steps == small.steps
    assert all(
        large.model.weights[name].tobytes() == small.model.weights[name].tobytes() for name in small.model.weights
    )


def test_without_a_curriculum_or_for_so_many_samples_every_update_is_at_the_tasks_width():
    for options in ({"curriculum": None}, {"until": "samples"}):
        run = fastrnn.train(task=Addition(40), max_samples=64, **options)
        assert (
            run.state["numbers"]["bits"] == 40
            and np.array(run.state["stretches"]["rows"])[:, 2].sum() == run.samples * 40
        )
        assert run.verification is not None and run.verification.bits == 40


def test_a_run_interrupted_in_a_wider_lesson_goes_on_to_the_same_bytes(tmp_path, ctrl_c, monkeypatch):
    # So patient that the last stage takes 256 updates, in calls of the kernels that make a few of them.
    monkeypatch.setattr(pace, "CHUNK_SECONDS", 1e-4)
    options = {**NARROW, "verify_after": 4096}
    whole = fastrnn.train(task=Addition(200), **options)
    pressed = []

    def progress(samples, loss, exact):
        if samples > whole.samples - 200 * 16 and not pressed:
            pressed.append(samples)
            signal.raise_signal(signal.SIGINT)

    run = fastrnn.train(task=Addition(200), progress=progress, **options)
    assert run.stopped == "interrupted" and 0 < run.steps < whole.steps and run.state["numbers"]["bits"] > 2
    save_run(run, tmp_path / "run")
    loaded, config = load_run(tmp_path / "run")
    assert config.curriculum == Curriculum(2, 3)
    assert_same(loaded, run)
    assert_same(fastrnn.train(loaded.model.cell, loaded.model.task, config, resume=loaded), whole)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [64, 256, 1024, 4096])
def test_wide_tasks_become_exact_for_every_seed_in_hardly_more_updates_than_narrow_ones(bits):
    narrow, wide = ([fastrnn.train(task=Addition(width), seed=seed) for seed in range(20)] for width in (8, bits))
    assert all(run.exact and run.verification.bits == bits for run in wide)
    assert np.median([run.steps for run in wide]) <= 1.05 * np.median([run.steps for run in narrow])
    proved = [fastrnn.train(task=Addition(bits), seed=seed, until="certified") for seed in range(20)]
    assert all(run.certified and run.verification.exact and run.verification.bits == bits for run in proved)
