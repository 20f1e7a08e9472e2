"""Epochs of batches that one call of the kernels makes: the same bytes as one by one, also where it is given up."""

import numpy as np
import pytest

from fastrnn import GRU, FitConfig, Sequences, train, train_many
from fastrnn.data import TRAIN, VALIDATION
from fastrnn.heads.softmax import Softmax
from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.gathered import GATHERED_ARRAYS, GATHERED_SOURCES, gathered, gathered_arrays
from fastrnn.machine.execute import Program
from fastrnn.networks import kernel_network
from fastrnn.training.sequences import epochs as lists
from fastrnn.training.sequences.batched import BatchedGroup
from tests.fit_runs import begun
from tests.test_fit import DATA, ROLES
from tests.test_fit_threads import DATA as LARGE
from tests.test_fit_threads import granted, same  # noqa: F401

OPTIONS = {"batch_size": 150, "epochs": 30, "evaluate_every": 4, "patience": 3, "learning_rate": 0.05}
CASES = {
    "plain": {},
    "carried": {"batch_size": 300, "tbptt_steps": 11, "carry": True, "dtype": "float64"},
    "scheduled": {"schedule": "cosine", "warmup": 3, "max_grad_norm": 0.1},
    "plateau": {"schedule": "plateau", "plateau_patience": 1, "patience": 2, "min_delta": 0.01},
    "last weights": {"stop_after": 9, "patience": None, "evaluate_every": 3},
}


@pytest.fixture
def made(monkeypatch):
    """How many epochs each call of the kernels made."""
    counts, call = [], lists.Epochs._call

    def counted(self, rounds):
        call(self, rounds)
        counts.append(int(self.counters[loops.ROUNDS_MADE]))

    monkeypatch.setattr(lists.Epochs, "_call", counted)
    return counts


@pytest.mark.parametrize("case", CASES)
def test_epochs_of_one_call_are_those_of_as_many_calls(case, made, monkeypatch, many_cores):
    options = OPTIONS | CASES[case]
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 0.0)
    single = train(GRU(3), LARGE, threads=1, **options)
    assert max(made) == 1
    # A batch in each call, a few batches, a few epochs, and as many as there are: how many several threads make depends
    # on whether one was free to lay them ahead.
    for places, least in ((1, 1), (1 << 9, 1), (1 << 11, 3), (1 << 18, 3)):
        monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 1000.0)
        monkeypatch.setattr(lists, "MOST_PLACES", places)
        for threads in (1, 3):
            del made[:]
            assert same(train(GRU(3), LARGE, threads=threads, **options), single)
            assert (threads > 1 or least <= max(made)) and (places > 1 << 9 or max(made) == 1)


@pytest.mark.parametrize("case", ["plain", "scheduled", "plateau", "last weights"])
def test_epochs_of_models_side_by_side_are_made_in_one_call_too(case, made, monkeypatch, many_cores):
    """Each has folds of its own, and so batches of its own; some begin where others are between two evaluations."""
    options = OPTIONS | CASES[case] | {"batch_size": 4, "seeds": range(40), "learning_rate": np.geomspace(0.01, 1, 40)}
    options["roles"] = np.array([np.roll(ROLES, n % 5) if n % 3 else np.sort(ROLES) for n in range(40)])
    options["roles"][::7, 2:5] = VALIDATION
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 0.0)
    single = train_many(GRU(3), DATA, threads=1, **options)
    assert max(made) == 1 and (case == "last weights" or len(set(single.epochs)) > 2)
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 1000.0)
    # A few updates in each call, a few epochs, and as many as there are.
    for places, least in ((1, 1), (1 << 10, 2), (1 << 18, 4)):
        monkeypatch.setattr(lists, "MOST_PLACES", places)
        for threads in (1, 3):
            del made[:]
            again = train_many(GRU(3), DATA, threads=threads, **options)
            assert least <= max(made) and (places > 1 or max(made) == 1)
            for i in range(40):
                assert again._rows[i].tobytes() == single._rows[i].tobytes()
                assert again._histories[i].tobytes() == single._histories[i].tobytes()
            assert again.stopped == single.stopped and (again.epochs == single.epochs).all()


def test_the_next_calls_list_is_made_while_threads_compute(granted, made, monkeypatch, many_cores):  # noqa: F811
    ahead, lists = [], BatchedGroup._lists

    def seen(self, starts, *rest):
        ahead.append(starts[0] > self.updates[0])
        return lists(self, starts, *rest)

    monkeypatch.setattr(BatchedGroup, "_lists", seen)
    options = OPTIONS | {"epochs": 200, "patience": None}
    alone = train(GRU(3), LARGE, threads=1, **options)
    assert not any(ahead) and len(ahead) == len(made)
    del ahead[:]
    assert same(train(GRU(3), LARGE, threads=3, **options), alone)
    assert max(granted) > 1 and any(ahead)


@pytest.mark.parametrize("stop, epochs", [(1, 0), (2, 0), (3, 1), (4, 1), (8, 2), (11, 3), (12, 4)])
def test_an_epoch_in_the_middle_of_a_call_is_given_up_without_a_trace(stop, epochs, monkeypatch):
    """Training is to stop after an update: of three in an epoch."""
    monkeypatch.setenv("FASTRNN_EMULATE", "1")
    pieces = [DATA[n] for n in range(5)]
    data = Sequences([x[:2] for x, _, _ in pieces], [y[:2] for _, y, _ in pieces], kind="classes", classes=2)
    roles, config = np.array([TRAIN] * 3 + [VALIDATION] * 2), FitConfig(batch_size=1, epochs=40, evaluate_every=2)
    many_models, group = begun(data, roles, config, "sequences")
    plain = begun(data, roles, config, "sequences")[1]
    for _ in range(epochs):
        assert plain.run(1)[0] == 1
    update, updates = loops.update_weights, []

    def counted(*arguments):
        update(*arguments)
        updates.append(len(updates))
        if len(updates) == stop:
            many_models.flag[0] = 1

    with monkeypatch.context() as own:
        own.setattr(loops, "update_weights", counted)
        assert group.run(6) == (epochs, [])
    assert group.round == group.updates[0] == epochs
    for name in ("theta", "slots", "running"):
        assert group.arrays[name].tobytes() == plain.arrays[name].tobytes(), name
    if epochs:
        assert all(group.arrays[name].tobytes() == plain.arrays[name].tobytes() for name in ("best", "progress"))
        assert np.concatenate(group.parts[0]).tobytes() == np.concatenate(plain.parts[0]).tobytes()
    many_models.flag[0] = 0
    group.run(6 - epochs), plain.run(6 - epochs)
    assert group.arrays["theta"].tobytes() == plain.arrays["theta"].tobytes()
    assert np.concatenate(group.parts[0]).tobytes() == np.concatenate(plain.parts[0]).tobytes()
    assert len(np.concatenate(group.parts[0])) == 3


def test_a_model_that_stops_leaves_the_rest_of_a_list(made, monkeypatch):
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 1000.0)
    fit = train(GRU(2), DATA, roles=ROLES, batch_size=3, epochs=1000, evaluate_every=5, patience=2, learning_rate=0.3)
    assert fit.stopped == "patience" and fit.epochs == fit.best_epoch + 10
    assert sum(made) == fit.epochs and len(made) < fit.epochs / 2


@pytest.mark.parametrize("emulate", ["0", "1"], ids=["compiled", "plain"])
@pytest.mark.parametrize("inputs", [2, 11])
def test_a_block_has_the_chosen_rows_of_the_data_and_zeros_behind_them(inputs, emulate, monkeypatch):
    monkeypatch.setenv("FASTRNN_EMULATE", emulate)
    net = kernel_network(GRU(2), Softmax(), (inputs, 2), False, True, columns=2)
    lanes, steps, rng = 4, 5, np.random.default_rng(0)
    source = [rng.normal(size=(40, width)) for width in (inputs, 1, 1)]
    blocks = [np.full((count, lanes), np.nan) for count in gathered_arrays(net, steps).values()]
    rows = np.array([[3, 30, 7, 0, 20, 35, 1, 11], [5, 4, 1, 0, 2, 5, 3, 3]])
    item = np.array([rows.ctypes.data, 3, 1, 2], np.int64)

    class Row:
        """What the kernel sees of a row of its table."""

        def __init__(self, m):
            self.rows, self.steps = m.read(m.integers("item"), 0), m.integer(steps)
            self.x = self.y = self.mask = m.integer(0)

        def block(self):
            return self

    def kernel(m):
        block = gathered(m, net, Row(m))
        for name, place in (("x", 1), ("y", 2), ("mask", 3)):
            m.set_number(m.pointer("seen"), place, m.broadcast(getattr(block, name), 0))

    seen = np.zeros(4)
    words = {"item": item, "seen": seen} | dict(zip(GATHERED_SOURCES, source)) | dict(zip(GATHERED_ARRAYS, blocks))
    Program(kernel, tuple(words), "float64", lanes, f"test of gathered {inputs} {net.text}").run(
        np.array([array.ctypes.data for array in words.values()], np.int64)
    )
    for data, block in zip(source, blocks):
        made = block.reshape(steps, -1, 8)
        for place, (first, count) in enumerate(rows.T):
            assert np.array_equal(made[:count, :, place], data[first : first + count])
            assert (made[count:, :, place] == 0).all()
    # The block is in this memory.
    assert seen[1:].tolist() == [block.ravel()[0] for block in blocks]
