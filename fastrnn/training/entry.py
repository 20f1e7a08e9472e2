"""`fastrnn.train` and `fastrnn.train_many`: one entry for tasks, arrays and Sequences, by the kind of the data."""

import inspect
import os
from dataclasses import fields
from typing import Any, overload

from fastrnn.arguments import as_integer, shown
from fastrnn.cells.base import Cell
from fastrnn.data.sequences import Sequences
from fastrnn.progress import models_done, progress_shown
from fastrnn.tasks.base import Task
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.fit import fit_sequences
from fastrnn.training.sequences.fits import Fits
from fastrnn.training.sequences.one import Fit
from fastrnn.training.tasks import many, one
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.many_run import ManyRun
from fastrnn.training.tasks.options import ELSEWHERE
from fastrnn.training.tasks.run import Run

# Options of tasks and arrays, and of Sequences.
TASK_ONLY = {"resume", "other_processor", "seed", *(each.name for each in fields(TrainConfig))}
SEQUENCES_ONLY = {*inspect.signature(fit_sequences).parameters, *(each.name for each in fields(FitConfig))}
SEQUENCES_ONLY -= {"cell", "data", "options"}
# Names, on Sequences, of options of tasks; and options of many models, with what to do for one model.
CALLED = {"max_samples": "epochs", "seed": "seeds"}
MANY_ONLY = {
    "seeds": "one model has one seed, as seed=1",
    "each": "it makes one model for each value of a group",
    "only": "it chooses among models",
    "hidden_size": "one cell has one size, as GRU(hidden_size=4)",
}

# Data of tasks, and arrays.
BitsData = Task | type[Task] | str | tuple | list | None


@overload
def train(cell: Cell | None, data: Sequences, config: FitConfig | None = ..., **options: Any) -> Fit: ...
@overload
def train(cell: Cell | None = ..., data: BitsData = ..., config: TrainConfig | None = ..., **options: Any) -> Run: ...


def train(
    cell=None,
    data=None,
    config=None,
    *,
    task=None,
    seed=None,
    weights=None,
    threads=None,
    progress=None,
    checkpoint=None,
    **options,
):
    """Train one network on a task, on arrays of bits, or on Sequences of your own.

    Parameters
    ----------
    cell : Cell
        Any cell for Sequences; an Elman, the default, for tasks and arrays.
    data : Sequences, Task, or (x, y) or (x, y, mask)
        Default: the task Addition().
    task : Task, optional
        A task, instead of `data`.
    config : FitConfig for Sequences, else TrainConfig
        Its fields may also be given as options, which have precedence.
    seed : int or None
        The seed of the initial weights and of the order of samples; default: 0, or that of `config`.
    weights : dict or None
        Initial weights {name: array}; default: random ones.
    threads : int or None
        The number of threads at most; default: all cores. The result has the same bytes for any number. They share the
        sequences of each update, where these fill more than one block: 64 sequences in float32 with AVX-512, 32 with
        AVX2.
    checkpoint : str or None
        A file that keeps the state of a long training, written about every half minute and removed at the end: after a
        crash the same call continues from it, to the same bytes.
    progress : function, True or None
        Called some twenty times per second: progress(samples, loss, exact_accuracy) for tasks and arrays,
        progress(models_done, models, loss) for Sequences, where a model in training counts as the share of its epochs
        that it has made, and loss is the lowest so far. True: a bar of tqdm, in a terminal or a notebook.
    **options
        Sequences: fields of fastrnn.FitConfig, and

        - roles (N,): the role of each sequence, as fastrnn.data.split returns them; or validation: the share of the
          sequences that validates (0.2);
        - head: a Head or its name (softmax for classes, sigmoid for bits, linear for reals);
        - callback(state): called after each evaluation with a fastrnn.training.sequences.fit_state.FitState; training
          ends when it returns True;
        - lanes: what the lanes of SIMD vectors hold: "sequences" of the model (default) or "models".

        Tasks and arrays: fields of fastrnn.TrainConfig, and resume (a Run to continue, or its file) and
        other_processor: see fastrnn.training.tasks.one.

    Returns
    -------
    Fit or Run
        A Fit for Sequences, a Run for a task or arrays.

    Raises
    ------
    ValueError, TypeError
        In one line, for wrong arguments, and for options of another kind of data.
    CheckpointError
        For a `checkpoint` that cannot be read, or belongs to another training.
    OSError
        If a file cannot be read or written.
    """
    common = {"weights": weights, "threads": threads, "checkpoint": checkpoint}
    if isinstance(data, Sequences) and task is None:
        _check_sequences("train", options)
        options.setdefault("lanes", "sequences")
        seeds = [0 if seed is None else as_integer("seed", seed, 0)]
        with progress_shown(progress, "models", models_done) as reported:
            return fit_sequences(cell, data, seeds=seeds, config=config, progress=reported, **common, **options)[0]
    _check_tasks("train", data, config, options)
    if seed is not None:
        options["seed"] = seed
    with progress_shown(progress, "samples", _samples_done, options.get("max_samples")) as reported:
        return one.train(cell, config=config, progress=reported, **_source(data, task), **common, **options)


@overload
def train_many(cell: Cell | None, data: Sequences, config: FitConfig | None = ..., **options: Any) -> Fits: ...
@overload
def train_many(
    cell: Cell | None = ..., data: BitsData = ..., config: TrainConfig | None = ..., **options: Any
) -> ManyRun: ...


def train_many(
    cell=None,
    data=None,
    config=None,
    *,
    task=None,
    seeds=(0,),
    weights=None,
    threads=None,
    progress=None,
    checkpoint=None,
    **options,
):
    """Train one network for each seed, side by side in the lanes of SIMD vectors.

    Each model stops on its own, and the next one takes its place. A model's bytes depend only on its own seed, data and
    options.

    Parameters
    ----------
    cell, data, config, task, threads, checkpoint
        As for `train`. Arrays may have a leading axis of M, one data set for each model.
    seeds : M integers
        One for each model.
    weights : dict or None
        Initial weights {name: array}, shared or with a leading axis of M.
    progress : function, True or None
        Called some twenty times per second: progress(models_done, models) for tasks and arrays, progress(models_done,
        models, loss) for Sequences. True: a bar of tqdm, in a terminal or a notebook.
    **options
        Sequences: those of `train`, where roles may be an array (M, N), and hidden_size, learning_rate, l1,
        weight_decay, activity and the values of optimizer_options may be M numbers; and

        - each: the name of a group of the data, for example "subject": separate networks for each of its values;
        - only: numbers of the models to fit, so that several machines can share one call;
        - lanes: "models" (default), one model in each lane, or "sequences", one model after the other;
        - callback: called at most some twenty times per second.

        Tasks and arrays: fields of fastrnn.TrainConfig; learning_rate, weight_decay, l1, initial_scale,
        saturation_penalty and the optimizer's constants may be M numbers: see fastrnn.training.tasks.many.

    Returns
    -------
    Fits or ManyRun
        Fits for Sequences, a ManyRun for a task or arrays.

    Raises
    ------
    ValueError, TypeError
        In one line, for wrong arguments, and for options of another kind of data.
    CheckpointError
        For a `checkpoint` that cannot be read, or belongs to another training.
    OSError
        If a file cannot be read or written.
    """
    common = {"seeds": seeds, "weights": weights, "threads": threads, "checkpoint": checkpoint}
    with progress_shown(progress, "models", models_done) as reported:
        if isinstance(data, Sequences) and task is None:
            _check_sequences("train_many", options)
            return fit_sequences(cell, data, config=config, progress=reported, **common, **options)
        _check_tasks("train_many", data, config, options)
        return many.train_many(cell, config=config, progress=reported, **_source(data, task), **common, **options)


def _samples_done(samples, loss, exact):
    return samples, None, f"loss {loss:.1e}, exact {exact:.0%}"


def _source(data, task):
    """Return the keyword argument for the data; a task may also be given as `data`, even as its class or name by
    mistake."""
    meant = isinstance(data, (Task, type)) or isinstance(data, str) and not os.path.splitext(data)[1]
    return {"task": data} if task is None and meant else {"task": task, "data": data}


def _check_sequences(function, options):
    """Raise TypeError for an option that belongs to tasks and arrays."""
    for name in options:
        if name in TASK_ONLY and name not in SEQUENCES_ONLY:
            hint = f"; it is called {CALLED[name]} here" if name in CALLED else ""
            raise TypeError(f"{function}: {name} is an option of tasks and arrays, not of Sequences{hint}")
        if function == "train" and name in MANY_ONLY:
            raise TypeError(f"train: {name} is an option of train_many; {MANY_ONLY[name]}")


def _check_tasks(function, data, config, options):
    """Raise TypeError for an option that belongs to Sequences, and for x and y as two arguments."""
    if data is not None and config is not None and not isinstance(config, (FitConfig, TrainConfig, type)):
        raise TypeError(
            f"{function}: got {shown(config)} after the data; x and y go in together: fastrnn.Sequences(x, y)"
        )
    for name in options:
        # Of a task, options with another name have a message of their own.
        if name in SEQUENCES_ONLY - TASK_ONLY and (name not in ELSEWHERE or isinstance(data, (tuple, list))):
            given = "no data are given" if data is None else f"data is a {type(data).__name__}"
            raise TypeError(
                f"{function}: {name} is an option of Sequences, but {given}: give fastrnn.Sequences(x, y)"
            )
