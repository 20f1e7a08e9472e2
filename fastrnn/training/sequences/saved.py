"""Stores Fits in one safetensors file: weights in PyTorch's shapes with a leading axis of models, and everything else.

Tensors: `H.w_ih` (M, G H, I) and the like for each hidden size H, with `H.models` (M), their numbers; seeds,
hidden_size, epochs, best_epoch, loss, accuracy; `option.NAME`; history (E, 2, 3) of all models one after the other,
history_offsets (M + 1).
"""

from dataclasses import asdict, fields, is_dataclass, replace

import numpy as np

from fastrnn.cells.base import Cell, cells
from fastrnn.checkpoint import read_sealed, sealed
from fastrnn.errors import CheckpointError
from fastrnn.files import write_atomically
from fastrnn.formula.graph import symbol, text
from fastrnn.heads.base import Head, heads, traced
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.optimizers.base import optimizers
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.job import ENDS
from fastrnn.training.sequences.recipe import FitRecipe

FITS_KIND = "fits"
ARRAYS = ("seeds", "hidden_size", "epochs", "best_epoch", "loss", "accuracy")


def write_fits(path, fits, overwrite=False):
    """Write Fits to a file, whole or not at all.

    Raises OSError if it cannot be written, FileExistsError if it exists and is not to be overwritten.
    """
    tensors = {name: np.ascontiguousarray(getattr(fits, name)) for name in ARRAYS}
    tensors |= {f"option.{name}": np.ascontiguousarray(values) for name, values in fits.options.items()}
    lengths = [len(history) for history in fits._histories]
    tensors["history"] = np.concatenate(fits._histories)
    tensors["history_offsets"] = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    for size, recipe in fits._recipes.items():
        models = np.flatnonzero(fits.hidden_size == size)
        if not len(models):
            continue
        rows = np.stack([fits._rows[i] for i in models])
        tensors[f"{size}.models"] = models
        tensors |= {f"{size}.{name}": np.ascontiguousarray(rows[:, recipe.places[name]]) for name in recipe.names}
    recipe = next(iter(fits._recipes.values()))
    header = {
        "kind": FITS_KIND,
        "format": 1,
        "cell": {"name": _cell_name(fits.cell), "formula": fits.cell.traced().text, **asdict(fits.cell)},
        "head": described_head(fits.head, recipe.net.sizes.outputs),
        "options": list(fits.options),
        "config": asdict(fits.config),
        "stopped": fits.stopped,
        "seconds": fits.seconds,
        "arithmetic": fits.arithmetic,
        "groups": {name: values.tolist() for name, values in fits.groups.items()},
        "data_name": fits.data_name,
        "inputs": recipe.net.sizes.inputs,
        "outputs": recipe.net.sizes.outputs,
    }
    write_atomically(path, sealed(tensors, header), overwrite=overwrite)


def read_fits(path, cell=None, head=None):
    """Return the fields of Fits, as a dict, of a file that `write_fits` wrote.

    cell, head: classes of a cell or head that is not one of fastrnn's. Raises CheckpointError, in one line, for other
    files.
    """
    header, tensors = read_sealed(path, FITS_KIND, "file of fits that Fits.save wrote")
    if cell is not None and not (isinstance(cell, type) and issubclass(cell, Cell)):
        raise TypeError(f"cell: got {cell!r:.80}, expected the class of a Cell, for example GRU")
    if head is not None and not (isinstance(head, type) and issubclass(head, Head)):
        raise TypeError(f"head: got {head!r:.80}, expected the class of a Head, for example Linear")
    try:
        made = _head(path, header["head"], head, header["outputs"])
        return _rebuilt(header, tensors, _cell(path, header["cell"], cell), made)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path}: is damaged ({' '.join(str(error).split())[:200]}); save the fits again"
        ) from error


def _cell_name(cell):
    return cell.name or type(cell).__name__


def _head_name(head):
    return head.name or type(head).__name__


def _cell(path, description, given):
    values = dict(description)
    name, formula = values.pop("name"), values.pop("formula")
    known = cells()
    if given is None and name not in known:
        raise CheckpointError(
            f"{path}: was made with the cell {name!r}, which is not one of fastrnn's: "
            f"give its class, Fits.load(path, cell={name})"
        )
    kind = given or known[name]
    own = {each.name for each in fields(kind)}
    cell = kind(**{field: value for field, value in values.items() if field in own})
    if cell.traced().text != formula:
        raise CheckpointError(f"{path}: was made with another formula of the cell {name!r} than the present one")
    return cell


def described_head(head, outputs):
    """Return the name and the fields of a head; of one that is not fastrnn's, whose name does not say them, its
    formulas, too."""
    found = {"name": _head_name(head), **(asdict(head) if is_dataclass(head) else {})}
    formula = own_head_formula(head, outputs)
    return found if formula is None else {**found, "formula": formula}


def own_head_formula(head, outputs):
    """Return the predictions, loss and correctness of a head that is not one of fastrnn's as text, or None."""
    if heads().get(head.name) is type(head):
        return None
    z = tuple(symbol(f"z{n}") for n in range(outputs))
    return f"{text(head.prediction(z))}; {traced(head, outputs).text}"


def head_kind(head):
    """Return what Fits.load needs to know of a head that was given to a fit: the class of one that is not fastrnn's."""
    return type(head) if isinstance(head, Head) and heads().get(head.name) is not type(head) else None


def _head(path, description, given, outputs):
    values = dict(description)
    name, formula, known = values.pop("name"), values.pop("formula", None), heads()
    if given is None and name not in known:
        raise CheckpointError(
            f"{path}: was made with the head {name!r}, which is not one of fastrnn's: "
            f"give its class, Fits.load(path, head={name})"
        )
    kind = given or known[name]
    own = {each.name for each in fields(kind)} if is_dataclass(kind) else ()
    head = kind(**{field: value for field, value in values.items() if field in own})
    if _head_name(head) != name and formula is None:
        raise CheckpointError(f"{path}: was made with the head {name!r}, not {_head_name(head)!r}: leave head out")
    if own_head_formula(head, outputs) != formula:
        raise CheckpointError(f"{path}: was made with another formula of the head {name!r} than the present one")
    return head


def _rebuilt(header, tensors, cell, head):
    config = dict(header["config"])
    for name in ("decay_on", "l1_on"):
        config[name] = tuple(config[name])
    config["optimizer_options"] = tuple((name, value) for name, value in config["optimizer_options"])
    if config["optimizer"] not in optimizers():
        raise ValueError(f"optimizer {config['optimizer']!r} is unknown")
    config = FitConfig(**config)
    models = len(tensors["seeds"])
    _check_shapes(header, tensors, models)
    rows, recipes = [None] * models, {}
    for size in np.unique(tensors["hidden_size"]).tolist():
        # Before anything is made in the size that a file claims.
        inputs, (outputs, units) = tensors[f"{size}.w_ih"].shape[-1], tensors[f"{size}.w_ho"].shape[1:]
        if (inputs, outputs, units) != (header["inputs"], header["outputs"], size):
            raise ValueError(f"weights of {size} units have other shapes")
        recipe = recipes[size] = FitRecipe(
            replace(cell, hidden_size=size), head, header["outputs"], config, header["inputs"]
        )
        own = np.flatnonzero(tensors["hidden_size"] == size)
        if not np.array_equal(tensors[f"{size}.models"], own):
            raise ValueError(f"models of {size} units are not those with that hidden_size")
        for n, model in enumerate(own):
            rows[model] = recipe.vector({name: tensors[f"{size}.{name}"][n] for name in recipe.names})
    offsets = tensors["history_offsets"]
    histories = tuple(tensors["history"][first:last] for first, last in zip(offsets[:-1], offsets[1:]))
    options = {name: tensors[f"option.{name}"] for name in header["options"]}
    return {
        "cell": cell,
        "head": head,
        "config": config,
        "options": options,
        "stopped": tuple(header["stopped"]),
        "seconds": header["seconds"],
        "arithmetic": header.get("arithmetic", ""),
        "groups": {name: np.array(values) for name, values in header.get("groups", {}).items()},
        "data_name": header.get("data_name", ""),
        "_rows": tuple(rows),
        "_histories": histories,
        "_recipes": recipes,
        **{name: tensors[name] for name in ARRAYS},
    }


def _check_shapes(header, tensors, models):
    """Raise ValueError unless each array has an entry for each model."""
    shapes = dict.fromkeys((*ARRAYS, *(f"option.{name}" for name in header["options"])), (models,))
    shapes |= {"loss": (models, ROLES), "accuracy": (models, ROLES), "history_offsets": (models + 1,)}
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tensors[name].shape}, expected {shape}")
    offsets, history = tensors["history_offsets"], tensors["history"]
    ordered = offsets[0] == 0 and offsets[-1] == len(history) and (np.diff(offsets) >= 0).all()
    if not ordered or history.shape[1:] != (2, ROLES):
        raise ValueError("histories do not fit the models")
    if any(len(values) != models for values in header.get("groups", {}).values()):
        raise ValueError("it does not say whose sequences each model was fitted to")
    if len(header["stopped"]) != models or not set(header["stopped"]) <= set(ENDS):
        raise ValueError("it does not say why each model stopped")
    for name in ("data_name", "arithmetic"):
        if not isinstance(header.get(name, ""), str):
            raise ValueError(f"{name} is not text")
