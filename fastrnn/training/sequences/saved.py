"""Stores Fits in one safetensors file: weights in PyTorch's shapes with a leading axis of models, and everything else.

Tensors: `H.w_ih` (M, G H, I) and the like for each hidden size H, with `H.models` (M), their numbers; seeds,
hidden_size, epochs, best_epoch, loss, accuracy; `option.NAME`; history (E, 2, 3) of all models one after the other,
history_offsets (M + 1).
"""

from dataclasses import asdict, fields, is_dataclass, replace

import numpy as np

from fastrnn.cells.base import Cell, cells
from fastrnn.checkpoint import plain_fields, read_sealed, sealed
from fastrnn.errors import CheckpointError
from fastrnn.files import write_atomically
from fastrnn.formula.graph import symbol, text
from fastrnn.heads.base import Head, heads, traced
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.job import ENDS
from fastrnn.training.sequences.recipe import FitRecipe

FITS_KIND = "fits"
# Fields of Fits with an entry for each model.
ARRAYS = ("seeds", "hidden_size", "epochs", "best_epoch", "loss", "accuracy")
TUPLES = ("stopped", "_rows", "_histories")


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
    # JSON has no times: the file has their numbers, and their dtypes.
    times = {name: values.dtype.str for name, values in fits.groups.items() if values.dtype.kind in "mM"}
    header = {
        "kind": FITS_KIND,
        "format": 1,
        "cell": {"name": _name_of(fits.cell), "formula": fits.cell.traced().text, **plain_fields(fits.cell)},
        "head": described_head(fits.head, recipe.net.sizes.outputs),
        "options": list(fits.options),
        "config": asdict(fits.config),
        "stopped": fits.stopped,
        "seconds": fits.seconds,
        "arithmetic": fits.arithmetic,
        "groups": {name: values.astype(int if name in times else values.dtype).tolist()
                   for name, values in fits.groups.items()},
        **({"times": times} if times else {}),
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
        described = header["head"]
        own_head = _made(path, "head", described, head, heads())
        if _name_of(own_head) != described["name"] and "formula" not in described:
            raise CheckpointError(
                f"{path}: was made with the head {described['name']!r}, not {_name_of(own_head)!r}: leave head out"
            )
        _check_formula(path, "head", described, own_head_formula(own_head, header["outputs"]))
        own_cell = _made(path, "cell", header["cell"], cell, cells())
        _check_formula(path, "cell", header["cell"], own_cell.traced().text)
        return _rebuilt(header, tensors, own_cell, own_head)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path}: is damaged ({' '.join(str(error).split())[:200]}); save the fits again"
        ) from error


def _name_of(part):
    return part.name or type(part).__name__


def _made(path, kind, description, given, known):
    """Return a cell or a head, which kind says, of the fields in a file; given: its class, or None, if it is one of the
    classes `known` by name."""
    values = {name: value for name, value in description.items() if name != "formula"}
    name = values.pop("name")
    if given is None and name not in known:
        raise CheckpointError(
            f"{path}: was made with the {kind} {name!r}, which is not one of fastrnn's: "
            f"give its class, Fits.load(path, {kind}={name})"
        )
    made_of = given or known[name]
    own = {each.name for each in fields(made_of)} if is_dataclass(made_of) else ()
    # JSON knows no tuples.
    values = {field: tuple(value) if isinstance(value, list) else value for field, value in values.items()}
    return made_of(**{field: value for field, value in values.items() if field in own})


def _check_formula(path, kind, description, formula):
    if description.get("formula") != formula:
        name = description["name"]
        raise CheckpointError(f"{path}: was made with another formula of the {kind} {name!r} than the present one")


def described_head(head, outputs):
    """Return the name and the fields of a head; of one that is not fastrnn's, whose name does not say them, its
    formulas, too."""
    found = {"name": _name_of(head), **(plain_fields(head) if is_dataclass(head) else {})}
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


def _rebuilt(header, tensors, cell, head):
    config = FitConfig(**header["config"])
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
        for model, row in zip(own, recipe.vectors({name: tensors[f"{size}.{name}"] for name in recipe.names})):
            rows[model] = row
    offsets = tensors["history_offsets"]
    histories = tuple(tensors["history"][first:last] for first, last in zip(offsets[:-1], offsets[1:]))
    options = {name: tensors[f"option.{name}"] for name in header["options"]}
    times = header.get("times", {})
    return {
        "cell": cell,
        "head": head,
        "config": config,
        "options": options,
        "stopped": tuple(header["stopped"]),
        "seconds": header["seconds"],
        "arithmetic": header.get("arithmetic", ""),
        "groups": {
            name: np.array(values, int).astype(times[name]) if name in times else np.array(values)
            for name, values in header.get("groups", {}).items()
        },
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
