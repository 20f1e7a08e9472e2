"""From exact to proved: the recipe, its rates, and that a run to a proof is a run like any other."""

import json
import signal
import sys

import numpy as np
import pytest
from certified_models import TANH, proved, unproved
from checkpoint_files import header_of
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from test_resume import assert_same

import fastrnn
from fastrnn.errors import CheckpointError
from fastrnn.proofs import certify
from fastrnn.training.tasks.certified_finetune import AFRESH, BATCH, Finetune, certified_finetune, covers
from fastrnn.training.tasks.resume import load_run, save_run

ADDITION = fastrnn.tasks.Addition(bits=8)


def counted(hidden, activation, seeds, **options):
    """How many of the seeds the recipe proves."""
    found = 0
    for seed in range(seeds):
        config = fastrnn.TrainConfig(seed=seed, **(TANH if activation == "tanh" else {}), **options)
        run = fastrnn.train(fastrnn.Elman(hidden, activation), ADDITION, config)
        found += run.exact and certified_finetune(run.model, config)[1].proved
    return found


def test_the_recipe_proves_networks_of_every_size():
    for hidden in (3, 8, 16, 24):
        assert counted(hidden, "sigmoid", 4) >= (1 if hidden == 3 else 4)


@pytest.mark.slow
def test_the_recipe_proves_sums_of_three():
    assert proved(16, operands=3).graph.automaton.states == 3


@pytest.mark.slow
@pytest.mark.parametrize("hidden, activation, least", [(8, "sigmoid", 196), (16, "sigmoid", 196), (24, "sigmoid", 190),
                                                       (32, "sigmoid", 190), (16, "tanh", 196)])
def test_the_recipe_proves_nearly_all_of_200_seeds(hidden, activation, least):
    assert counted(hidden, activation, 200) >= least


def test_finetuning_gives_the_same_bytes_again_and_leaves_what_is_proved_alone():
    config = fastrnn.TrainConfig(seed=0)
    first, second = (certified_finetune(unproved(), config, threads=threads)[0].weights for threads in (1, 2))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    model = proved().model
    assert certified_finetune(model, config)[0] is model


def test_finetuning_without_success_gives_the_model_back():
    model, found = certified_finetune(unproved(), attempts=0)
    assert model is unproved() and not found.proved


def test_finetuning_goes_on_with_skewed_sequences_where_the_task_does_not_suffice(monkeypatch):
    module = sys.modules["fastrnn.training.tasks.certified_finetune"]
    real, seen = module.certify, []

    def refuse_twice(model, **options):
        found = real(model, **options)
        seen.append(model)
        if len(seen) <= 2:
            found.status = "unknown"
        return found

    monkeypatch.setattr(module, "certify", refuse_twice)
    model, found = module.certified_finetune(unproved(), attempts=6)
    assert found.proved and len(seen) >= 3 and model is seen[-1] and model.task == ADDITION


@pytest.fixture(scope="module")
def whole():
    """A run to a proof that needed finetuning, left alone."""
    run = fastrnn.train(until="certified")
    assert run.stopped == "certified" and run.state["finetune"]["updates"] > 0
    return run


def test_a_run_to_a_proof_is_exact_proved_and_counts_all_its_updates(whole):
    exact = fastrnn.train()
    assert whole.exact and whole.certified and whole.certification.model is whole.model and not exact.certified
    assert whole.samples == exact.samples + AFRESH.samples and whole.steps == exact.steps + AFRESH.samples // BATCH
    history = whole.history
    assert history.samples[-1] == whole.samples and history.step[-1] == whole.steps
    assert (
        (np.diff(history.samples) > 0).all()
        and (np.diff(history.step) > 0).all()
        and (np.diff(history.seconds) >= 0).all()
    )
    first = len(exact.history.loss)
    for name in ("step", "samples", "loss", "bit_accuracy", "exact_accuracy"):
        assert np.array_equal(getattr(history, name)[:first], getattr(exact.history, name))
    assert history.seconds[-1] <= whole.seconds
    said = whole.model.metadata["history"]
    assert (
        said["stopped"] == "certified"
        and said["samples"] == whole.samples
        and said["proved_margin"] == whole.certification.margin
    )
    assert whole.model.metadata["config"]["until"] == "certified"


def test_a_run_to_a_proof_is_what_finetuning_makes_of_an_exact_one(whole):
    exact = fastrnn.train()
    weights = certified_finetune(exact.model)[0].weights
    assert all(weight.tobytes() == weights[name].tobytes() for name, weight in whole.model.weights.items())


def test_a_run_whose_network_is_proved_at_once_is_no_longer_than_one_that_is_exact():
    seed = next(
        seed for seed in range(40) if certify(fastrnn.train(fastrnn.Elman(8), seed=seed).model, find=False).proved
    )
    exact, run = (fastrnn.train(fastrnn.Elman(8), seed=seed, until=until) for until in ("exact", "certified"))
    assert run.certified and (run.steps, run.samples) == (exact.steps, exact.samples)
    assert all(weight.tobytes() == run.model.weights[name].tobytes() for name, weight in exact.model.weights.items())


def until_proved(run, path, **options):
    """Save, load and continue."""
    save_run(run, path)
    loaded, config = load_run(path)
    assert_same_finetune(loaded, run)
    return fastrnn.train(loaded.model.cell, loaded.model.task, config, resume=loaded, **options)


def test_a_file_of_an_earlier_version_has_another_name_for_finetuning(whole, tmp_path):
    options = dict(task=whole.model.task, until="certified", max_samples=whole.samples - 16)
    part, path = fastrnn.train(**options), tmp_path / "run.safetensors"
    assert part.state["finetune"]["partial"]
    save_run(part, path)
    arrays, header = load_file(path), header_of(path)
    for now, before in (("finetune.", "consolidation."), ("slot.m.", "first."), ("slot.v.", "second.")):
        arrays = {name.replace(now, before): array for name, array in arrays.items()}
    training = header["metadata"]["training"]
    training["consolidation"] = training.pop("finetune")
    # Files of these versions have no digest of their content.
    del header["digest"]
    save_file(arrays, path, {"fastrnn": json.dumps(header)})
    loaded, config = load_run(path)
    assert_same_finetune(loaded, part)


def assert_same_finetune(run, other):
    assert_same(run, other)
    for more in (run.state.get("finetune"), other.state.get("finetune")):
        assert more is None or more["partial"] is None or more["partial"]["numbers"]["step"] > 0
    mine, theirs = (each.state.get("finetune") for each in (run, other))
    assert (mine is None) == (theirs is None)
    if mine:
        for name in ("attempt", "updates", "batch_size"):
            assert mine[name] == theirs[name]
        assert (mine["partial"] is None) == (theirs["partial"] is None)


@pytest.mark.parametrize("samples", [1000, 4000, 8000])
def test_a_run_that_ended_early_goes_on_to_the_same_bytes(whole, tmp_path, samples):
    run = fastrnn.train(until="certified", max_samples=samples)
    assert run.stopped == "samples" and run.exact == (samples > 3424) and not run.certified
    for most in (samples + 500, 1_000_000):
        run = until_proved(run, tmp_path / "run", max_samples=most)
    assert run.stopped == "certified"
    assert_same_finetune(run, whole)


@pytest.mark.parametrize("after", [1000, 5000, 9000])
def test_an_interrupted_run_goes_on_to_the_same_bytes(whole, tmp_path, monkeypatch, after, ctrl_c):
    monkeypatch.setattr(sys.modules["fastrnn.training.tasks.pace"], "CHUNK_SECONDS", 1e-4)
    monkeypatch.setattr(sys.modules["fastrnn.training.tasks.pace"], "FIRST_UPDATES", 32)
    seen = []

    def progress(samples, loss, exact):
        seen.append(samples)
        if samples >= after:
            signal.raise_signal(signal.SIGINT)

    run = fastrnn.train(until="certified", progress=progress)
    assert run.stopped == "interrupted" and not run.certified and run.samples == seen[-1] < whole.samples
    assert ("finetune" in run.state) == (after > 3424)
    if "finetune" in run.state:
        assert run.exact and fastrnn.verify(run.model).exact, "the model of an unfinished attempt is the exact one"
    run = until_proved(run, tmp_path / "run")
    assert run.stopped == "certified"
    assert_same_finetune(run, whole)


def test_an_interruption_during_a_proof_is_not_lost(monkeypatch, ctrl_c):
    module = sys.modules["fastrnn.training.tasks.certified_finetune"]
    real = module.certify

    def interrupted(model, **options):
        signal.raise_signal(signal.SIGINT)
        return real(model, **options)

    monkeypatch.setattr(module, "certify", interrupted)
    run = fastrnn.train(until="certified")
    assert run.stopped == "interrupted" and run.exact and run.state["finetune"]["updates"] == 0


def test_samples_reported_while_it_trains_go_up_over_all_phases():
    seen = []
    run = fastrnn.train(until="certified", progress=lambda samples, loss, exact: seen.append(samples))
    assert seen == sorted(seen) and seen[-1] == run.samples


def test_threads_and_calls_do_not_change_a_run_to_a_proof(whole):
    for threads in (1, 2):
        assert_same(fastrnn.train(until="certified", threads=threads), whole)


def test_an_attempt_that_diverges_is_followed_by_another(monkeypatch):
    rates, seen = [1e38, 0.1], []
    real = Finetune._config

    def config(self, seed):
        from dataclasses import replace

        seen.append(self.attempt)
        return replace(real(self, seed), learning_rate=rates[min(self.attempt, 1)])

    monkeypatch.setattr(Finetune, "_config", config)
    run = fastrnn.train(until="certified")
    assert run.certified and seen[:2] == [0, 1]
    assert run.history.step[-1] == run.steps and np.isfinite(run.history.loss).all()


def test_diverged_training_is_reported_as_ever():
    run = fastrnn.train(until="certified", learning_rate=1e38)
    assert run.stopped == "diverged" and not run.exact and not run.certified and "finetune" not in run.state


def test_goals_that_cannot_be_reached_are_refused():
    x = np.zeros((4, 3, 2))
    with pytest.raises(ValueError, match="^until: got 'certified', but this model was trained on arrays"):
        fastrnn.train(data=(x, x[:, :, :1]), until="certified")
    with pytest.raises(
        ValueError, match="^until: got 'certified', but addition has 9 inputs.*expected 'exact' or 'samples'$"
    ):
        fastrnn.train(task=fastrnn.tasks.Addition(12, operands=9), until="certified")
    run = fastrnn.train(until="certified", max_samples=5000)
    for until in ("exact", "samples"):
        with pytest.raises(ValueError, match=f"^until: got '{until}', but the run to resume is exact"):
            fastrnn.train(resume=run, until=until)


def test_the_recipe_covers_units_that_saturate_on_small_machines():
    assert covers(fastrnn.Elman(4), ADDITION) and covers(fastrnn.Elman(4, "tanh"), ADDITION)
    assert not covers(fastrnn.Elman(4, "relu"), ADDITION)
    assert not covers(fastrnn.Elman(4), fastrnn.tasks.Addition(12, operands=9)) and not covers(fastrnn.Elman(4), None)


def drop(name):
    return lambda arrays, later: arrays.pop(f"training.finetune.{name}")


DAMAGE = {
    "no history": (drop("history"), "history is missing"),
    "no memory": (drop("slot.m.w_hh"), "slot.m.w_hh is missing"),
    "no weights": (drop("weights.w_hh"), "w_hh is missing"),
    "wrong shape": (
        lambda arrays, later: arrays.update({"training.finetune.weights.b_o": np.zeros(2, np.float32)}),
        "b_o: got",
    ),
    "negative attempt": (lambda arrays, later: later.update(attempt=-1), "attempt: got -1"),
    "batch of none": (lambda arrays, later: later.update(batch_size=0), "batch_size: got 0"),
    "other updates": (lambda arrays, later: later.update(updates=3), "history: covers"),
    "no counters": (lambda arrays, later: later.pop("numbers"), "numbers is missing"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_state_is_one_clear_line(tmp_path, case):
    edit, message = DAMAGE[case]
    path = tmp_path / "run.safetensors"
    save_run(fastrnn.train(until="certified", max_samples=5000), path)
    with safe_open(path, "np") as file:
        arrays, header = {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["fastrnn"])
    del header["digest"]
    edit(arrays, header["metadata"]["training"]["finetune"])
    save_file(arrays, path, {"fastrnn": json.dumps(header)})
    with pytest.raises(CheckpointError) as caught:
        load_run(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value) and "\n" not in str(caught.value)
