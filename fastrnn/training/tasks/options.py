"""Checks of the arguments of `train` and `train_many`; an error of one line says how to write a wrong one."""

from dataclasses import fields, replace

from fastrnn.arguments import as_array, check_function, check_object, meant, shown
from fastrnn.cells.base import Cell, cells
from fastrnn.model import Model
from fastrnn.optimizers.base import optimizers
from fastrnn.tasks.base import Task, tasks
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.data import default_samples

# Names of the options in other libraries.
ELSEWHERE = {
    "lr": "learning_rate",
    "alpha": "learning_rate",
    "eta": "learning_rate",
    "step_size": "learning_rate",
    "batch": "batch_size",
    "random_state": "seed",
    "random_seed": "seed",
    "criterion": "loss",
    "scheduler": "schedule",
    "max_norm": "max_grad_norm",
    "clip_grad_norm": "max_grad_norm",
    "clip": "max_grad_norm",
    "truncate": "tbptt_steps",
    "constants": "optimizer_options",
    "wd": "weight_decay",
    "l2": "weight_decay",
    "epochs": "max_samples",
    "n_epochs": "max_samples",
    "max_epochs": "max_samples",
    "max_iter": "max_samples",
    "num_threads": "threads",
    "n_jobs": "threads",
    "init": "initializer",
    "saturation": "saturation_penalty",
    "retention": "retention_penalty",
}


def check_parts(cell, task, config, data=None, progress=None):
    """Raise TypeError unless these are a cell, a task or None, a TrainConfig or None, and a function or None."""
    if isinstance(cell, Task):
        raise TypeError(
            f"cell: got {cell}, which is a task; expected a cell before it: train(Elman(), {cell}), "
            f"or train(task={cell})"
        )
    check_object("cell", cell, Cell, "a cell, as Elman(16)")
    if task is not None:
        if data is not None:
            raise TypeError("task: got one, and data as well; expected one of them")
        check_object("task", task, Task, f"a task, for example {_spelled(task)}")
    if config is not None:
        check_object("config", config, TrainConfig, "a TrainConfig; pass options by name, for example train(seed=1)")
    check_function("progress", progress)


def checked_weights(weights):
    """Return {name: array} of initial weights, or None."""
    if weights is None:
        return None
    if not isinstance(weights, dict):
        hint = "model.weights" if isinstance(weights, Model) else "{'w_ih': ...}"
        raise TypeError(f"weights: got {shown(weights)}, expected a dict of arrays by name, for example {hint}")
    return {name: as_array(name, weight) for name, weight in weights.items()}


def configured(config, options, task=None, x=None):
    """Return the TrainConfig, by default the recipe of the task or of data x, with `options` in place of its values."""
    known = TrainConfig.__dataclass_fields__
    for name in options:
        if name not in known:
            raise TypeError(f"train: unknown option {name!r}{_instead(name, known)}")
    if config is not None:
        return replace(config, **options)
    defaults = dict(task.recipe) if task else {}
    if x is not None:
        defaults["until"] = "samples"
        if options.get("until", "samples") == "samples":
            defaults["max_samples"] = default_samples(x)
    return TrainConfig(**{**defaults, **options})


def _spelled(task):
    """Return how to write the task that a word may mean."""
    made_of = tasks().get(task.lower()) if isinstance(task, str) else None
    return f"tasks.{(made_of or tasks()['addition']).__name__}()"


def _instead(name, known):
    """Return a hint for an unknown option."""
    if name in ELSEWHERE:
        return f"; it is called {ELSEWHERE[name]} here" + ", samples in all" * (ELSEWHERE[name] == "max_samples")
    for what, classes in (("cell", cells()), ("task", tasks())):
        for made_of in classes.values():
            if name in {field.name for field in fields(made_of)}:
                return f"; it belongs to the {what}: {made_of.__name__}({name}=...)"
    if any(name in kind._fields for kind in optimizers().values()):
        return f"; the optimizer's go in as optimizer_options={{{name!r}: ...}}"
    return meant(name, known) or f", expected one of {', '.join(known)}"
