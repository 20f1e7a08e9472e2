"""Sweeps and nested folds on a real Dask cluster on loopback, of whose two workers one is killed in the middle."""

import os
import signal

import pytest
from distributed import Client, LocalCluster

import fastrnn
from fastrnn.cli import main
from fastrnn.sweeps import Grid, sweep
from tests.test_fit import DATA, QUICK


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
                      worker_dashboard_address=None, silence_logs="CRITICAL") as cluster:
        yield cluster


def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(cluster, tmp_path):
    grid = Grid(hidden_size=(4, 12), seeds=24, config=fastrnn.TrainConfig(max_samples=3000))
    sweep(grid, output=tmp_path / "here.csv")
    killed = []
    with Client(cluster, set_as_default=False) as client:

        def kill_one(done, total, note):
            if done and not killed:
                pids = client.run(os.getpid)
                assert len(set(pids.values()) | {os.getpid()}) == 3
                killed.append(next(iter(pids.values())))
                os.kill(killed[0], signal.SIGKILL)
                # Some are lost with it, some have not begun.
                assert done < total / 2

        sweep(grid, output=tmp_path / "there.csv", executor=client.get_executor(pure=False), unit=2, progress=kill_one)
    assert killed
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_nested_folds_on_a_cluster_are_those_of_this_machine(cluster):
    options = {"outer": 2, "inner": 2, "seeds": 2, "grid": {"hidden_size": [1, 2]}, **QUICK}
    here = fastrnn.cross_validate(fastrnn.GRU(1), DATA, **options)
    with Client(cluster, set_as_default=False) as client:
        there = fastrnn.cross_validate(
            fastrnn.GRU(1), DATA, executor=client.get_executor(pure=False), unit=3, **options
        )
    assert there.table.equals(here.table) and there.choice() == here.choice()
    for made, expected in ((there.fits, here.fits), (there.refitted, here.refitted)):
        assert [row.tobytes() for row in made._rows] == [row.tobytes() for row in expected._rows]


def test_the_command_works_on_a_cluster(cluster, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["sweep", "--hidden", "4,12", "--seeds", "8", "--max-samples", "3000"]
    assert main([*command, "--output", "here.csv"]) == 0
    here = capsys.readouterr().out
    assert main([*command, "--output", "there.csv", "--dask", cluster.scheduler_address]) == 0
    assert capsys.readouterr().out == here.replace("here.csv", "there.csv")
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_fits_of_a_table_on_a_cluster(cluster, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = cluster.scheduler_address
    rows = [(session, a, b, int(a == b)) for session, (x, y, _) in enumerate(DATA) for a, b in x.astype(int).tolist()]
    lines = ["session,a,b,same", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "choices.csv").write_text("\n".join(lines) + "\n")
    command = "fit choices.csv --target same --inputs a,b --group session --hidden 1,2 --seeds 2 --epochs 40".split()
    command += ["--evaluate-every", "5", "--pictures", "none"]
    assert main([*command, "--output", "here"]) == main([*command, "--output", "there", "--dask", address]) == 0
    here, there = tmp_path / "here", tmp_path / "there"
    assert (there / "table.csv").read_bytes() == (here / "table.csv").read_bytes()
    assert sorted(file.name for file in there.iterdir()) == sorted(file.name for file in here.iterdir())
    capsys.readouterr()
    monkeypatch.setattr("fastrnn.cli.cluster.CONNECT_SECONDS", 0.5)
    assert main([*command, "--output", "other", "--dask", "127.0.0.1:1"]) == 2
    assert "--dask: 127.0.0.1:1: no scheduler answers" in capsys.readouterr().err


def test_an_address_where_no_scheduler_is_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fastrnn.cli.cluster.CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x"):
        assert main(["sweep", "--dask", address]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"fastrnn: --dask: {address}: no scheduler answers (") and err.count("\n") == 1
        assert not list(tmp_path.rglob("*.*"))
