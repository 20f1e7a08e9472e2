"""Nested folds on executors: the same bytes whoever fitted what, however often interrupted or lost."""

import functools
import signal
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest

from fastrnn import GRU, cross_validate, train_many
from fastrnn.data import folds
from fastrnn.simd.host import arithmetic
from fastrnn.sweeps import Processes, UnitFailed
from fastrnn.sweeps.unit import Done
from fastrnn.sweeps.workers import Threads
from fastrnn.training.sequences import kept
from tests.test_fit import DATA, QUICK

# 2 x 2 x 2 folds of 2 sizes, and 2 penalties: 32 fits, and 2 on all sequences.
GRID = {"hidden_size": [1, 2], "l1": [0.0, 0.03]}


def select(**options):
    return cross_validate(GRU(1), DATA, outer=2, inner=2, seeds=2, grid=GRID, **QUICK, **options)


@pytest.fixture(scope="module")
def whole():
    return select()


def same(made, whole):
    """Whether two Selections are the same bytes, seconds aside."""
    assert made.table.equals(whole.table) and made.choice() == whole.choice() and len(made) == 32
    for fits, others in ((made.fits, whole.fits), (made.refitted, whole.refitted)):
        assert fits.config == others.config and fits.stopped == others.stopped and fits.cell == others.cell
        for i in range(len(others)):
            assert fits._rows[i].tobytes() == others._rows[i].tobytes()
            assert fits._histories[i].tobytes() == others._histories[i].tobytes()
            assert fits.weights(i)["w_hh"].shape == others.weights(i)["w_hh"].shape


class Alone(Executor):
    """Fits at once, in this thread; the first `fails` units fail, Ctrl-C comes in place of the unit number `last`."""

    def __init__(self, fails=0, last=None):
        self.fails, self.last, self.units = fails, last, []

    def submit(self, function, unit):
        future = Future()
        if len(self.units) == self.last:
            raise KeyboardInterrupt
        self.units.append(unit)
        if self.fails:
            self.fails -= 1
            future.set_exception(OSError("connection lost"))
        else:
            future.set_result(function(unit))
        return future


@pytest.mark.parametrize("options", [
    {"executor": functools.partial(Threads, 2), "unit": 5},
    {"executor": functools.partial(Processes, 2), "workers": 3},
    {"executor": Alone(fails=2), "workers": 1, "unit": 7},
], ids=["threads", "processes", "lost"])
def test_every_executor_gives_the_same_bytes(whole, options, tmp_path):
    same(select(output=tmp_path, **options), whole)
    # What was kept in parts is in the files of the whole.
    assert len(list(tmp_path.iterdir())) == 2 and not list(tmp_path.glob("*part*"))
    untouched = Alone()
    same(select(output=tmp_path, executor=untouched), whole)
    assert not untouched.units


def test_an_executor_of_the_user_is_left_running(whole):
    with ThreadPoolExecutor(2) as executor:
        same(select(executor=executor), whole)
        assert executor.submit(len, "abc").result() == 3


def test_interrupted_anywhere_it_goes_on_with_any_executor_and_any_units(whole, tmp_path):
    fitted = []
    for last, unit in ((2, 3), (3, 4), (2, 5)):
        executor = Alone(last=last)
        with pytest.raises(KeyboardInterrupt):
            select(output=tmp_path, executor=executor, workers=1, unit=unit)
        fitted += executor.units
    told, executor = [], Alone()
    made = select(output=tmp_path, executor=executor, workers=1, progress=lambda *state: told.append(state))
    same(made, whole)
    models = [model for unit in fitted + executor.units if len(unit.call.keywords["seeds"]) == 32
              for model in range(unit.first, unit.last)]
    assert sorted(models) == list(range(32))
    assert told[0][:2] == (6 + 10 + 10, 34) and told[-1][:2] == (34, 34)


def test_a_damaged_part_is_fitted_again(whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        select(output=tmp_path, executor=Alone(last=2), workers=1, unit=4)
    first, second = sorted(tmp_path.glob("*part*"))
    first.write_bytes(first.read_bytes()[:-1])
    executor = Alone()
    same(select(output=tmp_path, executor=executor), whole)
    assert (executor.units[0].first, executor.units[0].last) == (0, 4)
    assert not list(tmp_path.glob("*part*"))


def test_ctrl_c_ends_parts_of_our_own_workers(tmp_path):
    calls = []

    def press(*state):
        calls.append(state)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # of parts that would take minutes
        cross_validate(GRU(2), DATA, outer=2, inner=2, seeds=2, l1=0.01, progress=press,
                       executor=functools.partial(Threads, 2), **{**QUICK, "epochs": 10**7, "patience": None})


def test_ctrl_c_counts_while_kernels_are_compiled(ctrl_c, monkeypatch):
    monkeypatch.setattr(kept, "fit_sequences", lambda *_, **options: signal.raise_signal(signal.SIGINT))
    executor = Alone()
    with pytest.raises(KeyboardInterrupt):
        select(executor=executor)
    assert not executor.units


@pytest.mark.parametrize("options, error, message", [
    ({"workers": 2}, ValueError, "^workers: is of an executor; give executor=, too$"),
    ({"executor": 3}, TypeError, "^executor: got 3, expected a concurrent.futures.Executor, or a function that makes"),
    ({"executor": Alone(), "unit": 0}, ValueError, "^unit: got 0, expected"),
    ({"executor": Alone(fails=9), "workers": 1, "unit": 8}, UnitFailed,
     "^models 0 to 7: failed 3 times, the last time with OSError: connection lost$"),
])
def test_what_cannot_be_is_one_line(options, error, message):
    with pytest.raises(error, match=message):
        select(**options)


def test_a_worker_with_other_code_is_refused():
    class Old(Executor):
        def submit(self, function, unit):
            future = Future()
            future.set_result(Done([], 1.0, "another version", arithmetic()))
            return future

    with pytest.raises(UnitFailed, match="a worker has another version of fastrnn or llvmlite"):
        select(executor=Old())


def test_only_some_models_of_a_call():
    roles = folds(DATA, 2, 2)
    options = {"seeds": range(4), "roles": roles, "hidden_size": [1, 2, 1, 2], "l1": [0.0, 0.0, 0.03, 0.03], **QUICK}
    fits = train_many(GRU(1), DATA, **options)
    own = train_many(GRU(1), DATA, only=[2, 0], **options)
    assert own.seeds.tolist() == [0, 2] and own.config == fits.config and set(own.options) == set(fits.options)
    for i, model in enumerate((0, 2)):
        assert own._rows[i].tobytes() == fits._rows[model].tobytes()
        assert own._histories[i].tobytes() == fits._histories[model].tobytes()
        assert own.options["l1"][i] == fits.options["l1"][model]
    for only in ([], [4], [-1], [0.5], "all"):
        with pytest.raises(ValueError, match="only: got .*, expected numbers of models from 0 to 3"):
            train_many(GRU(1), DATA, only=only, **options)
    assert np.isfinite(own.loss).all()
