"""`fastrnn certify` and `fastrnn check`: what they print, their exit status, and what they leave alone."""

import builtins
import importlib
import re

import numpy as np
import pytest
from certified_models import WRONG, proved, unproved

import fastrnn
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
        return status, out, err

    return call


def test_a_proof_is_saved_and_checked(call, tmp_path):
    status, out, err = call("certify", "proved.safetensors", "--plot", "boxes.png")
    assert (status, err) == (0, "")
    assert out.startswith("proved for every width: ") and "saved proved-certificate.safetensors\n" in out
    assert (tmp_path / "boxes.png").stat().st_size > 1000 and "plotted boxes.png" in out
    command = out.splitlines()[-1].removeprefix("try: fastrnn ").split()
    status, out, err = call(*command)
    assert (status, err) == (0, "") and out.startswith("proved for every width: addition, every |logit| at least ")
    assert command == ["check", "proved-certificate.safetensors"]
    assert call(*command, "proved.safetensors")[1].splitlines()[0] == out.splitlines()[0]


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


def test_a_network_and_its_certificate_that_are_exchanged_are_told_apart(call):
    call("certify", "proved.safetensors")
    status, out, err = call("check", "proved.safetensors")
    assert (status, out) == (2, "") and err.endswith("; perhaps you mean proved-certificate.safetensors\n")
    status, out, err = call("verify", "proved-certificate.safetensors")
    expected = "proved-certificate.safetensors: is a certificate; expected a checkpoint that Model.save wrote\n"
    assert (status, out, err) == (2, "", f"fastrnn: {expected}")


def test_a_refused_certificate_is_status_1(call):
    call("certify", "proved.safetensors")
    status, out, err = call("check", "proved-certificate.safetensors", "unproved.safetensors")
    assert (status, err) == (
        1,
        "",
    ) and out == "refused: weights: the certificate is for other weights than the model's\n"


@pytest.mark.parametrize("argv, message", [
    (("certify", "none.safetensors"), "no such file"),
    (("certify", "arrays.safetensors"), "trained on arrays"),
    (("certify",), "MODEL: missing"),
    (("certify", "--smallest", "proved.safetensors"), "--smallest: trains networks of its own, got proved.safetensors"),
    (("certify", "proved.safetensors", "--k", "0"), "at least 1"),
    (("certify", "proved.safetensors", "--k", "9"), "--k: got 9"),
    (("certify", "proved.safetensors", "--plot", "boxes.txt"), "--plot: got 'boxes.txt'"),
    (("certify", "proved.safetensors", "--plot", "a.svg", "--output", "a.svg"), "cannot be both the --plot and the"),
    (("certify", "proved.safetensors", "--output", "proved.safetensors", "--force"), "both the --output and the MODEL"),
    (("certify", "proved.safetensors", "--seeds", "8"), "--seeds: is for --smallest, not for a MODEL; leave it out"),
    (("certify", "proved.safetensors", "--cell", "gru"), "--cell: is for --smallest, not for a MODEL; leave it out"),
    (("certify", "--smallest", "--k", "2"), "--k: is for a MODEL, not for --smallest; leave it out"),
    (("certify", "--smallest", "--plot", "a.svg", "--output", "a.svg"), "cannot be both the --plot and the --output"),
    (("check", "none", "proved.safetensors"), "none: no such file"),
    (("check", "proved.safetensors"), "MODEL: missing"),
    (("check", "none-certificate.safetensors"), "none-certificate.safetensors: no such file"),
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
    assert status == 2 and "python -m pip install mpmath" in err


@pytest.mark.parametrize("command", ["certify", "check"])
def test_help_has_examples_and_fits_the_terminal(call, command):
    status, out, err = call(command, "--help")
    assert status == 0 and not err and "\nexamples:\n  fastrnn " in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_smallest_network_is_searched_for_and_saved(call, tmp_path):
    argv = ("certify", "--smallest", "--seeds", 8, "--activation", "sigmoid", "--plot", "boxes.png")
    status, out, err = call(*argv)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80 and [line.split()[:2] for line in lines[1:4]] == [
        [str(hidden), "elman"] for hidden in (1, 2, 3)
    ]
    assert "\n3 hidden units, seed " in out and "\nh0 = sigmoid(" in out and "\nz = " in out
    assert "\nplotted boxes.png\ntry: fastrnn check runs/smallest-adder-certificate.safetensors\n" in out
    assert call("check", "runs/smallest-adder-certificate.safetensors")[0] == 0
    status, out, err = call(*argv[:-2])
    assert (status, err) == (0, "") and out.endswith(
        "\ntry: fastrnn check runs/smallest-adder-2-certificate.safetensors\n"
    )
    status, _, err = call(*argv[:-2], "--output", "runs/smallest-adder.safetensors")
    assert status == 2 and "runs/smallest-adder.safetensors: exists" in err
    # Written as formulas, it is still the network.
    model, namespace = (
        Model.load("runs/smallest-adder.safetensors"),
        {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "a": 1.0, "b": 0.0, "h0": 0.2, "h1": 0.5, "h2": 0.9},
    )
    from fastrnn.cli.text import equations

    def value(formula):
        formula = re.sub(r"(?<=\d) (?=[a-z])", " * ", formula.partition(" = ")[2])
        return eval(formula, namespace)

    w = {name: weight.astype(float) for name, weight in model.weights.items()}
    h, *formulas = np.array([0.2, 0.5, 0.9]), *equations(model)
    after = 1 / (1 + np.exp(-(w["w_ih"] @ [1, 0] + w["w_hh"] @ h + w["b_ih"] + w["b_hh"])))
    assert np.allclose([value(formula) for formula in formulas[:3]], after, atol=1e-5)
    assert np.isclose(value(formulas[3]), w["w_ho"][0] @ h + w["b_o"][0], atol=1e-4)


def test_a_search_that_finds_nothing_says_so(call, monkeypatch):
    module = importlib.import_module("fastrnn.training.tasks.smallest")
    real = module.smallest_certified
    one = lambda task, cells, **options: real(task, cells, **options, most=1)
    monkeypatch.setattr(module, "smallest_certified", one)
    status, out, err = call("certify", "--smallest", "--seeds", 2, "--activation", "sigmoid")
    assert status == 1 and not err and out.endswith("no network was proved: give more --seeds\n")


@pytest.fixture
def trained(call):
    """A run of `fastrnn train` with a proof, as (stdout, its files)."""
    status, out, err = call("train")
    assert (status, err) == (0, "")
    return out


def test_training_saves_a_certificate_that_checks(call, trained):
    assert "try: fastrnn check runs/addition-8-certificate.safetensors\n" in trained
    status, out, err = call("check", "runs/addition-8-certificate.safetensors")
    assert (status, err) == (0, "") and out.startswith("proved for every width: addition, ")


def test_training_replaces_no_certificate(call, trained, tmp_path):
    before = (tmp_path / "runs/addition-8-certificate.safetensors").read_bytes()
    (tmp_path / "runs/addition-8.safetensors").unlink()
    assert "saved runs/addition-8-certificate-2.safetensors\n" in call("train")[1]
    assert (tmp_path / "runs/addition-8-certificate.safetensors").read_bytes() == before
    out = call("train", "--output", "runs/addition-8.safetensors", "--force")[1]
    assert "saved runs/addition-8-certificate.safetensors\n" in out and "-certificate-3" not in out


def test_training_until_exact_says_whether_it_is_proved_already(call, tmp_path):
    status, out, err = call("train", "--until", "exact")
    assert (
        (status, err) == (0, "") and "proved" not in out and "try: fastrnn certify runs/addition-8.safetensors\n" in out
    )
    assert not (tmp_path / "runs/addition-8-certificate.safetensors").exists()


def test_training_without_a_proof_in_time_is_status_1_and_goes_on(call):
    status, out, err = call("train", "--max-samples", 5000)
    assert status == 1 and "\nexact on all 16,384 pairs" in out
    go_on = "fastrnn train --resume runs/addition-8.safetensors --max-samples 10000"
    assert err == f"fastrnn: not proved for every width after 5,008 samples\ncontinue: {go_on}\n"
    status, out, err = call("train", "--resume", "runs/addition-8.safetensors", "--max-samples", 5000)
    assert status == 2 and "has already trained on 5,008 samples" in err
    status, out, err = call(
        "train", "--resume", "runs/addition-8.safetensors", "--max-samples", 20000, "--until", "exact"
    )
    assert status == 2 and "--until: got " in err and err.count("\n") == 1
    status, out, err = call(
        "train", "--resume", "runs/addition-8.safetensors", "--max-samples", 20000, "--output", "end"
    )
    assert (status, err) == (0, "") and "proved for every width" in out
    whole = fastrnn.train(until="certified").model.weights
    assert all(weight.tobytes() == whole[name].tobytes() for name, weight in Model.load("end").weights.items())


@pytest.mark.parametrize("argv", [("--activation", "relu"), ("--operands", 9, "--bits", 10)])
def test_where_no_proof_can_be_expected_training_stops_when_exact(call, argv):
    from fastrnn.cli.parts import parts_to_train

    assert "certified where a proof covers the task, else" in " ".join(call("train", "--help")[1].split())
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "fastrnn.cli.train.parts_to_train", lambda args: seen.append(parts_to_train(args)[2].until) or 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            call("train", *argv)
    assert seen == ["exact"]


def test_a_proof_of_what_cannot_be_proved_is_not_tried(call):
    status, out, err = call("train", "--until", "certified", "--operands", 9, "--bits", 10)
    assert (
        status == 2
        and err.startswith("fastrnn: --until: got 'certified', but addition has 9 inputs")
        and err.count("\n") == 1
    )


def test_repeat_counts_what_is_exact_and_what_is_proved(call):
    status, out, err = call("repeat", "--seeds", 3, "--until", "certified")
    assert (status, err) == (0, "")
    assert out.startswith(
        "3 of 3 seeds exact on all 16,384 pairs (8 bits, 16 hidden units)\n3 of 3 proved for every width\n"
    )
    rows = [line.split()[0] for line in out.splitlines()[3:]]
    assert rows == ["samples", "milliseconds", "min"] and max(map(len, out.splitlines())) <= 80
    status, out, err = call("repeat", "--seeds", 2, "--max-samples", 160)
    assert status == 1 and out.startswith("0 of 2 seeds exact") and "proved" not in out
    status, out, err = call("repeat", "--seeds", 1, "--until", "certified", "--max-samples", 3500)
    assert status == 1 and out.startswith("1 of 1 seeds exact") and "\n0 of 1 proved" in out
