"""`fastrnn.export`: a trained network in a file of another library or language."""

import os

from fastrnn.exchange.base import Network, format_of, identifier_of
from fastrnn.files import write_atomically
from fastrnn.heads.sigmoid import Sigmoid


def export(model, path, *, format=None, overwrite=False):
    """Write a trained network to a file that other programs read; docs/exchange.md has what each format holds.

    Parameters
    ----------
    model : Fit or Model
        One of Fits is fits[3] or fits.best; that of a Run is run.model, that of an estimator estimator.fit_.
    path : str
        Its ending says which format: .onnx, .h (C), .safetensors (PyTorch's state_dict).
    format : str or None
        The format's name, where the ending does not say it.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    ValueError, TypeError
        In one line, for an unknown format, and for a network that the format cannot hold; nothing is written then.
    OSError
        If the file cannot be written; FileExistsError if it exists and is not to be overwritten.
    """
    network, path = network_of(model), os.fspath(path)
    write_atomically(path, format_of(path, format).encode(network, identifier_of(path)), overwrite=overwrite)


def network_of(model):
    """The Network of a Fit or a Model. Raises TypeError, in one line, for anything else."""
    if hasattr(model, "best_index"):
        raise TypeError("model: got several models, expected one, as fits[0] or fits.best")
    if not all(hasattr(model, name) for name in ("cell", "weights", "predict")):
        raise TypeError(f"model: got {type(model).__name__}, expected a Fit or a Model, as run.model or estimator.fit_")
    # A Model is of tasks and bits, and has no head of its own.
    before = getattr(getattr(model, "config", None), "before", False)
    return Network(model.cell, getattr(model, "head", None) or Sigmoid(), model.weights, before)
