"""The command line: its help, how it writes, and one clear line for everything a user can get wrong."""

import errno
import io
import os
import re
import subprocess
import sys

import pytest
from cli_runs import COMMAND, contents, environment

import fastrnn
from fastrnn.cells.base import cells
from fastrnn.cli import COMMANDS, main
from fastrnn.cli.text import bit_row, equation, long_numbers, seconds, short_number

# ---- help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_and_fits_the_terminal(call, command):
    status, out, err = call(command, "--help")
    assert status == 0 and not err
    assert "\nexamples:\n  fastrnn " in out
    assert max(map(len, out.splitlines())) <= 80
    _, everything, _ = call("--help")
    assert f"\n    {command} " in everything and max(map(len, everything.splitlines())) <= 80
    assert call()[1] == call("help")[1] == everything
    assert call("help", command) == (0, out, "")


def test_version(call):
    assert call("--version") == (0, f"fastrnn {fastrnn.__version__}\n", "")


def test_help_waits_for_no_heavy_import():
    code = """if True:
        import sys
        from fastrnn.cli import main
        assert main(["--help"]) == main(["--version"]) == main(["original", "--help"]) == 0
        print(sorted({"numpy", "numba", "safetensors", "tqdm", "matplotlib"} & set(sys.modules)))
    """
    result = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert result.stdout.endswith("\n[]\n")


def test_exports_are_what_they_were_before_they_were_lazy():
    code = """if True:
        import fastrnn.training.tasks.config, fastrnn.verification, fastrnn
        assert set(fastrnn.__all__) <= set(dir(fastrnn))
        import inspect
        assert inspect.isfunction(fastrnn.train) and inspect.isfunction(fastrnn.verify)
        from fastrnn import *
        import fastrnn.training.tasks.one
        assert train is fastrnn.train is fastrnn.train.__globals__["train"] and tasks.Addition(8).bits == 8
        assert {name for name in fastrnn.__all__ if name not in globals()} == set()
        assert not hasattr(fastrnn, "nothing")
        from fastrnn import verify, Elman
        print(verify.__module__, Elman.__module__)
    """
    result = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("fastrnn.verification fastrnn.cells.elman\n", "")


def test_options_of_train_cover_every_field(call):
    out = call("train", "--help")[1]
    for option in ("--task", "--bits", "--operands", "--hidden", "--activation", "--no-bias", "--threads", "--output"):
        assert f"  {option} " in out
    for name in fastrnn.TrainConfig.__dataclass_fields__:
        assert f"  --{name.replace('_', '-')} " in out


# ---- what a user can get wrong

EXACT, OF = "{files}/exact.safetensors", "{files}/"
WRONG_USE = {
    "unknown command": ("trian", "no command 'trian'; did you mean 'train'? see fastrnn --help"),
    "strange command": ("xyzzy", f"no command 'xyzzy'; commands: {', '.join(COMMANDS)}; see fastrnn --help"),
    "unknown command to help": ("help trian", "no command 'trian'; did you mean 'train'?"),
    "unknown option": ("train --colour 3", "no option --colour; see fastrnn train --help"),
    "abbreviated option": ("train --out x", "no option --out; did you mean --output? see fastrnn train --help"),
    "mistyped option": ("train --hiden=3", "no option --hiden; did you mean --hidden? see fastrnn train --help"),
    "another's option": ("train --lr 0.1", "no option --lr; did you mean --learning-rate? see fastrnn train --help"),
    "another task's option": (
        "train --factor 5",
        "no option --factor of the task addition; it belongs to --task multiplication; see",
    ),
    "another command's option": ("verify x --wxyz 3", "no option --wxyz; see fastrnn verify --help"),
    "one word too many": ("train 16", "got '16', which train does not take; see fastrnn train --help"),
    "unknown main option": (
        "--colour",
        "--colour: options follow the command, for example fastrnn COMMAND --colour; see fastrnn --help",
    ),
    "option before the command": (
        "--bits 16 train",
        "--bits: options follow the command, for example fastrnn train --bits; see fastrnn --help",
    ),
    "option without value": ("train --bits", "--bits: expected one argument; see fastrnn train --help"),
    "task without value": ("train --task", "--task: expected one argument"),
    "not an integer": ("train --bits eight", "--bits: got 'eight', expected an integer"),
    "not a number": ("train --learning-rate fast", "--learning-rate: got 'fast', expected a number"),
    "no bits": ("train --bits 0", "--bits: got 0, expected an integer of at least 1"),
    "too few bits": ("train --bits 1", "--bits: got 1, expected at least 2"),
    "no steps": ("train --tbptt-steps 0", "--tbptt-steps: got 0, expected an integer of at least 1"),
    "no first width": ("train --curriculum 0", "--curriculum: start: got 0, expected an integer of at least 1"),
    "widths that stay": ("train --curriculum 8:1", "--curriculum: factor: got 1, expected an integer of at least 2"),
    "no widths": ("train --curriculum wide", "--curriculum: got 'wide', expected START, START:FACTOR or none, for"),
    "one operand": ("train --operands 1", "--operands: got 1"),
    "no hidden units": ("train --hidden 0", "--hidden: got 0, expected an integer of at least 1"),
    "unknown activation": ("train --activation step", "--activation: got 'step', expected one of sigmoid"),
    "unknown task": ("train --task tea", "--task: got 'tea', expected one of addition"),
    "unknown cell": ("train --cell tea", "--cell: got 'tea', expected one of coupled-lstm, elman"),
    "unknown optimizer": ("train --optimizer tea", "--optimizer: got 'tea', expected one of adam"),
    "unknown until": ("train --until tea", "--until: got 'tea', expected one of exact, certified, samples"),
    "batch of 0": ("train --batch-size 0", "--batch-size: got 0"),
    "negative samples": ("train --max-samples -1", "--max-samples: got -1"),
    "negative rate": ("train --learning-rate -1", "--learning-rate: got -1.0, expected a positive number"),
    "infinite norm": ("train --max-grad-norm inf", "--max-grad-norm: got inf"),
    "negative seed": ("train --seed -1", "--seed: got -1"),
    "seed too large": ("train --seed 9223372036854775808", "--seed: got 9223372036854775808"),
    "no threads": ("train --threads 0", "--threads: got 0, expected an integer of at least 1"),
    "an option without value": ("train --optimizer-options beta2", "--optimizer-options: got 'beta2', expected NAME"),
    "constant of text": ("train --optimizer-options beta2=x", "--optimizer-options: got 'x', expected a number"),
    "unknown constant": ("train --optimizer-options tea=1", "--optimizer-options: got tea=1.0, but adam has beta1"),
    "output is a folder": ("train --output {files}/folder", "folder: is a directory"),
    "output in a file": ("train --output {files}/text.safetensors/net", "net: cannot be written: "),
    "output nowhere": ("train --output /proc/none/net", "/proc/none/net: cannot be written: "),
    "plot of unknown kind": ("train --plot curve.xyz", "plot: got 'curve.xyz', expected an ending of"),
    "plot exists": ("train --plot {files}/text.safetensors", "text.safetensors: exists; give --force"),
    "plot is the output": ("train --plot a.png --output a.png", "a.png: cannot be both"),
    "resume of nothing": ("train --resume none", "none: no such file"),
    "resume of a finished model": (f"train --resume {EXACT}", "a finished model; expected a file of an unfinished run"),
    "resume of arrays": (f"train --resume {OF}arrays-run.safetensors", "was trained on arrays"),
    "resume of a used-up run": (
        f"train --resume {OF}unfinished.safetensors",
        "has already trained on 320 samples; give a larger --max-samples",
    ),
    "resume at another width": (f"train --resume {OF}unfinished.safetensors --bits 9", "--bits: got 9, but "),
    "resume at another seed": (
        f"train --resume {OF}unfinished.safetensors --max-samples 9999 --seed 4",
        "was started with 0",
    ),
    "resume to nonsense": (f"train --resume {OF}unfinished.safetensors --max-samples 0", "--max-samples: got 0"),
    "verify nothing": ("verify", "the following arguments are required: MODEL; see fastrnn verify --help"),
    "verify a missing file": ("verify none", "none: no such file"),
    "verify a broken file": (f"verify {OF}cut.safetensors", "cut.safetensors: cannot be read"),
    "verify an empty file": (f"verify {OF}empty.safetensors", "empty.safetensors: is empty"),
    "verify a foreign file": (f"verify {OF}text.safetensors", "text.safetensors: cannot be read"),
    "verify a folder": (f"verify {OF}folder", "folder: is a directory"),
    "verify a model of arrays": (
        f"verify {OF}arrays.safetensors",
        "arrays.safetensors: this model was trained on arrays",
    ),
    "verify at no bits": (f"verify {EXACT} --bits 0", "--bits: got 0, expected an integer of at least 1"),
    "verify at too few bits": (f"verify {EXACT} --bits 1", "--bits: got 1, expected at least 2"),
    "verify no samples": (f"verify {EXACT} --samples 0", "--samples: got 0"),
    "verify a negative seed": (f"verify {EXACT} --seed -1", "--seed: got -1"),
    "verify an impossible seed": (f"verify {EXACT} --bits 64 --seed 18446744073709551616", "--seed: got"),
    "add with nothing": ("add", "the following arguments are required: MODEL"),
    "add to a missing file": ("add none 1 2", "none: no such file"),
    "add one number": (f"add {EXACT} 1", "add: got 1 number, this network adds 2"),
    "add three numbers": (f"add {EXACT} 1 2 3", "add: got 3 numbers, this network adds 2"),
    "add two to three": (f"add {OF}three.safetensors 1 2", "add: got 2 numbers, this network adds 3"),
    "add a negative number": (f"add {EXACT} 5 -3", "add: got '-3', expected a non-negative integer"),
    "add a fraction": (f"add {EXACT} 5 3.5", "add: got '3.5', expected a non-negative integer"),
    "add a word": (f"add {EXACT} 5 x", "add: got 'x', expected a non-negative integer"),
    "add a foreign digit": (f"add {EXACT} 5 ٣", "add: got '٣', expected a non-negative integer"),
    "add with arrays": (f"add {OF}arrays.safetensors 1 2", "arrays.safetensors: add: this model was trained on arrays"),
    "unknown engine": ("original --engine steam", "--engine: got 'steam', expected one of 'scalar', 'compiled'"),
    "original without samples": ("original --samples 0", "--samples: got 0, expected an integer >= 1"),
    "original too wide": ("original --bits 17", "--bits: got 17, expected an integer in [1, 16]"),
    "original without rate": ("original --alpha nan", "--alpha: got nan, expected a finite number"),
    "tasks with an argument": ("tasks all", "got 'all', which tasks does not take; see fastrnn tasks --help"),
}


@pytest.mark.parametrize("case", WRONG_USE)
def test_wrong_use_is_one_line_and_status_2(call, files, here, case):
    argv, message = WRONG_USE[case]
    before = contents(files)
    status, out, err = call(*argv.format(files=files).split())
    assert (status, out) == (2, "")
    assert err.startswith("fastrnn: ") and err.endswith("\n") and err.count("\n") == 1
    assert message in err
    assert contents(files) == before and not contents(here)


@pytest.mark.parametrize("size", [10**12, 10**21])
def test_more_than_memory_holds_is_one_line(call, here, size):
    status, _, err = call("train", "--hidden", size)
    assert status == 2 and not contents(here)
    assert err.startswith("fastrnn: ") and err.count("\n") == 1


def test_a_folder_that_refuses_files_is_found_before_training(call, here, monkeypatch):
    import tempfile

    def refuse(**options):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert call("train") == (
        2,
        "",
        "fastrnn: runs/addition-8.safetensors: cannot be written: runs: Permission denied\n",
    )


def test_names_that_the_terminal_cannot_show(here):
    name = os.fsencode(here) + b"/\xff\n\xe9"
    result = subprocess.run(
        [*COMMAND, "verify", name], env={**environment(), "PYTHONIOENCODING": "ascii"}, capture_output=True
    )
    assert result.returncode == 2
    assert (
        result.stderr.startswith(b"fastrnn: ") and result.stderr.count(b"\n") == 1 and b"no such file" in result.stderr
    )


def test_a_closed_pipe_is_silent():
    process = subprocess.Popen([*COMMAND, "original", "--samples", "3000", "--report-every", "1"], env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"Error:[ 3.45638663]\n"
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == (b"", 141)


def test_closed_streams_are_no_traceback(files):
    for closed in (">&-", "<&-", "2>&-"):
        line = f'"$0" -m fastrnn add "$1" 1 2 {closed}'
        result = subprocess.run(["sh", "-c", line, sys.executable, str(files / "exact.safetensors")], env=environment(),
                                capture_output=True, text=True)
        assert (result.returncode, result.stderr) == (0, ""), closed
        assert result.stdout == ("" if closed == ">&-" else "3\n")


def test_a_full_disk_under_standard_output_is_one_line(capsys, monkeypatch):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["tasks"]) == 2
    assert capsys.readouterr().err == "fastrnn: No space left on device\n"


# ---- how things are written


def test_numbers_and_sums_in_words():
    task = fastrnn.tasks.Addition(8)
    assert equation(task, (9, 60), 69) == "9 + 60 = 69"
    assert equation(task, (9, 60), 68, 69) == "9 + 60 = 68, not 69"
    assert short_number(10**30) == "1000000000...0000000000"
    for count in (2, 3, 4, 5, 32):
        with long_numbers():
            text = equation(task, (10**5000,) * count, 10**5000, 1)
        assert len(text) <= 77 and text.endswith(", not 1")
    assert equation(task, tuple(range(9)), 36) == "0 + 1 + ... + 8 = 36"
    assert bit_row(69, 8) == "[0 1 0 0 0 1 0 1]"
    assert len(f"Pred:{bit_row(2**4000, 4096)}") <= 80
    assert [seconds(value) for value in (0.00123, 0.5, 12.345, 1234)] == ["1.2 ms", "0.50 s", "12.35 s", "1,234 s"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_on_a_terminal_when_it_takes_long(monkeypatch):
    from fastrnn.cli.progress import Bar

    monkeypatch.setattr(sys, "stderr", Terminal())
    with Bar(100, delay=3600) as bar:
        bar(10)
    assert sys.stderr.getvalue() == ""
    with Bar(100, delay=0, enabled=False) as bar:
        bar(10)
    assert sys.stderr.getvalue() == ""
    with Bar(100, delay=0) as bar:
        bar(50, "loss 1")
    shown = sys.stderr.getvalue()
    assert " 50%|" in shown and "loss 1" in shown and max(map(len, re.split(r"[\r\n]", shown))) <= 80
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Bar(100, delay=0) as bar:
        bar(50)
    assert sys.stderr.getvalue() == ""


def test_compiling_is_announced_once_on_a_terminal_and_only_when_it_happens(monkeypatch):
    from fastrnn.cli.progress import compiling_noted
    from fastrnn.progress import compiling_begins

    monkeypatch.setattr(sys, "stderr", Terminal())
    with compiling_noted():
        compiling_begins()
        compiling_begins()
    assert sys.stderr.getvalue() == "compiling kernels (about 2 s, once for this kind of network)\n"
    with compiling_noted():
        pass
    with compiling_noted(enabled=False):
        compiling_begins()
    assert sys.stderr.getvalue().count("\n") == 1
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with compiling_noted():
        compiling_begins()
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_the_terminal_when_the_program_has_a_longer_name(command, monkeypatch, capsys):
    monkeypatch.setattr("fastrnn.cli.program", lambda: ".venv/bin/python -m fastrnn")
    assert main([*command.split(), "--help"]) == 0
    # The usage is argparse's, and one command has two large numbers and no option before which it could be broken.
    _, *rest = capsys.readouterr().out.split("\n\n")
    assert not [line for text in rest for line in text.splitlines() if len(line) > 80 and " add " not in line]


@pytest.mark.parametrize("cell", cells())
def test_options_of_cells_have_texts_of_their_own(cell, capsys):
    assert main(["fit", "--cell", cell, "--help"]) == 0
    section = capsys.readouterr().out.split(f"cell {cell}:\n")[1].split("\n\n")[0]
    options = re.findall(r"^  --(\S+)(?: [A-Z]+)? +(.*)$", section, re.MULTILINE)
    assert options and not [name for name, text in options if text.partition(" (default")[0] == name]
