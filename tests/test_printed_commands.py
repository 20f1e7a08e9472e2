"""Every command that a document or the program prints works where it is printed, in an empty directory, in order."""

import importlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from printed_commands import MODEL, commands_in, leave_unfinished, made_small, standard_input, words_of

from fastrnn.cli import COMMANDS, EXAMPLES, main
from fastrnn.program import program, python

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
TEXTS |= {f"fastrnn {name} --help": importlib.import_module(f"fastrnn.cli.{name}").EXAMPLES for name in COMMANDS}
TEXTS["fastrnn --help"] = EXAMPLES
# What needs other machines, tables of the user's own, or minutes: their options are read.
READ_ONLY = ("--dask", "--mpi", "bench", "fit", "evaluate", "predict", "simulate", "runs/choices", "model.safetensors",
             "model.weights.h5", "model.json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which `fastrnn train` was run."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as context:
        context.chdir(folder)
        assert main(["train", "--quiet"]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch, capsys):
    """run(command, small) -> what it printed, in a directory in which `fastrnn train` was run alone; it succeeds."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def run(command, small):
        content, command = standard_input(command)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        words = words_of(command)
        for path in (words[words.index("--resume") + 1],) if "--resume" in words else ():
            leave_unfinished(path)
        with monkeypatch.context() as context:
            if any(word in READ_ONLY for word in words) and "--help" not in words:
                context.setattr(importlib.import_module(f"fastrnn.cli.{words[0]}"), "run", lambda args: 0)
            status = main(made_small(words) if small else words)
        out, err = capsys.readouterr()
        # Few seeds need not be as good as many, and not every exact network can be proved.
        assert status == 0 or status == 1 and words[0] in ("reproduce", "sweep", "repeat", "certify"), (
            command,
            out,
            err,
        )
        return out + err

    return run


def follow(run, command, small):
    """Run a command, and those that it prints."""
    for line in run(command, small).splitlines():
        if match := re.match(r"(?:try|continue): (.*)", line):
            assert match[1].startswith("fastrnn ")
            run(match[1], small)


def check(command):
    """What is no command of fastrnn: a target of the Makefile, or a module."""
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
    elif words[0] == "python":
        assert find_spec(words[2]), command
    else:
        assert words[0] == "mpiexec", command


# Proofs and large widths take longest.
LONG = ("certificate.md", "widths.md")


@pytest.mark.parametrize("small", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["small", "whole"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in TEXTS]
)
def test_commands_of_documents_and_help(run, name, small):
    for command in dict.fromkeys(commands_in(TEXTS[name])):
        command = command.removeprefix("python -m ") if command.startswith("python -m fastrnn ") else command
        # `make train` is `fastrnn train`, and was run.
        if "fastrnn " in command and not command.startswith("mpiexec"):
            follow(run, command, small)
        else:
            check(command)
        if command.startswith("mpiexec"):
            run(command.partition(" -m ")[2].partition(" -m ")[2], small)


def test_no_command_is_missed():
    assert {"make train", "make test"} <= set(commands_in(TEXTS["README.md"]))
    assert len(commands_in(TEXTS["tutorial.md"])) > 15
    every = {
        words_of(standard_input(command)[1])[0]
        for text in TEXTS.values()
        for command in commands_in(text)
        if command.startswith(("fastrnn", "printf"))
    }
    assert every >= set(COMMANDS)
    assert commands_in("    fastrnn add a 1 2   3\nor `fastrnn\ntrain --bits 8` or `fastrnn add`\n    saved x") == [
        "fastrnn add a 1 2",
        "fastrnn train --bits 8",
        "fastrnn add --help",
    ]


def test_the_same_command_works_twice(run):
    for command in ("train", f"certify {MODEL}", "sweep --seeds 2 --hidden 3 --max-samples 500"):
        for _ in range(2):
            follow(run, f"fastrnn {command}", False)
    assert sorted(os.listdir("runs")) == [
        "addition-8-2-certificate.safetensors",
        "addition-8-2.safetensors",
        "addition-8-3-certificate.safetensors",
        "addition-8-3.safetensors",
        "addition-8-certificate.safetensors",
        "addition-8.safetensors",
        "sweep-2.csv",
        "sweep.csv",
    ]


def test_a_sweep_that_was_interrupted_goes_on_beside_another(run, monkeypatch):
    sweep = "fastrnn sweep --seeds 20 --hidden 3 --max-samples 500 --threads --workers 1"
    assert "saved runs/sweep.csv" in run(sweep.replace("--hidden 3", "--hidden 8"), False)
    with monkeypatch.context() as context:
        context.setattr(
            sys.modules["fastrnn.sweeps.table"].Table, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        assert main(shlex.split(sweep)[1:]) == 130
    assert sorted(os.listdir("runs"))[-2:] == ["sweep-2.csv.partial", "sweep.csv"]
    assert "runs/sweep.csv is another sweep's: the table goes to runs/sweep-2.csv\n" in run(sweep, False)
    assert sorted(os.listdir("runs"))[-2:] == ["sweep-2.csv", "sweep.csv"]


def test_a_model_that_is_proved_needs_no_second_certificate(run):
    certificate = Path("runs/addition-8-certificate.safetensors")
    before = certificate.read_bytes(), certificate.stat().st_mtime_ns
    printed = run(f"fastrnn certify {MODEL} --plot boxes.svg", False)
    assert (
        f"{certificate} proves it already; --force replaces it\nplotted boxes.svg\ntry: fastrnn check {certificate}\n"
        in printed
    )
    assert before == (certificate.read_bytes(), certificate.stat().st_mtime_ns)
    # Of another network it proves nothing.
    assert main(["train", "--seed", "5", "--quiet", "--output", "other.safetensors"]) == 0
    assert main(["certify", "other.safetensors", "--output", str(certificate)]) == 2


# ---- how the program is called


def printed_by(command, folder, path):
    """The commands that `command train` prints in a folder; the first is run in a shell."""
    env = {**os.environ, "PATH": path}
    result = subprocess.run(
        f"{command} train", shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    found = re.findall(r"^try: (.*)$", result.stdout, re.MULTILINE)
    # One of them shows that the spelling works; the others are followed by the tests above.
    again = subprocess.run(found[0], shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    return found


@pytest.mark.slow
def test_commands_are_spelled_as_the_program_was_called(tmp_path):
    bin_folder, rest = str(Path(sys.executable).parent), "/usr/bin:/bin"
    (tmp_path / ".venv").symlink_to(Path(bin_folder).parent)
    spelled = {
        call: printed_by(call, tmp_path, path)[0].split(" add ")[0]
        for call, path in {
            ".venv/bin/fastrnn": rest,
            "fastrnn": f"{bin_folder}:{rest}",
            ".venv/bin/python -m fastrnn": rest,
        }.items()
    }
    assert spelled == {
        ".venv/bin/fastrnn": ".venv/bin/fastrnn",
        "fastrnn": "fastrnn",
        ".venv/bin/python -m fastrnn": ".venv/bin/python -m fastrnn",
    }
    usage = subprocess.run(
        [".venv/bin/fastrnn", "trane"], cwd=tmp_path, env={"PATH": rest}, capture_output=True, text=True
    )
    assert usage.stderr == "fastrnn: no command 'trane'; did you mean 'train'? see .venv/bin/fastrnn --help\n"
    shown = subprocess.run(
        [".venv/bin/fastrnn", "help", "add"], cwd=tmp_path, env={"PATH": rest}, capture_output=True, text=True
    )
    assert "\n  .venv/bin/fastrnn add runs/addition-8.safetensors 123456789 987654321\n" in shown.stdout


def test_a_program_of_the_users_prints_commands_too(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    bin_folder = Path(sys.executable).parent
    monkeypatch.setattr(sys, "argv", ["mine.py"])
    assert (program(), python()) == ("fastrnn", Path(sys.executable).name)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert (program(), python()) == (f"{sys.executable} -m fastrnn", sys.executable)
    monkeypatch.chdir(bin_folder)
    assert python() == f"./{Path(sys.executable).name}"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "a b" / "fastrnn")])
    assert program() == f"'{tmp_path}/a b/fastrnn'"


def test_packages_that_are_asked_for_are_the_ones_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {*project["dependencies"], *(name for names in project["optional-dependencies"].values() for name in names)}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "fastrnn").rglob("*.py")]
    asked = {name for text in sources for name in re.findall(r"install\('([\w-]+)'\)", text)}
    assert {"matplotlib", "mpmath", "pyarrow"} <= asked <= known
    # fastrnn is on no index: it is installed from its folder.
    told = [each for text in (*sources, *TEXTS.values()) for each in re.findall(r"pip install (\S+)", text)]
    assert told and all(each.strip("`'\"").startswith((".", "{package}")) for each in told), told
