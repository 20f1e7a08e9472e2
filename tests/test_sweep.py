"""Sweeps: the same bytes whoever ran what, however often interrupted; what is kept, and what is refused."""

import errno
import functools
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

import fastrnn
from fastrnn.simd.host import arithmetic
from fastrnn.sweep import ForeignJournal, Grid, UnitFailed, smallest, sweep
from fastrnn.sweep.journal import Journal, journal_of, read_journal
from fastrnn.sweep.table import Table
from fastrnn.sweep.unit import MEASURES, Done, code_version
from fastrnn.sweep.workers import Processes, Threads

ROOT = Path(__file__).resolve().parent.parent

# Some models become exact and some do not.
GRID = Grid(hidden_size=(4, 12), learning_rate=(0.1, 0.2), seeds=10, config=fastrnn.TrainConfig(max_samples=3000))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(Table, bytes of its CSV) of GRID, by one thread in one unit a point."""
    path = tmp_path_factory.mktemp("whole") / "sweep.csv"
    table = sweep(GRID, output=path, executor=functools.partial(Threads, 1), unit=10)
    return table, path.read_bytes()


class Counting(ThreadPoolExecutor):
    """A thread that notes which units it got, and presses Ctrl-C in place of the unit number `last`."""

    def __init__(self, last=None):
        super().__init__(1)
        self.units, self.last = [], last

    def submit(self, function, unit):
        if len(self.units) == self.last:
            raise KeyboardInterrupt
        self.units.append(unit)
        return super().submit(function, unit)


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


def test_a_cell_without_an_activation_has_none_in_the_table(monkeypatch):
    @dataclass(frozen=True)
    class Plain:
        hidden_size: int = 3
        name = "plain"

    grid = Grid(hidden_size=(2, 3), seeds=1, cell=Plain())
    assert [point.value("activation") for point in grid.points] == [None, None]
    row = ("samples", 1, 16, -1, 0.5, 0.0)
    assert Table(grid, grid.points, [[row]] * 2).columns["activation"].tolist() == [None, None]
    with pytest.raises(ValueError, match="activation: plain has none to choose"):
        Grid(activation="tanh", cell=Plain())


def test_axes_vary_in_order_and_all_else_is_the_same():
    grid = Grid(
        hidden_size=[2, 3],
        activation=("tanh", "relu"),
        batch_size=np.array([8, 4]),
        bits=5,
        seeds=3,
        cell=fastrnn.Elman(bias=False),
        task=fastrnn.tasks.Addition(operands=3),
        config=fastrnn.TrainConfig(clip=1.0),
    )
    assert [(p.cell.hidden_size, p.cell.activation, p.config.batch_size) for p in grid.points] == [
        (h, a, b) for h in (2, 3) for a in ("tanh", "relu") for b in (8, 4)]
    assert {(p.cell.bias, p.task, p.config.clip, p.value("learning_rate")) for p in grid.points} == {
        (False, fastrnn.tasks.Addition(5, operands=3), 1.0, 0.1)}
    assert grid.varied == ("hidden_size", "activation", "batch_size") and grid.models == 24
    json.dumps(Grid(hidden_size=np.arange(2, 4), seeds=np.int64(3)).identity())


def test_seeds_follow_the_first(whole):
    table = sweep(hidden_size=4, learning_rate=0.1, seeds=3, seed=5, max_samples=3000)
    assert list(table.columns["seed"]) == [5, 6, 7]
    assert table.measured[0] == whole[0].measured[0][5:8]


def test_a_task_is_trained_by_its_recipe_unless_told_otherwise():
    class Hard(fastrnn.tasks.Addition):
        recipe = {"learning_rate": 0.02, "clip": 1.0}

    grid = sweep(task=Hard(4), hidden_size=2, seeds=1, max_samples=16, clip=2.0).grid
    assert (grid.learning_rate, grid.config.clip) == ((0.02,), 2.0)


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
    "workers: got 0": {"workers": 0},
    "unit: got 0": {"unit": 0},
    "expected a name that ends in .csv": {"output": "x.txt"},
    "'clip' beside a grid": {"grid": GRID, "clip": 1},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_makes_no_sense_is_one_line(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError)) as caught:
        sweep(**WRONG[message])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


# ---- who ran what


@pytest.mark.parametrize("unit", [1, 3, None])
@pytest.mark.parametrize("workers", [1, 2, 5])
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
    pools, killed = [], []

    def make():
        pools.append(Processes(1 if pools else 2))
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

    with pytest.raises(UnitFailed, match="a worker has another version of fastrnn or numba"):
        sweep(GRID, executor=Old(0, None))


def test_units_grow_to_last_some_seconds():
    class Instant(Failing):
        def submit(self, function, unit):
            future, sizes[unit.first] = Future(), unit.count
            future.set_result(
                Done([("samples", 1, 1, -1, 1.0, 0.0)] * unit.count, 0.01 * unit.count, code_version(), arithmetic())
            )
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


# ---- interruption


def test_what_ctrl_c_left_is_not_run_again(whole, tmp_path):
    path = tmp_path / "a.csv"
    with Counting(last=5) as executor, pytest.raises(KeyboardInterrupt):
        sweep(GRID, output=path, executor=executor, workers=1, unit=4)
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv.partial"]
    done = executor.units
    told = []
    with Counting() as executor:
        sweep(GRID, output=path, executor=executor, workers=1, unit=4, progress=lambda *state: told.append(state[:2]))
    assert path.read_bytes() == whole[1]
    trained = [
        (unit.point, seed) for unit in done + executor.units for seed in range(unit.first, unit.first + unit.count)
    ]
    assert len(trained) == len(set(trained)) == 40
    # 4 + 4 + 2 + 4 + 4 of five units.
    assert told[0] == (18, 40) and told[-1] == (40, 40)


@pytest.mark.parametrize("executor", [functools.partial(Threads, 1), functools.partial(Processes, 1)])
def test_ctrl_c_ends_units_of_our_own_workers_at_once(executor):
    calls = []

    def press(done, total, note):
        calls.append(time.perf_counter())
        # By the third the unit has been running for half a second, or its process has been starting.
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        # A unit that would take an hour.
        sweep(hidden_size=16, seeds=1, max_samples=10**10, until="samples", progress=press, executor=executor)
    assert time.perf_counter() < calls[-1] + 20


PROGRAM = """
import sys
import time
from fastrnn.sweep import Grid, sweep
from fastrnn.train import TrainConfig

grid = Grid(hidden_size=(4, 12), learning_rate=(0.1, 0.2), seeds=10, config=TrainConfig(max_samples=3000))
sweep(grid, output=sys.argv[1], workers=2, unit=1, progress=lambda *state: time.sleep(0.05))
"""


def test_a_sweep_killed_by_sigkill_goes_on_to_the_same_bytes(whole, tmp_path):
    path, partial = tmp_path / "a.csv", tmp_path / "a.csv.partial"
    before = 0
    # Twice, so that what was resumed can be resumed.
    for lines in (4, 12):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, path], env={**os.environ, "PYTHONPATH": str(ROOT)})
        deadline = time.monotonic() + 120
        while not partial.exists() or partial.read_bytes().count(b"\n") < lines:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        process.kill()
        process.wait()
        assert not path.exists()
        kept = read_journal(partial, GRID)
        assert before < len(kept.units) < 40
        before = len(kept.units)
    with Counting() as executor:
        sweep(GRID, output=path, executor=executor, unit=1)
    assert len(executor.units) == 40 - before
    assert path.read_bytes() == whole[1]
    assert not partial.exists()


WORKER = """
import os, signal, sys
from fastrnn.sweep.workers import Processes

def answer(unit, stopped):
    return unit

if __name__ == "__main__":
    pool = Processes(1)
    print(pool.submit(answer, 42).result(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_their_parent_even_if_it_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(WORKER)
    process = subprocess.Popen([sys.executable, tmp_path / "program.py"], env={**os.environ, "PYTHONPATH": str(ROOT)},
                               stdout=subprocess.PIPE)
    # The worker has inherited the pipe, which ends when it does.
    assert process.communicate(timeout=60)[0] == b"42\n"
    assert process.returncode == -signal.SIGKILL


def kept_units(path):
    with Counting(last=9) as executor, pytest.raises(KeyboardInterrupt):
        sweep(GRID, output=path, executor=executor, workers=1, unit=2)
    return Path(journal_of(path))


def test_a_torn_line_is_cut_off_wherever_it_was_torn(whole, tmp_path):
    partial = kept_units(tmp_path / "a.csv")
    content = partial.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    assert len(ends) == 10
    for cut in (*range(ends[-2] + 1, ends[-1], 7), ends[-1] - 1):
        partial.write_bytes(content[:cut])
        kept = read_journal(partial, GRID)
        assert (len(kept.units), kept.whole) == (8, ends[-2])
    with Counting(last=3) as executor, pytest.raises(KeyboardInterrupt):
        sweep(GRID, output=tmp_path / "a.csv", executor=executor, workers=1, unit=2)
    # What was appended after the cut is whole as well.
    assert len(read_journal(partial, GRID).units) == 8 + 3
    with Counting() as executor:
        sweep(GRID, output=tmp_path / "a.csv", executor=executor, workers=1, unit=2)
    assert len(executor.units) == 20 - 8 - 3
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_a_damaged_line_and_all_after_it_are_run_again(whole, tmp_path):
    partial = kept_units(tmp_path / "a.csv")
    lines = partial.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b"0", b"1", 1)
    partial.write_bytes(b"\n".join(lines))
    with Counting() as executor:
        sweep(GRID, output=tmp_path / "a.csv", executor=executor, workers=1, unit=2)
    assert len(executor.units) == 20 - 2
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_a_torn_first_line_begins_anew(whole, tmp_path):
    partial = kept_units(tmp_path / "a.csv")
    header = partial.read_bytes().split(b"\n")[0]
    for cut in (0, 5, len(header)):
        partial.write_bytes(header[:cut])
        sweep(GRID, output=tmp_path / "a.csv")
        assert (tmp_path / "a.csv").read_bytes() == whole[1]
        (tmp_path / "a.csv").unlink()


def test_a_crash_between_output_and_clean_up_is_made_good(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(Journal, "remove", lambda journal: None)
    sweep(GRID, output=tmp_path / "a.csv")
    partial = tmp_path / "a.csv.partial"
    assert partial.exists()
    monkeypatch.undo()
    # A power cut may leave the old file's name on the output.
    (tmp_path / "a.csv").write_bytes(b"old")
    with Counting() as executor:
        sweep(GRID, output=tmp_path / "a.csv", executor=executor)
    assert not executor.units and not partial.exists()
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_numbers_that_are_not_finite_come_back(tmp_path):
    grid = Grid(hidden_size=2, seeds=3)
    rows = [("diverged", 1, 16, -1, value, 0.1 + 0.2) for value in (float("nan"), float("inf"), 1e-300)]
    path = str(tmp_path / "a.csv.partial")
    journal = Journal(path, grid)
    journal.append(0, 0, rows)
    journal.close()
    assert repr(read_journal(path, grid).units) == repr([(0, 0, rows)])


def row(**changes):
    """A row of GRID's points that there can be, with changes."""
    right = {
        "stopped": "samples",
        "steps": 188,
        "samples": 3008,
        "samples_to_exact": -1,
        "loss": 0.5,
        "exact_accuracy": 0.25,
    }
    return list({**right, **changes}.values())


CRAFTED = {
    "no JSON": (b"[0, 0,", "no JSON"),
    "too deep": (b"[" * 100_000, "no JSON"),
    "null": (None, "expected a point, an offset and rows"),
    "a number": (3, "expected a point, an offset and rows"),
    "an object": ({"point": 0}, "expected a point, an offset and rows"),
    "no rows": ([0, 0], "expected a point, an offset and rows"),
    "a point of text": (["0", 0, [row()]], "expected a point, an offset and rows"),
    "a point too many": (
        [4, 0, [row()]],
        "got 1 rows of point 4 from seed number 0 on, expected points below 4 and 10 seeds",
    ),
    "a negative point": ([-1, 0, [row()]], "got 1 rows of point -1"),
    "a negative offset": ([0, -1, [row()]], "got 1 rows of point 0 from seed number -1"),
    "beyond the seeds": ([0, 9, [row(), row()]], "got 2 rows of point 0 from seed number 9"),
    "empty": ([0, 0, []], "got 0 rows"),
    "a row of another length": ([0, 0, [row()[:5]]], "expected stopped, steps, samples"),
    "a row that is none": ([0, 0, [3]], "got 3, expected stopped"),
    "an unknown end": ([0, 0, [row(stopped="interrupted")]], "got ['interrupted'"),
    "an end of a list": ([0, 0, [row(stopped=[])]], "got [[]"),
    "steps of text": ([0, 0, [row(steps="188")]], "got ['samples', '188'"),
    "steps of truth": ([0, 0, [row(steps=True)]], "got ['samples', True"),
    "too many steps": ([0, 0, [row(steps=189, samples=3024)]], "got ['samples', 189"),
    "too few steps": ([0, 0, [row(steps=187, samples=2992)]], "got ['samples', 187"),
    "other samples": ([0, 0, [row(samples=3000)]], "got ['samples', 188, 3000"),
    "exact before it was": ([0, 0, [row(stopped="exact", samples_to_exact=16)]], "got ['exact'"),
    "exact after its end": ([0, 0, [row(samples_to_exact=3009)]], "got ['samples'"),
    "accuracy above one": ([0, 0, [row(exact_accuracy=1.5)]], "got ['samples'"),
    "a loss of text": ([0, 0, [row(loss="NaN")]], "got ['samples'"),
}


@pytest.mark.parametrize("case", CRAFTED)
def test_a_line_with_the_right_checksum_and_wrong_content_is_refused_in_one_line(tmp_path, case):
    content, message = CRAFTED[case]
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = str(tmp_path / "a.csv.partial")
    journal = Journal(path, GRID)
    journal.append(1, 0, [row()])
    journal.close()
    with open(path, "ab") as file:
        file.write(b"%08x %s\n" % (zlib.crc32(text), text))
    before = Path(path).read_bytes()
    with pytest.raises(ForeignJournal) as caught:
        sweep(GRID, output=tmp_path / "a.csv")
    assert str(caught.value).startswith(f"{path}: line 3 is damaged: ") and message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < len(path) + 300
    assert Path(path).read_bytes() == before


def test_a_model_in_two_lines_is_refused(tmp_path):
    path = str(tmp_path / "a.csv.partial")
    journal = Journal(path, GRID)
    journal.append(1, 0, [row(), row()])
    journal.append(1, 1, [row()])
    journal.close()
    with pytest.raises(ForeignJournal, match="line 3 is damaged: holds models that another line has, too"):
        read_journal(path, GRID)


def test_partial_results_that_are_no_regular_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.csv.partial")
    with pytest.raises(OSError, match="is a FIFO") as caught:
        sweep(GRID, output=tmp_path / "a.csv")
    assert caught.value.filename == str(tmp_path / "a.csv.partial")


def test_a_full_disk_names_the_journal(tmp_path, monkeypatch):
    path = str(tmp_path / "a.csv.partial")
    journal = Journal(path, GRID)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError) as caught:
        journal.append(0, 0, [row()])
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, path)
    monkeypatch.undo()
    journal.close()


# ---- what is never overwritten


OTHERS = {
    "hidden_size is 4,12 there, 4,12,16 here": Grid(
        hidden_size=(4, 12, 16), learning_rate=(0.1, 0.2), seeds=10, config=GRID.config
    ),
    "seeds is 10 there, 11 here": Grid(hidden_size=(4, 12), learning_rate=(0.1, 0.2), seeds=11, config=GRID.config),
    "max_samples is 3000 there, 3001 here": Grid(
        hidden_size=(4, 12), learning_rate=(0.1, 0.2), seeds=10, config=fastrnn.TrainConfig(max_samples=3001)
    ),
    "bias is True there, False here": Grid(
        hidden_size=(4, 12), learning_rate=(0.1, 0.2), seeds=10, config=GRID.config, cell=fastrnn.Elman(bias=False)
    ),
}


@pytest.fixture
def partial(tmp_path):
    """The partial results of GRID."""
    return kept_units(tmp_path / "a.csv")


@pytest.mark.parametrize("difference", OTHERS)
def test_partial_results_of_another_grid_are_refused(partial, difference):
    before = partial.read_bytes()
    with pytest.raises(ForeignJournal) as caught:
        sweep(OTHERS[difference], output=partial.with_suffix(""))
    assert str(caught.value) == f"{partial}: belongs to another sweep: {difference}"
    assert partial.read_bytes() == before and not partial.with_suffix("").exists()


def test_partial_results_of_another_version_are_refused(partial, monkeypatch):
    monkeypatch.setattr(sys.modules["fastrnn.sweep.journal"], "code_version", lambda: "0.0.1 0123456789abcdef")
    with pytest.raises(ForeignJournal, match="begun by another version of fastrnn"):
        sweep(GRID, output=partial.with_suffix(""))


@pytest.mark.parametrize("content", [b"mine", b"mine\n", b"00000000 {}\n", b"\xff\n\n", b"{}\n" * 9])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "a.csv.partial").write_bytes(content)
    with pytest.raises(ForeignJournal, match="is not the partial result of a sweep"):
        sweep(GRID, output=tmp_path / "a.csv")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.csv.partial": content}


def test_an_output_that_exists_is_refused_unless_forced(whole, tmp_path, partial):
    (tmp_path / "a.csv").write_bytes(b"mine")
    before = partial.read_bytes()
    with pytest.raises(FileExistsError, match="exists; give another output, or force=True"):
        sweep(GRID, output=tmp_path / "a.csv")
    assert (partial.read_bytes(), (tmp_path / "a.csv").read_bytes()) == (before, b"mine")
    with Counting() as executor:
        sweep(GRID, output=tmp_path / "a.csv", force=True, executor=executor, unit=2)
    # Its own partial results are used all the same.
    assert len(executor.units) == 20 - 9
    assert (tmp_path / "a.csv").read_bytes() == whole[1]


def test_force_replaces_partial_results_of_another_sweep(whole, tmp_path):
    (tmp_path / "a.csv.partial").write_bytes(b"mine")
    sweep(GRID, output=tmp_path / "a.csv", force=True)
    assert (tmp_path / "a.csv").read_bytes() == whole[1] and not (tmp_path / "a.csv.partial").exists()


def test_two_sweeps_into_one_file_are_told_apart(tmp_path):
    journal = Journal(journal_of(tmp_path / "a.csv"), GRID)
    for force in (False, True):
        with pytest.raises(ForeignJournal, match="another sweep is writing it at this moment"):
            sweep(GRID, output=tmp_path / "a.csv", force=force)
    journal.close()
    sweep(GRID, output=tmp_path / "a.csv")


def test_a_folder_that_is_missing_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.csv"):
        sweep(GRID, output=tmp_path / "none" / "a.csv")


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
