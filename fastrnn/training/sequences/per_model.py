"""Options and initial weights that may differ between the models of one call."""

from dataclasses import fields, replace

import numpy as np

from fastrnn.arguments import POSITIVE, as_each, as_number, meant, shown
from fastrnn.optimizers.base import optimizers
from fastrnn.training.sequences.config import FitConfig

# Options that may differ from model to model, besides the optimizer's own and the hidden size: {name: that in kernels}.
FIT_PER_MODEL = {"learning_rate": "rate", "l1": "l1", "weight_decay": "decay", "activity": "activity"}


def separated(config, options, models):
    """Return (FitConfig, {option of the kernels: (M,) values})."""
    known = {each.name for each in fields(FitConfig)}
    for name in options:
        if name not in known:
            hint = meant({"lr": "learning_rate"}.get(name, name), known)
            if any(name in kind._fields for kind in optimizers().values()):
                hint = f"; the optimizer's go in as optimizer_options={{{name!r}: ...}}"
            raise TypeError(f"train: unknown option {name!r}{hint} (options: {', '.join(sorted(known))})")
    values = {name: options.pop(name) for name in FIT_PER_MODEL if name in options}
    own = options.pop("optimizer_options", ())
    try:
        own = dict(own)
    except (TypeError, ValueError):
        raise TypeError(f"optimizer_options: got {shown(own)}, expected {{name: number}}") from None
    single = {name: _one(name, value, models) for name, value in values.items()}
    if own:
        options["optimizer_options"] = tuple((name, _one(name, value, models)) for name, value in own.items())
    config = replace(config or FitConfig(), **options, **single)
    optimizer = config.build_optimizer()
    columns = {}
    for name, called in FIT_PER_MODEL.items():
        columns[called] = _column(name, values.get(name, getattr(config, name)), models, name == "learning_rate")
    for name in optimizer._fields:
        columns[name] = _column(name, own.get(name, getattr(optimizer, name)), models, False)
    return config, columns


def _one(name, value, models):
    """Return one number for all models: the largest, so that an option that one model uses is compiled in."""
    return value if np.ndim(value) == 0 else float(np.max(_column(name, value, models, False)))


def _column(name, value, models, positive):
    bounds = POSITIVE if positive else ()
    if np.ndim(value) == 0:
        return np.full(models, as_number(name, value, *bounds))
    values = as_each(name, value, models)
    if not ((values >= (bounds[1] if positive else 0.0)) & (values < np.inf)).all():
        values = [as_number(name, each, *bounds) for each in values]
    return np.array(values, float)


def given_weights(weights, recipe, models):
    """Return {name: (M, ...)} initial weights of all models, views of the same numbers where models share them."""
    own = {}
    if unknown := sorted(set(weights) - set(recipe.shapes())):
        hint = "; initial_state='learned' trains initial states" if unknown[0].startswith("initial_") else ""
        raise ValueError(f"weights: got {unknown[0]}, expected {', '.join(recipe.shapes())}{hint}")
    for name, shape in recipe.shapes().items():
        if name not in weights:
            raise ValueError(f"weights: {name} is missing, expected {', '.join(recipe.shapes())}")
        array = np.asarray(weights[name], float)
        if array.shape not in ((models, *shape), shape):
            raise ValueError(f"weights: {name} has shape {array.shape}, expected {shape} or {(models, *shape)}")
        if not (np.abs(array) <= np.finfo(recipe.dtype).max).all():
            raise ValueError(f"weights: {name} holds values that are not finite in {recipe.dtype}")
        own[name] = np.broadcast_to(array, (models, *shape))
    return own
