"""`fastrnn fit`, `evaluate`, `predict`, `simulate`: the numbers of the library, one folder, one line for a mistake."""

import contextlib
import csv
import itertools
import json
import shlex
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn import metrics

from fastrnn import GRU, Fits, Sequences, analysis, cross_validate, threads, train_many
from fastrnn.cli import fit as command
from fastrnn.cli.columns import columns_as_json
from fastrnn.cli.simulate import Bandit
from fastrnn.data import TEST, folds, split
from fastrnn.data.wav import wav_bytes
from fastrnn.training.sequences import kept
from tests import numpy_network as oracle
from tests.test_fit import DATA, as_float

COLUMNS = ("--inputs", "a,b", "--target", "choice", "--kind", "classes", "--group", "subject,session")
QUICK = ("--epochs", "20", "--evaluate-every", "5", "--learning-rate", "0.05", "--hidden", "2", "--pictures", "none")
OPTIONS = {"epochs": 20, "evaluate_every": 5, "learning_rate": 0.05}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current directory with choices.csv: the sequences of DATA."""
    monkeypatch.chdir(tmp_path)
    with open("choices.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "session", "a", "b", "choice", "word"])
        for n, (x, y, _) in enumerate(DATA):
            writer.writerows([f"s{n % 4}", n, *map(int, row), target, "ab"[target]] for row, target in zip(x, y))
    return tmp_path


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def test_a_fit_writes_the_models_of_train_many_and_a_table_with_a_row_for_each(call, here):
    status, out, err = call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 2, "--l1", "0.01,0.1", "--test", "0.2")
    assert (status, err) == (0, "")
    assert sorted(path.name for path in here.joinpath("runs/choices").iterdir()) == [
        "columns.json",
        "models.safetensors",
        "report.md",
        "table.csv",
    ]
    fits, roles = Fits.load("runs/choices/models.safetensors"), split(DATA, 0.2, 0.2)
    alone = train_many(GRU(2), DATA, seeds=[0, 1, 0, 1], roles=roles, l1=[0.01, 0.01, 0.1, 0.1], **OPTIONS)
    for i in range(4):
        assert fits.weights(i)["w_ih"].tobytes() == alone.weights(i)["w_ih"].tobytes()
    table = rows_of(here.joinpath("runs/choices/table.csv").read_text())
    assert [(row["seed"], row["l1"]) for row in table] == [("0", "0.01"), ("1", "0.01"), ("0", "0.1"), ("1", "0.1")]
    assert [np.float32(row["test_loss"]) for row in table] == alone.loss[:, 2].tolist()
    chosen = 2 + int(np.argmin(alone.loss[2:, 1]))
    line = next(line.split() for line in out.splitlines() if line.split()[0] == str(chosen))
    assert line[:4] == [str(chosen), "2", "0.1", str(chosen - 2)] and line[6] == f"{alone.loss[chosen, 2]:.4g}"
    assert f"constant, test: {analysis.constant_baseline(DATA, roles).test_loss:.4f}" in out
    assert not (alone.best_epoch == 20).any() and "still improving" not in out
    slow = ("--validation", 0, "--learning-rate", "0.001", "--seeds", 2, "--output", "slow")
    said = call("fit", "choices.csv", *COLUMNS, *QUICK, *slow)[1]
    assert "still improving at the last epoch: 2 of 2 models; try more --epochs\n" in said
    best = int(np.argmin(alone.loss[:, 1]))
    assert f"is number {best} of table.csv" in here.joinpath("runs/choices/report.md").read_text()


def test_nested_folds_give_the_selection_of_cross_validate_and_pictures(call, here):
    argv = (
        *COLUMNS,
        *QUICK[:-2],
        "--seeds",
        1,
        "--cv",
        "3x2",
        "--l1",
        "0.01,0.1",
        "--output",
        "out",
        "--by",
        "subject",
    )
    status, out, err = call("fit", "choices.csv", *argv, "--pictures", "svg")
    assert (status, err) == (0, "")
    data = Sequences.read("choices.csv", ["a", "b"], "choice", kind="classes", group=["subject", "session"])
    expected = cross_validate(
        GRU(2), data, outer=3, inner=2, seeds=1, by="subject", grid={"hidden_size": [2], "l1": [0.01, 0.1]}, **OPTIONS
    )
    row = expected.summary().iloc[0]
    assert f"{row.test_loss:.4g}" in out and f"{row.error:.4g}" in out
    fits = Fits.load("out/models.safetensors")
    assert fits.weights(7)["w_hh"].tobytes() == expected.fits.weights(7)["w_hh"].tobytes()
    losses, steps = [], []
    for roles in folds(data, 3, 2, "subject")[::2]:
        losses.append(analysis.constant_baseline(data, roles).test_loss)
        steps.append(data.lengths[roles == TEST].sum())
    assert f"constant, test: {np.average(losses, weights=steps):.4f}" in out
    # What is used from here on is the choice of the folds, fitted to all sequences.
    point, epochs = expected.choice()
    said = f"refit to all sequences: 2 units, l1 {point['l1']:g}, {epochs} epochs; test loss of what each fold chose: "
    assert said + f"{expected.estimate().test_loss:.4f} ± " in out.replace("\n  ", " ")
    assert f"R{said[1:]}" in here.joinpath("out/report.md").read_text()
    made = rows_of(call("predict", "out", "choices.csv")[1])
    p = expected.best.predict(data)
    np.testing.assert_allclose([float(row["p(choice=1)"]) for row in made], p[:, 1], rtol=1e-6)
    assert f"model: refit, 2 units, seed {expected.best.seed}\n" in call("evaluate", "out", "choices.csv")[1]
    assert "model: 7, " in call("evaluate", "out", "choices.csv", "--model", 7)[1]
    assert {path.suffix for path in here.joinpath("out").iterdir()} == {".svg", ".csv", ".md", ".json", ".safetensors"}
    assert not here.joinpath("out/parts").exists()
    # A fit without folds has no refit.
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 1, "--output", "out", "--force")[0] == 0
    assert "model: 0, 2 units" in call("evaluate", "out", "choices.csv")[1]
    assert not here.joinpath("out/refit.safetensors").exists()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("folds", [(), ("--cv", "2x2")])
def test_an_interrupted_fit_goes_on_to_the_same_models(call, here, monkeypatch, folds):
    argv = ("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 2, "--epochs", 2000, "--patience", "none", *folds)
    assert call(*argv, "--output", "whole")[0] == 0
    monkeypatch.setattr(threads, "TEND_SECONDS", 0.002)
    # Each call of the kernels makes one round, so that Ctrl-C comes long before the end.
    monkeypatch.setattr("fastrnn.training.tasks.pace.CHUNK_SECONDS", 0.0)
    models, real, reached = 10 if folds else 2, kept.fit_sequences, []

    def interrupted(*arguments, progress, **options):
        def press(*state):
            progress(*state)
            reached.append(state)
            if len(reached) == 1:
                signal.raise_signal(signal.SIGINT)

        return real(*arguments, progress=press, **options)

    monkeypatch.setattr(kept, "fit_sequences", interrupted)
    status, _, err = call(*argv, "--output", "out")
    assert status == 130 and err.endswith(f" of {models} models; what was done is kept in out/parts\n"
                                          "to continue, run the same command again\n")
    assert [path.suffix for path in here.joinpath("out/parts").iterdir()] == [".checkpoint"] and reached
    assert "is of an unfinished fit: run the same command to continue it" in call("evaluate", "out", "choices.csv")[2]
    monkeypatch.setattr(kept, "fit_sequences", real)
    assert call(*argv, "--output", "out")[0] == 0
    whole, again = (Fits.load(f"{folder}/models.safetensors") for folder in ("whole", "out"))
    for i in range(len(whole)):
        assert whole.weights(i)["w_hh"].tobytes() == again.weights(i)["w_hh"].tobytes()
    for name in ("table.csv", "columns.json"):
        assert here.joinpath("whole", name).read_bytes() == here.joinpath("out", name).read_bytes()


def test_networks_of_its_own_for_each_value_of_a_column(call, here):
    argv = (*COLUMNS, *QUICK, "--seeds", 2, "--l1", "0.01,0.1", "--each", "subject", "--seed", 2**40, "--cell", "GRU")
    status, out, err = call("fit", "choices.csv", *argv)
    assert (status, err) == (0, "") and "x 2 seeds x 4 values of subject: 16 models" in out
    fits, subjects = Fits.load("runs/choices/models.safetensors"), np.arange(12) % 4
    table = rows_of(here.joinpath("runs/choices/table.csv").read_text())
    assert [row["subject"] for row in table] == [f"s{n}" for n in range(4)] * 4
    own = subjects == 2
    data = DATA.select(own)
    alone = train_many(GRU(2), data, seeds=[2**40 + 1], roles=split(data, 0.2, seed=2**40), l1=[0.1], **OPTIONS)
    assert fits.weights(14)["w_hh"].tobytes() == alone.weights(0)["w_hh"].tobytes()
    # A line for each subject and strength, and scores on the sequences of its own.
    assert len([line for line in out.splitlines() if " s2 " in line]) == 2
    out = call("evaluate", "runs/choices", "choices.csv", "--model", 14)[1]
    assert f"steps: {data.steps}\n" in out and f"loss: {np.nanmean(alone.losses(data)):.4f}\n" in out


@pytest.fixture
def fitted(call):
    assert call("fit", "choices.csv", *COLUMNS, *QUICK, "--seeds", 3)[0] == 0
    return Fits.load("runs/choices/models.safetensors")


def test_evaluate_prints_the_scores_of_an_independent_network(call, fitted):
    status, out, err = call("evaluate", "runs/choices", "choices.csv", "--model", 1)
    z = np.concatenate([oracle.outputs(oracle.gru, as_float(fitted.weights(1)), x) for x, _, _ in DATA])
    losses, p = oracle.cross_entropy(z, DATA.y), np.exp(z[:, 1]) / np.exp(z).sum(1)
    expected = {
        "steps": f"{DATA.steps}",
        "loss": f"{losses.mean():.4f}",
        "likelihood": f"{np.exp(-losses.mean()):.4f}",
        "accuracy": f"{np.mean((p > 0.5) == DATA.y):.4f}",
        "auc": f"{metrics.roc_auc_score(DATA.y, p):.4f}",
    }
    for name, value in expected.items():
        assert f"{name}: {value}\n" in out
    counts = metrics.confusion_matrix(DATA.y, p > 0.5)
    assert [line.split() for line in out.splitlines()[-5:-3]] == [
        [str(n), *map(str, row)] for n, row in enumerate(counts)
    ]
    assert "model: 1, 2 units, seed 1" in out and "note: fitted to these sequences, those of validation and" in out
    lines = call("evaluate", "runs/choices", "choices.csv", "--model", "all")[1].splitlines()
    assert len(lines) == 4 and lines[2].split()[:4] == ["1", "2", "1", expected["loss"]]


def test_predict_writes_probabilities_and_states_of_each_step_also_without_a_target(call, fitted, here):
    lines = here.joinpath("choices.csv").read_text().splitlines()
    here.joinpath("bare.csv").write_text("\n".join(line.rsplit(",", 2)[0] for line in lines) + "\n")
    status, out, err = call("predict", "runs/choices", "bare.csv", "--model", 2, "--states")
    rows = rows_of(out)
    assert (status, err, len(rows)) == (0, "", DATA.steps)
    p = fitted.predict(DATA)[2]
    np.testing.assert_allclose([float(row["p(choice=1)"]) for row in rows], p[:, 1], rtol=1e-6)
    np.testing.assert_array_equal([int(row["choice_predicted"]) for row in rows], p.argmax(1))
    np.testing.assert_allclose([float(row["h1"]) for row in rows], fitted.states(DATA)[2, :, 1], rtol=1e-5, atol=1e-9)
    assert rows[int(DATA.offsets[5])]["session"] == "5" and rows[int(DATA.offsets[5])]["step"] == "0"
    assert call("predict", "runs/choices", "bare.csv", "--output", "p.csv")[1] == f"saved p.csv: {DATA.steps} rows\n"
    assert "p.csv: exists" in call("predict", "runs/choices", "bare.csv", "--output", "p.csv")[2]
    for argv in (("predict", "runs/choices", "bare.csv"), ("simulate", "runs/choices", "--reward", "1,0")):
        status, out, err = call(*argv, "--output", "no/where.csv")
        assert (status, out) == (2, "") and err == "fastrnn: no/where.csv: no folder no; make it, or name another\n"
        assert not here.joinpath("no").exists()
    assert "has no column choice" in call("evaluate", "runs/choices", "bare.csv")[2]


def test_simulated_choices_and_rewards_are_fed_back(call, here):
    argv = ("--inputs", "choice,a", "--target", "choice", "--kind", "classes", "--lag", "1", "--group", "session")
    assert call("fit", "choices.csv", *argv, *QUICK, "--seeds", 2, "--output", "out")[0] == 0
    options = ("--reward", "1,0", "--swap", 3, "--steps", 7, "--sessions", 4)
    status, out, err = call("simulate", "out", *options, "--model", "all")
    assert (status, err) == (0, "")
    rows = rows_of(out)
    assert len(rows) == 2 * 4 * 7
    assert list(rows[0]) == ["model", "session", "step", "choice", "a"]
    for row in rows:
        assert row["a"] == str(int(row["choice"] == str(int(row["step"]) // 3 % 2)))
    # What was made is a table as the one of the fit: its inputs are those that the network saw.
    here.joinpath("made.csv").write_text(out)
    table = Sequences.read("made.csv", ["choice", "a"], "choice", kind="classes", lag=1, group=["model", "session"])
    calls = itertools.count()

    def levers(choices, draws):
        draws.uniform()
        return np.stack([choices, choices == next(calls) // 3 % 2], -1)

    made = analysis.simulate(Fits.load("out/models.safetensors"), levers, [0, 0], 7, sessions=4)
    assert np.array_equal(table.x, made.x.reshape(-1, 2)) and np.array_equal(table.y, made.choices.reshape(-1))
    assert rows_of(call("simulate", "out", *options, "--model", 1)[1]) == rows[28:]
    assert "expected 2, one for each choice" in call("simulate", "out", "--reward", "0.5")[2]


def test_choices_that_are_words_are_encoded_as_the_table_was(here):
    data = Sequences.read("choices.csv", ["a", "word"], "word", one_hot=["word"], lag=1, group="session")
    given = SimpleNamespace(
        inputs=["a", "word"], target=["word"], group=["session"], time=None, lag=1, weight=None, kind=None, allowed=(),
        classes=None, table="", segment=None,
    )
    bandit = Bandit(SimpleNamespace(reward=[0.0, 1.0], swap=None), columns_as_json(given, data))
    x = bandit(np.array([[0, 1, 1]]), SimpleNamespace(uniform=lambda: np.full((1, 3), 0.5)))
    assert data.input_names == ("a", "word=a", "word=b") and x.tolist() == [[[0, 1, 0], [1, 0, 1], [1, 0, 1]]]


def test_columns_say_which_classes_are_allowed(call, here):
    lines = here.joinpath("choices.csv").read_text().splitlines()
    # Every third step is forced.
    rows = [(line.split(",")[4], n % 3) for n, line in enumerate(lines[1:])]
    can = [f"{int(y == '0' or free > 0)},{int(y == '1' or free > 0)}" for y, free in rows]
    here.joinpath("forced.csv").write_text("\n".join(",".join(pair) for pair in zip(lines, ["left,right", *can])))
    where = ("forced.csv", "--allowed", "left,right", "--output", "out")
    assert call("fit", *where, *COLUMNS, *QUICK, "--seeds", 1)[::2] == (0, "")
    data = Sequences.read("forced.csv", ["a", "b"], "choice", group=["subject", "session"], allowed=["left", "right"])
    made = rows_of(call("predict", "out", "forced.csv")[1])
    p = Fits.load("out/models.safetensors").predict(data)[0]
    np.testing.assert_allclose([[float(row["p(choice=0)"]), float(row["p(choice=1)"])] for row in made], p, rtol=1e-6)
    assert (p[~data.allowed] == 0).all() and (p[data.allowed.sum(1) == 1].max(1) == 1).all()
    said = call("fit", "forced.csv", "--allowed", "right,left", "--output", "other", *COLUMNS, *QUICK)[2]
    assert said.startswith("fastrnn: forced.csv: --allowed: the target at line 2, class ") and "forbidden" in said


def test_an_environment_of_ones_own_is_a_python_file(call, fitted, here):
    text = "import numpy as np\nfirst = [0, 1]\n"
    text += "def environment(choices):\n    return np.stack([choices, 1 - choices], -1)\n"
    here.joinpath("maze.py").write_text(text)
    rows = rows_of(call("simulate", "runs/choices", "--environment", "maze.py", "--steps", 5)[1])
    assert list(rows[0])[-2:] == ["a", "b"]
    assert [row["a"] for row in rows[1:]] == [row["choice"] for row in rows[:-1]]
    here.joinpath("maze.py").write_text("first = [0, 1]\ndef environment(choices):\n    return 1 / 0\n")
    assert "maze.py: environment: ZeroDivisionError" in call("simulate", "runs/choices", "--environment", "maze.py")[2]


FAULTS = {
    "no such file": ("missing.csv", COLUMNS, "missing.csv: No such file"),
    "no columns": ("choices.csv", ("--inputs", "a"), "--inputs and --target: name the columns"),
    "unknown column": (
        "choices.csv",
        (*COLUMNS, "--target", "choise"),
        "--target: no column 'choise': did you mean 'choice'?",
    ),
    "its own target": (
        "choices.csv",
        (*COLUMNS, "--inputs", "choice"),
        "--inputs: 'choice' is the target, which the network would see: give --lag 1 to feed it one step later",
    ),
    "one sequence": ("choices.csv", COLUMNS[:-2], "give smaller shares, or cut sequences by --segment, or name"),
    "too few groups": (
        "choices.csv",
        (*COLUMNS, "--cv", "9x2", "--by", "subject"),
        "there are 4 different subjects: give fewer folds, or no --by",
    ),
    "rows apart": ("choices.csv", (*COLUMNS[:-1], "subject"), "sort the table, or give --time"),
    "text": ("choices.csv", (*COLUMNS, "--inputs", "word"), "expected numbers: --one-hot word makes an input for each"),
    "folds": ("choices.csv", (*COLUMNS, "--cv", "4"), "--cv: got '4', expected two numbers of at least 2, for "
              "example 10x9"),
    "too many folds": ("choices.csv", (*COLUMNS, "--cv", "13x2"), "--cv: got 13 folds, but there are 12 sequences"),
    "standardised folds": (
        "choices.csv",
        (*COLUMNS, "--cv", "3x2", "--standardize", "a"),
        "--standardize: cannot be given with",
    ),
    "test and folds": ("choices.csv", (*COLUMNS, "--cv", "3x2", "--test", "0.1"), "--test: cannot be given with --cv"),
    "share": ("choices.csv", (*COLUMNS, "--validation", "1.5"), "--validation: got 1.5, expected a share"),
    "all validate": ("choices.csv", (*COLUMNS, "--validation", "0.99"), "which leaves none to train on"),
    "group": ("choices.csv", (*COLUMNS, "--by", "age"), "--by: no group 'age'"),
    "epochs": ("choices.csv", (*COLUMNS, "--epochs", "0"), "--epochs: got 0, expected an integer of at least 1"),
    "patience": ("choices.csv", (*COLUMNS, "--patience", "long"), "--patience: got 'long', expected an integer"),
    "a power": ("choices.csv", (*COLUMNS, "--patience", "²"), "--patience: got '²', expected an integer"),
    "endless": ("choices.csv", (*COLUMNS, "--patience", "9" * 5000), "--patience: got '999"),
    "cell": ("choices.csv", (*COLUMNS, "--cell", "grus"), "--cell: got 'grus', expected one of"),
    "dtype": ("choices.csv", (*COLUMNS, "--dtype", "float16"), "--dtype: got 'float16', expected one of float32"),
    "optimizer": ("choices.csv", (*COLUMNS, "--optimizer", "adams"), "--optimizer: got 'adams', expected one of"),
    "penalty": ("choices.csv", (*COLUMNS, "--l1", "-1"), "--l1"),
    "rate twice": ("choices.csv", (*COLUMNS, "--learning-rate", "1,1"), "--learning-rate: got a value twice"),
    "size twice": ("choices.csv", (*COLUMNS, "--hidden", "2,4,2"), "--hidden: got a value twice in [2, 4, 2]"),
    "pictures": ("choices.csv", (*COLUMNS, "--pictures", "gif"), "--pictures: got 'gif', expected one of"),
    "each without a group": ("choices.csv", (*COLUMNS, "--each", "age"), "--each: no group 'age'"),
    "each and folds": ("choices.csv", (*COLUMNS, "--cv", "3x2", "--each", "subject"), "--each: cannot be given with"),
    "seeds without end": ("choices.csv", (*COLUMNS, "--seed", 2**63 - 2), "--seed: got 9223372036854775806, expected"),
    "warm-up": ("choices.csv", (*COLUMNS, "--plateau-factor", "2"), "--plateau-factor: got 2, expected a number"),
    "a file": (
        "choices.csv",
        (*COLUMNS, "--output", "choices.csv"),
        "--output: choices.csv is a file, expected a folder",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_mistake_is_one_line_and_leaves_nothing(call, here, case):
    table, argv, message = FAULTS[case]
    status, out, err = call("fit", table, *argv)
    assert (status, out) == (2, "") and message in err and err.count("\n") == 1
    assert [path.name for path in here.iterdir()] == ["choices.csv"]


def test_mistakes_about_the_folder_are_one_line_each(call, fitted, here):
    def fault(*argv):
        status, out, err = call(*argv)
        assert status == 2 and out == "" and err.count("\n") == 1
        return err

    assert "has fits already; give --force" in fault("fit", "choices.csv", *COLUMNS, *QUICK)
    assert "nothing: is not a folder" in fault("evaluate", "nothing", "choices.csv")
    assert "--model: got '3', expected best or a number from 0 to 2" in fault(
        "predict", "runs/choices", "choices.csv", "--model", 3
    )
    for model in ("²", "9" * 5000, "-1", "1.0"):
        said = fault("predict", "runs/choices", "choices.csv", "--model", model)
        assert "expected best or a number from 0 to 2" in said
    assert "give one of them" in fault("simulate", "runs/choices")
    assert "--reward: the fit needs" in fault("simulate", "runs/choices", "--reward", "0.1,0.9")
    for damaged in ("{", "[" * 100_000):
        here.joinpath("runs/choices/columns.json").write_text(damaged)
        assert "columns.json: is damaged" in fault("evaluate", "runs/choices", "choices.csv")
    save_file({}, "deep.safetensors", {"fastrnn": "[" * 100_000})
    assert "deep.safetensors: fastrnn's metadata are not JSON" in fault("export", "deep.safetensors", "net.h")
    here.joinpath("runs/choices/columns.json").write_text(json.dumps({"inputs": []}))
    assert "columns.json: is damaged (entries are missing)" in fault("evaluate", "runs/choices", "choices.csv")


class Reached(Exception):
    """The work would begin here."""


@pytest.mark.parametrize(
    "example", [line for line in command.EXAMPLES.replace("\\\n", "").splitlines() if line.startswith("  fastrnn fit")]
)
def test_examples_of_the_help_are_commands(call, here, monkeypatch, example):
    rows = [[year, day, day * 0.7, 1000 - day, day % 2, "a", "b", day % 2] for year in range(12) for day in range(5)]
    names = ["year", "day", "wind", "pressure", "rain", "subject", "session", "choice"]
    lines = [",".join(map(str, row)) for row in [names, *rows]]
    here.joinpath("weather.csv").write_text("\n".join(lines))
    for name in ("input.wav", "target.wav"):
        here.joinpath(name).write_bytes(wav_bytes(8000, np.ones((20_000, 1))))
    choices = here.joinpath("choices.csv")
    choices.write_text(choices.read_text().replace("session,a,b", "session,reward,b"))

    def reached(*arguments, **options):
        raise Reached

    monkeypatch.setattr("fastrnn.cli.fit.cluster", contextlib.nullcontext)
    monkeypatch.setattr("fastrnn.training.sequences.kept.fit_kept", reached)
    monkeypatch.setattr("fastrnn.training.sequences.select.cross_validate", reached)
    with pytest.raises(Reached):
        call(*shlex.split(example)[1:])
