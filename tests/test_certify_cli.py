"""`fastrnn certify` and `fastrnn check`: what they print, their exit status, and what they leave alone."""

import builtins

import pytest
from certified_models import WRONG, proved, unproved

from fastrnn import cli
from fastrnn.model import Model


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """call(*argv) -> (status, stdout, stderr), in an empty folder with models of each kind."""
    monkeypatch.chdir(tmp_path)
    proved().model.save("proved.safetensors")
    unproved().save("unproved.safetensors")
    Model(unproved().cell, unproved().weights).save("arrays.safetensors")

    def call(*argv):
        capsys.readouterr()
        status = cli.main([str(argument) for argument in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err.removeprefix("compiling kernels (first run only) ...\n")

    return call


def test_a_proof_is_saved_and_checked(call, tmp_path):
    status, out, err = call("certify", "proved.safetensors", "--plot", "boxes.png")
    assert (status, err) == (0, "")
    assert out.startswith("proved for every width: ") and "saved proved-certificate.safetensors\n" in out
    assert (tmp_path / "boxes.png").stat().st_size > 1000 and "plotted boxes.png" in out
    command = out.splitlines()[-1].removeprefix("try: fastrnn ").split()
    status, out, err = call(*command)
    assert (status, err) == (0, "") and out.startswith("proved for every width: addition, every |logit| at least ")


def test_an_existing_certificate_is_kept_unless_forced(call, tmp_path):
    (tmp_path / "proved-certificate.safetensors").write_text("mine")
    status, out, err = call("certify", "proved.safetensors")
    assert status == 2 and "--force" in err and (tmp_path / "proved-certificate.safetensors").read_text() == "mine"
    assert call("certify", "proved.safetensors", "--force")[0] == 0


@pytest.mark.parametrize("path", WRONG[:2], ids=lambda path: path.stem)
def test_a_wrong_network_is_refuted_with_a_sum(call, path, tmp_path):
    status, out, err = call("certify", path, "--output", "none.safetensors")
    assert status == 1 and not err and out.startswith("wrong: ") and " + " in out and ", not " in out
    assert not (tmp_path / "none.safetensors").exists()


def test_what_stops_a_proof_is_printed(call):
    status, out, err = call("certify", "unproved.safetensors")
    assert status == 1 and not err and out.startswith("neither proved nor refuted: windows of 4: ")


def test_a_refused_certificate_is_status_1(call):
    call("certify", "proved.safetensors")
    status, out, err = call("check", "proved-certificate.safetensors", "unproved.safetensors")
    assert (status, err) == (1, "") and out == "refused: weights: the certificate is for other weights than the model's\n"


@pytest.mark.parametrize("argv, message", [
    (("certify", "none.safetensors"), "no such file"),
    (("certify", "arrays.safetensors"), "trained on arrays"),
    (("certify", "proved.safetensors", "--k", "0"), "at least 1"),
    (("certify", "proved.safetensors", "--k", "9"), "--k: got 9"),
    (("certify", "proved.safetensors", "--plot", "boxes.txt"), "--plot: got 'boxes.txt'"),
    (("check", "none", "proved.safetensors"), "none: no such file"),
    (("check", "proved.safetensors"), "MODEL"),
])
def test_wrong_use_is_one_line_and_status_2(call, argv, message):
    status, _, err = call(*argv)
    assert status == 2 and message in err and err.count("\n") == 1


def test_a_missing_mpmath_is_said(call, monkeypatch):
    call("certify", "proved.safetensors")
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "mpmath":
            raise ImportError("No module named 'mpmath'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    status, _, err = call("check", "proved-certificate.safetensors", "proved.safetensors")
    assert status == 2 and "pip install 'fastrnn[check]'" in err


@pytest.mark.parametrize("command", ["certify", "check"])
def test_help_has_examples_and_fits_the_terminal(call, command):
    status, out, err = call(command, "--help")
    assert status == 0 and not err and "\nexamples:\n  fastrnn " in out
    assert max(map(len, out.splitlines())) <= 80
