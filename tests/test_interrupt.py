"""Ctrl-C and SIGTERM end any training soon, with everything as it should be; ignored ones stay ignored."""

import gc
import os
import signal
import sys
import threading

import numpy as np
import pytest
from test_resume import assert_same

import fastrnn
from fastrnn import Elman
from fastrnn.bits.stream import flops_of_step
from fastrnn.cli import main
from fastrnn.initializers import initial_weights
from fastrnn.interrupt import deferred_interrupt
from fastrnn.kernels.events import STOPPED
from fastrnn.kernels.recurrent.layout import Sizes
from fastrnn.machine.execute import Program
from fastrnn.machine.native import native
from fastrnn.tasks import Addition
from fastrnn.training.tasks.pace import CHUNK_SECONDS, Pace
from fastrnn.training.tasks.small_session import session_for

pytestmark = pytest.mark.usefixtures("ctrl_c")

SIGNALS = [signal.SIGINT, signal.SIGTERM]
# One update would take longer than any test may.
ENDLESS = dict(batch_size=1 << 30, max_samples=1 << 30, until="samples")


def press_while_it_trains(number=signal.SIGINT):
    """Send this process the signal soon after a training waits for it."""
    before = signal.getsignal(number)

    def press():
        while signal.getsignal(number) is before:
            threading.Event().wait(0.001)
        threading.Event().wait(0.02)
        os.kill(os.getpid(), number)

    threading.Thread(target=press, daemon=True).start()


def pressing(*numbers):
    """A progress callback that sends signals at its first call, one after the other."""
    left = list(numbers)

    def progress(*state):
        while left:
            signal.raise_signal(left.pop(0))

    return progress


# ---- a single update that takes longer than anybody waits


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("number", SIGNALS)
def test_an_update_is_given_up(many_cores, threads, number):
    fastrnn.train(batch_size=64, max_samples=64, until="samples")
    press_while_it_trains(number)
    run = fastrnn.train(threads=threads, **ENDLESS)
    assert (run.stopped, run.samples, len(run.history.samples)) == ("interrupted", 0, 0)
    drawn = initial_weights("uniform", {name: weight.shape for name, weight in run.model.weights.items()}, 0)
    assert all(np.array_equal(run.model.weights[name], weight.astype(np.float32)) for name, weight in drawn.items())


def test_an_update_of_many_models_is_given_up(many_cores):
    fastrnn.train_many(Elman(8), seeds=range(3), batch_size=64, max_samples=64, until="samples")
    press_while_it_trains()
    run = fastrnn.train_many(Elman(8), seeds=range(20), **ENDLESS)
    assert run.stopped == ["interrupted"] * 20 and not run.steps.any() and not len(run.history(0).samples)
    drawn = fastrnn.train_many(Elman(8), seeds=range(20), progress=pressing(signal.SIGINT), **ENDLESS)
    assert all(np.array_equal(run.weights(i)["w_hh"], drawn.weights(i)["w_hh"]) for i in range(20))


def session(threads):
    config = fastrnn.TrainConfig(batch_size=512, optimizer="adam")
    rng = np.random.default_rng(0)
    shapes = {"w_ih": (16, 2), "w_hh": (16, 16), "b_ih": (16,), "b_hh": (16,), "w_ho": (1, 16), "b_o": (1,)}
    weights = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return session_for(Elman(16), (2, 1), Addition(8).kernel, 8, config, threads, weights)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_given_up_has_left_no_trace(many_cores, threads):
    updates, made, flag = 400, 0, np.zeros(1, np.int64)
    whole, parts = session(1), session(threads)
    whole.run(updates)
    statistics, given_up = [], 0
    while made < updates:
        # At some moment, in some block, of some update.
        timer = threading.Timer(0.0005 * (1 + given_up % 7), lambda: flag.__setitem__(0, 1))
        timer.start()
        more = parts.run(updates - made, stop=flag)
        timer.join()
        flag[0] = 0
        statistics.append(parts.statistics)
        made, given_up = made + more, given_up + (parts.event == STOPPED)
        assert made == parts.step
    assert given_up > 1 and np.concatenate(statistics).tobytes() == whole.statistics.tobytes()
    for name, weight in whole.weights().items():
        assert parts.weights()[name].tobytes() == weight.tobytes(), name


def test_a_call_that_is_asked_to_end_before_it_begins_does_nothing():
    one = session(1)
    before = one.weights()
    made = one.run(5, stop=np.ones(1, np.int64))
    assert one.event == STOPPED and made == one.step == len(one.statistics) == 0
    assert all(np.array_equal(weight, before[name]) for name, weight in one.weights().items())


def test_the_first_call_is_short_whatever_an_update_costs():
    assert Pace.of_network(flops_of_step(Sizes(2, 16, 1)), 8, 16).updates == 64
    assert Pace.of_network(flops_of_step(Sizes(2, 256, 1)), 512, 1024).updates == 1
    # At a billion operations a second, which any machine makes.
    for hidden, steps, samples in ((16, 32, 1), (64, 64, 16), (128, 16, 64), (32, 1000, 16)):
        updates = Pace.of_network(flops_of_step(Sizes(2, hidden, 1)), steps, samples).updates
        assert updates == 1 or updates * 6 * hidden * (hidden + 3) * steps * samples / 1e9 <= 2 * CHUNK_SECONDS


# ---- while it is verified or proved


def interrupted_in(monkeypatch, module, name, call):
    """Ctrl-C at the beginning of the call number `call` of a function."""
    real, calls = getattr(sys.modules[module], name), []

    def function(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)

    monkeypatch.setattr(sys.modules[module], name, function)


@pytest.mark.parametrize("call", [1, 2])
def test_a_run_interrupted_while_it_is_verified_goes_on_to_the_same_bytes(monkeypatch, call):
    options = dict(until="exact", task=Addition(9), seed=1)
    whole = fastrnn.train(**options)
    with monkeypatch.context() as patch:
        interrupted_in(patch, "fastrnn.training.tasks.one_driver", "verify", call)
        run = fastrnn.train(**options)
    assert run.stopped == "interrupted" and run.verification is None
    assert_same(fastrnn.train(resume=run, **options), whole)


def test_the_last_verification_may_be_interrupted(monkeypatch):
    options = dict(until="samples", max_samples=160)
    with monkeypatch.context() as patch:
        interrupted_in(patch, "fastrnn.training.tasks.one", "verify", 1)
        run = fastrnn.train(**options)
    assert (run.stopped, run.samples, run.verification) == ("interrupted", 160, None)
    assert_same(fastrnn.train(resume=run, **options), fastrnn.train(**options))


@pytest.mark.parametrize("call", [1, 2])
def test_a_run_interrupted_while_it_is_proved_goes_on_to_the_same_bytes(monkeypatch, call):
    whole = fastrnn.train(until="certified")
    with monkeypatch.context() as patch:
        interrupted_in(patch, "fastrnn.training.tasks.certified_finetune", "certify", call)
        run = fastrnn.train(until="certified")
    assert run.stopped == "interrupted" and run.exact and not run.certified
    assert (run.samples < whole.samples) == (call == 1)
    run = fastrnn.train(until="certified", resume=run)
    assert run.stopped == "certified" and run.samples == whole.samples
    assert all(run.model.weights[name].tobytes() == weight.tobytes() for name, weight in whole.model.weights.items())


@pytest.mark.parametrize("bits", [9, 40])
def test_many_models_are_not_verified_to_the_end(bits):
    # The first one that has 16 samples without a mistake: one sample is easily right.
    options = dict(seeds=range(3), max_samples=1 << 40, until="samples", verify_after=1, threads=1)
    run = fastrnn.train_many(Elman(8), Addition(bits), progress=pressing(signal.SIGTERM), **options)
    assert set(run.stopped) == {"interrupted"}


def test_ctrl_c_after_training_saves_the_network(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    interrupted_in(monkeypatch, "fastrnn.proofs", "certify", 1)
    assert main(["train", "--until", "exact"]) == 130
    err = capsys.readouterr().err
    assert "fastrnn: interrupted after" in err and "saved runs/addition-8.safetensors\n" in err
    assert fastrnn.verify(fastrnn.Model.load("runs/addition-8.safetensors")).exact


# ---- both signals, everywhere, once and twice


@pytest.mark.parametrize("number", SIGNALS)
def test_both_signals_end_a_training(number):
    run = fastrnn.train(until="samples", max_samples=1 << 40, progress=pressing(number))
    assert run.stopped == "interrupted" and 0 < run.samples < 1 << 40
    many = fastrnn.train_many(Elman(8), seeds=range(3), until="samples", max_samples=1 << 40, progress=pressing(number))
    assert many.stopped == ["interrupted"] * 3
    assert (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )


@pytest.mark.parametrize("first, second", [(a, b) for a in SIGNALS for b in SIGNALS])
def test_a_second_signal_ends_at_once(first, second):
    for train in (fastrnn.train, lambda **options: fastrnn.train_many(Elman(8), seeds=range(3), **options)):
        with pytest.raises(KeyboardInterrupt):
            train(until="samples", max_samples=1 << 40, progress=pressing(first, second))
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", SIGNALS)
def test_both_signals_end_a_sweep(number):
    with pytest.raises(KeyboardInterrupt):
        fastrnn.sweep(
            hidden_size=(8,), seeds=40, max_samples=1 << 40, until="samples", workers=1, progress=pressing(number)
        )
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("number", SIGNALS)
def test_both_signals_end_a_command(monkeypatch, tmp_path, capsys, number):
    monkeypatch.chdir(tmp_path)
    real = sys.modules["fastrnn.training.tasks"].train
    monkeypatch.setattr(
        sys.modules["fastrnn.training.tasks"],
        "train",
        lambda *parts, **options: real(*parts, **{**options, "progress": pressing(number)}),
    )
    assert main(["train", "--until", "samples", "--max-samples", "100000000", "--output", "net"]) == 130
    assert "interrupted after" in capsys.readouterr().err and (tmp_path / "net").exists()
    assert main(["repeat", "--until", "samples", "--max-samples", "100000000", "--seeds", "2"]) == 130
    # Where nothing waits for it, it ends the command as Ctrl-C does.
    monkeypatch.setattr("fastrnn.cli.tasks.run", lambda args: signal.raise_signal(number))
    assert main(["tasks"]) == 130 and capsys.readouterr().err.endswith("fastrnn: interrupted\n")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


class PressedAtTheEnd:
    """Ctrl-C comes while it is taken away, when Python raises nothing."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        threading.Event().wait(0.03)


def test_ctrl_c_in_a_finalizer_comes_again(monkeypatch, capsys):
    waited = []

    def run(args):
        PressedAtTheEnd()
        waited.append(threading.Event().wait(60))

    monkeypatch.setattr("fastrnn.cli.tasks.run", run)
    assert main(["tasks"]) == 130 and not waited
    assert capsys.readouterr().err == "fastrnn: interrupted\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_an_import_that_turns_a_signal_into_an_error_is_interrupted(monkeypatch, capsys, number):
    def run(args):
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ImportError("PyCapsule_Import could not import module") from None

    monkeypatch.setattr("fastrnn.cli.tasks.run", run)
    assert main(["tasks"]) == 130 and capsys.readouterr().err == "fastrnn: interrupted\n"


class Half:
    """Ctrl-C comes while it is made, so that its finalizer misses an attribute."""

    def __init__(self, number):
        if number:
            signal.raise_signal(number)
            self.part = 1

    def __del__(self):
        assert self.part


@pytest.mark.parametrize("number", [*SIGNALS, None])
def test_finalizers_of_what_a_signal_left_half_made_are_not_heard(monkeypatch, capsys, number):
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)
    monkeypatch.setattr("fastrnn.cli.tasks.run", lambda args: Half(number) and 0)
    assert main(["tasks"]) == (130 if number else 0)
    gc.collect()
    assert capsys.readouterr().err == ("fastrnn: interrupted\n" if number else "")
    assert len(heard) == (0 if number else 1)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    progress = pressing(number)
    assert fastrnn.train(until="samples", max_samples=10_000, progress=progress).samples == 10_000
    assert (
        fastrnn.train_many(Elman(8), seeds=range(3), until="samples", max_samples=16, progress=progress).stopped
        == ["samples"] * 3
    )
    assert (
        len(fastrnn.sweep(hidden_size=(8,), seeds=4, max_samples=16, until="samples", workers=1, progress=progress))
        == 4
    )
    with deferred_interrupt() as interrupt:
        progress()
        assert not interrupt() and signal.getsignal(number) == signal.SIG_IGN


def test_ctrl_c_while_a_kernel_compiles_waits_for_its_end(monkeypatch):
    reached = []

    def press(m):
        signal.raise_signal(signal.SIGINT)
        reached.append(True)

    monkeypatch.setattr(native().files, "folder", None)
    pressed = Program(press, ("x",), "float64", 1, "")
    with pytest.raises(KeyboardInterrupt):
        pressed.compile()
    # It is there: nothing is compiled again.
    pressed.call()
    assert reached == [True]
