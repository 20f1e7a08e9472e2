"""Fits that are stopped by a callback, by Ctrl-C or by a crash, and those that continue from a checkpoint."""

import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from params import quick
from safetensors.numpy import load_file
from test_autosave import Crash, eager  # noqa: F401

from fastrnn import GRU, FitConfig, Fits, Sequences, threads, train, train_many
from fastrnn.errors import CheckpointError
from fastrnn.training.sequences import fitting
from fastrnn.training.sequences.fit_autosave import FitAutosave
from fastrnn.training.sequences.lanes import lane_of
from fastrnn.training.sequences.many import Many
from fastrnn.training.sequences.turns import Turns
from fastrnn.training.tasks import autosave
from fastrnn.training.tasks.deposits import Deposits
from tests.fit_runs import begun
from tests.test_fit import DATA, QUICK, ROLES, choices, press_once

pytestmark = pytest.mark.usefixtures("ctrl_c")
GROUPED = Sequences(
    [x for x, _, _ in DATA], [y for _, y, _ in DATA], kind="classes", classes=2,
    groups={"who": np.arange(12) % 3},
)
LONG = {"roles": ROLES, "patience": None, "epochs": 300, "evaluate_every": 7}
CASES = {
    "models": {**LONG, "seeds": range(21), "learning_rate": np.linspace(0.01, 0.3, 21), "patience": 9},
    "plateau": {**LONG, "seeds": range(5), "schedule": "plateau", "plateau_patience": 2, "warmup": 3, "min_delta": 0.01,
                "learning_rate": 0.5, "optimizer": "sgd", "dtype": "float64"},
    "sizes": {**LONG, "seeds": range(6), "hidden_size": [2, 1, 2, 1, 2, 2], "l1": 0.01},
    "own": {**LONG, "each": "who", "roles": None, "validation": 0.2},
    "sequences": {**LONG, "seeds": range(3), "lanes": "sequences", "schedule": "cosine", "dtype": "float64"},
    "batches": {**LONG, "seeds": range(3), "batch_size": 3, "evaluate_every": 3, "epochs": 60},
    "batches of one": {**LONG, "seeds": range(3), "batch_size": 3, "evaluate_every": 3, "epochs": 60,
                       "lanes": "sequences"},
}


@pytest.fixture
def often(eager, monkeypatch):  # noqa: F811
    """Calls of the kernels of one round, and a checkpoint after each."""
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 0.0)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


def same(one, other):
    """Whether two Fits hold the same bytes."""
    weights = [fits.weights(i) for fits in (one, other) for i in range(len(fits))]
    half = len(weights) // 2
    return (
        all(a[name].tobytes() == b[name].tobytes() for a, b in zip(weights[:half], weights[half:]) for name in a)
        and all(a.tobytes() == b.tobytes() for a, b in zip(one._histories, other._histories))
        and one.to_frame().equals(other.to_frame())
    )


@pytest.mark.parametrize("case", quick(CASES, lambda case: case != "batches of one"))
def test_the_same_call_goes_on_to_the_same_bytes_after_crashes(many_cores, often, path, case, monkeypatch):
    # As many epochs as give each crash its checkpoint.
    options = {**CASES[case], "epochs": min(120, CASES[case]["epochs"])}
    whole, saves, save = train_many(GRU(2), GROUPED, **options), [], FitAutosave.save

    def crashing(*arguments):
        save(*arguments)
        saves.append(load_file(path))
        if len(saves) in (3, 8, 9, 12):
            raise Crash

    monkeypatch.setattr(FitAutosave, "save", crashing)
    for count in (2, 1, 2, 2, 1):
        try:
            made = train_many(GRU(2), GROUPED, checkpoint=path, threads=count, **options)
            break
        except Crash:
            assert path.exists()
    assert len(saves) > 12 and not path.exists() and same(made, whole)
    for tensors in saves:
        inside = [row[0] for size in (1, 2) for row in tensors.get(f"{size}.lanes", ())]
        assert len(set(inside)) == len(inside)
    # Models of all sizes train at the same time.
    assert case != "sizes" or any("1.lanes" in tensors and "2.lanes" in tensors for tensors in saves)
    # It did continue: models were in the middle of their epochs, or done.
    assert any(f"{size}.lanes.theta" in tensors for tensors in saves for size in (1, 2))


@pytest.mark.parametrize("case", ["models", "batches"])
def test_ctrl_c_keeps_what_the_same_call_goes_on_from(path, case, monkeypatch):
    monkeypatch.setattr(threads, "TEND_SECONDS", 0.002)
    options = {**CASES[case], "patience": None, "epochs": 3000 if case == "models" else 300}
    whole = train_many(GRU(2), GROUPED, **options)
    parts = []
    for _ in range(2):
        parts.append(train_many(GRU(2), GROUPED, checkpoint=path, progress=press_once(), **options))
        assert "interrupted" in parts[-1].stopped and path.exists()
    made = train_many(GRU(2), GROUPED, checkpoint=path, **options)
    assert not path.exists() and same(made, whole) and made.seconds > parts[0].seconds
    # One that comes when all are done interrupts nothing.
    assert "interrupted" not in train_many(GRU(2), DATA, checkpoint=path, progress=press_at_the_end(), **QUICK).stopped
    assert not path.exists()


def press_at_the_end():
    """A progress callback that presses Ctrl-C once all models are done: a second time would mean not to wait."""
    pressed = []

    def progress(done, models, loss):
        if done == models and not pressed:
            pressed.append(signal.raise_signal(signal.SIGINT))

    return progress


@pytest.mark.parametrize("case", ["batches", "batches of one"])
def test_an_epoch_that_was_given_up_is_made_again(path, monkeypatch, case):
    """Ctrl-C comes in the middle of the batches of an epoch that was evaluated before."""
    monkeypatch.setattr("fastrnn.training.sequences.epochs.MOST_PLACES", 1)
    whole = train_many(GRU(2), DATA, **CASES[case])
    runs, run = [], Many.prepare

    def prepare(self):
        run(self)
        program = self.recipe.program
        kernel = program.run

        def counted(frame):
            runs.append(frame)
            kernel(frame)
            # The first of three batches of the fourth epoch, which comes with the evaluation.
            if len(runs) == 10:
                self.flag[0] = 1

        monkeypatch.setattr(program, "run", counted)

    monkeypatch.setattr(Many, "prepare", prepare)
    options = {**CASES[case], "checkpoint": path, "threads": 1}
    first = train_many(GRU(2), DATA, **options)
    assert first.stopped[0] == "interrupted" and first.epochs[0] == 3 and len(first.history(0)["epoch"]) == 2
    assert same(train_many(GRU(2), DATA, **options), whole)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"learning_rate": 0.2}, "belongs to another training: config: learning_rate is 0.05 there, 0.2 here"),
        ({"seeds": [1, 3]}, "belongs to another training: seeds is"),
        ({"roles": np.zeros(12, int)}, "belongs to another training: roles is"),
        ({"data": choices(seed=1)}, "belongs to another training: data is"),
        ({"cell": GRU(3)}, "belongs to another training: "),
        ({"lanes": "sequences"}, "belongs to another training: lanes is models there, sequences here"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused(eager, path, change, message):  # noqa: F811
    options = {"cell": GRU(2), "data": DATA, "roles": ROLES, "seeds": [1, 2], "checkpoint": path, **QUICK}
    options |= {"epochs": 10**6, "patience": None}
    train_many(**options, progress=press_once())
    with pytest.raises(ValueError) as error:
        train_many(**options | change)
    assert message.removeprefix("belongs to another training: config: ") in str(error.value)
    assert "another training" in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_no_checkpoint_are_refused(path):
    path.write_bytes(b"text")
    with pytest.raises(CheckpointError, match="cannot be read .*; expected a checkpoint of a fit$"):
        train(GRU(2), DATA, roles=ROLES, checkpoint=path, **QUICK)
    fits = train_many(GRU(2), DATA, roles=ROLES, **QUICK)
    fits.save(path, overwrite=True)
    with pytest.raises(CheckpointError, match="is not a checkpoint of a fit"):
        train(GRU(2), DATA, roles=ROLES, checkpoint=path, **QUICK)


def test_files_of_fits_are_refused_where_any_byte_has_changed(path):
    fits = train_many(GRU(2), DATA, roles=ROLES, seeds=[1, 2], **QUICK)
    fits.save(path)
    content = path.read_bytes()
    again = Fits.load(path)
    assert again.arithmetic == fits.arithmetic != "" and again.to_frame().equals(fits.to_frame())
    for place in (len(content) - 3, content.index(b"learning_rate") + 20, content.index(b"arithmetic") + 15):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match="fit.safetensors: (is damaged|cannot be read|fastrnn.s metadata)"):
            Fits.load(path)


# ---- callbacks


def test_a_single_model_waits_for_the_callback_after_each_evaluation():
    whole, seen = train(GRU(2), DATA, **LONG), []

    def callback(state):
        history = state.history()
        seen.append((state.done, state.loss, list(history["epoch"])))
        np.testing.assert_array_equal(np.float32(history["loss"]), whole.history["loss"][: len(history["loss"])])
        assert state.loss == pytest.approx(np.nanmin(history["loss"][:, 1]), rel=1e-6)

    made = train(GRU(2), DATA, callback=callback, **LONG)
    assert made.weights["w_hh"].tobytes() == whole.weights["w_hh"].tobytes()
    assert [epochs for _, _, epochs in seen] == [list(range(0, 7 * n + 1, 7)) for n in range(43)]
    assert [done for done, _, _ in seen] == [0] * 42 + [1]


@pytest.mark.parametrize("how", [{}, {"batch_size": 3}])
def test_a_callback_ends_training_at_the_same_bytes_each_time(how):
    runs = [
        train(GRU(2), DATA, callback=lambda state: state.history()["loss"][-1, 0] < 0.6, **LONG, **how)
        for _ in range(2)
    ]
    for made in runs:
        losses = made.history["loss"][:, 0]
        assert made.stopped == "callback" and losses[-1] < 0.6 and (losses[:-1] >= 0.6).all()
        # The evaluation is made before the update of its epoch.
        assert made.epochs == made.history["epoch"][-1] + 1
        assert made.weights["w_ih"].tobytes() == runs[0].weights["w_ih"].tobytes()


def test_a_callback_ends_all_models_side_by_side():
    options = {**LONG, "epochs": 10**6, "seeds": range(40), "threads": 1}
    states = []

    def callback(state):
        states.append((state, {i: len(state.history(i)["epoch"]) for i in state.running}))
        return len(states) == 3

    made = train_many(GRU(2), DATA, callback=callback, **options)
    state, lengths = states[-1]
    assert set(made.stopped) == {"callback"} and state.models == 40 and state.done == 0
    assert len(lengths) == len(state.running) and all(lengths.values()) and len(state.history(39)["epoch"]) == 0
    assert made.loss[list(state.running), 1].min() <= state.loss * (1 + 1e-6)
    assert np.isnan(made.loss[39]).all() and made.epochs[39] == 0
    with pytest.raises(IndexError, match="^i: got 40, expected a model from 0 to 39"):
        state.history(40)


@pytest.mark.parametrize("models", [1, 40])
@pytest.mark.parametrize("where", ["callback", "progress"])
def test_what_a_callback_raises_comes_out_once_training_has_ended(models, where):
    def fail(*state):
        raise Crash("no")

    with pytest.raises(Crash, match="no"):
        train_many(GRU(2), DATA, seeds=range(models), **{where: fail}, **{**LONG, "epochs": 10**6})


def test_ctrl_c_in_a_callback_ends_training(monkeypatch):
    monkeypatch.setattr(fitting, "WAIT_SECONDS", 0.001)
    made = train(GRU(2), DATA, callback=lambda state: signal.raise_signal(signal.SIGINT), **{**LONG, "epochs": 10**6})
    assert made.stopped == "interrupted" and 0 < made.history["epoch"][-1] + 1 < 10**6
    with pytest.raises(KeyboardInterrupt):
        train(GRU(2), DATA, progress=lambda *state: signal.raise_signal(signal.SIGINT),
              callback=lambda state: signal.raise_signal(signal.SIGINT), **{**LONG, "epochs": 10**6})


# ---- within a call of the kernels


@pytest.mark.parametrize("lanes", ["models", "sequences"])
def test_a_call_of_the_kernels_is_given_up_between_two_blocks(lanes):
    data = choices(300 if lanes == "sequences" else 12)
    roles = np.arange(len(data)) % 2
    runs = []
    for given_up in (False, True):
        many, group = begun(data, roles, FitConfig(epochs=100, evaluate_every=5), lanes)
        assert len(group.blocks) > 1
        made = []
        for rounds in (7, 3, 5):
            if given_up:
                before = group.arrays["theta"].copy()
                many.flag[0] = 1
                assert group.run(rounds)[0] == 0
                assert np.array_equal(group.arrays["theta"], before)
                many.flag[0] = 0
            made.append(group.run(rounds)[0])
        assert made == [7, 3, 5]
        runs.append((group.arrays["theta"].tobytes(), group.arrays["best"].tobytes(), np.concatenate(group.parts[0])))
    assert runs[0][:2] == runs[1][:2] and runs[0][2].tobytes() == runs[1][2].tobytes() and len(runs[0][2]) == 3


def test_checkpoints_of_short_fits_are_not_written(path):
    assert autosave.SECONDS > 1
    train(GRU(2), DATA, roles=ROLES, checkpoint=path, **QUICK)
    assert not path.exists()


def test_a_checkpoint_has_models_that_are_taken_up_while_it_is_put_together():
    many, group = begun(DATA, ROLES, FitConfig(epochs=3))
    written, held = [], (0, [(0, many.jobs[0], lane_of(group, 0))])
    many.lock = threading.Lock()
    always = SimpleNamespace(due=lambda size: True)
    many.deposits, turns = Deposits(always, lambda: 0, written.append, many.lock), Turns(many.group())
    many.restore([], [held])
    for worker in (turns, other := object()):
        many.deposits.begin(worker)
    many.deposits.offer(turns, many._states)
    many._take_up(turns, turns.groups[0])
    many.deposits.offer(other, lambda worker: [])
    assert not many.held and written == [[[(many, held)], []]]
