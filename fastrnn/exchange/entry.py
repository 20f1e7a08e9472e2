"""`fastrnn.export` and the function that reads its files: a trained network in a file of another library or language.
"""

import os
from collections.abc import Mapping

from fastrnn.arguments import as_choice
from fastrnn.cells.base import ACTIVATIONS
from fastrnn.cells.gru import RESETS
from fastrnn.exchange.base import format_of, identifier_of, network_of
from fastrnn.exchange.torch import StateDict, network_of_state
from fastrnn.files import write_atomically
from fastrnn.heads.base import Head, heads


def export(model, path, *, format=None, overwrite=False):
    """Write a trained network to a file that other programs read; docs/exchange.md describes the formats.

    Parameters
    ----------
    model : Fit or Model
        One of Fits is fits[3] or fits.best; that of a Run is run.model, that of an estimator estimator.fit_.
    path : str
        Its ending names the format: .onnx, .h (C), .safetensors (PyTorch), .weights.h5 (Keras), .nam; .json and .npz
        are those of several formats.
    format : str or None
        The format's name, if the ending is that of several: rtneural or coreaudioml for .json, flax, nnx, equinox or
        haiku for .npz.
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


def read_network(source, format=None, *, head=None, activation=None, reset=None):
    """Return the fastrnn.exchange.base.Network of a file that another library wrote, or of a state_dict of PyTorch.

    format: the file's, where its ending does not say it; head (a Head or its name), activation (of an Elman) and reset
    (of a GRU): what the file does not say, with the defaults of its library.
    Raises ValueError, in one line with the file's name, for damaged files, for networks that are something else, and
    for options that the file says itself; OSError if it cannot be read.
    """
    in_memory = isinstance(source, Mapping)
    if not in_memory and not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"source: got {type(source).__name__}, expected a file, or a state_dict {{name: array}}")
    name = "state_dict" if in_memory else os.fspath(source)
    form, given = StateDict() if in_memory else format_of(name, format, reading=True), {}
    if head is not None:
        given["head"] = head if isinstance(head, Head) else heads()[as_choice("head", head, heads())]()
    if activation is not None:
        given["activation"] = as_choice("activation", activation, ACTIVATIONS)
    if reset is not None:
        given["reset"] = as_choice("reset", reset, RESETS)
    for option in given:
        if option not in form.asks:
            said = ", ".join(form.asks) or "nothing but the file"
            raise ValueError(f"{option}: files of {form.name} say it themselves, or have none; expected {said}")
    try:
        if in_memory:
            return network_of_state(source, **given)
        with open(name, "rb") as file:
            content = file.read()
        return form.decode(content, **given)
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix('state: ')}") from error
