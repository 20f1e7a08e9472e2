"""Checkpoints of long commands, stored next to their output: after a crash the same command continues from them."""

import contextlib
import glob
import hashlib
import json
import os
import re
import sys

from fastrnn.cli.errors import UserError
from fastrnn.errors import CheckpointError
from fastrnn.files import locked
from fastrnn.program import program, quoted

ENDING = ".partial"


def path_of(output, identity):
    """Return the name of the checkpoint for this identity: OUTPUT.DIGEST.partial; other trainings have other names."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    return f"{output}.{digest}{ENDING}"


def opened_autosave(kind, path, identity, say):
    """Return kind(path, identity), a RunAutosave; None, after printing a line, if another process writes the file.

    Raises UserError for a file that is damaged.
    """
    try:
        return kind(path, identity, lambda text: print(f"fastrnn: {text}", file=sys.stderr, flush=True))
    except ValueError:
        say(f"another process trains the same and keeps {path}; this one keeps no checkpoint")
        return None
    except CheckpointError as error:
        raise UserError(f"{error}; delete it to start over") from error


def tell_of_others(output, identity, say):
    """Print the name of another unfinished training that left a checkpoint next to the output, and how to continue it.
    """
    own, others = path_of(output, identity), []
    for path in glob.glob(f"{glob.escape(output)}.*{ENDING}"):
        if path != own and re.fullmatch(rf"\.[0-9a-f]{{8}}{re.escape(ENDING)}", path[len(output):]) and _is_left(path):
            others.append(path)
    if others:
        more = f", as {len(others) - 1} more," if len(others) > 1 else ""
        path = max(others, key=os.path.getmtime)
        go_on = f"{program()} train --resume {quoted(path)}"
        say(f"{path} is{more} left of another unfinished training; continue it: {go_on}")


def forget_finished(output, identity, cell, task, config):
    """Remove the checkpoint of a training that was killed after it had saved its network as `output`."""
    path = path_of(output, identity)
    if os.path.exists(path) and _is_left(path) and _ended_in(output, cell, task, config):
        with contextlib.suppress(OSError):
            os.unlink(path)


def _ended_in(path, cell, task, config):
    """Return whether the file is the network of a finished training of these parts."""
    from fastrnn.model import Model

    try:
        model = Model.load(path)
    except (OSError, CheckpointError):
        return False
    trained = json.loads(json.dumps(config.as_dict()))
    # `stopped` is not "interrupted" in files of trainings that ended.
    history = model.metadata.get("history")
    ended = isinstance(history, dict) and history.get("stopped") != "interrupted"
    return ended and (model.cell, model.task) == (cell, task) and model.metadata.get("config") == trained


def _is_left(path):
    """Return whether no living process writes the file."""
    try:
        file = locked(path)
    except OSError:
        return False
    if file is None:
        return False
    file.close()
    return True
