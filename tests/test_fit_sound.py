"""`fastrnn fit`, `evaluate` and `predict` on pairs of .wav files, against an independent network in float64."""

import csv
import json

import numpy as np
import pytest
from scipy.io import wavfile

from fastrnn import GRU, LSTM, Fits, Sequences, analysis, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION, split
from fastrnn.data.wav import wav_bytes
from fastrnn.heads.linear import Linear
from tests import numpy_network as oracle
from tests.test_fit_cli import COLUMNS, QUICK, here  # noqa: F401

STEPS, RATE = 90, 8000
WAV = ("in.wav", "out.wav")
NETWORK = ("--cell", "lstm", "--hidden", "2", "--epochs", "6", "--evaluate-every", "3", "--learning-rate", "0.05")
OPTIONS = {"epochs": 6, "evaluate_every": 3, "learning_rate": 0.05, "head": Linear("esr", pre_emphasis=0.5)}
LOSS = ("--loss", "esr", "--pre-emphasis", "0.5", "--segment", "10", "--pictures", "none")


def signals():
    """x and y, (steps, 1) float64 of 16-bit integers: noise, and what a saturated smoothing filter makes of it."""
    x = np.random.default_rng(3).normal(size=STEPS) * 0.3
    y = np.tanh(np.convolve(x, [0.5, 0.3, 0.2])[:STEPS] * 2)
    return [np.round(each * 20000)[:, None].clip(-32768, 32767) / 32768 for each in (x, y)]


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    """A current directory with in.wav and out.wav."""
    monkeypatch.chdir(tmp_path)
    for name, values in zip(WAV, signals()):
        wavfile.write(name, RATE, (values * 32768).astype(np.int16))
    return tmp_path


def ratio(z, y, share):
    """sum (H z - H y)^2 / sum (H y)^2 of one sequence, from its definition."""
    def filtered(values):
        return np.array([values[t] - share * values[t - 1] if t else values[0] for t in range(len(values))])

    return ((filtered(z) - filtered(y)) ** 2).sum() / (filtered(y) ** 2).sum()


@pytest.mark.parametrize("case, folds", [("shares", ()), ("folds", ("--cv", "3x2"))])
def test_a_fit_of_sound_is_that_of_train_many(call, sounds, case, folds):
    division = folds or ("--test", "0.3")
    status, out, err = call("fit", *WAV, *LOSS, *NETWORK, "--seeds", 2, *division, "--output", "o")
    assert (status, err) == (0, "")
    said = "loss: the error-to-signal ratio after the pre-emphasis filter 1 - 0.5 z^-1, 1 for silence\n"
    assert said in out.replace("\n  ", " ") and max(map(len, out.splitlines())) <= 80
    assert "persistence" not in out and "constant, test: " in out
    assert "try: " in out and out.splitlines()[-1].endswith(" evaluate o in.wav out.wav")
    report = (sounds / "o/report.md").read_text()
    assert "fastrnn predict o in.wav --output predicted.wav" in report and "1 for silence" in report
    made = Fits.load("o/models.safetensors")
    assert made.head == OPTIONS["head"]
    data = Sequences.from_wav(*WAV, segment=10)
    if not folds:
        alone = train_many(LSTM(2), data, seeds=[0, 1], roles=split(data, 0.2, 0.3), **OPTIONS)
        for i in range(2):
            assert made.weights(i)["w_hh"].tobytes() == alone.weights(i)["w_hh"].tobytes()
        assert made.loss.tobytes() == alone.loss.tobytes()
    else:
        assert len(made) == 12 and len(Fits.load("o/refit.safetensors")) == 2


def test_evaluate_and_predict_take_the_whole_sound(call, sounds):
    assert call("fit", *WAV, *LOSS, *NETWORK, "--seeds", 2, "--output", "o")[0] == 0
    (x, y), w = signals(), Fits.load("o/models.safetensors").weights(1)
    z = oracle.outputs(oracle.lstm, {name: values.astype(float) for name, values in w.items()}, x)
    lines = dict(line.split(": ") for line in call("evaluate", "o", *WAV, "--model", 1)[1].splitlines() if ": " in line)
    assert lines["steps"] == str(STEPS)
    assert float(lines["loss"]) == pytest.approx(ratio(z, y, 0.5), abs=6e-5)
    assert float(lines["esr"]) == pytest.approx(ratio(z, y, 0), abs=6e-5)
    assert "note" in lines
    rows = list(csv.DictReader(call("predict", "o", "in.wav", "--model", 1)[1].splitlines()))
    np.testing.assert_allclose([float(row["y_predicted"]) for row in rows], z[:, 0], atol=1e-6)
    assert call("predict", "o", "in.wav", "--model", 1, "--output", "made.wav")[1] == "saved made.wav: 90 samples\n"
    rate, samples = wavfile.read("made.wav")
    assert (rate, samples.dtype) == (RATE, np.float32)
    np.testing.assert_allclose(samples, z[:, 0], atol=1e-6)
    assert json.loads((sounds / "o/columns.json").read_text())["segment"] == 10
    # Another sound has no note, and 24 bits or floats are the same sound.
    wavfile.write("short.wav", RATE, x[:50, 0].astype(np.float32))
    wavfile.write("float.wav", RATE, x[:, 0].astype(np.float32))
    assert len(call("predict", "o", "short.wav")[1].splitlines()) == 51
    assert call("predict", "o", "float.wav")[1] == call("predict", "o", "in.wav")[1]


def test_standardisation_comes_from_the_segments_that_train(call, here):  # noqa: F811
    argv = ("--inputs", "a", "--target", "b", "--kind", "reals", "--group", "session", "--segment", "7")
    assert call("fit", "choices.csv", *argv, *QUICK, "--seeds", 1, "--standardize", "a", "--output", "o")[0] == 0
    data = Sequences.read("choices.csv", "a", "b", kind="reals", group="session").segments(7)
    trained = data.x[np.repeat(split(data, 0.2) == TRAIN, data.lengths), 0]
    (own,) = json.loads((here / "o/columns.json").read_text())["encoder"]["encodings"]
    assert 0 < len(trained) < data.steps
    np.testing.assert_allclose([own["mean"], own["scale"]], [trained.mean(), trained.std()], rtol=1e-12)
    assert call("evaluate", "o", "choices.csv")[1].count("note: fitted to these sequences") == 1


def test_tables_and_arrays_are_cut_as_segments_are(call, here):  # noqa: F811
    argv = ("--inputs", "a", "--target", "b", "--kind", "reals", "--group", "session", "--segment", "7")
    assert call("fit", "choices.csv", *argv, *QUICK, "--seeds", 1, "--loss", "esr", "--output", "o")[0] == 0
    data = Sequences.read("choices.csv", "a", "b", kind="reals", group="session").segments(7)
    made = Fits.load("o/models.safetensors")
    options = {"epochs": 20, "evaluate_every": 5, "learning_rate": 0.05}
    alone = train_many(GRU(2), data, roles=split(data, 0.2), head=Linear("esr"), **options)
    assert made.weights(0)["w_hh"].tobytes() == alone.weights(0)["w_hh"].tobytes()
    assert call("evaluate", "o", "choices.csv")[1].count("note: fitted to these sequences") == 1
    said = call("fit", "choices.csv", *COLUMNS, "--loss", "esr", "--output", "p")[2]
    assert said == "fastrnn: --loss: is of real targets, but these are classes: leave it out, or give --kind reals\n"
    np.savez("a.npz", x=data.x, y=data.y, offsets=data.offsets)
    said = call("fit", "a.npz", "--group", "session", "--output", "p")[2]
    assert said == "fastrnn: --group: is of the columns of a table, which a.npz does not have; leave it out\n"


FAULTS = {
    "one file": (("fit", "in.wav"), "in.wav: is the input; give the .wav file of the target, too: fastrnn fit input"),
    "a table beside": (("fit", "in.wav", "a.csv"), "a.csv: is no .wav file; expected one table, or two .wav"),
    "two tables": (("fit", "a.csv", "b.csv"), "a.csv: is no .wav file; expected one table, or two .wav files"),
    "no file": (("fit", "in.wav", "no.wav"), "no.wav: No such file"),
    "empty": (("fit", "in.wav", "empty.wav"), "empty.wav: expected a RIFF WAVE file"),
    "no samples": (("fit", "nothing.wav", "nothing.wav"), "nothing.wav: the file has no samples"),
    "rates": (("fit", "in.wav", "fast.wav"), "fast.wav: got 44,100 samples per second, expected 8,000 as in.wav has"),
    "lengths": (("fit", "in.wav", "short.wav"), "short.wav: got 40 samples, expected 90 as in.wav has"),
    "whole": (("fit", *WAV), "or cut sequences by --segment"),
    "columns": (("fit", *WAV, "--inputs", "a"), "--inputs: is of the columns of a table, which in.wav does not have"),
    "lag": (("fit", *WAV, "--lag", "1"), "--lag: is of the columns of a table"),
    "kind": (("fit", *WAV, "--kind", "bits"), "--kind: sound is real numbers"),
    "nan": (("fit", "nan.wav", "out.wav", "--segment", "10"), "nan.wav: sample 4 is not finite, expected numbers"),
    "silence": (("fit", "in.wav", "silent.wav", "--segment", "9", "--loss", "esr"), "--loss: the targets that model 0"),
    "loss": (("fit", *WAV, "--loss", "ers"), "--loss: got 'ers', expected one of squared, esr"),
    "emphasis alone": (("fit", *WAV, "--pre-emphasis", "0.5"), "--pre-emphasis: is of --loss esr; give both"),
    "emphasis": (("fit", *WAV, "--loss", "esr", "--pre-emphasis", "1"), "--pre-emphasis: got 1.0, expected a number"),
    "segment": (("fit", *WAV, "--segment", "0"), "--segment: got 0, expected an integer of at least 1"),
    "evaluate one": (("evaluate", "o", "in.wav"), "in.wav: is the input; give the .wav file of the target, too"),
    "evaluate stereo": (("evaluate", "o", "in.wav", "stereo.wav"), "stereo.wav: has targets for 2 outputs"),
    "predict stereo": (("predict", "o", "stereo.wav"), "stereo.wav: has 2 inputs, expected 1 as the models have"),
    "predict fast": (("predict", "o", "fast.wav"), "has 44,100 samples per second, expected 8,000 as the network was"),
    "a table's": (("predict", "o", "a.npz", "--output", "b.wav"), "b.wav is a .wav file, but a.npz is no sound"),
    "states": (("predict", "o", "in.wav", "--output", "b.wav", "--states"), "--states: b.wav has no place for states"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_mistake_is_one_line(call, sounds, case):
    (x, y), (command, *argv) = signals(), FAULTS[case][0]
    made = {"fast": (44100, x), "short": (RATE, x[:40]), "stereo": (RATE, np.hstack([x, y])), "silent": (RATE, 0 * x)}
    made |= {"nan": (RATE, np.where(np.arange(STEPS)[:, None] == 4, np.nan, x)), "nothing": (RATE, x[:0])}
    for name, (rate, values) in made.items():
        (sounds / f"{name}.wav").write_bytes(wav_bytes(rate, values))
    (sounds / "empty.wav").write_bytes(b"")
    if command != "fit":
        assert call("fit", *WAV, *LOSS, *NETWORK, "--seeds", 1, "--output", "o")[0] == 0
    status, out, err = call(command, *argv)
    assert status == 2 and FAULTS[case][1] in err and err.count("\n") == 1 and err.startswith("fastrnn: ")
    assert not (sounds / "b.wav").exists() and not (sounds / "runs/out/models.safetensors").exists()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_sound_is_written_as_others_read_it(tmp_path, channels):
    samples = np.random.default_rng(channels).normal(size=(11, channels))
    (tmp_path / "a.wav").write_bytes(wav_bytes(48000, samples))
    rate, found = wavfile.read(tmp_path / "a.wav")
    assert rate == 48000 and np.array_equal(found.reshape(11, channels), samples.astype(np.float32))


def test_baselines_of_sound_have_its_loss():
    x, y = signals()
    data, roles = Sequences([x], [y], kind="reals").segments(30), np.array([TRAIN, VALIDATION, TEST])
    head = Linear("esr", pre_emphasis=0.5)
    made = {each.name: each for each in analysis.suitable_baselines(data, roles, history=2, head=head)}
    assert list(made) == ["constant", "linear regression, 2 steps"]
    parts = [slice(0, 30), slice(30, 60), slice(60, 90)]
    mean = y[:30].mean()
    expected = [ratio(np.full((30, 1), mean), y[part], 0.5) for part in parts]
    np.testing.assert_allclose(made["constant"].loss, expected, rtol=1e-12)

    def rows(part):
        before = np.concatenate([[[0.0]], x[part][:-1]])
        return np.hstack([x[part], before, np.ones((30, 1))])

    w = np.linalg.lstsq(rows(parts[0]), y[:30], rcond=None)[0]
    expected = [ratio(rows(part) @ w, y[part], 0.5) for part in parts]
    np.testing.assert_allclose(made["linear regression, 2 steps"].loss, expected, rtol=1e-9)
    kept = analysis.persistence_baseline(data, roles, head)
    before = [np.concatenate([[[mean]], y[part][:-1]]) for part in parts]
    np.testing.assert_allclose(kept.loss, [ratio(z, y[part], 0.5) for z, part in zip(before, parts)], rtol=1e-12)
    with pytest.raises(TypeError, match="head: got 'linear', expected a Head or None"):
        analysis.constant_baseline(data, roles, head="linear")
    folds = np.array([[TRAIN, VALIDATION, TEST], [TEST, TRAIN, VALIDATION]])
    mean = [analysis.constant_baseline(data, row, head).test_loss for row in folds]
    assert analysis.baselines_in_folds(data, folds, head=head)["constant"] == pytest.approx(np.mean(mean), rel=1e-12)
