"""Loads a network from a file that a command wrote: a model, a file of fits, or the folder of a fit."""

import json
import os

from fastrnn.cli.errors import UserError
from fastrnn.cli.fit_folder import chosen_model, open_folder


def load_network(path, model=None):
    """Return the Fit or Model of a folder or a file; model: which of several fits, as the user typed it, or None: the
    best.

    Raises UserError or CheckpointError for what holds none.
    """
    from fastrnn.model import Model
    from fastrnn.training.sequences.fits import Fits

    if os.path.isdir(path):
        fits, number, _ = open_folder(path).chosen(model or "best")
        return fits[number]
    if _holds_fits(path):
        fits = Fits.load(path)
        return fits[chosen_model(fits, model or "best")]
    if model is not None:
        raise UserError(f"--model: {path} holds one network, not fits: leave --model out")
    return Model.load(path)


def _holds_fits(path):
    """Return whether a file says that it contains fits; errors are reported by the function that reads it."""
    from safetensors import SafetensorError, safe_open

    from fastrnn.checkpoint import METADATA_KEY
    from fastrnn.training.sequences.saved import FITS_KIND

    if not os.path.isfile(path):  # as a FIFO, for whose writer one would wait
        return False
    try:
        with safe_open(path, "np") as file:
            return json.loads((file.metadata() or {})[METADATA_KEY])["kind"] == FITS_KIND
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        return False
