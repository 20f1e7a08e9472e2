"""Sweeps and nested folds on real processes of MPI: the same tables as on threads of this one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_fit import DATA

# mpich puts it beside Python.
MPI = [Path(sys.executable).with_name("mpiexec"), "-n", "3", sys.executable, "-m", "mpi4py.futures"]


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_that_can_start_no_others_does_not_wait_for_them(here):
    command = [sys.executable, "-m", "fastrnn", *"sweep --hidden 2 --seeds 1 --max-samples 16 --mpi".split()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "OMPI_"))}
    done = subprocess.run(command, env={**environment, "PATH": ""}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("fastrnn: --mpi: there is no mpiexec; start the command")


@pytest.mark.slow
def test_a_sweep(here):
    command = ["-m", "fastrnn", "sweep", "--hidden", "4,12", "--seeds", "6", "--max-samples", "3000", "--output"]
    run(sys.executable, *command, "a.csv")
    assert "saved b.csv" in run(*MPI, *command, "b.csv", "--mpi")
    assert (here / "a.csv").read_bytes() == (here / "b.csv").read_bytes()


@pytest.mark.slow
def test_nested_folds(here):
    rows = [(session, a, b, int(a == b)) for session, (x, _, _) in enumerate(DATA) for a, b in x.astype(int).tolist()]
    lines = ["session,a,b,same", *(",".join(map(str, row)) for row in rows)]
    (here / "choices.csv").write_text("\n".join(lines) + "\n")
    command = ["-m", "fastrnn", *"fit choices.csv --target same --inputs a,b --group session --cv 2x2".split()]
    command += "--hidden 1,2 --seeds 2 --epochs 40 --evaluate-every 5 --pictures none --output".split()
    run(sys.executable, *command, "a")
    run(*MPI, *command, "b", "--mpi")
    assert (here / "a" / "table.csv").read_bytes() == (here / "b" / "table.csv").read_bytes()
