"""A run on disk: the model's file, with what training needs to go on to the same bytes.

The optimizer's memories and the history are tensors named training.*, the counters JSON in the metadata's
"training". `Model.load` reads the same file and leaves both out.
"""

import os

import numpy as np

from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.model import TRAINING, Model
from fastrnn.train.config import TrainConfig
from fastrnn.train.run import Run
from fastrnn.train.stretches import Stretches

PREFIX = f"{TRAINING}."
HISTORY = f"{PREFIX}history"


def save_run(run, path):
    """Write the model of a Run and the state of its training to one safetensors file, in one step.

    Raises ValueError if the Run has no state, OSError if the file cannot be written; the old file then stays.
    """
    if run.state is None:
        raise ValueError("run: has no training state; expected one that train returned")
    model, state = run.model, run.state
    arrays = {**model.weights, **{PREFIX + name: array for name, array in state["arrays"].items()}}
    # As an array: the header is for what people read.
    arrays[HISTORY] = np.array(state["stretches"]["rows"], np.float64).reshape(-1, 6)
    training = {"numbers": state["numbers"], "length": state["stretches"]["length"], "seconds": state["seconds"],
                "stopped": run.stopped}
    write_checkpoint(path, arrays, {"cell": model.cell, "task": model.task, **model.metadata, TRAINING: training})


def load_run(path):
    """(run, config) of what `save_run` wrote: train(run.model.cell, run.model.task, config, resume=run) goes on.

    Raises CheckpointError, in one line, for any other file.
    """
    path = os.fspath(path)
    model = Model.load(path)
    tensors, metadata = read_checkpoint(path)
    if TRAINING not in metadata:
        raise CheckpointError(f"{path}: a finished model; expected a file of an unfinished run, with its training state")
    try:
        config = TrainConfig(**{**metadata["config"], "constants": tuple(metadata["config"]["constants"].items())})
        training, numbers = metadata[TRAINING], metadata[TRAINING]["numbers"]
        arrays = {name.removeprefix(PREFIX): array for name, array in tensors.items() if name.startswith(PREFIX)}
        rows = arrays.pop(HISTORY.removeprefix(PREFIX))
        _check(model, config, arrays, rows, training)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{path}: the state of its training is damaged: {fault}; train anew") from error
    # The first column counts updates.
    stretches = {"length": training["length"], "rows": [[int(updates), *sums] for updates, *sums in rows.tolist()]}
    state = {"arrays": arrays, "numbers": numbers, "stretches": stretches, "seconds": training["seconds"]}
    history = Stretches(config.batch_size, stretches).history()
    run = Run(model, history, training["stopped"], numbers["step"], numbers["step"] * config.batch_size, training["seconds"],
              None, state)
    return run, config


def _check(model, config, arrays, rows, training):
    """Raise unless the state fits the model."""
    if np.dtype(config.dtype) != model.dtype:
        raise ValueError(f"dtype: got {config.dtype}, the weights are {model.dtype}")
    for name, weight in model.weights.items():
        for memory in ("first", "second"):
            array = arrays[f"{memory}.{name}"]
            if array.shape != weight.shape or array.dtype != weight.dtype or not np.isfinite(array).all():
                raise ValueError(f"{memory}.{name}: got {array.dtype} {array.shape}, expected finite {weight.dtype} {weight.shape}")
    if rows.ndim != 2 or rows.shape[1] != 6 or rows.dtype != np.float64:
        raise ValueError(f"history: got {rows.dtype} {rows.shape}, expected float64 (entries, 6)")
    counters = {"step": training["numbers"]["step"], "clean": training["numbers"]["clean"], "length": training["length"]}
    for name, value in counters.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < (name == "length"):
            raise ValueError(f"{name}: got {value!r}, expected a count")
    if rows[:, 0].sum() != counters["step"]:
        raise ValueError(f"history: covers {rows[:, 0].sum():.0f} updates, expected {counters['step']}")
    if not isinstance(training["seconds"], (int, float)) or not isinstance(training["stopped"], str):
        raise ValueError("seconds and stopped: expected a number and a word")
