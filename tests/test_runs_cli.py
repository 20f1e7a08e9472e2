"""`fastrnn original --runs`: what it prints, and what it refuses."""

import re
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fastrnn
from fastrnn import cli
from fastrnn.cli import runs
from fastrnn.model import Model
from fastrnn.verification import exactness, verify

SMALL = ("original", "--hidden", 8, "--bits", 4, "--alpha", 0.3, "--samples", 6000)


@pytest.fixture
def call(capsys, monkeypatch):
    """call(*argv) -> (status, stdout, stderr); the scalar program is timed but shortly."""
    monkeypatch.setattr(runs, "SCALAR_SECONDS", 0.01)

    def call(*argv):
        capsys.readouterr()
        status = cli.main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def trained(count):
    return fastrnn.train_many(
        fastrnn.Elman(8, bias=False),
        fastrnn.tasks.Addition(bits=4),
        seeds=range(3, 3 + count),
        optimizer="sgd",
        learning_rate=0.3,
        batch_size=1,
        max_samples=6000,
        until="samples",
    )


def test_the_distributions_are_those_of_the_models(call):
    status, out, err = call(*SMALL, "--runs", 20, "--seed", 3)
    many = trained(20)
    assert (status, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    assert (
        f"exact on all 64 pairs at the end: {many.exact.sum()}, {many.exact.mean():.1%} (95 % interval " in out
        and 0 < many.exact.sum() < 20
    )
    reached = many.samples_to_exact[many.samples_to_exact >= 0]
    assert f"exact at some time: {len(reached)};" in out
    (row,) = re.findall("samples until first exact +(.*)", out)
    assert [int(cell.replace(",", "")) for cell in row.split()] == [
        round(value) for value in np.percentile(reached, [0, 25, 50, 75, 100])
    ]
    assert "120,000 samples, verified, in " in out and re.search(
        r"the scalar program: [\d,]+ samples/s; [\d,]+ times as fast", out
    )


def test_what_is_said_to_be_tried_is_what_was_verified(capsys):
    narrow = trained(20)
    assert narrow.verification.exhaustive and narrow.verification.samples == 64
    model = Model.load(Path(__file__).parent / "fixtures" / "smallest-adder.safetensors")
    assert (verify(model, 16).samples, verify(model, 16).exhaustive) == (65566, False)
    wide = replace(narrow, verification=exactness(Model(model.cell, model.weights, fastrnn.tasks.Addition(bits=16))))
    none = replace(narrow, verification=None, exact=np.zeros(20, bool), samples_to_exact=np.full(20, -1))
    args = SimpleNamespace(runs=20, samples=6000, hidden_dim=8, binary_dim=4)
    for many, said in (
        (narrow, "exact on all 64 pairs at the end:"),
        (wide, "exact on 65,566 pairs, random and hard ones at the end:"),
        (none, "exact at the end: 0, 0.0%"),
    ):
        runs._table(args, many, narrow.task)
        out = capsys.readouterr().out
        assert f"\n{said}" in out and max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("bits, samples", [(4, 64), (16, 65566)])
def test_models_that_are_exact_bring_what_they_were_verified_on(bits, samples):
    many = fastrnn.train_many(
        fastrnn.Elman(8, bias=False),
        fastrnn.tasks.Addition(bits=bits),
        seeds=range(16),
        optimizer="sgd",
        learning_rate=0.3,
        batch_size=1,
        max_samples=8000,
    )
    assert "exact" in many.stopped and (many.verification.samples, many.verification.exhaustive) == (samples, bits == 4)


def test_the_final_error_is_the_tutorials():
    many, task = trained(2), fastrnn.tasks.Addition(bits=4)
    pairs = [(a, b) for a in range(8) for b in range(8)]
    x = np.array([[[a >> t & 1, b >> t & 1] for t in range(4)] for a, b in pairs])
    y = np.array([[a + b >> t & 1 for t in range(4)] for a, b in pairs])
    for i, error in enumerate(runs._final_errors(many, task)):
        # A sample of 1,024 of the 64 sums against all of them.
        errors = np.abs(y - many.model(i).predict(x)[:, :, 0]).sum(1)
        assert abs(error - errors.mean()) < 5 * errors.std() / np.sqrt(runs.ERROR_SUMS)


@pytest.mark.parametrize(
    "argv, message",
    [
        (("--runs", 0), "--runs: got 0, expected an integer of at least 1"),
        (("--runs", 2, "--engine", "compiled"), "--engine: has no meaning"),
        (("--runs", 2, "--report-every", 10), "--report-every: has no meaning"),
        (("--threads", 2), "--threads: has no meaning without --runs"),
        (("--runs", 2, "--alpha", -1), "--alpha: got -1.0, expected a positive number"),
        (("--runs", 2, "--bits", 1), "bits: got 1"),
        (("--runs", 2, "--hidden", 0), "--hidden: got 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(call, argv, message):
    status, out, err = call("original", *argv)
    assert (status, out) == (2, "") and message in err and err.count("\n") == 1


def test_ctrl_c_ends_with_130(call, monkeypatch, ctrl_c):
    monkeypatch.setattr(runs.Bar, "__call__", lambda self, done, *rest: signal.raise_signal(signal.SIGINT))
    status, out, err = call(*SMALL[:-1], 10_000_000, "--runs", 3, "--threads", 1)
    assert (status, out) == (130, "") and err == "fastrnn: interrupted after 0 of 3 runs\n"
