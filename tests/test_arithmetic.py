"""The kind of a processor's arithmetic is stored with all that depends on it, and kinds are not mixed by accident."""

import sys

import numpy as np
import pytest

import fastrnn
from fastrnn.cli import main
from fastrnn.model import Model
from fastrnn.simd import host
from fastrnn.sweeps import ForeignJournal, Grid, UnitFailed, sweep
from fastrnn.sweeps.journal import Journal, journal_of
from fastrnn.training.tasks.resume import save_run

GRID = Grid(hidden_size=4, seeds=3, config=fastrnn.TrainConfig(max_samples=512))


@pytest.fixture
def other(monkeypatch):
    """other(): from then on kernels seem to be compiled for a processor of another kind."""

    def change():
        kind = "aarch64-unknown-linux-gnu", "neoverse-n1", "+fp-armv8,+neon"
        monkeypatch.setattr(host, "target", lambda: kind)

    return change


@pytest.mark.parametrize(
    "target, kind",
    [
        (("x86_64-unknown-linux-gnu", "znver4", "+avx,+avx2,+avx512f,+fma"), "avx512f, amd"),
        (("x86_64-unknown-linux-gnu", "sapphirerapids", "+avx,+avx2,+avx512f,+fma"), "avx512f"),
        (("x86_64-unknown-linux-gnu", "haswell", "+avx,+avx2,+fma,-avx512f"), "avx2"),
        (("x86_64-unknown-linux-gnu", "", "+avx,+avx2,-fma"), "avx2, no fma"),
        (("x86_64-pc-windows-msvc", "ivybridge", "+avx,-avx2,-fma"), "x86_64, no fma"),
        (("aarch64-unknown-linux-gnu", "neoverse-n1", "+fp-armv8,+neon"), "neon"),
        (("arm64-apple-darwin", "apple-m1", "+fp-armv8,+neon"), "neon"),
        (("riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a"), "riscv64, no fma"),
        (("x86_64-unknown-linux-gnu", "haswell", ""), "haswell"),
    ],
)
def test_kinds_have_names(monkeypatch, target, kind):
    monkeypatch.setattr(host, "target", lambda: target)
    assert host.arithmetic() == kind


def test_models_and_rows_name_the_kind_that_they_were_computed_in(tmp_path):
    run = fastrnn.train(fastrnn.Elman(4), until="samples", max_samples=64)
    many = fastrnn.train_many(fastrnn.Elman(4), seeds=range(1), max_samples=64)
    for model in (run.model, many.model(0)):
        model.save(tmp_path / "net.safetensors")
        assert Model.load(tmp_path / "net.safetensors").metadata["arithmetic"] == host.arithmetic()
    assert set(sweep(GRID).columns["arithmetic"]) == {host.arithmetic()}


def test_partial_results_of_another_kind_are_refused(tmp_path, other):
    output = tmp_path / "a.csv"
    Journal(journal_of(output), GRID).close()
    here = host.arithmetic()
    other()
    with pytest.raises(ForeignJournal) as refused:
        sweep(GRID, output=output)
    assert str(refused.value) == (
        f"{journal_of(output)}: belongs to another sweep: begun in {here} arithmetic, this processor's is neon"
    )
    assert not output.exists()
    assert set(sweep(GRID, output=output, force=True).columns["arithmetic"]) == {"neon"}


def test_a_worker_of_another_kind_is_refused(monkeypatch):
    monkeypatch.setattr(sys.modules["fastrnn.sweeps.unit"], "arithmetic", lambda: "neon")
    with pytest.raises(
        UnitFailed, match=f"a worker computes in neon arithmetic, this process in {host.arithmetic()}: "
    ):
        sweep(GRID)


def test_a_run_of_another_kind_goes_on_only_if_told_to(tmp_path, other, capsys):
    path, here = tmp_path / "run.safetensors", host.arithmetic()
    save_run(fastrnn.train(fastrnn.Elman(4), until="samples", max_samples=64), path)
    whole = fastrnn.train(fastrnn.Elman(4), until="samples", max_samples=128)
    other()
    with pytest.raises(
        ValueError,
        match=f"^resume: was computed in {here} arithmetic, this processor's is neon: .* or give other_processor=True$",
    ):
        fastrnn.train(resume=str(path), max_samples=128)
    run = fastrnn.train(resume=str(path), max_samples=128, other_processor=True)
    # Here it is the same processor after all.
    assert all(np.array_equal(run.model.weights[name], weight) for name, weight in whole.model.weights.items())
    assert run.model.metadata["arithmetic"] == f"{here}, then neon"
    assert fastrnn.train(resume=run, max_samples=192).model.metadata["arithmetic"] == f"{here}, then neon"

    command = ["train", "--resume", str(path), "--max-samples", "128", "--output", str(tmp_path / "more.safetensors")]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"was computed in {here} arithmetic" in said and "give --other-processor" in said
    assert main([*command, "--other-processor"]) == 0
    assert Model.load(tmp_path / "more.safetensors").metadata["arithmetic"] == f"{here}, then neon"


@pytest.mark.usefixtures("ctrl_c")
def test_a_checkpoint_of_another_kind_is_not_taken_for_ones_own(tmp_path, other):
    path = tmp_path / "run.safetensors"

    def interrupt(*_):
        import _thread

        _thread.interrupt_main()

    options = {"until": "samples", "max_samples": 40_000_000, "checkpoint": path}
    assert fastrnn.train(fastrnn.Elman(4), progress=interrupt, **options).stopped == "interrupted"
    other()
    with pytest.raises(
        ValueError,
        match="belongs to another training: begun in .* arithmetic, this processor's is neon; give another file",
    ):
        fastrnn.train(fastrnn.Elman(4), **options)
