"""Fits in parts that are kept in a folder as they are done, so that interrupted work goes on."""

import hashlib
import itertools
import os
from dataclasses import replace

import numpy as np

from fastrnn.checkpoint import code_version
from fastrnn.errors import CheckpointError
from fastrnn.simd.host import arithmetic
from fastrnn.train.continuation import THEN
from fastrnn.training.config import FitConfig
from fastrnn.training.fit import fit_sequences, owned_by
from fastrnn.training.fits import Fits

# Models that are fitted and saved together: an eighth of all, from LEAST on, but no more than MOST.
LEAST, MOST = 32, 512


def fit_parts(cell, data, seeds, roles, rows, columns, output, config, threads, progress, options):
    """The Fits of `fit_sequences`, made some models at a time; the same call goes on where it was interrupted.

    seeds (M,); roles (N,), or (R, N) with rows (M,), those of each model; columns: {name: (M,)} of hidden_size,
    learning_rate, l1, weight_decay and the optimizer's options; output: the folder, or None; options: of fit_sequences.
    Raises KeyboardInterrupt after Ctrl-C, with the number of models that are kept: those of finished parts.
    """
    models, parts, done, least = len(seeds), [], 0, np.inf
    known = {"hidden_size", *FitConfig.__dataclass_fields__}
    # With `each`, models of all its values stay together.
    values = len(owned_by(data, options["each"])) if options.get("each") else 1
    size = max(min(MOST, max(LEAST, models // 8)) // values, 1) * values
    for first in range(0, models, size):
        part = slice(first, first + size)
        arguments = {**options, **{name: values[part] for name, values in columns.items() if name in known}}
        own = {name: values[part] for name, values in columns.items() if name not in known}
        if own:
            arguments["optimizer_options"] = {**dict(options.get("optimizer_options", {})), **own}
        arguments |= {"seeds": seeds[part], "roles": roles if rows is None else roles[rows[part]], "config": config}
        path = output and os.path.join(output, f"part-{_digest(cell, data, arguments)}.safetensors")
        fits = _saved(path, type(cell), arguments)
        if fits is None:
            told = progress and (lambda finished, _, loss: progress(done + finished, models, min(loss, least)))
            fits = fit_sequences(cell, data, threads=threads, progress=told, **arguments)
            if "interrupted" in fits.stopped:
                raise KeyboardInterrupt(done if output else 0)
            if path:
                os.makedirs(output, exist_ok=True)
                fits.save(path, overwrite=True)
        parts.append(fits)
        done += len(fits)
        losses = np.where(np.isnan(fits.loss[:, 1]), fits.loss[:, 0], fits.loss[:, 1])
        least = min(least, np.nanmin(losses, initial=np.inf))
        if progress:
            progress(done, models, least)
    return joined(parts)


def joined(parts):
    """One Fits of several that were made alike."""
    first = parts[0]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("seeds", "hidden_size", "epochs", "best_epoch", "loss", "accuracy")
    }
    lists = {
        name: tuple(itertools.chain.from_iterable(getattr(part, name) for part in parts))
        for name in ("stopped", "_rows", "_histories")
    }
    recipes = {size: recipe for part in parts for size, recipe in part._recipes.items()}
    options, groups = (
        {name: np.concatenate([getattr(part, kind)[name] for part in parts]) for name in getattr(first, kind)}
        for kind in ("options", "groups")
    )
    seconds, kinds = sum(part.seconds for part in parts), dict.fromkeys(part.arithmetic for part in parts)
    common = {"options": options, "groups": groups, "seconds": seconds, "arithmetic": THEN.join(kinds)}
    return replace(first, **arrays, **lists, **common, _recipes=recipes)


def _digest(cell, data, arguments):
    """Names what a part is fitted from."""
    text = f"{arithmetic()} {code_version()} {cell.traced().text} {cell!r} {sorted(cell.starts.items())} {data.digest}"
    digest = hashlib.blake2b(text.encode(), digest_size=8)
    for name, value in sorted(arguments.items()):
        if isinstance(value, dict):
            value = sorted((key, np.asarray(each).tolist()) for key, each in value.items())
        if isinstance(value, np.ndarray):
            value = f"{value.dtype} {value.shape} {hashlib.blake2b(np.ascontiguousarray(value)).hexdigest()}"
        digest.update(f" {name}={value!r}".encode())
    return digest.hexdigest()


def _saved(path, kind, arguments):
    """The Fits in a file, or None if there are none, or those of other arguments."""
    if path is None or not os.path.exists(path):
        return None
    try:
        fits = Fits.load(path, cell=kind)
    except CheckpointError:
        return None
    sizes = arguments.get("hidden_size", fits.hidden_size)
    same = np.array_equal(fits.seeds, arguments["seeds"]) and np.all(fits.hidden_size == sizes)
    options = (np.all(values == arguments.get(name, values)) for name, values in fits.options.items())
    return fits if same and all(options) else None
