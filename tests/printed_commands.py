"""The commands that documents, --help and the program itself print, one after the other, as a shell would run them."""

import re
import shlex
import subprocess
from pathlib import Path

import fastrnn
from fastrnn.training.tasks.resume import save_run

STARTS = ("fastrnn ", "make ", "python -m ", "mpiexec ", "printf ")
MODEL, CERTIFICATE = "runs/addition-8.safetensors", "runs/addition-8-certificate.safetensors"
# What stands for something else.
PLACES = {"FILE": "unfinished.safetensors", "COMMAND": "train", "MODEL": MODEL, "CERTIFICATE": CERTIFICATE}
PLACES |= {f"tests/fixtures/{path.name}": str(path) for path in (Path(__file__).parent / "fixtures").iterdir()}
# Of what takes long: values instead of those printed, and options added where they are not.
SMALL = {
    "--seeds": "2",
    "--runs": "2",
    "--max-samples": "2000",
    "--hidden": "8,3",
    "--restarts": "1",
    "--rounds": "1",
    "--max-bits": "64",
}
SHORT = {
    "repeat": "--seeds 2",
    "sweep": "--seeds 2 --max-samples 2000 --hidden 8,3",
    "original": "--samples 200",
    "reproduce": "--seeds 1 --restarts 1",
    "generalize": "--max-bits 64",
    "--smallest": "--seeds 8",
}


def commands_in(text):
    """Every command of a text: lines of code, and words in backquotes."""
    found = []
    text = re.sub(r" \\\\?\n\s*", " ", text)  # a command that continues in the next line
    for match in re.finditer(
        r"^ {2,}(?P<line>\S.*)$|`(?P<words>[^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    ):
        # What follows two blanks is said of the command.
        command = re.split(r"\s{2,}", match["line"])[0] if match["line"] else " ".join(match["words"].split())
        if match["words"] and re.fullmatch(r"fastrnn \w+", command):
            command += " --help"  # in a sentence it is the command's name
        if command.startswith(STARTS) and not command.startswith("fastrnn is"):
            found.append(command)
    return found


def words_of(command):
    """The words of a fastrnn command, without `fastrnn`."""
    return [PLACES.get(word, word) for word in shlex.split(command.partition(" > ")[0])[1:]]


def made_small(words):
    """The same command with settings that take no time."""
    command = words[0]
    for option, value in SMALL.items():
        if option in words:
            place = words.index(option) + 1
            words = [
                *words[:place],
                value if option != "--hidden" or command == "sweep" else words[place],
                *words[place + 1 :],
            ]
    extra = shlex.split(
        SHORT["--smallest"] if "--smallest" in words and command == "certify" else SHORT.get(command, "")
    )
    for option, value in zip(extra[::2], extra[1::2]):
        words = words if option in words else [*words, option, value]
    return [{"4096": "32", "13": "9", "10000": "200", "20000": "200"}.get(word, word) for word in words]


def standard_input(command):
    """What a pipe gives to the command behind it, and that command."""
    before, _, after = command.rpartition(" | ")
    return (subprocess.run(["sh", "-c", before], capture_output=True, check=True).stdout if before else b""), after


def leave_unfinished(path):
    """Leave a file as an interrupted `fastrnn train` does."""
    run = fastrnn.train(max_samples=320, until="certified")
    run.stopped = "interrupted"
    for config in (run.state["config"], run.model.metadata["config"]):
        config["max_samples"] = fastrnn.TrainConfig().max_samples
    save_run(run, path)
