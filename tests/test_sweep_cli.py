"""`fastrnn sweep`: what it prints and writes, Ctrl-C, and one clear line for what a user can get wrong."""

import builtins
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastrnn.cli import main
from fastrnn.cli.summary import findings_text, table_text
from fastrnn.sweeps import Grid, sweep
from fastrnn.sweeps.sizes import Evidence, Finding, Smallest
from fastrnn.sweeps.statistics import summary
from fastrnn.sweeps.table import Table
from fastrnn.sweeps.unit import Measures
from fastrnn.sweeps.workers import Processes, Threads
from fastrnn.training.tasks import TrainConfig

ROOT = str(Path(__file__).resolve().parent.parent)
QUICK = ("--seeds", "6", "--max-samples", "3000")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys, here):
    """call(*argv) -> (status, stdout, stderr)."""

    def call(*argv):
        status = main(["sweep", *map(str, argv)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err and max(map(len, (out + err).splitlines() or [""])) <= 80
        return status, out, err

    return call


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_sweep_prints_a_summary_and_writes_the_table(call, here):
    status, out, err = call("--hidden", "2,12", *QUICK)
    assert (status, err) == (0, "")
    table = sweep(hidden_size=(2, 12), seeds=6, max_samples=3000)
    assert (
        out
        == f"sweep: addition, 8 bits; elman; 2 combinations, 6 seeds each\n{table_text(table)}\nsaved runs/sweep.csv\n"
    )
    assert names(here) == ["runs/sweep.csv"]
    table.save("again.csv")
    assert Path("runs/sweep.csv").read_bytes() == Path("again.csv").read_bytes()


def test_every_axis_and_option_arrives(call, monkeypatch, here):
    seen = []

    def stop(grid, **options):
        seen.append((grid, options))
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["fastrnn.sweeps"], "sweep", stop)
    status, _, err = call(
        "--hidden",
        "2,3",
        "--activation",
        "tanh,relu",
        "--learning-rate",
        "0.1,1e-2",
        "--batch-size",
        "1,8",
        "--bits",
        "4,6",
        "--seeds",
        "3",
        "--seed",
        "7",
        "--operands",
        "3",
        "--no-bias",
        "--optimizer",
        "sgd",
        "--max-grad-norm",
        "2",
        "--output",
        "x.csv",
        "--workers",
        "3",
        "--force",
    )
    said = "fastrnn: interrupted after 0 of 96 models, nothing to keep yet\n"
    assert (status, err) == (130, said)
    from fastrnn import Elman, tasks

    (grid, options), = seen
    assert grid == Grid(
        hidden_size=(2, 3),
        activation=("tanh", "relu"),
        learning_rate=(0.1, 0.01),
        batch_size=(1, 8),
        bits=(4, 6),
        seeds=3,
        cell=Elman(bias=False),
        task=tasks.Addition(operands=3),
        config=TrainConfig(optimizer="sgd", max_grad_norm=2.0, seed=7),
    )
    assert (options["output"], options["force"], options["workers"]) == ("x.csv", True, 3)


@pytest.mark.parametrize(
    ("argv", "sizes"), [((), (2, 3, 4, 6, 8, 12, 16, 24, 32, 64)), (("--smallest",), tuple(range(1, 65)))]
)
def test_hidden_sizes_that_are_not_given(call, monkeypatch, argv, sizes):
    def stop(grid, **options):
        assert grid.hidden_size == sizes
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["fastrnn.sweeps"], "smallest" if argv else "sweep", stop)
    assert call(*argv)[0] == 130


@pytest.mark.parametrize(("argv", "kind", "count"), [
    (["--seeds", "500"], Processes, 2), (["--seeds", "499"], Threads, 2),
    (["--seeds", "500", "--workers", "3"], Processes, 3), (["--seeds", "500", "--workers", "1"], Threads, 1),
    (["--seeds", "500", "--threads"], Threads, 2), (["--seeds", "1", "--processes", "--workers", "1"], Processes, 1)])
def test_many_models_are_trained_in_processes(call, monkeypatch, argv, kind, count):
    seen = []

    def stop(grid, executor, **options):
        seen.append((executor.func, executor.args))
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["fastrnn.sweeps"], "sweep", stop)
    monkeypatch.setattr("fastrnn.cores.cores", lambda: count)
    assert call("--hidden", "4,5", *argv)[0] == 130
    assert seen == [(kind, (count,))]


def test_smallest_prints_both_sizes_and_what_they_rest_on(call, here):
    status, out, err = call("--smallest", "--hidden", "2,4,12", "--seeds", "10", "--max-samples", "20000")
    assert (status, err) == (0, "")
    assert out.startswith("smallest: addition, 8 bits; elman; up to 3 combinations, 10 seeds each\n")
    assert re.search(
        r"\nsmallest hidden size that makes at least 95 % of the models exact: 12\n"
        r"  \(10 of 10, 100.0%, interval 72.2-100.0%\)\n"
        r"smallest hidden size that makes at least one model exact: 4\n"
        r"  \(\d of 10, [\d.]+%, interval [\d.]+-[\d.]+%\)\n",
        out,
    )
    status, out, err = call(
        "--smallest", "--hidden", "1", "--seeds", "2", "--max-samples", "100", "--output", "none.csv"
    )
    assert status == 0
    assert "\nno hidden size from 1 to 1 makes at least one model exact\n" in out


def test_sweep_plots(call, here):
    status, out, _ = call("--hidden", "2,12", *QUICK, "--plot", "new/hidden.png")
    assert status == 0 and out.endswith("\nplotted new/hidden.png\n")
    assert Path("new/hidden.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_fits_the_terminal_with_every_axis():
    grid = Grid(
        hidden_size=(1024, 2),
        activation=("sigmoid", "tanh"),
        learning_rate=(0.0012345, 0.1),
        batch_size=(16384, 1),
        bits=(4096, 8),
        seeds=3,
    )
    rows = [
        Measures("exact", 1, 1, 123_456_789_012, 0.1, 1.0),
        Measures("exact", 1, 1, 99_999, 0.1, 1.0),
        Measures("diverged", 1, 1, -1, 0.1, 0.0),
    ]
    table = Table(grid, grid.points, [rows] * len(grid.points))
    text = table_text(table)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[:2] == [
        "hidden    cell    rate batch bits  exact     interval     25 %     50 %     75 %",
        "  1024 sigmoid0.001234 16384 4096  66.7%   20.8-93.9%   99,999    123 G    never"]
    assert text.endswith("\nnever exact within 1,000,000 samples: 32 of 96 models, 32 of them diverged")
    evidence = Evidence(1024, summary(rows))
    others = {"activation": "sigmoid", "learning_rate": 0.1, "batch_size": 16384, "bits": 4096}
    text = findings_text(Smallest(0.95, [Finding(others, evidence, None)], table))
    assert max(map(len, text.splitlines())) <= 80 and text.startswith(
        "cell sigmoid, rate 0.1, batch 16384, bits 4096:\n"
    )


# ---- interruption


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(call, here, ctrl_c):
    argv = ["--hidden", "12,14", "--seeds", "3000", "--max-samples", "2000", "--workers", "2"]
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fastrnn", "sweep", *argv],
        cwd=here,
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""

    def read():
        try:
            return os.read(screen, 4096)
        except OSError:  # how Linux reports that the other side is closed
            return b""

    while b"exact" not in shown:
        assert select.select([screen], [], [], 120)[0], "no progress was shown"
        piece = read()
        assert piece, "ended without a progress bar"
        shown += piece
    process.send_signal(signal.SIGINT)
    while piece := read():
        shown += piece
    assert process.wait(60) == 130
    process.stdout.close()
    os.close(screen)
    words = shown.decode().split("\r")[-1] + shown.decode()
    match = re.search(
        r"fastrnn: interrupted after ([\d,]+) of 6,000 models, kept next to runs/sweep.csv\r\n"
        r"to continue, run the same command again\r\n",
        words,
    )
    assert match and 0 < int(match[1].replace(",", "")) < 6000 and "Traceback" not in words
    assert names(here) == ["runs/sweep.csv.partial"]


# ---- what a user can get wrong

WRONG_USE = {
    "empty list": (["--hidden", ""], "--hidden: got '', expected values separated by commas, for example 2,3,4"),
    "a long list": (["--hidden", "9" * 200_000], "--hidden: got '999"),
    "a hole in a list": (["--hidden", "2,,3"], "--hidden: got '2,,3', expected values separated by commas, for "
                         "example 2,3,4; a space ends the list"),
    "no integer": (["--hidden", "2,x"], "--hidden: got 'x', expected an integer"),
    "no hidden units": (["--hidden", "2,0"], "--hidden: got 0, expected an integer of at least 1"),
    "twice the same": (["--hidden", "2,3,2"], "--hidden: got 2 twice, expected each value once"),
    "unknown activation": (["--activation", "tanh,step"], "--activation: got 'step', expected one of sigmoid"),
    "negative rate": (["--learning-rate", "0.1,-1"], "--learning-rate: got -1.0, expected a positive number"),
    "batch of 0": (["--batch-size", "0"], "--batch-size: got 0"),
    "too few bits": (["--bits", "8,1"], "--bits: got 1, expected at least 2"),
    "no seeds": (["--seeds", "0"], "--seeds: got 0"),
    "seeds that end nowhere": (["--seed", str(2**63 - 1)], "--seeds: got 200 from 9223372036854775807 on"),
    "unknown optimizer": (["--optimizer", "tea"], "--optimizer: got 'tea', expected one of adam"),
    "unknown cell": (["--cell", "tea"], "--cell: got 'tea', expected one of "),
    "unknown task": (["--task", "tea"], "--task: got 'tea', expected one of "),
    "a proof": (["--until", "certified"], "--until: got 'certified', expected 'exact' or 'samples'"),
    "no workers": (["--workers", "0"], "--workers: got 0"),
    "unknown kind of table": (
        ["--output", "a.xls"],
        "--output: got 'a.xls', expected a name that ends in .csv or .parquet",
    ),
    "unknown kind of picture": (["--plot", "a.xyz"], "--plot: got 'a.xyz', expected an ending of"),
    "a picture of too many lines": (
        ["--plot", "a.png", "--bits", "4,5,6", "--batch-size", "1,2,3"],
        "--plot: got 9 lines",
    ),
    "output exists": (["--output", "mine.csv"], "mine.csv: exists; give --force to replace it"),
    "plot exists": (["--plot", "mine.png"], "mine.png: exists; give --force to replace it"),
    "output is a folder": (["--output", "folder.csv"], "folder.csv: is a directory"),
    "output in a file": (["--output", "mine.csv/a.csv"], "mine.csv/a.csv: cannot be written"),
    "partial results of something else": (
        ["--output", "other.csv"],
        "other.csv.partial: is not the partial result of a sweep; give another",
    ),
    "two places to work": (["--dask", "a", "--mpi"], "not allowed with argument"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_one_line_and_status_2(capsys, here, case):
    argv, message = WRONG_USE[case]
    for name in ("mine.csv", "mine.png", "other.csv.partial"):
        Path(name).write_text("mine")
    Path("folder.csv").mkdir()
    before = names(here)
    assert main(["sweep", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastrnn: ") and err.count("\n") == 1 and message in err
    assert names(here) == before and {Path(name).read_text() for name in before} == {"mine"}


@pytest.mark.parametrize(
    ("argv", "package", "message"),
    [
        (["--output", "a.parquet"], "pyarrow", "--output: pyarrow is missing"),
        (["--plot", "a.png"], "matplotlib", "--plot: matplotlib is missing"),
        (["--dask", "tcp://x:1"], "distributed", "--dask: dask.distributed is missing"),
        (["--mpi"], "mpi4py", "--mpi: mpi4py is missing"),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(capsys, here, monkeypatch, argv, package, message):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.partition(".")[0] == package:
            raise ImportError(f"No module named {name!r}")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert main(["sweep", *argv]) == 2
    err = capsys.readouterr().err
    assert message in err and "python -m pip install " in err and err.count("\n") == 1
    assert not names(here)
