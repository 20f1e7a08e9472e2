"""Sweeps: the same bytes whoever ran what, and the smallest network."""

import json
import multiprocessing
import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import numpy as np
import pytest
from pyarrow import parquet
from sweep_runs import GRID, Counting, whole  # noqa: F401

import fastrnn
from fastrnn.formula import tanh
from fastrnn.simd.host import arithmetic
from fastrnn.sweeps import Grid, UnitFailed, smallest, sweep
from fastrnn.sweeps.table import Table
from fastrnn.sweeps.unit import MEASURES, Done, Measures, code_version
from fastrnn.sweeps.workers import Processes

# ---- what comes out


def test_a_row_is_what_the_same_training_gives_alone(whole):
    table, _ = whole
    assert len(table) == GRID.models == 40
    columns = table.columns
    for point, first in zip(table.points, range(0, 40, 10)):
        alone = fastrnn.train_many(*point, seeds=[0, 7], threads=1)
        for i, seed in enumerate((0, 7)):
            row = {name: column[first + seed] for name, column in columns.items()}
            assert row["hidden_size"] == point.cell.hidden_size and row["learning_rate"] == point.config.learning_rate
            assert (row["activation"], row["batch_size"], row["bits"], row["seed"]) == ("sigmoid", 16, 8, seed)
            for name in MEASURES:
                assert row[name] == getattr(alone, name)[i], name
    assert set(columns["stopped"]) == {"exact", "samples"}
    assert ((columns["samples_to_exact"] >= 0) == (columns["stopped"] == "exact")).all()


def test_csv_has_a_row_a_model_which_reads_back(whole):
    table, content = whole
    head, *rows = content.decode().splitlines()
    assert head.split(",") == list(table.columns)
    assert head == (
        "hidden_size,activation,learning_rate,batch_size,bits,seed,stopped,steps,samples,samples_to_exact,loss,"
        "exact_accuracy,arithmetic"
    )
    for row, expected in zip(rows, zip(*table.columns.values()), strict=True):
        for text, value in zip(row.split(","), expected, strict=True):
            assert type(value.item())(text or -1) == value.item()


def test_parquet_has_the_same_columns(whole, tmp_path):
    whole[0].save(tmp_path / "a.parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == list(whole[0].columns)
    assert (table.schema.field("activation").type, table.schema.field("samples_to_exact").type) == ("string", "int64")
    for name, values in whole[0].columns.items():
        assert table[name].to_pylist() == [
            None if name == "samples_to_exact" and value < 0 else value for value in values.tolist()
        ]


def test_a_cell_without_an_activation_has_none_in_the_table():
    grid = Grid(hidden_size=(2, 3), seeds=1, cell=fastrnn.GRU(3))
    assert [point.value("activation") for point in grid.points] == [None, None]
    row = ("samples", 1, 16, -1, 0.5, 0.0)
    assert Table(grid, grid.points, [[row]] * 2).columns["activation"].tolist() == [None, None]
    with pytest.raises(ValueError, match="activation: gru has none to choose"):
        Grid(activation="tanh", cell=fastrnn.GRU(3))


def test_axes_vary_in_order_and_all_else_is_the_same():
    grid = Grid(
        hidden_size=[2, 3],
        activation=("tanh", "relu"),
        batch_size=np.array([8, 4]),
        bits=5,
        seeds=3,
        cell=fastrnn.Elman(bias=False),
        task=fastrnn.tasks.Addition(operands=3),
        config=fastrnn.TrainConfig(max_grad_norm=1.0),
    )
    assert [(p.cell.hidden_size, p.cell.activation, p.config.batch_size) for p in grid.points] == [
        (h, a, b) for h in (2, 3) for a in ("tanh", "relu") for b in (8, 4)]
    assert {(p.cell.bias, p.task, p.config.max_grad_norm, p.value("learning_rate")) for p in grid.points} == {
        (False, fastrnn.tasks.Addition(5, operands=3), 1.0, 0.1)}
    assert grid.varied == ("hidden_size", "activation", "batch_size") and grid.models == 24
    json.dumps(Grid(hidden_size=np.arange(2, 4), seeds=np.int64(3)).identity())


def test_seeds_follow_the_first(whole):
    table = sweep(hidden_size=4, learning_rate=0.1, seeds=3, seed=5, max_samples=3000)
    assert list(table.columns["seed"]) == [5, 6, 7]
    assert table.measured[0] == whole[0].measured[0][5:8]


def test_a_task_is_trained_by_its_recipe_unless_told_otherwise():
    class Hard(fastrnn.tasks.Addition):
        recipe = {"learning_rate": 0.02, "max_grad_norm": 1.0}

    grid = sweep(task=Hard(4), hidden_size=2, seeds=1, max_samples=16, max_grad_norm=2.0).grid
    assert (grid.learning_rate, grid.config.max_grad_norm) == ((0.02,), 2.0)


WRONG = {
    "hidden_size: got 0": {"hidden_size": (4, 0)},
    "hidden_size: got no value": {"hidden_size": ()},
    "hidden_size: got 4 twice": {"hidden_size": (4, 5, 4)},
    "hidden_size: got 'many'": {"hidden_size": "many"},
    "activation: got 'step'": {"activation": ("tanh", "step")},
    "learning_rate: got -1": {"learning_rate": [0.1, -1]},
    "batch_size: got 0": {"batch_size": 0},
    "bits: got 1": {"bits": (8, 1)},
    "seeds: got 0": {"seeds": 0},
    "seeds: got 2 from": {"seeds": 2, "seed": 2**63 - 1},
    "unknown option 'colour'": {"colour": 1},
    "cell: got 3, expected a Cell": {"cell": 3},
    "cell: got the class Elman": {"cell": fastrnn.Elman},
    "workers: got 0": {"workers": 0},
    "unit: got 0": {"unit": 0},
    "expected a name that ends in .csv": {"output": "x.txt"},
    "grid: got {'hidden_size': [4]}, expected a Grid, or options by name": {"grid": {"hidden_size": [4]}},
    "'max_grad_norm' in addition to a grid": {"grid": GRID, "max_grad_norm": 1},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_makes_no_sense_is_one_line(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError)) as caught:
        sweep(**WRONG[message])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_grid_of_other_things_is_refused():
    for name, kind in (("cell", "Cell"), ("task", "Task"), ("config", "TrainConfig")):
        with pytest.raises(TypeError, match=f"^{name}: got None, expected a {kind}$"):
            Grid(**{name: None})


# ---- who ran what


# Each number of workers, each size of units, and both at their ends.
@pytest.mark.parametrize("workers, unit", [(1, None), (1, 1), (2, 3), (5, 1), (5, None)])
def test_threads_and_units_of_any_size_give_the_same_bytes(whole, tmp_path, workers, unit):
    sweep(GRID, output=tmp_path / "a.csv", workers=workers, unit=unit)
    assert (tmp_path / "a.csv").read_bytes() == whole[1]
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_an_executor_of_the_user_is_used_and_left_running(whole, tmp_path):
    with Counting() as executor:
        sweep(GRID, output=tmp_path / "a.csv", executor=executor, unit=4)
        assert executor.submit(len, "abc").result() == 3
    assert len(executor.units) == 4 * 3 + 1
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_processes_of_which_one_is_killed_give_the_same_bytes(whole, tmp_path):
    killed = []

    def kill_one(done, total, note):
        if done and not killed:
            killed.append(multiprocessing.active_children()[0])
            killed[0].kill()

    sweep(GRID, output=tmp_path / "a.csv", executor=partial(Processes, 2), workers=4, unit=2, progress=kill_one)
    assert killed and not multiprocessing.active_children()
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_a_pool_of_python_that_loses_a_process_is_made_again(whole, tmp_path):
    pools, killed = [], []

    def make():
        pools.append(ProcessPoolExecutor(1 if pools else 2, multiprocessing.get_context("spawn")))
        return pools[-1]

    def kill_one(done, total, note):
        if done and not killed:
            killed.append(next(iter(pools[0]._processes)))
            os.kill(killed[0], signal.SIGKILL)

    sweep(GRID, output=tmp_path / "a.csv", executor=make, workers=4, unit=2, progress=kill_one)
    assert len(pools) == 2 and killed
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


class Failing(Executor):
    """Fails the first `times` units with an error, in a Future as a cluster does; runs the others at once."""

    def __init__(self, times, error):
        self.times, self.error = times, error

    def submit(self, function, unit):
        future = Future()
        if self.times:
            self.times -= 1
            future.set_exception(self.error)
        else:
            future.set_result(function(unit))
        return future


def test_a_unit_that_was_lost_runs_again(whole, tmp_path):
    sweep(GRID, output=tmp_path / "a.csv", executor=Failing(2, OSError("connection lost")), workers=1, unit=5)
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_a_unit_that_fails_again_and_again_ends_the_sweep_in_one_line(tmp_path):
    with pytest.raises(UnitFailed) as caught:
        sweep(GRID, output=tmp_path / "a.csv", executor=Failing(3, MemoryError("no\nroom")), workers=1, unit=5)
    assert str(caught.value) == "hidden size 4, seeds 0 to 4: failed 3 times, the last time with MemoryError: no room"
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv.partial"]


def test_a_broken_executor_of_the_user_ends_the_sweep_and_keeps_the_results(whole, tmp_path):
    with pytest.raises(UnitFailed, match=r"^the executor has lost its workers \(BrokenProcessPool: gone\)$"):
        sweep(GRID, output=tmp_path / "a.csv", executor=Failing(1, BrokenProcessPool("gone")), workers=1)
    sweep(GRID, output=tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_an_executor_that_takes_no_more_work_ends_the_sweep_in_one_line():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(
        UnitFailed,
        match=r"^the executor takes no more work \(RuntimeError: cannot schedule new futures after shutdown\)$",
    ):
        sweep(GRID, executor=executor)


def test_a_worker_with_other_code_is_refused():
    class Old(Failing):
        def submit(self, function, unit):
            future = Future()
            future.set_result(Done([], 1.0, "another version", arithmetic()))
            return future

    with pytest.raises(UnitFailed, match="a worker has another version of fastrnn or llvmlite"):
        sweep(GRID, executor=Old(0, None))


def test_units_grow_to_last_some_seconds():
    class Instant(Failing):
        def submit(self, function, unit):
            future, sizes[unit.first] = Future(), unit.count
            rows = [Measures("samples", 1, 1, -1, 1.0, 0.0)] * unit.count
            future.set_result(Done(rows, 0.01 * unit.count, code_version(), arithmetic()))
            return future

    sizes = {}
    sweep(hidden_size=4, seeds=2100, executor=Instant(0, None), workers=1)
    assert list(sizes.values()) == [16, 512, 512, 512, 512, 36]
    sizes.clear()
    # Towards the end they become smaller, so that all workers end together.
    sweep(hidden_size=4, seeds=2100, executor=Instant(0, None), workers=4)
    assert (
        sum(sizes.values()) == 2100
        and list(sizes.values())[:6] == [16, 16, 16, 16, 512, 384]
        and max(list(sizes.values())[-4:]) <= 32
    )


# ---- the smallest network


def test_smallest_tries_sizes_in_ascending_order_until_the_share_is_reached(tmp_path):
    options = {"seeds": 10, "max_samples": 20_000, "workers": 1}
    sizes = (8, 2, 16, 3, 4, 6)
    table = sweep(hidden_size=sizes, **options)
    share = {point.cell.hidden_size: summary.share for point, summary in zip(table.points, table.summaries)}
    for wanted in (0.95, 0.5, 1e-9):
        found = smallest(hidden_size=sizes, share=wanted, output=tmp_path / f"{wanted}.csv", **options)
        (finding,) = found.findings
        usually = min(size for size in sizes if share[size] >= wanted)
        ever = min(size for size in sizes if share[size] > 0)
        assert (finding.usually.hidden_size, finding.ever.hidden_size) == (usually, ever)
        assert finding.usually.summary.share == share[usually] and finding.ever.summary.share == share[ever]
        # Nothing above it was trained, and the table has what was, in the grid's order.
        assert [point.cell.hidden_size for point in found.table.points] == [size for size in sizes if size <= usually]
        assert (tmp_path / f"{wanted}.csv").read_text().count("\n") == 1 + len(found.table)


def test_smallest_searches_for_each_combination_of_the_other_axes():
    found = smallest(hidden_size=(1, 2, 4), learning_rate=(0.1, 1e-6), seeds=4, share=0.25, max_samples=20_000)
    fast, slow = found.findings
    assert fast.others["learning_rate"] == 0.1 and fast.usually.hidden_size == 4
    assert slow.others["learning_rate"] == 1e-6 and (slow.usually, slow.ever) == (None, None)
    assert len(found.table.points) == 6


def test_smallest_goes_on_where_it_was(tmp_path):
    options = {"hidden_size": (2, 4, 6), "seeds": 6, "max_samples": 20_000, "workers": 1, "unit": 3}
    whole = smallest(output=tmp_path / "a.csv", **options)
    with Counting(last=3) as executor, pytest.raises(KeyboardInterrupt):
        smallest(output=tmp_path / "b.csv", executor=executor, **options)
    assert smallest(output=tmp_path / "b.csv", **options).findings == whole.findings
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_smallest_refuses_a_share_that_is_none():
    for share in (0, 1.1, -1):
        with pytest.raises(ValueError, match=f"share: got {share}, expected"):
            smallest(share=share)


def test_a_cell_of_ones_own_is_known_by_its_formula():
    def made(factor):
        class Mine(fastrnn.Cell):
            gates = ("n",)

            def step(self, pre, h):
                return tanh(factor * pre.n)

        return Grid(cell=Mine(2)).identity()

    assert made(1.0) == made(1.0) and made(1.0) != made(0.5)
    assert "formula" not in " ".join(Grid().identity())
