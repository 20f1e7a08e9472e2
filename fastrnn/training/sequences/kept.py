"""Fits stored in a folder: finished ones, and the state of interrupted ones."""

import contextlib
import hashlib
import os
from dataclasses import replace
from functools import partial

import numpy as np

from fastrnn.checkpoint import code_version
from fastrnn.errors import CheckpointError
from fastrnn.heads.base import Head
from fastrnn.interrupt import checked_interrupt
from fastrnn.simd.host import arithmetic
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.fit import fit_sequences, head_for
from fastrnn.training.sequences.fit_autosave import CallersFile
from fastrnn.training.sequences.fits import Fits
from fastrnn.training.sequences.parts import fit_in_parts
from fastrnn.training.sequences.saved import described_head, head_kind


def fit_kept(cell, data, seeds, roles, columns, output, config, where, progress, options):
    """Return the Fits of `fit_sequences`; after an interruption the same call continues.

    seeds (M,); roles (N,) or (M, N); columns: {name: (M,)} of hidden_size, learning_rate, l1, weight_decay and the
    optimizer's options; output: the folder, or None; where: a Where; options: of fit_sequences. Raises
    KeyboardInterrupt after Ctrl-C, UnitFailed if an executor cannot fit.
    """
    known = {"hidden_size", *FitConfig.__dataclass_fields__}
    arguments = {**options, **{name: values for name, values in columns.items() if name in known}}
    own = {name: values for name, values in columns.items() if name not in known}
    if own:
        arguments["optimizer_options"] = {**dict(options.get("optimizer_options", {})), **own}
    arguments |= {"seeds": seeds, "roles": roles, "config": config}
    path = output and os.path.join(output, f"fits-{_digest(cell, data, arguments)}.safetensors")
    stem = path and os.path.splitext(path)[0]
    checkpoint = path and CallersFile(f"{stem}.checkpoint")
    fits = _saved(path, type(cell), arguments, data.name)
    if fits is not None:
        # Of a process that was killed when the fits were just saved.
        _remove(checkpoint)
        if progress:
            progress(len(fits), len(fits), float(fits.selection_loss.min()))
        return fits
    if path:
        os.makedirs(output, exist_ok=True)
    call = partial(fit_sequences, cell, data, **arguments)
    with checked_interrupt():
        if where.executor is not None:
            fits, parts = fit_in_parts(call, where, stem, progress)
        else:
            parts = None
            fits = call(threads=where.threads, progress=progress, checkpoint=checkpoint)
        if "interrupted" in fits.stopped:
            raise KeyboardInterrupt
        if path:
            fits.save(path, overwrite=True)
            _remove(checkpoint)
            if parts:
                parts.remove()
    return fits


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _digest(cell, data, arguments):
    """Return a digest of everything that determines the fits."""
    text = f"{arithmetic()} {code_version()} {cell.traced().text} {cell!r} {sorted(cell.starts.items())} {data.digest}"
    digest = hashlib.blake2b(text.encode(), digest_size=8)
    if isinstance(arguments.get("head"), Head):
        arguments = {**arguments, "head": described_head(*head_for(arguments["head"], data))}
    for name, value in sorted(arguments.items()):
        if isinstance(value, dict):
            value = sorted((key, np.asarray(each).tolist()) for key, each in value.items())
        if isinstance(value, np.ndarray):
            value = f"{value.dtype} {value.shape} {hashlib.blake2b(np.ascontiguousarray(value)).hexdigest()}"
        digest.update(f" {name}={value!r}".encode())
    return digest.hexdigest()


def _saved(path, kind, arguments, name):
    """Return the Fits in a file, with the present name of the data, or None if there are none, or those of other
    arguments."""
    if path is None or not os.path.exists(path):
        return None
    try:
        fits = Fits.load(path, kind, head_kind(arguments.get("head")))
    except CheckpointError:
        return None
    sizes = arguments.get("hidden_size", fits.hidden_size)
    same = np.array_equal(fits.seeds, arguments["seeds"]) and np.all(fits.hidden_size == sizes)
    options = (np.all(values == arguments.get(name, values)) for name, values in fits.options.items())
    return replace(fits, data_name=name) if same and all(options) else None
