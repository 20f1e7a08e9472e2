"""Commands killed at random: files are whole, and the same or the printed command gives the same result."""

import functools
import os
import re
import shlex
import shutil
import signal
import sys
from collections import Counter

import numpy as np

import fastrnn
from campaign.children import Child, Fault, check_words, in_turn
from fastrnn.checkpoint import read_checkpoint
from fastrnn.cli import main
from fastrnn.training.tasks import autosave

COUNT = 1000

# Seconds within which a command must have ended after Ctrl-C or SIGTERM, on a machine that runs many trials at once.
GRACE = 20.0

# The most kills of one trial; after the last, the command runs to its end.
MOST = 3

# Small jobs that last long enough to be hit: (what, command, the file that it leaves).
SMALL = ("--hidden", "4", "--quiet")
SWEEP = ("sweep", "--hidden", "2,3,4", "--seeds", "24", "--max-samples", "6000", "--output", "table.csv")
JOBS = {
    "train --until samples": (
        ("train", *SMALL, "--until", "samples", "--max-samples", "150000", "--output", "net.safetensors"),
        "net.safetensors",
    ),
    "train --until exact": (
        ("train", *SMALL, "--until", "exact", "--max-samples", "400000", "--output", "net.safetensors"),
        "net.safetensors",
    ),
    "train --until certified": (
        ("train", "--quiet", "--until", "certified", "--output", "net.safetensors"),
        "net.safetensors",
    ),
    "sweep": ((*SWEEP, "--threads"), "table.csv"),
    "sweep in processes": ((*SWEEP, "--processes", "--workers", "2"), "table.csv"),
    "repeat": (("repeat", "--seeds", "12", "--hidden", "8", "--max-samples", "30000"), None),
    "save": (None, "net.safetensors"),
}


def warm_up():
    """Load what the jobs run, in this process and on its one thread; let checkpoints come as often as kills do."""
    autosave.SECONDS, autosave.TIME_SHARE = 0.03, 1.0
    from fastrnn.sweeps import Grid
    from fastrnn.sweeps.unit import compile_points as load

    assert fastrnn.train(until="certified", threads=1).certified
    fastrnn.certify(fastrnn.train(fastrnn.Elman(4), until="samples", max_samples=512, threads=1).model, find=False)
    load(Grid(hidden_size=(2, 3, 4), seeds=1).points)


def trials(seed, first, count, base):
    """Each is a job, killed one to three times at random, and gone on with."""
    return in_turn(
        JOBS,
        base / "kill",
        seed,
        first,
        count,
        lambda seed, number, name, folder: _trial(np.random.default_rng([1, seed, number]), name, folder),
    )


def _trial(rng, name, folder):
    argv, output = JOBS[name]
    wanted = yield from _reference(name, folder.parent)
    if name == "save":
        yield from _saves(rng, folder)
        return Counter({(name, "whole"): 1}), []
    command, killed = argv, []
    while True:
        kill = None
        if len(killed) < rng.integers(1, MOST + 1):
            kill = signal.Signals(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        delay = (
            rng.uniform(0, 1.1 * wanted.seconds) if kill == signal.SIGKILL else rng.uniform(0.01, 0.01 + wanted.seconds)
        )
        # One in ten in a process of its own, which may be hit while it imports: from there SIGINT is Python's affair.
        own = kill != signal.SIGINT and rng.random() < 0.1
        work = [sys.executable, "-m", "fastrnn", *command] if own else functools.partial(main, list(command))
        ended = yield Child(work, folder, kill, delay + own * rng.uniform(0, 1.5))
        check_words(ended)
        check_files(folder)
        if kill is None or ended.status in (0, 1):
            break
        if ended.status == 2 and "exists" in ended.err:
            # The kill came after everything was saved.
            break
        if ended.status == 2:
            raise Fault(f"{_line(ended.err)}, after {_names(killed)}")
        if kill != signal.SIGKILL and ended.seconds > delay + GRACE:
            raise Fault(f"ended {ended.seconds - delay:.0f} s after {kill.name}")
        killed.append(kill)
        command = _following(ended, command)
    if ended.status == 2 and "exists" not in ended.err:
        raise Fault(f"{_line(ended.err)}, after {_names(killed)}")
    _check_result(folder, output, ended, wanted, killed)
    shutil.rmtree(folder)
    return Counter({(name, f"to the same bytes after {len(killed)} kill{'s' * (len(killed) != 1)}"): 1}), []


class Wanted:
    """What a job leaves and prints when nothing kills it."""

    def __init__(self, seconds, content, files, out):
        self.seconds, self.content, self.files, self.out = seconds, content, files, out


_references = {}


def _reference(name, base):
    """The job's Wanted, found by running it; once for all trials."""
    if name not in _references:
        argv, output = JOBS[name]
        # Trials that begin meanwhile find out for themselves: each in a folder of its own.
        folder = base / f"reference-{name.replace(' ', '')}-{len(os.listdir(base))}"
        folder.mkdir()
        ended = yield Child(_save_once if argv is None else functools.partial(main, list(argv)), folder)
        if ended.status not in (0, 1):
            raise Fault(f"ends with {ended.status} where nothing kills it: {_line(ended.err)}")
        _references[name] = Wanted(
            ended.seconds, output and content_of(folder / output), _files(folder), _told(ended.out)
        )
        shutil.rmtree(folder)
    return _references[name]


def _following(ended, command):
    """The command that continues: the one that was printed, else the same."""
    printed = re.search(r"^continue: .*?fastrnn (.*)$", ended.err, re.MULTILINE)
    return tuple(shlex.split(printed[1])) if printed else command


def _check_result(folder, output, ended, wanted, killed):
    left = [each for each in _files(folder) if each.endswith((".tmp", ".partial"))]
    if left:
        raise Fault(f"leaves {', '.join(left)} behind, after {_names(killed)}")
    if output is None:
        if _told(ended.out) != wanted.out:
            raise Fault(f"prints {_told(ended.out)!r} and not {wanted.out!r}, after {_names(killed)}")
        return
    # A run gone on with from its file may have had to take another name.
    candidates = [
        path for path in sorted(folder.rglob(f"*{os.path.splitext(output)[1]}")) if "certificate" not in path.name
    ]
    contents = [content_of(path) for path in candidates]
    if wanted.content not in contents:
        raise Fault(
            f"none of {', '.join(path.name for path in candidates) or 'no files'} is what an uninterrupted run leaves, "
            f"after {_names(killed)}"
        )


def check_files(folder):
    """Raise Fault unless every file under a final name is whole."""
    for path in folder.rglob("*"):
        if not path.is_file() or path.name.startswith("."):
            continue
        if path.stat().st_size == 0 and path.suffix != ".partial":
            raise Fault(f"{path.name} is empty")
        if path.suffix == ".safetensors":
            try:
                content_of(path)
            except Exception as error:
                raise Fault(f"{path.name} is no whole file: {_line(str(error))}") from error
        if path.suffix == ".csv" and not path.read_bytes().endswith(b"\n"):
            raise Fault(f"{path.name} is torn")


def content_of(path):
    """All that must not depend on interruptions: not how many seconds it took."""
    if path.suffix != ".safetensors":
        return path.read_bytes()
    if "certificate" in path.name:
        return path.read_bytes()
    arrays, metadata = read_checkpoint(path)
    for name, array in arrays.items():
        if name.endswith("history"):
            array[:, -1] = 0
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}, _without_seconds(
        metadata
    )


def _without_seconds(value):
    if isinstance(value, dict):
        return {name: _without_seconds(each) for name, each in value.items() if name != "seconds"}
    return value


def _told(out):
    """What a command prints, without the lines that tell how long it took and where it began."""
    return "\n".join(line for line in out.splitlines() if not line.startswith(("milliseconds", "continuing from")))


def _files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _names(killed):
    return " ".join(each.name for each in killed) or "no kill in time"


def _line(text):
    return " ".join(text.split())[-300:]


# Saving over and over: a kill may hit it anywhere.


def _models():
    return [
        fastrnn.Model(
            fastrnn.Elman(size),
            {
                name: np.full(shape, 0.5, np.float32)
                for name, shape in (
                    ("w_ih", (size, 2)),
                    ("w_hh", (size, size)),
                    ("b_ih", (size,)),
                    ("b_hh", (size,)),
                    ("w_ho", (1, size)),
                    ("b_o", (1,)),
                )
            },
        )
        for size in (16, 200)
    ]


def _save_once():
    _models()[0].save("net.safetensors")


def _save_for_ever():
    models = _models()
    for turn in range(10_000):
        models[turn % 2].save("net.safetensors")
        if turn % 3 == 0:
            os.unlink("net.safetensors")


def _saves(rng, folder):
    yield Child(_save_for_ever, folder, signal.SIGKILL, rng.uniform(0, 0.1))
    check_files(folder)
    if (folder / "net.safetensors").exists() and fastrnn.Model.load(folder / "net.safetensors").hidden_size not in (
        16,
        200,
    ):
        raise Fault("another model")
    ended = yield Child(_save_once, folder)
    check_words(ended)
    if fastrnn.Model.load(folder / "net.safetensors").hidden_size != 16:
        raise Fault("another model than was saved last")
    left = [name for name in _files(folder) if name.endswith(".tmp")]
    if left:
        raise Fault(f"leaves {', '.join(left)} behind")
    shutil.rmtree(folder)
