"""The state of a training, from which it continues to the same bytes: its Run so far, and both on disk.

The state is a dict of arrays and plain values: "arrays" and "numbers" as a session gives them, "stretches" as
HistoryBins.saved, "seconds", "config" as TrainConfig.as_dict, "data", the digest of the arrays it is trained on or
None; and, where an exact network is trained on to a proof, "finetune": "attempt", "updates", "batch_size",
"stretches" and "seconds" of the attempts since, and "partial", the "weights", "arrays" and "numbers" of an unfinished
attempt, or None.

On disk it is the model's file: the optimizer's memories and the history are tensors named training.*, the counters JSON
in the metadata's "training". `Model.load` reads the same file and leaves both out.
"""

import os
from dataclasses import replace

import numpy as np

from fastrnn.arguments import as_integer
from fastrnn.checkpoint import read_checkpoint, write_checkpoint
from fastrnn.errors import CheckpointError
from fastrnn.model import TRAINING_PREFIX, Model
from fastrnn.training.tasks.config import config_from
from fastrnn.training.tasks.continuation import arithmetics_of
from fastrnn.training.tasks.engine import optimizer_of, slot_name
from fastrnn.training.tasks.history_bins import HistoryBins
from fastrnn.training.tasks.run import History, Run

PREFIX = f"{TRAINING_PREFIX}."
HISTORY = "history"
FINETUNE = "finetune"
# Names in files of earlier versions.
EARLIER_STATE, EARLIER_SLOTS = {"consolidation": FINETUNE}, ("first", "second", "third", "fourth")
# The weights in an unfinished attempt at a proof; the model's own weights are those at its begin.
WEIGHTS_PREFIX = "weights."


def run_from(model, config, state, stopped, verification=None, certification=None):
    """Return the Run of a training in this state."""
    steps, seconds = state["numbers"]["step"], state["seconds"]
    samples, history = steps * config.batch_size, HistoryBins(config.batch_size, state["stretches"]).history()
    if more := state.get(FINETUNE):
        history = _joined(history, HistoryBins(more["batch_size"], more["stretches"]).history(), seconds)
        steps, samples = steps + more["updates"], samples + more["updates"] * more["batch_size"]
        seconds += more["seconds"]
    return Run(
        model, history, stopped, steps=steps, samples=samples, seconds=seconds, verification=verification,
        certification=certification, state=state
    )


def _joined(first, second, seconds):
    """Return one History followed by another that began `seconds` later."""
    steps, samples = (first.step[-1], first.samples[-1]) if len(first.step) else (0, 0)
    moved = second._replace(
        step=second.step + steps, samples=second.samples + samples, seconds=second.seconds + seconds
    )
    return History(*map(np.concatenate, zip(first, moved)))


def made_run(model, config, state, stopped, verification=None, certification=None, right=False, resumed=None):
    """Return the Run of a training in this state, with the metadata that are saved with its model; resumed: the Run
    that it continues, or None."""
    run = replace(run_from(model, config, state, stopped, verification, certification), right=right)
    summary = {"stopped": run.stopped, "steps": run.steps, "samples": run.samples, "seconds": run.seconds}
    if len(run.history.loss):
        summary |= {"loss": float(run.history.loss[-1]), "exact_accuracy": float(run.history.exact_accuracy[-1])}
    if run.certification:
        # It covers everything that a verification tests, and exists even if that was interrupted.
        summary |= {"proved_boxes": run.certification.graph.nodes, "proved_margin": run.certification.margin}
    elif run.verification:
        summary |= {"verified_samples": run.verification.samples, "verified_wrong": run.verification.wrong}
    metadata = {"config": config.as_dict(), "history": summary, "arithmetic": arithmetics_of(resumed)}
    model = Model(model.cell, model.weights, model.task, {**model.metadata, **metadata})
    return replace(run, model=model, certification=certification and replace(certification, model=model))


def save_run(run, path, *, overwrite=True):
    """Write the model of a Run and the state of its training to one safetensors file, in one step.

    Raises ValueError if the Run has no state, OSError as Model.save; the old file then stays.
    """
    if run.state is None:
        raise ValueError("run: has no training state; expected one that train returned")
    write_checkpoint(path, *run_content(run), overwrite=overwrite)


def run_content(run, identity=None):
    """Return (tensors, metadata) of the file of a Run; identity: of the training whose checkpoint it is."""
    model, state = run.model, run.state
    arrays = {HISTORY: _rows(state), **state["arrays"]}
    training = {
        "numbers": state["numbers"],
        "length": state["stretches"]["length"],
        "seconds": state["seconds"],
        "stopped": run.stopped,
        "data": state["data"],
    }
    if identity is not None:
        training["identity"] = identity
    if FINETUNE in state:
        more = state[FINETUNE]
        partial = more["partial"] or {"weights": {}, "arrays": {}, "numbers": None}
        later = {
            HISTORY: _rows(more),
            **partial["arrays"],
            **{WEIGHTS_PREFIX + name: weight for name, weight in partial["weights"].items()},
        }
        arrays |= {f"{FINETUNE}.{name}": array for name, array in later.items()}
        training[FINETUNE] = {"numbers": partial["numbers"], "length": more["stretches"]["length"],
                                   **{name: more[name] for name in ("attempt", "updates", "batch_size", "seconds")}}
    arrays = {PREFIX + name: array for name, array in arrays.items()}
    config = {"config": state["config"]}
    return {**model.weights, **arrays}, {
        "cell": model.cell,
        "task": model.task,
        **model.metadata,
        **config,
        TRAINING_PREFIX: training,
    }


def _rows(state):
    # As an array: the header holds what people read.
    return np.array(state["stretches"]["rows"], np.float64).reshape(-1, 6)


def load_run(path, cell=None, task=None):
    """Return (run, config) of a file that `save_run` wrote; train(resume=run) continues it.

    cell, task: classes of a cell or task that is not one of fastrnn's, or None. Raises CheckpointError, in one line,
    for any other file.
    """
    path = os.fspath(path)
    model = Model.load(path, cell, task)
    tensors, metadata = read_checkpoint(path, cell, task)
    if TRAINING_PREFIX not in metadata:
        raise CheckpointError(
            f"{path}: a finished model; expected a file of an unfinished run, with its training state"
        )
    try:
        config = config_from(metadata["config"])
        if np.dtype(config.dtype) != model.dtype:
            raise ValueError(f"dtype: got {config.dtype}, the weights are {model.dtype}")
        training = {EARLIER_STATE.get(name, name): value for name, value in metadata[TRAINING_PREFIX].items()}
        arrays = _named(tensors, PREFIX)
        later = {}
        for name in (FINETUNE, *EARLIER_STATE):
            later |= _named(arrays, f"{name}.")
        optimizer = optimizer_of(config)
        state = {
            **_progress(model, optimizer, arrays, training, training["numbers"]),
            "numbers": training["numbers"],
            "config": config.as_dict(),
        }
        for name, kind in (("data", str | None), ("identity", dict)):
            if name in training:
                if not isinstance(training[name], kind):
                    raise ValueError(f"{name}: got {training[name]!r:.80}")
                state[name] = training[name]
        if FINETUNE in training:
            state[FINETUNE] = _finetune(model, optimizer, later, training[FINETUNE])
        if not isinstance(training["stopped"], str):
            raise ValueError(f"stopped: got {training['stopped']!r}, expected a str")
        run = run_from(model, config, state, training["stopped"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fault = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(f"{path}: the state of its training is damaged: {fault}; train again") from error
    return run, config


def _named(arrays, prefix):
    """Remove the entries whose names begin with `prefix` from the dict, and return them without the prefix."""
    return {name.removeprefix(prefix): arrays.pop(name) for name in [*arrays] if name.startswith(prefix)}


def _finetune(model, optimizer, arrays, saved):
    numbers, updates = saved["numbers"], saved["updates"]
    for name in ("attempt", "updates", "batch_size"):
        _check_count(name, saved[name], name == "batch_size")
    weights = _named(arrays, WEIGHTS_PREFIX)
    if numbers is not None:
        _check_arrays(weights, model.weights)
    state = _progress(model, optimizer, arrays, saved, numbers, updates)
    partial = None if numbers is None else {"weights": weights, "arrays": state["arrays"], "numbers": numbers}
    return {**saved, "partial": partial, "stretches": state["stretches"], "seconds": state["seconds"]}


def _progress(model, optimizer, arrays, saved, numbers, updates=None):
    """Return arrays, stretches and seconds of a training with the counters `numbers`; without counters, of one that has
    not begun."""
    rows = arrays.pop(HISTORY)
    for earlier, slot in zip(EARLIER_SLOTS, optimizer.slots):
        arrays |= {slot_name(slot, name): array for name, array in _named(arrays, f"{earlier}.").items()}
    if numbers is not None:
        for name in ("step", "clean", "bits"):
            _check_count(name, numbers[name], name == "bits")
        for name in ("failed", "looked_at"):
            _check_count(name, numbers.get(name, 0))
        _check_running(numbers.get("running"), optimizer)
        _check_arrays(
            arrays,
            {slot_name(slot, name): weight for slot in optimizer.slots for name, weight in model.weights.items()},
        )
    _check_count("length", saved["length"], 1)
    if rows.ndim != 2 or rows.shape[1] != 6 or rows.dtype != np.float64:
        raise ValueError(f"history: got {rows.dtype} {rows.shape}, expected float64 (entries, 6)")
    updates = numbers["step"] if updates is None else updates
    if rows[:, 0].sum() != updates:
        raise ValueError(f"history: covers {rows[:, 0].sum():.0f} updates, expected {updates}")
    if not isinstance(saved["seconds"], (int, float)):
        raise ValueError(f"seconds: got {saved['seconds']!r}, expected a number")
    # The first column counts updates.
    stretches = {"length": saved["length"], "rows": [[int(count), *sums] for count, *sums in rows.tolist()]}
    return {"arrays": arrays, "stretches": stretches, "seconds": saved["seconds"]}


def _check_arrays(arrays, like):
    """Raise an error unless there is an array in the shape of each of `like`."""
    for name, weight in like.items():
        array = arrays[name]
        if array.shape != weight.shape or array.dtype != weight.dtype or not np.isfinite(array).all():
            raise ValueError(f"{name}: got {array.dtype} {array.shape}, expected finite {weight.dtype} {weight.shape}")


def _check_running(values, optimizer):
    """Raise an error unless these are the optimizer's running numbers, or None: those of single samples follow from the
    step."""
    if values is None:
        return
    numbers = isinstance(values, list) and all(isinstance(value, float) and np.isfinite(value) for value in values)
    if not numbers or len(values) != len(optimizer.running):
        raise ValueError(f"running: got {values!r:.80}, expected {len(optimizer.running)} numbers")


def _check_count(name, value, least=0):
    # Kernels count in int64.
    as_integer(name, value, int(least), 2**62 - 1)
