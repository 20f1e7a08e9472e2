"""Sweeps: however often interrupted, the same bytes; what is kept, and what is refused."""

import errno
import functools
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sweep_runs import GRID, ROOT, Counting, whole  # noqa: F401

import fastrnn
from fastrnn.sweeps import ForeignJournal, Grid, sweep
from fastrnn.sweeps.journal import Journal, journal_of, read_journal
from fastrnn.sweeps.unit import Measures
from fastrnn.sweeps.workers import Processes, Threads

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


@pytest.mark.parametrize("executor", [
    functools.partial(Threads, 1), functools.partial(Processes, 1), functools.partial(ThreadPoolExecutor, 1)
])
def test_ctrl_c_ends_units_on_this_machine_at_once(executor):
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


def test_ctrl_c_ends_units_in_threads_of_the_user(ctrl_c):
    def press(done, total, note):
        if executor._threads:
            signal.raise_signal(signal.SIGINT)

    # Whose end waits for the unit.
    with pytest.raises(KeyboardInterrupt), ThreadPoolExecutor(1) as executor:
        sweep(hidden_size=16, seeds=1, max_samples=10**10, until="samples", progress=press, executor=executor)


PROGRAM = """
import sys
import time
from fastrnn.sweeps import Grid, sweep
from fastrnn.training.tasks import TrainConfig

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
import os, signal, time
from fastrnn.sweeps.workers import Processes

if __name__ == "__main__":
    pool = Processes(1)
    print(pool.submit(abs, -42).result(), flush=True)
    pool.submit(time.sleep, 3600)
    # Enough for the process to begin it.
    time.sleep(0.5)
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


def test_a_torn_first_line_begins_again(whole, tmp_path):
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
    rows = [Measures("diverged", 1, 16, -1, value, 0.1 + 0.2) for value in (float("nan"), float("inf"), 1e-300)]
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
    monkeypatch.setattr(sys.modules["fastrnn.sweeps.journal"], "code_version", lambda: "0.0.1 0123456789abcdef")
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
